import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, type Scope } from "effect"
import { ChatModels, type ListedModel } from "../../../src/ports/ChatModels.ts"
import { chosenIn, modelsIn } from "./Models.ts"

/** A server that answers each path with JSON, and the headers of what it was asked. */
const jsonServer = (
  routes: Readonly<Record<string, unknown>>
): Effect.Effect<{ readonly origin: string; readonly headers: Array<unknown> }, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const headers: Array<unknown> = []
        const http = createServer((request, response) => {
          headers.push(request.headers)
          const path = (request.url ?? "").replace(/\?.*/, "")
          let body = ""
          request.on("data", (chunk: Buffer) => (body += String(chunk)))
          request.on("end", () => {
            const { model = "" } = body === "" ? {} : (JSON.parse(body) as { readonly model?: string })
            const answer = routes[`${path} ${model}`.trim()]
            response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" })
            response.end(JSON.stringify(answer ?? { error: "not found" }))
          })
        })
        await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
        return { http, headers, origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
      }),
      ({ http }) =>
        Effect.promise(() => {
          http.closeAllConnections()
          return new Promise((resolve) => void http.close(resolve))
        })
    ),
    ({ headers, origin }) => ({ headers, origin })
  )

/** No server of this machine is asked, but those of the test. */
const nowhere = { base_url: "http://127.0.0.1:1/v1" }
const noServers = { lmstudio: nowhere, llamacpp: nowhere, vllm: nowhere }
const offline = { OLLAMA_HOST: "127.0.0.1:1" }

const modelsOf = (provider: string, providers: unknown, env: Readonly<Record<string, string>> = offline) =>
  ChatModels.use(({ list }) => list(Option.none())).pipe(
    Effect.map(
      (listed): ReadonlyArray<ListedModel> => listed.find((one) => one.provider === provider)?.models ?? []
    ),
    Effect.provide(modelsIn({ env, models: { providers } }))
  )

const ollama = {
  "/api/tags": { models: [{ name: "small:1b" }, { name: "nomic-embed-text" }, { name: "qwen3:8b" }] },
  "/api/ps": { models: [{ name: "qwen3:8b", model: "qwen3:8b", context_length: 4096 }] },
  "/api/show qwen3:8b": { capabilities: ["completion", "tools", "thinking"], parameters: "" },
  "/api/show small:1b": {
    capabilities: ["completion", "vision"],
    parameters: "num_ctx                        16384\nstop x"
  },
  "/api/show nomic-embed-text": { capabilities: ["embedding"] }
}

