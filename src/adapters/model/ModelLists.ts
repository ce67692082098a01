import { APICallError } from "@ai-sdk/provider"
import { Clock, Duration, Effect, Predicate, Redacted } from "effect"
import { ChatModelError } from "../../ports/ChatModel.ts"
import type { ListedModel } from "../../ports/ChatModels.ts"
import type { HttpTransport } from "../../ports/HttpTransport.ts"
import { modelFailure, Thrown } from "./ModelFailure.ts"
import { hasSecret, modelFetch } from "./ModelHttp.ts"
import { listTimeout, maxDescribed } from "./ModelLimits.ts"
import { isLocal, type Provider, setVariable } from "./Providers.ts"

type Json = Readonly<Record<string, unknown>>

const isJson = (value: unknown): value is Json => Predicate.isReadonlyObject(value)
const textIn = (value: Json, name: string): string => {
  const found = value[name]
  return typeof found === "string" ? found : ""
}
const jsonIn = (value: Json, name: string): Json => {
  const found = value[name]
  return isJson(found) ? found : {}
}
const listIn = (value: Json, name: string): ReadonlyArray<unknown> => {
  const found = value[name]
  return Array.isArray(found) ? found : []
}
const recordsIn = (value: Json, name: string): ReadonlyArray<Json> => listIn(value, name).filter(isJson)
/** The first of these fields that is a positive whole number. */
const countIn = (value: Json, ...names: ReadonlyArray<string>): number | undefined =>
  names
    .map((name) => value[name])
    .find((found): found is number => Number.isInteger(found) && Number(found) > 0)

/** What is known about a model, with its name at the provider. */
export interface Described extends Omit<ListedModel, "name" | "warning"> {
  readonly id: string
}

const unknown = { canCallTools: undefined, canSee: undefined, contextSize: undefined }

/** Models that answer no chat, by the names of OpenAI and others. */
const otherKinds =
  /embed|whisper|tts|dall-e|moderation|realtime|transcri|image|audio|sora|babbage|davinci|rerank|imagen|veo|aqa|computer-use/i

const ask = Effect.fnUntraced(function* (
  provider: Provider,
  timeout: Duration.Duration
): Effect.fn.Return<
  (path: string, body?: Json) => Effect.Effect<Json, ChatModelError>,
  never,
  HttpTransport
> {
  const milliseconds = Duration.toMillis(timeout)
  const fetch = yield* modelFetch({ hasSecret: hasSecret(provider), timeout: milliseconds })
  const key = provider.key === undefined ? undefined : Redacted.value(provider.key)
  const ofApi: Readonly<Record<string, string>> = {
    ...(provider.api === "anthropic" ? { "anthropic-version": "2023-06-01" } : {}),
    ...(key === undefined
      ? {}
      : provider.api === "anthropic"
        ? { "x-api-key": key }
        : provider.api === "google"
          ? { "x-goog-api-key": key }
          : { authorization: `Bearer ${key}` })
  }
  const headers = {
    accept: "application/json",
    ...ofApi,
    ...Object.fromEntries(
      Object.entries(provider.headers).map(([name, value]) => [name, Redacted.value(value)])
    )
  }
  const failed = {
    name: provider.name,
    provider: provider.name,
    key: provider.key,
    headers: provider.headers,
    isLocal: isLocal(provider)
  }
  return (path, body) => {
    // An absolute path is one of the server's own API, beside the one of OpenAI.
    const url = path.startsWith("/")
      ? new URL(path, provider.baseUrl)
      : new URL(`${provider.baseUrl.href.replace(/\/+$/, "")}/${path}`)
    const answer = Effect.tryPromise({
      try: async (signal) => {
        const response = await fetch(url, {
          signal,
          ...(body === undefined
            ? { headers }
            : {
                method: "POST",
                headers: { ...headers, "content-type": "application/json" },
                body: JSON.stringify(body)
              })
        })
        const text = await response.text()
        if (!response.ok) {
          throw new APICallError({
            message: "",
            url: url.href,
            requestBodyValues: undefined,
            statusCode: response.status,
            responseBody: text,
            responseHeaders: Object.fromEntries(response.headers)
          })
        }
        const value: unknown = JSON.parse(text)
        if (!isJson(value)) throw new Error("it answered with something else than a list of models")
        return value
      },
      catch: (error) => new Thrown(error)
    })
    return answer.pipe(
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => Effect.fail(new Thrown(new Error("it does not answer in time")))
      }),
      Effect.catch((error) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.fail(
            modelFailure(
              failed,
              error.error instanceof SyntaxError
                ? new Thrown(new Error("it answered with something else than JSON"))
                : error,
              now
            )
          )
        )
      )
    )
  }
})

