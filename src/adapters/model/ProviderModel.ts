import type { LanguageModelV4, LanguageModelV4StreamPart, SharedV4ProviderOptions } from "@ai-sdk/provider"
import { Array as Arr, Cause, Clock, Duration, Effect, Redacted, Stream } from "effect"
import { isSecretName } from "../../domain/SecretShape.ts"
import type { ModelApi } from "../../domain/chat/ModelProvider.ts"
import type {
  ChatEvent,
  ChatModelError,
  ChatRequest,
  ModelPrice,
  OpenChatModel
} from "../../ports/ChatModel.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { AnswerParts } from "./AnswerParts.ts"
import { prepare, type PromptRules } from "./ChatPrompt.ts"
import { type FailedModel, Incomplete, modelFailure, Silent, Thrown } from "./ModelFailure.ts"
import { hasSecret, modelFetch } from "./ModelHttp.ts"
import { ModelHttpError } from "./ModelHttpError.ts"
import { maxAnswerCalls, maxRest } from "./ModelLimits.ts"
import { makeTextArguments } from "./SseRepair.ts"

/** A model to open. */
export interface ModelAddress {
  readonly provider: string
  /** The name at the provider. */
  readonly model: string
  readonly api: ModelApi
  readonly baseUrl: URL
  readonly key: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  readonly isLocal: boolean
  /** How Chat Completions wants thoughts back. `no`: the server refuses them. */
  readonly thoughts: "reasoning_content" | "reasoning" | "no"
  /** How long the model may be silent. */
  readonly silence: Duration.Duration
  readonly contextSize: number | undefined
  readonly canCallTools: boolean | undefined
  readonly canSee: boolean | undefined
  readonly price: ModelPrice | undefined
}

const manyCalls = new ModelHttpError({
  problem: "too-long",
  detail: `its answer has over ${maxAnswerCalls} calls.`
})
const pictures = /^image\/(png|jpeg|gif|webp)$/
const none = /(?!)/

/** What each API takes. */
const rulesOf = ({ api, canSee, model, provider }: ModelAddress): PromptRules => {
  const name = `${provider}:${model}`
  const media: Record<ModelApi, RegExp> = {
    openai: /^(image\/(png|jpeg|gif|webp)|application\/pdf)$/,
    anthropic: /^(image\/(png|jpeg|gif|webp)|application\/pdf)$/,
    google: /^(image\/(png|jpeg|webp|heic|heif)|application\/pdf|audio\/.+|video\/.+)$/,
    chat_completions: pictures
  }
  return {
    model: name,
    media: canSee === false ? none : media[api],
    textResultsOnly: api === "chat_completions",
    cached: api === "anthropic" ? { anthropic: { cacheControl: { type: "ephemeral" } } } : undefined,
    toolName: api === "google" ? /^[a-zA-Z_]/ : undefined
  }
}

/** Options of each request. */
const requestOptions: Record<ModelApi, SharedV4ProviderOptions> = {
  // OpenAI keeps the conversation otherwise, and refers to thoughts instead of sending them.
  openai: { openai: { store: false, strictJsonSchema: false } },
  anthropic: {},
  google: {},
  chat_completions: {}
}

type Messages = ReadonlyArray<Readonly<Record<string, unknown>>>

/** Thoughts of earlier answers under the name that the server knows. */
const withThoughts =
  (name: ModelAddress["thoughts"]) =>
  (body: Record<string, unknown>): Record<string, unknown> => {
    if (name === "reasoning_content" || !Array.isArray(body["messages"])) return body
    const messages = (body["messages"] as Messages).map(({ reasoning_content: thoughts, ...message }) =>
      thoughts === undefined || name === "no" ? message : { ...message, [name]: thoughts }
    )
    return { ...body, messages }
  }

type Fetch = Effect.Success<ReturnType<typeof modelFetch>>

/**
 * The model in the AI SDK. Only the package of its API is loaded. Key and address are always given: the packages read
 * variables of the environment otherwise.
 */
const providerModel = async (address: ModelAddress, fetch: Fetch): Promise<LanguageModelV4> => {
  const { api, key, model, provider } = address
  const headers = Object.fromEntries(
    Object.entries(address.headers).map(([name, value]) => [name, Redacted.value(value)])
  )
  const settings = { baseURL: address.baseUrl.href.replace(/\/+$/, ""), headers, fetch }
  const apiKey = key === undefined ? "" : Redacted.value(key)
  switch (api) {
    case "openai": {
      const { createOpenAI } = await import("@ai-sdk/openai")
      return createOpenAI({ ...settings, apiKey, name: "openai" }).responses(model)
    }
    case "anthropic": {
      const { createAnthropic } = await import("@ai-sdk/anthropic")
      return createAnthropic({ ...settings, apiKey })(model)
    }
    case "google": {
      const { createGoogle } = await import("@ai-sdk/google")
      return createGoogle({ ...settings, apiKey })(model)
    }
    case "chat_completions": {
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible")
      return createOpenAICompatible({
        ...settings,
        name: provider,
        includeUsage: true,
        transformRequestBody: withThoughts(address.thoughts),
        ...(key === undefined ? {} : { apiKey })
      }).chatModel(model)
    }
  }
}

