/**
 * What a provider attaches to a part and needs back unchanged with it: signatures of reasoning, ids of items. JSON.
 * Only the adapter of that provider reads it.
 */
export type ProviderData = Readonly<Record<string, unknown>>

/** A text. */
export interface TextPart {
  readonly _tag: "Text"
  readonly text: string
  /** The servers that it is from. Absent: the user or the model wrote it, or it is a result of an older version. */
  readonly sources?: ReadonlyArray<string>
  readonly providerData?: ProviderData
}

/** A picture, a sound or a document. A model that cannot read it gets a sentence in its place. */
export interface MediaPart {
  readonly _tag: "Media"
  readonly mimeType: string
  readonly base64: string
  /** As of {@link TextPart}. */
  readonly sources?: ReadonlyArray<string>
}

/** What a model thought before its answer. Some providers refuse the next request without it. */
export interface ReasoningPart {
  readonly _tag: "Reasoning"
  readonly text: string
  readonly providerData?: ProviderData
}

/** A tool that the model wants to be called. */
export interface ToolCallPart {
  readonly _tag: "ToolCall"
  /** Unique in the conversation. */
  readonly id: string
  /** The name that the model was given, or one that it made up. */
  readonly name: string
  /** The arguments as the model wrote them: usually JSON, sometimes cut short or empty. */
  readonly arguments: string
  readonly providerData?: ProviderData
}

/** The answer to one call. */
export interface ToolResult {
  readonly id: string
  readonly name: string
  readonly isError: boolean
  readonly content: ReadonlyArray<TextPart | MediaPart>
}

/** The parts of an answer, in the order in which they came. */
export type AssistantPart = TextPart | ReasoningPart | ToolCallPart

export interface UserMessage {
  readonly _tag: "User"
  readonly content: ReadonlyArray<TextPart | MediaPart>
}

/** An answer of a model. It is never empty: providers refuse an empty one. */
export interface AssistantMessage {
  readonly _tag: "Assistant"
  readonly content: ReadonlyArray<AssistantPart>
  /** The model that gave it: `provider:name`. Absent: that is not known. */
  readonly model?: string
}

/** The results of all calls of the assistant message before it: providers refuse a call without a result. */
export interface ToolMessage {
  readonly _tag: "Tool"
  readonly results: ReadonlyArray<ToolResult>
}

/** A message of a conversation. */
export type ChatMessage = UserMessage | AssistantMessage | ToolMessage

/** The tokens that a request used, as the provider counts them. Absent: it did not say. */
export interface TokenUsage {
  readonly input: number | undefined
  /** How many of the input tokens came from a cache. */
  readonly cachedInput: number | undefined
  readonly output: number | undefined
}