type Ask = Effect.Success<ReturnType<typeof ask>>

/** What the list of an API like OpenAI's says: OpenRouter, Groq, Mistral, vLLM, Together and others have more fields. */
const ofOpenAiList = (list: Json): ReadonlyArray<Described> =>
  recordsIn(list, "data").flatMap((entry) => {
    const id = textIn(entry, "id")
    const capabilities = jsonIn(entry, "capabilities")
    const parameters = entry["supported_parameters"]
    const modalities = jsonIn(entry, "architecture")["input_modalities"]
    const isOther = capabilities["completion_chat"] === false || otherKinds.test(id)
    if (id === "" || isOther) return []
    const functionCalling = capabilities["function_calling"]
    const vision = capabilities["vision"]
    return [
      {
        id,
        canCallTools: Array.isArray(parameters)
          ? parameters.includes("tools")
          : typeof functionCalling === "boolean"
            ? functionCalling
            : undefined,
        canSee: Array.isArray(modalities)
          ? modalities.includes("image")
          : typeof vision === "boolean"
            ? vision
            : undefined,
        contextSize: countIn(
          entry,
          "context_length",
          "max_model_len",
          "context_window",
          "max_context_length",
          "max_input_tokens"
        )
      }
    ]
  })

const ofGoogle = (list: Json): ReadonlyArray<Described> =>
  recordsIn(list, "models").flatMap((entry) => {
    const id = textIn(entry, "name").replace(/^models\//, "")
    const isChat = listIn(entry, "supportedGenerationMethods").includes("generateContent")
    return id === "" || !isChat || otherKinds.test(id)
      ? []
      : [{ ...unknown, id, contextSize: countIn(entry, "inputTokenLimit") }]
  })

/** Ollama: what a model can do, and how many tokens it gets. That is in a parameter of the model, or known once it runs. */
const describeOllama = Effect.fnUntraced(function* (ask: Ask, id: string, running: ReadonlyArray<Json>) {
  const shown = yield* ask("/api/show", { model: id })
  const capabilities = Array.isArray(shown["capabilities"]) ? shown["capabilities"] : undefined
  const loaded = running.find((entry) => textIn(entry, "model") === id || textIn(entry, "name") === id)
  const parameter = /^num_ctx\s+(\d+)/m.exec(textIn(shown, "parameters"))?.[1]
  const byVariable = yield* setVariable("OLLAMA_CONTEXT_LENGTH")
  const configured = Number(parameter ?? byVariable ?? Number.NaN)
  return {
    id,
    canCallTools: capabilities?.includes("tools"),
    canSee: capabilities?.includes("vision"),
    contextSize:
      (loaded && countIn(loaded, "context_length")) ??
      (Number.isInteger(configured) ? configured : undefined),
    isChat: capabilities === undefined || capabilities.includes("completion")
  }
})

const ofOllama = Effect.fnUntraced(function* (ask: Ask, only: string | undefined) {
  const running = yield* Effect.orElseSucceed(
    Effect.map(ask("/api/ps"), (answer) => recordsIn(answer, "models")),
    (): ReadonlyArray<Json> => []
  )
  if (only !== undefined) return [yield* describeOllama(ask, only, running)]
  const tags = yield* ask("/api/tags")
  const names = recordsIn(tags, "models").map((entry) => textIn(entry, "name"))
  // One that runs answers at once.
  const isRunning = (name: string) => running.some((entry) => textIn(entry, "name") === name)
  const sorted = [...names.filter(isRunning), ...names.filter((name) => !isRunning(name))].filter(Boolean)
  const described = yield* Effect.forEach(
    sorted.slice(0, maxDescribed),
    (name) =>
      Effect.orElseSucceed(describeOllama(ask, name, running), () => ({
        ...unknown,
        id: name,
        isChat: true
      })),
    { concurrency: 8 }
  )
  return described.filter(({ isChat }) => isChat).map(({ isChat: _, ...model }) => model)
})

const ofLmStudio = Effect.fnUntraced(function* (ask: Ask) {
  const list = yield* ask("/api/v1/models")
  const models = recordsIn(list, "models").filter((entry) => textIn(entry, "type") === "llm")
  const described = models.map((entry) => {
    const [instance] = recordsIn(entry, "loaded_instances")
    const capabilities = jsonIn(entry, "capabilities")
    const { trained_for_tool_use: tools, vision } = capabilities
    return {
      id: textIn(entry, "key"),
      isLoaded: instance !== undefined,
      canCallTools: typeof tools === "boolean" ? tools : undefined,
      canSee: typeof vision === "boolean" ? vision : undefined,
      contextSize:
        (instance && countIn(jsonIn(instance, "config"), "context_length")) ??
        countIn(entry, "max_context_length")
    }
  })
  return [
    ...described.filter(({ isLoaded }) => isLoaded),
    ...described.filter(({ isLoaded }) => !isLoaded)
  ].map(({ isLoaded: _, ...model }) => model)
})

/** llama.cpp serves one model, and says in `/props` what it can do. */
const ofLlamaCpp = Effect.fnUntraced(function* (ask: Ask) {
  const models = ofOpenAiList(yield* ask("models"))
  const props = yield* Effect.orElseSucceed(ask("/props"), (): Json => ({}))
  const { vision } = jsonIn(props, "modalities")
  const { supports_tools: tools } = jsonIn(props, "chat_template_caps")
  return models.map((model) => ({
    ...model,
    canCallTools: typeof tools === "boolean" ? tools : undefined,
    canSee: typeof vision === "boolean" ? vision : undefined,
    contextSize: countIn(jsonIn(props, "default_generation_settings"), "n_ctx") ?? model.contextSize
  }))
})

/**
 * The models of a provider, with what it says about them. Those that can be used at once come first.
 *
 * @param only describes this model alone, if the server can do that
 */
export const modelsOf = Effect.fnUntraced(function* (
  provider: Provider,
  options: { readonly timeout?: Duration.Duration; readonly only?: string } = {}
): Effect.fn.Return<ReadonlyArray<Described>, ChatModelError, HttpTransport> {
  const request = yield* ask(provider, options.timeout ?? listTimeout)
  const generic = Effect.flatMap(request("models"), (list) =>
    recordsIn(list, "data").some((entry) => entry["owned_by"] === "llamacpp")
      ? ofLlamaCpp(request)
      : Effect.succeed(ofOpenAiList(list))
  )
  switch (provider.known?.name) {
    case "ollama":
      return yield* ofOllama(request, options.only)
    case "lmstudio":
      return yield* ofLmStudio(request).pipe(Effect.catch(() => generic))
    case "llamacpp":
      return yield* ofLlamaCpp(request)
    default:
      return provider.api === "google"
        ? ofGoogle(yield* request("models?pageSize=1000"))
        : provider.api === "anthropic"
          ? ofOpenAiList(yield* request("models?limit=1000"))
          : yield* generic
  }
})

/** The largest context that is too small for the definitions of many tools, in tokens. Ollama's default has this size. */
const smallContext = 4096

/** What a user has to know about a model before using it with tools. */
export const warningOf = (
  { known, name }: Pick<Provider, "known" | "name">,
  { canCallTools, contextSize }: Pick<Described, "canCallTools" | "contextSize">
): string | undefined => {
  if (canCallTools === false) return "It cannot call tools."
  if (known?.name === "ollama" && contextSize === undefined) {
    return "Ollama may give it only 4096 tokens, and leaves out what does not fit, such as tools: set OLLAMA_CONTEXT_LENGTH=32768 for the Ollama server."
  }
  if (contextSize === undefined || contextSize > smallContext) return undefined
  return known?.name === "ollama"
    ? `It reads only ${contextSize} tokens, and Ollama leaves out what does not fit, such as tools: set OLLAMA_CONTEXT_LENGTH=32768 for the Ollama server.`
    : `It reads only ${contextSize} tokens: many tools do not fit, so start ${name} with a larger context.`
}