describe("the list of models", () => {
  it.effect("has what Ollama says, the running ones first, and warns about a small context", () =>
    Effect.gen(function* () {
      const { headers, origin } = yield* jsonServer(ollama)
      const env = { OLLAMA_HOST: origin.slice(7), OPENAI_API_KEY: "o" }
      const models = yield* modelsOf("ollama", noServers, env)
      assert.deepStrictEqual(
        models.map(({ canCallTools, canSee, contextSize, name }) => [
          name,
          canCallTools,
          canSee,
          contextSize
        ]),
        [
          ["ollama:qwen3:8b", true, false, 4096],
          ["ollama:small:1b", false, true, 16_384]
        ]
      )
      assert.match(models[0]?.warning ?? "", /It reads only 4096 tokens.*OLLAMA_CONTEXT_LENGTH=32768/)
      assert.strictEqual(models[1]?.warning, "It cannot call tools.")
      assert.notInclude(JSON.stringify(headers), "authorization")
    })
  )

  it.effect("has what LM Studio, llama.cpp and vLLM say", () =>
    Effect.gen(function* () {
      const lmstudio = yield* jsonServer({
        "/api/v1/models": {
          models: [
            {
              type: "llm",
              key: "big",
              loaded_instances: [],
              max_context_length: 99,
              capabilities: { trained_for_tool_use: false, vision: true }
            },
            { type: "embedding", key: "embed" },
            {
              type: "llm",
              key: "loaded",
              loaded_instances: [{ id: "loaded", config: { context_length: 8192 } }],
              max_context_length: 131_072,
              capabilities: { trained_for_tool_use: true, vision: false }
            }
          ]
        }
      })
      const llamacpp = yield* jsonServer({
        "/v1/models": { object: "list", data: [{ id: "model.gguf", owned_by: "llamacpp" }] },
        "/props": {
          default_generation_settings: { n_ctx: 4096 },
          modalities: { vision: false },
          chat_template_caps: { supports_tools: true }
        }
      })
      const vllm = yield* jsonServer({ "/v1/models": { data: [{ id: "org/model", max_model_len: 32_768 }] } })
      const providers = {
        lmstudio: { base_url: `${lmstudio.origin}/v1` },
        llamacpp: { base_url: `${llamacpp.origin}/v1` },
        vllm: { base_url: `${vllm.origin}/v1` }
      }
      const rows = yield* Effect.forEach(["lmstudio", "llamacpp", "vllm"], (name) =>
        modelsOf(name, providers)
      )
      assert.deepStrictEqual(
        rows
          .flat()
          .map(({ canCallTools, canSee, contextSize, name }) => [name, canCallTools, canSee, contextSize]),
        [
          ["lmstudio:loaded", true, false, 8192],
          ["lmstudio:big", false, true, 99],
          ["llamacpp:model.gguf", true, false, 4096],
          ["vllm:org/model", undefined, undefined, 32_768]
        ]
      )
      assert.match(rows[1]?.[0]?.warning ?? "", /reads only 4096 tokens: many tools do not fit/)
    })
  )

  it.effect("has what the lists of providers say, without models that do not chat", () =>
    Effect.gen(function* () {
      const { headers, origin } = yield* jsonServer({
        "/v1/models": {
          data: [
            {
              id: "router/a",
              context_length: 200_000,
              supported_parameters: ["tools"],
              architecture: { input_modalities: ["text", "image"] }
            },
            {
              id: "mistral-a",
              max_context_length: 32_000,
              capabilities: { completion_chat: true, function_calling: true, vision: false }
            },
            { id: "mistral-ocr", capabilities: { completion_chat: false } },
            { id: "groq-a", context_window: 131_072 },
            { id: "text-embedding-3" },
            { id: "whisper-1" }
          ]
        },
        "/v1beta/models": {
          models: [
            {
              name: "models/gemini-a",
              inputTokenLimit: 1_000_000,
              supportedGenerationMethods: ["generateContent"]
            },
            { name: "models/embed", supportedGenerationMethods: ["embedContent"] }
          ]
        }
      })
      const providers = {
        work: { base_url: `${origin}/v1`, api_key: "k1" },
        google: { base_url: `${origin}/v1beta`, api_key: "k2" },
        anthropic: { base_url: `${origin}/v1`, api_key: "k3" },
        ...noServers
      }
      assert.deepStrictEqual(
        (yield* modelsOf("work", providers)).map(({ canCallTools, canSee, contextSize, name }) => [
          name,
          canCallTools,
          canSee,
          contextSize
        ]),
        [
          ["work:router/a", true, true, 200_000],
          ["work:mistral-a", true, false, 32_000],
          ["work:groq-a", undefined, undefined, 131_072]
        ]
      )
      assert.deepStrictEqual(
        (yield* modelsOf("google", providers)).map(({ contextSize, name }) => [name, contextSize]),
        [["google:gemini-a", 1_000_000]]
      )
      const sent = JSON.stringify(headers)
      for (const header of ['"authorization":"Bearer k1"', '"x-goog-api-key":"k2"', '"x-api-key":"k3"']) {
        assert.include(sent, header)
      }
    })
  )

  it.effect("has a provider that does not answer, with its problem and without its key", () =>
    Effect.gen(function* () {
      const { origin } = yield* jsonServer({})
      const models = {
        providers: {
          ...noServers,
          gone: { base_url: "http://127.0.0.1:1/v1" },
          wrong: { base_url: `${origin}/v1`, api_key: "sk-secret" }
        }
      }
      const listed = yield* ChatModels.use(({ list }) => list(Option.none())).pipe(
        Effect.provide(modelsIn({ env: offline, models }))
      )
      const problems = Object.fromEntries(listed.map(({ problem, provider }) => [provider, problem]))
      assert.match(problems["gone"] ?? "", /^No answer from http:\/\/127\.0\.0\.1:1/)
      assert.strictEqual(problems["wrong"], "it answered HTTP 404: not found.")
      assert.notInclude(JSON.stringify(listed), "sk-secret")
    })
  )

  it.effect("takes the word of the configuration first", () =>
    Effect.gen(function* () {
      const { origin } = yield* jsonServer({ "/v1/models": { data: [{ id: "m", max_model_len: 1000 }] } })
      const providers = {
        ...noServers,
        work: { base_url: `${origin}/v1`, models: { m: { context_size: 5000, tools: false } } }
      }
      assert.deepInclude((yield* modelsOf("work", providers))[0], { contextSize: 5000, canCallTools: false })
    })
  )
})

