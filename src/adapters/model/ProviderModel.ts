import { createAnthropic } from "@ai-sdk/anthropic"
import { createGoogle } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import type { LanguageModelV4, LanguageModelV4StreamPart, SharedV4ProviderOptions } from "@ai-sdk/provider"
import { Clock, Duration, Effect, Redacted, Stream } from "effect"
import type { ModelApi } from "../../domain/chat/ModelProvider.ts"
import type {
  ChatEvent,
  ChatModelError,
  ChatRequest,
  ModelPrice,
  OpenChatModel
} from "../../ports/ChatModel.ts"
import type { HttpTransport } from "../../ports/HttpTransport.ts"
import { AnswerParts, StreamPartError } from "./AnswerParts.ts"
import { prepare, type PromptRules } from "./ChatPrompt.ts"
import { type FailedModel, modelFailure, Silent } from "./ModelFailure.ts"
import { hasSecret, modelFetch } from "./ModelHttp.ts"
import { textArguments } from "./SseRepair.ts"

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

/** The model in the AI SDK. Key and address are always given: the packages read variables of the environment otherwise. */
const providerModel = (address: ModelAddress, fetch: Fetch): LanguageModelV4 => {
  const { api, key, model, provider } = address
  const headers = Object.fromEntries(
    Object.entries(address.headers).map(([name, value]) => [name, Redacted.value(value)])
  )
  const settings = { baseURL: address.baseUrl.href.replace(/\/+$/, ""), headers, fetch }
  const apiKey = key === undefined ? "" : Redacted.value(key)
  switch (api) {
    case "openai":
      return createOpenAI({ ...settings, apiKey, name: "openai" }).responses(model)
    case "anthropic":
      return createAnthropic({ ...settings, apiKey })(model)
    case "google":
      return createGoogle({ ...settings, apiKey })(model)
    case "chat_completions":
      return createOpenAICompatible({
        ...settings,
        name: provider,
        includeUsage: true,
        transformRequestBody: withThoughts(address.thoughts),
        ...(key === undefined ? {} : { apiKey })
      }).chatModel(model)
  }
}

/** The parts of one answer, as the provider's package sends them. */
const partsOf = (
  model: LanguageModelV4,
  options: Parameters<LanguageModelV4["doStream"]>[0]
): Stream.Stream<LanguageModelV4StreamPart, unknown> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const controller = yield* Effect.acquireRelease(
        // @effect-diagnostics-next-line abortControllerInEffect:off
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort())
      )
      const { stream } = yield* Effect.tryPromise({
        try: async () => model.doStream({ ...options, abortSignal: controller.signal }),
        catch: (error) => error
      })
      return Stream.fromReadableStream({ evaluate: () => stream, onError: (error) => error })
    })
  )

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
  const failed: FailedModel = { name, provider: address.provider, key: address.key, isLocal: address.isLocal }
  const fetch = yield* modelFetch({
    hasSecret: hasSecret(address),
    timeout: Duration.toMillis(address.silence),
    ...(address.api === "chat_completions" ? { repair: textArguments } : {})
  })
  const model = providerModel(address, fetch)
  const rules = rulesOf(address)

  const stream = (request: ChatRequest): Stream.Stream<ChatEvent, ChatModelError> => {
    const { nameOf, options } = prepare(request, rules)
    return Stream.suspend(() => {
      const answer = new AnswerParts(name, nameOf, idsIn(request))
      return partsOf(model, {
        ...options,
        includeRawChunks: true,
        providerOptions: requestOptions[address.api]
      }).pipe(
        Stream.timeoutOrElse({
          duration: address.silence,
          orElse: () => Stream.fail(new Silent(address.silence))
        }),
        Stream.mapEffect((part) =>
          part.type === "error" ? Effect.fail(new StreamPartError(part.error)) : Effect.succeed(part)
        ),
        Stream.flatMap((part) => Stream.fromIterable(answer.add(part))),
        Stream.catch((error) =>
          Stream.fromEffect(
            Effect.flatMap(Clock.currentTimeMillis, (now) =>
              Effect.fail(modelFailure(failed, error instanceof StreamPartError ? error.error : error, now))
            )
          )
        )
      )
    })
  }
  return {
    name,
    contextSize: address.contextSize,
    canCallTools: address.canCallTools,
    canSee: address.canSee,
    price: address.price,
    stream
  }
})
