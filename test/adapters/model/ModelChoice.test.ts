import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { modelServer } from "../../servers/ModelServer.ts"
import { shared } from "../../servers/shared.ts"
import { chosenIn } from "./Models.ts"
import { closedPort, user } from "./Providers.ts"

const server = shared(modelServer({ models: ["only-here"] }))
/** No server of this machine is asked. */
const offline = { OLLAMA_HOST: "127.0.0.1:1" }
const nowhere = { base_url: "http://127.0.0.1:1/v1" }
const noServers = { providers: { lmstudio: nowhere, llamacpp: nowhere, vllm: nowhere } }

describe("the model of a run", () => {
  it.effect("is the one of the flag, the variable, the configuration, then of a key", () =>
    Effect.gen(function* () {
      const models = { default: "mistral:small", providers: { mistral: { api_key: "k" } } }
      const env = { ...offline, MCP_CLI_MODEL: "groq:big", GROQ_API_KEY: "g", OPENAI_API_KEY: "o" }
      const { MCP_CLI_MODEL: _, ...withoutVariable } = env
      const table = [
        [yield* chosenIn({ models, env }, "openai:gpt-5.4"), "openai:gpt-5.4", "flag"],
        [yield* chosenIn({ models, env }), "groq:big", "variable"],
        [yield* chosenIn({ models, env: withoutVariable }), "mistral:small", "configuration"],
        [yield* chosenIn({ env: withoutVariable }), "openai:gpt-5.4-mini", "key"]
      ] as const
      for (const [chosen, name, because] of table) {
        assert.deepInclude(chosen, { name, because })
        assert.include(chosen.notice, name)
      }
    })
  )

  it.effect("names the other keys, and how to choose", () =>
    Effect.gen(function* () {
      const env = { ...offline, GROQ_API_KEY: "g", OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a" }
      const { notice } = yield* chosenIn({ env })
      assert.strictEqual(
        notice,
        "Using anthropic:claude-sonnet-5-5, since ANTHROPIC_API_KEY is set. There are keys for openai, groq, too: choose with --model or MCP_CLI_MODEL."
      )
    })
  )

  it.effect("prefers a key that the user has stored, for the address that it was stored for", () =>
    Effect.gen(function* () {
      const env = { ...offline, OPENAI_API_KEY: "o" }
      const key = Redacted.make("stored")
      const own = yield* chosenIn({ env, stored: { "groq https://api.groq.com": key } })
      assert.strictEqual(own.name, "groq:openai/gpt-oss-120b")
      const other = yield* chosenIn({ env, stored: { "groq https://evil.test": key } })
      assert.strictEqual(other.name, "openai:gpt-5.4-mini")
    })
  )

  it.effect("is at a base URL, by its name or the first that is there", () =>
    Effect.gen(function* () {
      const { baseUrl } = server()
      assert.strictEqual((yield* chosenIn({ env: offline }, "scripted", baseUrl)).name, "custom:scripted")
      assert.strictEqual((yield* chosenIn({ env: offline }, undefined, baseUrl)).name, "custom:scripted")
      const env = { ...offline, MCP_CLI_MODEL_BASE_URL: baseUrl, MCP_CLI_MODEL: "only-here" }
      assert.deepInclude(yield* chosenIn({ env }), { name: "custom:only-here", because: "variable" })
      // The name that the run shows: back to it, or to another one there.
      for (const [written, name] of [
        ["custom:only-here", "custom:only-here"],
        ["custom:qwen3:8b", "custom:qwen3:8b"]
      ] as const)
        assert.deepInclude(yield* chosenIn({ env }, written), { name })
      assert.deepInclude(yield* chosenIn({ env: { ...env, OPENAI_API_KEY: "o" } }, "openai:x"), {
        name: "openai:x"
      })
    })
  )

  it.effect("is found by a name that only one provider has", () =>
    Effect.gen(function* () {
      const models = {
        providers: { here: { base_url: server().baseUrl }, there: { base_url: server().baseUrl } }
      }
      const one = { providers: { here: models.providers.here } }
      assert.strictEqual((yield* chosenIn({ models: one, env: offline }, "only-here")).name, "here:only-here")
      const two = yield* chosenIn({ models, env: offline }, "only-here")
      assert.strictEqual(two.notice, "Several providers have the model only-here.")
      const none = yield* chosenIn({ models, env: offline }, "nowhere:8b")
      assert.strictEqual(none.notice, "There is no provider nowhere, and none has the model nowhere:8b.")
    })
  )

  it.effect("is announced with what is wrong, whatever names it", () =>
    Effect.gen(function* () {
      const known = { plain: { tools: false }, small: { context_size: 4096 }, fine: { context_size: 64_000 } }
      const models = {
        default: "here:plain",
        providers: { here: { base_url: server().baseUrl, models: known } }
      }
      const noticeOf = (named?: string, env: Readonly<Record<string, string>> = offline) =>
        Effect.map(chosenIn({ models, env }, named), ({ notice }) => notice)
      assert.strictEqual(yield* noticeOf("here:plain"), "Using here:plain. It cannot call tools.")
      assert.include(yield* noticeOf(), "It cannot call tools.")
      assert.include(
        yield* noticeOf(undefined, { ...offline, MCP_CLI_MODEL: "here:small" }),
        "only 4096 tokens"
      )
      assert.strictEqual(yield* noticeOf("here:fine"), "Using here:fine.")
    })
  )

  it.effect.each<[name: string, sees: boolean | undefined, images?: boolean]>([
    ["anthropic:claude-sonnet-5-5", true],
    ["openai:gpt-5.4-mini", true],
    ["openai:o3", true],
    ["google:gemini-flash-latest", true],
    ["openrouter:anthropic/claude-haiku-5:beta", true],
    ["openai:gpt-5.4-mini", false, false],
    ["openai:gpt-3.5-turbo", undefined],
    ["openai:o3-mini", undefined],
    ["groq:openai/gpt-oss-120b", undefined],
    ["groq:qwen/my-gpt-5-distilled", undefined],
    ["groq:openai/gpt-oss-120b", true, true]
  ])("sees pictures of tools, if its name or the configuration says so: %s", ([name, sees, images]) =>
    Effect.gen(function* () {
      const [provider = "", ...model] = name.split(":")
      const models = {
        providers: {
          [provider]: {
            api_key: "k",
            ...(images === undefined ? {} : { models: { [model.join(":")]: { images } } })
          }
        }
      }
      assert.strictEqual((yield* chosenIn({ env: offline, models }, name)).model?.canSee, sees)
    })
  )

  it.effect("is none without a key, an address or a provider, and says why", () =>
    Effect.gen(function* () {
      const table: ReadonlyArray<
        readonly [named: string | undefined, baseUrl: string | undefined, notice: RegExp]
      > = [
        [
          undefined,
          undefined,
          /^There is no model: none is named, no key is set, and none runs on this machine/
        ],
        ["openai", undefined, /^openai needs a key\.$/],
        ["azure:gpt", undefined, /^The address of azure is not known\.$/],
        ["x", "ftp://a.test", /^The base URL must be an absolute http or https URL/],
        ["x", "http://models.example.com/v1", /has http, and is in no private network/]
      ]
      for (const [named, baseUrl, notice] of table) {
        assert.match((yield* chosenIn({ env: offline, models: noServers }, named, baseUrl)).notice, notice)
      }
      const isNoneFound = (named?: string) =>
        Effect.map(chosenIn({ env: offline, models: noServers }, named), (chosen) => chosen.isNoneFound)
      assert.deepEqual([yield* isNoneFound(), yield* isNoneFound("openai")], [true, undefined])
      const env = { ...offline, MCP_CLI_MODEL_API_KEY: "secret" }
      const plain = yield* chosenIn({ env }, "x", "http://192.168.1.5:8080/v1")
      assert.match(plain.notice, /has http, over which no key is sent/)
    })
  )

  it.effect("is none of a server of this machine that does not run, by whatever it is named", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const origin = `http://127.0.0.1:${port}`
      const env = { OLLAMA_HOST: `127.0.0.1:${port}` }
      const models = { providers: { lmstudio: { base_url: `${origin}/v1` }, mine: { base_url: origin } } }
      const refused = `No answer from ${origin}: the connection was refused.`
      const cases: ReadonlyArray<
        readonly [
          named: string | undefined,
          baseUrl: string | undefined,
          more: Readonly<Record<string, string>>,
          who: string
        ]
      > = [
        ["ollama:x", undefined, {}, "ollama"],
        ["ollama:qwen3:8b", undefined, {}, "ollama"],
        ["lmstudio:x", undefined, {}, "lmstudio"],
        ["mine:x", undefined, {}, "mine"],
        ["x", `${origin}/v1`, {}, "custom"],
        [undefined, undefined, { MCP_CLI_MODEL: "ollama:x" }, "ollama"]
      ]
      for (const [named, baseUrl, more, who] of cases) {
        const { notice } = yield* chosenIn({ env: { ...env, ...more }, models }, named, baseUrl)
        assert.strictEqual(notice, `${who} does not run: ${refused}`)
      }
    })
  )

  it.effect("gets the key of a provider at its own address only, if an address is typed", () =>
    Effect.gen(function* () {
      const keys = {
        MISTRAL_API_KEY: "m",
        OPENAI_API_KEY: "o",
        ANTHROPIC_API_KEY: "a",
        AZURE_OPENAI_API_KEY: "z"
      }
      const keyAt = (model: string, baseUrl: string, more: Readonly<Record<string, string>> = {}) =>
        Effect.gen(function* () {
          const before = server().requests.length
          const { model: opened, notice } = yield* chosenIn(
            { env: { ...offline, ...keys, ...more } },
            model,
            baseUrl
          )
          if (opened === undefined) return notice
          yield* Effect.exit(
            Stream.runDrain(opened.stream({ system: "", tools: [], messages: [user("go")] }))
          )
          return server()
            .requests.slice(before)
            .map(({ headers }) => headers.authorization)
        })
      const { baseUrl, origin } = server()
      for (const model of [
        "mistral:7b",
        "openai:scripted",
        "anthropic:scripted",
        "azure:scripted",
        "scripted"
      ])
        assert.deepStrictEqual(yield* keyAt(model, baseUrl), [undefined], model)
      const own = { MCP_CLI_MODEL_API_KEY: "own" }
      assert.deepStrictEqual(yield* keyAt("mistral:7b", baseUrl, own), ["Bearer own"])
      assert.deepStrictEqual(yield* keyAt("openai:scripted", baseUrl, { OPENAI_BASE_URL: origin }), [
        "Bearer o"
      ])
      assert.match(
        String(yield* keyAt("openai:x", "https://evil.test/v1")),
        /^openai needs a key\. OPENAI_API_KEY is not sent to https:\/\/evil\.test: .* Set MCP_CLI_MODEL_API_KEY/
      )
    })
  )

  it.effect("gets no key of the environment for an address of a configuration that was found", () =>
    Effect.gen(function* () {
      const env = { ...offline, OPENAI_API_KEY: "o" }
      const models = (api_key?: string) => ({
        default: "openai:m",
        providers: {
          openai: { base_url: "https://evil.test/v1", ...(api_key === undefined ? {} : { api_key }) }
        }
      })
      const found = yield* chosenIn({ env, models: models(), wasFound: true })
      assert.match(found.notice, /^openai needs a key\. OPENAI_API_KEY is not sent to https:\/\/evil\.test/)
      for (const world of [
        { env, models: models() },
        { env, models: models("${OPENAI_API_KEY}"), wasFound: true },
        { env, models: { default: "openai:m" }, wasFound: true }
      ]) {
        assert.strictEqual((yield* chosenIn(world)).name, "openai:m")
      }
    })
  )
})
