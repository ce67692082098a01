import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions
} from "@ai-sdk/provider"
import { Predicate } from "effect"
import type {
  AssistantPart,
  ChatMessage,
  MediaPart,
  ProviderData,
  TextPart,
  ToolResult
} from "../../domain/chat/ChatMessage.ts"
import type { ChatRequest } from "../../ports/ChatModel.ts"
import { withCallIds } from "./CallIds.ts"
import { toolParameters } from "./ToolParameters.ts"

/** How an API wants a conversation. */
export interface PromptRules {
  /** The model, as it is in {@link ProviderData}. */
  readonly model: string
  /** The media types that the API takes. */
  readonly media: RegExp
  /** True: results of tools have text only, so that their pictures follow in a message of the user. */
  readonly textResultsOnly: boolean
  /** Options of the system message and of the last tool, such as for a cache. */
  readonly cached: SharedV4ProviderOptions | undefined
  /** The pattern of the names of tools; absent: every name of {@link ChatRequest} fits. */
  readonly toolName: RegExp | undefined
}

type UserPart = LanguageModelV4TextPart | LanguageModelV4FilePart

/** What providers need back with a part, and the model that it is from: another model cannot read it. */
export const providerData = (model: string, metadata: unknown): { readonly providerData?: ProviderData } =>
  Predicate.isReadonlyObject(metadata) ? { providerData: { model, metadata } } : {}

const optionsOf = (
  { providerData }: { readonly providerData?: ProviderData },
  model: string
): { readonly providerOptions?: SharedV4ProviderOptions } =>
  providerData?.["model"] === model && Predicate.isReadonlyObject(providerData["metadata"])
    ? { providerOptions: providerData["metadata"] as SharedV4ProviderOptions }
    : {}

/** What a model reads in place of a file that it cannot read. */
const inPlaceOf = ({ base64, mimeType }: MediaPart): string =>
  `[A file of the type ${mimeType} with ${Math.ceil((base64.length * 3) / 4)} bytes is here. You cannot see it.]`

const userPart = (part: TextPart | MediaPart, { media }: PromptRules): UserPart => {
  if (part._tag === "Text") return { type: "text", text: part.text }
  return media.test(part.mimeType)
    ? { type: "file", mediaType: part.mimeType, data: { type: "data", data: part.base64 } }
    : { type: "text", text: inPlaceOf(part) }
}

/** Arguments as an object. Servers refuse a call whose arguments are none; its result says what was wrong. */
export const argumentsOf = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text)
    return Predicate.isReadonlyObject(value) && !Array.isArray(value) ? value : {}
  } catch {
    return {}
  }
}

type SentAssistantPart = Extract<LanguageModelV4Message, { readonly role: "assistant" }>["content"][number]

const assistantPart = (
  part: AssistantPart,
  rules: PromptRules,
  nameFor: (name: string) => string
): ReadonlyArray<SentAssistantPart> => {
  const options = optionsOf(part, rules.model)
  switch (part._tag) {
    case "Text":
      return [{ type: "text", text: part.text, ...options }]
    case "Reasoning":
      // Signed by its model: another one refuses it, or reads it as its own words.
      return part.providerData?.["model"] === rules.model
        ? [{ type: "reasoning", text: part.text, ...options }]
        : []
    case "ToolCall":
      return [
        {
          type: "tool-call",
          toolCallId: part.id,
          toolName: nameFor(part.name),
          input: argumentsOf(part.arguments),
          ...options
        }
      ]
  }
}

const hasMedia = (result: ToolResult, rules: PromptRules): boolean =>
  result.content.some((part) => part._tag === "Media" && rules.media.test(part.mimeType))

const outputOf = (result: ToolResult, rules: PromptRules): LanguageModelV4ToolResultPart["output"] => {
  const isText = rules.textResultsOnly || !hasMedia(result, rules)
  if (!isText) return { type: "content", value: result.content.map((part) => userPart(part, rules)) }
  const lines = result.content.map((part) => {
    if (part._tag === "Text") return part.text
    return rules.media.test(part.mimeType) ? "[A picture: see the next message.]" : inPlaceOf(part)
  })
  // Some servers refuse an empty result.
  const value = lines.join("\n") || (result.isError ? "It failed." : "Done. It returned nothing.")
  return { type: result.isError ? "error-text" : "text", value }
}

/** The pictures of results, for an API that takes them from a user only. */
const picturesOf = (results: ReadonlyArray<ToolResult>, rules: PromptRules): ReadonlyArray<UserPart> =>
  results.flatMap((result) =>
    result.content.flatMap((part) =>
      part._tag === "Media" && rules.media.test(part.mimeType)
        ? [{ type: "text" as const, text: `From the tool ${result.name}:` }, userPart(part, rules)]
        : []
    )
  )

const messagesOf = (
  message: ChatMessage,
  rules: PromptRules,
  nameFor: (name: string) => string
): ReadonlyArray<LanguageModelV4Message> => {
  switch (message._tag) {
    case "User":
      return [{ role: "user", content: message.content.map((part) => userPart(part, rules)) }]
    case "Assistant": {
      const content = message.content.flatMap((part) => assistantPart(part, rules, nameFor))
      // It had only thoughts of another model.
      return content.length === 0 ? [] : [{ role: "assistant", content }]
    }
    case "Tool": {
      const results = message.results.map((result) => ({
        type: "tool-result" as const,
        toolCallId: result.id,
        toolName: nameFor(result.name),
        output: outputOf(result, rules)
      }))
      const pictures = rules.textResultsOnly ? picturesOf(message.results, rules) : []
      return [
        { role: "tool", content: results },
        ...(pictures.length === 0 ? [] : [{ role: "user" as const, content: [...pictures] }])
      ]
    }
  }
}

/** Names of tools as an API accepts them. Gemini wants a letter or an underscore first. */
const fitting = (name: string, { toolName }: PromptRules): string =>
  toolName === undefined || toolName.test(name) ? name : `_${name}`.slice(0, 64)

/** A request as the packages of the providers take it, and the way back for the names of tools. */
export interface PreparedPrompt {
  readonly options: Pick<LanguageModelV4CallOptions, "prompt" | "tools" | "maxOutputTokens">
  readonly nameOf: (name: string) => string
}

/** Turns a request into the form of the AI SDK's providers. */
export const prepare = (request: ChatRequest, rules: PromptRules): PreparedPrompt => {
  const names = new Map(request.tools.map(({ name }) => [fitting(name, rules), name]))
  // A model may have made up a name that no API accepts in the next request.
  const nameFor = (name: string) =>
    fitting(name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64) || "unknown", rules)
  const cached = rules.cached === undefined ? {} : { providerOptions: rules.cached }
  const prompt: LanguageModelV4Prompt = [
    ...(request.system === "" ? [] : [{ role: "system" as const, content: request.system, ...cached }]),
    ...withCallIds(request.messages, rules.model).flatMap((message) => messagesOf(message, rules, nameFor))
  ]
  const last = request.tools.length - 1
  return {
    options: {
      prompt,
      ...(request.tools.length === 0
        ? {}
        : {
            tools: request.tools.map(({ description, inputSchema, name }, index) => ({
              type: "function" as const,
              name: fitting(name, rules),
              description,
              inputSchema: toolParameters(inputSchema),
              ...(index === last ? cached : {})
            }))
          }),
      ...(request.maxOutputTokens === undefined ? {} : { maxOutputTokens: request.maxOutputTokens })
    },
    nameOf: (name) => names.get(name) ?? name
  }
}