/**
 * Asks a model, and reads its answer. The request ends with the scope.
 *
 * @returns what reads on until parts make events; undefined at the end of the answer. It fails if the model is silent for too long
 */
const readAnswer = Effect.fnUntraced(function* (
  model: LanguageModelV4,
  options: Parameters<LanguageModelV4["doStream"]>[0],
  silence: Duration.Duration
) {
  const clock = yield* Clock.Clock
  let heardAt = 0
  const hear = () => {
    heardAt = clock.currentTimeMillisUnsafe()
  }
  const watch: Effect.Effect<never, Silent> = Effect.suspend(() => {
    const rest = heardAt + Duration.toMillis(silence) - clock.currentTimeMillisUnsafe()
    return rest <= 0 ? Effect.fail(new Silent(silence)) : Effect.andThen(Effect.sleep(rest), watch)
  })
  const inTime = <A>(promise: () => PromiseLike<A>) =>
    Effect.sync(hear).pipe(
      Effect.andThen(Effect.tryPromise({ try: promise, catch: (error) => new Thrown(error) })),
      Effect.raceFirst(watch)
    )
  let isRead = false
  const controller = yield* Effect.acquireRelease(
    Effect.sync(() => new AbortController()),
    (controller) => Effect.sync(() => (isRead ? undefined : controller.abort()))
  )
  const { stream } = yield* inTime(async () => model.doStream({ ...options, abortSignal: controller.signal }))
  const reader = stream.getReader()
  return (eventsOf: (part: LanguageModelV4StreamPart) => ReadonlyArray<ChatEvent>) =>
    inTime(async () => {
      for (;;) {
        const { done, value } = await reader.read()
        hear()
        if (done) {
          isRead = true
          return undefined
        }
        const events = eventsOf(value)
        if (Arr.isReadonlyArrayNonEmpty(events)) return events
      }
    })
})

/** The ids of the calls of a conversation. */
const idsIn = ({ messages }: ChatRequest): Set<string> =>
  new Set(
    messages.flatMap((message) =>
      message._tag === "Assistant"
        ? message.content.flatMap((part) => (part._tag === "ToolCall" ? [part.id] : []))
        : []
    )
  )

/** Opens a model of a provider. Nothing is sent before it is asked. */
export const openProviderModel = Effect.fnUntraced(function* (
  address: ModelAddress
): Effect.fn.Return<OpenChatModel, never, HttpTransport> {
  const name = `${address.provider}:${address.model}`
  const { headers, isLocal, key, provider } = address
  const failed: FailedModel = { name, provider, key, headers, isLocal }
  const fetch = yield* modelFetch({
    hasSecret: hasSecret(address),
    isStreamed: true,
    timeout: Duration.toMillis(address.silence),
    ...(address.api === "chat_completions" ? { makeRepair: makeTextArguments } : {})
  })
  const { connect } = yield* HttpTransport
  const loaded = yield* Effect.cached(Effect.promise(() => providerModel(address, fetch)))
  const rules = rulesOf(address)
  /** True once the provider has refused a picture: the next request has a sentence in its place. */
  let isBlind = false

  const failWith = (error: Thrown | Silent): Effect.Effect<never, ChatModelError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const failure = modelFailure(failed, error, now)
      isBlind ||= failure.failure === "refused" && /image|vision|multi-?modal/i.test(failure.detail)
      return Effect.fail(failure)
    })

  const stream = (request: ChatRequest): Stream.Stream<ChatEvent, ChatModelError> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const { nameOf, options } = prepare(request, isBlind ? { ...rules, media: none } : rules)
        const answer = new AnswerParts(name, nameOf, idsIn(request))
        const next = yield* readAnswer(
          yield* loaded,
          { ...options, includeRawChunks: true, providerOptions: requestOptions[address.api] },
          address.silence
        ).pipe(Effect.catch(failWith))
        const eventsOf = (part: LanguageModelV4StreamPart) => {
          if (part.type === "error") throw part.error
          const events = answer.add(part)
          if (answer.calls > maxAnswerCalls) throw manyCalls
          return events
        }
        const pull = Effect.gen(function* () {
          if (answer.hasEnded) {
            // Read on, so that the connection is used again. What happens to it does not change the answer.
            yield* next(eventsOf).pipe(Effect.timeout(maxRest), Effect.ignore)
            return yield* Cause.done()
          }
          const events = yield* next(eventsOf).pipe(Effect.catch(failWith))
          return events ?? (yield* failWith(new Thrown(new Incomplete())))
        })
        return Stream.fromPull(Effect.succeed(pull))
      })
    )
  return {
    name,
    contextSize: address.contextSize,
    canCallTools: address.canCallTools,
    canSee: address.canSee,
    price: address.price,
    prepare: Effect.andThen(connect === undefined ? Effect.void : connect(address.baseUrl), loaded),
    secrets: [
      ...(key === undefined ? [] : [key]),
      ...Object.entries(headers).flatMap(([header, value]) => (isSecretName(header) ? [value] : []))
    ],
    stream
  }
})