describe("the models at the address of the run", () => {
  it.effect("come first, by the flag or the variable, and with what llama.cpp says of its model", () =>
    Effect.gen(function* () {
      const { origin } = yield* jsonServer({
        "/v1/models": { data: [{ id: "model.gguf", owned_by: "llamacpp" }] },
        "/props": {
          default_generation_settings: { n_ctx: 8192 },
          chat_template_caps: { supports_tools: true }
        }
      })
      const baseUrl = `${origin}/v1`
      const table = [
        [Option.some(baseUrl), offline],
        [Option.none<string>(), { ...offline, MCP_CLI_MODEL_BASE_URL: baseUrl }],
        [Option.some(baseUrl), { ...offline, MCP_CLI_MODEL_BASE_URL: "http://127.0.0.1:1/v1" }]
      ] as const
      for (const [flag, env] of table) {
        const world = { env, models: { providers: { ...noServers, work: nowhere } } }
        const [first, ...others] = yield* ChatModels.use(({ list }) => list(flag)).pipe(
          Effect.provide(modelsIn(world))
        )
        const model = { name: "custom:model.gguf", canCallTools: true, contextSize: 8192 }
        assert.deepInclude(first, { provider: "custom", address: baseUrl, problem: undefined })
        assert.deepInclude(first?.models[0], model)
        assert.include(
          others.map(({ provider }) => provider),
          "work"
        )
      }
      const { model } = yield* chosenIn({ env: offline }, undefined, baseUrl)
      assert.deepInclude(model, { name: "custom:model.gguf", canCallTools: true, contextSize: 8192 })
    })
  )
})

describe("a model of this machine", () => {
  it.live("is found if nothing is named and no key is set, and is announced with what is wrong", () =>
    Effect.gen(function* () {
      const { headers, origin } = yield* jsonServer(ollama)
      const env = { OLLAMA_HOST: origin }
      const chosen = yield* chosenIn({ env, models: { providers: noServers } })
      assert.deepInclude(chosen, { name: "ollama:qwen3:8b", because: "local" })
      assert.match(
        chosen.notice,
        /^Using ollama:qwen3:8b, which runs on this machine\. It has 1 other model\. It reads only 4096 tokens/
      )
      assert.isAbove(headers.length, 0)
      // A key is the user's choice, and no server is asked then.
      const before = headers.length
      assert.strictEqual((yield* chosenIn({ env: { ...env, OPENAI_API_KEY: "o" } })).because, "key")
      assert.strictEqual(headers.length, before)
    })
  )

  it.live("is asked for nothing at another address than loopback, and gets no key", () =>
    Effect.gen(function* () {
      const { headers, origin } = yield* jsonServer(ollama)
      const stored = { [`ollama ${origin}`]: Redacted.make("secret") }
      yield* chosenIn({ env: { OLLAMA_HOST: origin }, models: { providers: noServers }, stored })
      assert.notInclude(JSON.stringify(headers), "secret")
      const elsewhere = yield* chosenIn({
        env: { OLLAMA_HOST: "http://192.0.2.1" },
        models: { providers: noServers }
      })
      assert.strictEqual(elsewhere.name, "none")
    })
  )

  it.live("may be silent only for a moment", () =>
    Effect.gen(function* () {
      const silent = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const http = createServer(() => undefined)
          await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
          return http
        }),
        (http) =>
          Effect.sync(() => {
            http.closeAllConnections()
            http.close()
          })
      )
      const env = { OLLAMA_HOST: `127.0.0.1:${(silent.address() as AddressInfo).port}` }
      const chosen = yield* chosenIn({ env, models: { providers: noServers } })
      assert.match(chosen.notice, /^There is no model/)
    })
  )
})
