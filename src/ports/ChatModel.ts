import { Context, Effect, type Redacted, Schema, type Stream } from "effect"
import type { AssistantMessage, ChatMessage, TokenUsage, ToolCallPart } from "../domain/chat/ChatMessage.ts"
import { Remedy } from "../domain/Remedy.ts"

/** What a model is told about a tool. */
export interface ChatTool {
  /** 1 to 64 characters of `[a-zA-Z0-9_-]`. */
  readonly name: string
  readonly description: string
  /** JSON Schema of an object. */
  readonly inputSchema: Readonly<Record<string, unknown>>
}

/** One request for an answer: the whole conversation. */
export interface ChatRequest {
  /** What the model is told about its task. */
  readonly system: string
  /** Starts with a user message. A message with calls is followed by the results of all of them. */
  readonly messages: ReadonlyArray<ChatMessage>
  readonly tools: ReadonlyArray<ChatTool>
  /** The most tokens that the answer may have. Absent: as many as the model allows. */
  readonly maxOutputTokens?: number
}

/** Why a model ended its answer. */
export type EndReason = "stop" | "tool-calls" | "length" | "content-filter" | "other"

/** A piece of an answer. */
export type ChatEvent =
  /** More text; never empty. */
  | { readonly _tag: "Text"; readonly text: string }
  /** More of what the model thinks; never empty. */
  | { readonly _tag: "Reasoning"; readonly text: string }
  /** The model has begun to write a call. Only a sign of life. */
  | { readonly _tag: "ToolCallStarted"; readonly name: string }
  /** A complete call. */
  | { readonly _tag: "ToolCall"; readonly call: ToolCallPart }
  /** The last event of every stream that does not fail. */
  | {
      readonly _tag: "End"
      readonly reason: EndReason
      readonly usage: TokenUsage
      /** The answer as it belongs into the conversation. Undefined: there was nothing in it. */
      readonly message: AssistantMessage | undefined
    }

/** Why a model gave no answer, or only a part of one. */
export const ChatFailure = Schema.Literals([
  /** The key is missing, wrong, or may not use the model. */
  "authentication",
  /** Too many requests, or no quota. */
  "rate-limit",
  /** The provider has a problem of its own: 5xx, 529, an overload. */
  "unavailable",
  /** No connection, or it broke. */
  "unreachable",
  /** A connection to its address is never possible: a blocked port, or a certificate that is not trusted. */
  "wrong-address",
  /** Nothing listens at its address on this machine. */
  "not-running",
  /** Nothing came for too long. */
  "silent",
  /** The conversation is longer than the model can read. */
  "context-full",
  /** The provider does not have the model. */
  "unknown-model",
  /** The model cannot call tools. */
  "no-tools",
  /** The provider refused the request for another reason. */
  "refused",
  /** The answer breaks the protocol. */
  "bad-answer"
])
export type ChatFailure = typeof ChatFailure.Type

/** A model gave no answer, or only a part of one. */
export class ChatModelError extends Schema.TaggedError<ChatModelError>()("ChatModelError", {
  /** `provider:name`. */
  model: Schema.String,
  failure: ChatFailure,
  /** What happened, as a whole sentence: "it answered HTTP 500." Contains no key. */
  detail: Schema.String,
  /** Milliseconds after which the provider wants to be asked again, if it said so. */
  retryAfter: Schema.optionalKey(Schema.Finite),
  remedies: Schema.Array(Remedy).pipe(Schema.withConstructorDefault(Effect.succeed([])))
}) {
  override get message(): string {
    return `${this.model}: ${this.detail}`
  }
}

/** A model that can be asked. */
export interface OpenChatModel {
  /** `provider:name`, as a user writes it. */
  readonly name: string
  /** The most tokens of a request and its answer, if it is known. */
  readonly contextSize: number | undefined
  /** Undefined: not known. */
  readonly canCallTools: boolean | undefined
  /** Undefined: not known. */
  readonly canSee: boolean | undefined
  /** The price of a million tokens, where the configuration has one. */
  readonly price: ModelPrice | undefined
  /** Prepares the first request, while something else is waited for: loads code, opens a connection. Sends nothing. */
  readonly prepare?: Effect.Effect<void>
  /** Its key and the secret headers of its requests, which belong into no text for it. Absent: it has none. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted>
  /**
   * Asks once: nothing is repeated. The request ends with the stream, also when the reader stops early.
   *
   * The stream fails with a {@link ChatModelError}, before or after events.
   */
  readonly stream: (request: ChatRequest) => Stream.Stream<ChatEvent, ChatModelError>
}

/** What a million tokens cost. */
export interface ModelPrice {
  readonly input: number
  readonly output: number
  readonly cachedInput?: number
  /** `USD`, `EUR`. */
  readonly currency: string
}

/** The model of a conversation. */
export class ChatModel extends Context.Service<ChatModel, OpenChatModel>()("mcp-cli-oauth/ports/ChatModel") {}
