import { Option, Schema } from "effect"
import type {
  AssistantMessage,
  AssistantPart,
  ChatMessage,
  ToolCallPart
} from "../../domain/chat/ChatMessage.ts"
import { maxArgumentLevels } from "./ChatLimits.ts"

const decodeRecord = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
)

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null

/** True for a JSON value that recursive code, such as `JSON.stringify`, may fail on. Takes no stack. */
const isTooDeep = (value: unknown): boolean => {
  let level = isContainer(value) ? [value] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === maxArgumentLevels) return true
    level = level.flatMap((one) => Object.values(one).filter(isContainer))
  }
  return false
}

/** Arguments as a model wrote them; undefined if they are no JSON object, or one that is nested too deep. */
const objectIn = (text: string): Readonly<Record<string, unknown>> | undefined => {
  const value = Option.getOrUndefined(decodeRecord(text))
  return isTooDeep(value) ? undefined : value
}

/** A call of an answer. */
export interface WrittenCall {
  /** The call as it is in the conversation. */
  readonly part: ToolCallPart
  /** The name as the model wrote it. */
  readonly name: string
  /** The arguments as the model wrote them. */
  readonly text: string
  /** Undefined: they are no JSON object, or one that is nested too deep. */
  readonly arguments: Readonly<Record<string, unknown>> | undefined
}

/** Providers refuse other names, also in the past of a conversation. */
const acceptedName = (name: string): string =>
  /^[a-zA-Z0-9_-]{1,64}$/.test(name) ? name : name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64) || "_"

const idsOf = (messages: ReadonlyArray<ChatMessage>): Set<string> =>
  new Set(
    messages.flatMap((message) =>
      message._tag === "Assistant"
        ? message.content.flatMap((part) => (part._tag === "ToolCall" ? [part.id] : []))
        : []
    )
  )

/**
 * An answer as every provider takes it back, and its calls: without blank texts, with ids that are unique in the
 * conversation, with names and arguments that have the right form. Undefined: there is nothing in it.
 *
 * @param before the conversation before the answer
 */
export const acceptedAnswer = (
  answer: AssistantMessage | undefined,
  before: ReadonlyArray<ChatMessage>
): { readonly message: AssistantMessage; readonly calls: ReadonlyArray<WrittenCall> } | undefined => {
  const ids = idsOf(before)
  const calls: Array<WrittenCall> = []
  const accepted = (part: AssistantPart): ReadonlyArray<AssistantPart> => {
    if (part._tag === "Text") return part.text.trim() === "" ? [] : [part]
    if (part._tag === "Reasoning") return [part]
    const text = part.arguments
    // Models write nothing for a tool without arguments.
    const args = text.trim() === "" ? {} : objectIn(text)
    let id = part.id === "" ? "call" : part.id
    for (let number = 2; ids.has(id); number++) id = `${part.id}_${number}`
    ids.add(id)
    const kept: ToolCallPart = {
      ...part,
      id,
      name: acceptedName(part.name),
      arguments: args === undefined || text.trim() === "" ? "{}" : text
    }
    calls.push({ part: kept, name: part.name, text, arguments: args })
    return [kept]
  }
  const content = answer?.content.flatMap(accepted) ?? []
  if (!content.some(({ _tag }) => _tag !== "Reasoning")) return undefined
  return { message: { _tag: "Assistant", content }, calls }
}
