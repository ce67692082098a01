import { Duration, Effect, Layer, Stream } from "effect"
import type { AssistantPart, ChatMessage, TokenUsage } from "../../domain/chat/ChatMessage.ts"
import {
  type ChatEvent,
  type ChatFailure,
  ChatModel,
  ChatModelError,
  type ChatRequest,
  type EndReason,
  type OpenChatModel
} from "../../ports/ChatModel.ts"

/** A call of a scripted answer. */
export interface ScriptedCall {
  readonly name: string
  /** A text is sent as it is, so that it can be wrong. */
  readonly arguments?: Readonly<Record<string, unknown>> | string
  /** Absent: one that no other call has. */
  readonly id?: string
}

/** One answer of a scripted model. */
export interface ScriptedAnswer {
  readonly reasoning?: string
  readonly text?: string
  readonly calls?: ReadonlyArray<ScriptedCall>
  /** Absent: `tool-calls` if there are calls, else `stop`. */
  readonly reason?: EndReason
  readonly usage?: Partial<TokenUsage>
  /** What the answer fails with, after the events of the text. */
  readonly failure?: { readonly failure: ChatFailure; readonly retryAfter?: number; readonly detail?: string }
  /** How long it takes until the first event, and between two. */
  readonly delay?: Duration.Input
  /** True: after its events nothing comes any more. */
  readonly hangs?: boolean
}

/** How a scripted model behaves. */
export interface ScriptedChatOptions {
  /** The answers, in their order: a text, an answer, or what makes one of the request. */
  readonly answers: ReadonlyArray<
    string | ScriptedAnswer | ((request: ChatRequest) => string | ScriptedAnswer)
  >
  /** Absent: `scripted:model`. */
  readonly name?: string
  readonly contextSize?: number
  readonly canCallTools?: boolean
  readonly canSee?: boolean
}

/** A scripted model, and what it was asked. */
export interface ScriptedChat {
  readonly model: OpenChatModel
  readonly requests: ReadonlyArray<ChatRequest>
}

const nameRule = /^[a-zA-Z0-9_-]{1,64}$/

const isBlank = (part: { readonly _tag: string; readonly text?: string }): boolean =>
  part._tag === "Text" && (part.text ?? "").trim() === ""

const isObject = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

const callProblem = (parts: ReadonlyArray<AssistantPart>, ids: Set<string>): string | undefined => {
  for (const part of parts) {
    if (part._tag !== "ToolCall") continue
    if (part.id === "" || ids.has(part.id)) return `The id "${part.id}" of a call is not unique.`
    ids.add(part.id)
    if (!nameRule.test(part.name)) return `The name "${part.name}" of a call is not valid.`
    if (!isObject(part.arguments)) return `The arguments of ${part.name} are no JSON object.`
  }
  return undefined
}

const messageProblem = (
  message: ChatMessage,
  before: ChatMessage | undefined,
  ids: Set<string>
): string | undefined => {
  const asked = before?._tag === "Assistant" ? before.content.filter(({ _tag }) => _tag === "ToolCall") : []
  if (message._tag !== "Tool" && asked.length > 0)
    return "A message with calls is not followed by their results."
  if (message._tag === "Tool") {
    if (asked.length === 0) return "There are results without a call."
    const expected = asked.map((part) => ("id" in part ? part.id : "")).toSorted()
    const given = message.results.map(({ id }) => id).toSorted()
    if (expected.join("\n") !== given.join("\n")) return "The results are not those of the calls before them."
    return message.results.some(({ content }) => content.length === 0 || content.some(isBlank))
      ? "A result is empty."
      : undefined
  }
  if (message.content.length === 0 || message.content.some(isBlank)) return "A message is empty."
  if (message._tag === "User")
    return before === undefined || before._tag === "Assistant"
      ? undefined
      : "A user message follows no answer."
  if (before === undefined) return "The conversation does not start with a user message."
  if (before._tag === "Assistant") return "Two answers follow each other."
  return message.content.every(({ _tag }) => _tag === "Reasoning")
    ? "An answer has only reasoning."
    : callProblem(message.content, ids)
}

/**
 * Why real providers refuse a request: calls without results, results without calls, empty messages, names that are not
 * valid. Each rule is one of OpenAI, Anthropic, Google or Mistral. Undefined: it is accepted.
 */
export const requestProblem = ({ messages, tools }: ChatRequest): string | undefined => {
  const names = new Set<string>()
  for (const { inputSchema, name } of tools) {
    if (!nameRule.test(name) || names.has(name))
      return `The name "${name}" of a tool is not valid or not unique.`
    names.add(name)
    if (inputSchema["type"] !== "object") return `The schema of ${name} is not that of an object.`
    if (typeof inputSchema["properties"] !== "object") return `The schema of ${name} has no properties.`
    const wrong = ["anyOf", "oneOf", "allOf", "enum", "not"].find((keyword) => keyword in inputSchema)
    if (wrong !== undefined) return `The schema of ${name} has ${wrong} at its top.`
  }
  const ids = new Set<string>()
  for (const [at, message] of messages.entries()) {
    const problem = messageProblem(message, messages[at - 1], ids)
    if (problem !== undefined) return problem
  }
  const last = messages.at(-1)
  return last === undefined || last._tag === "Assistant" ? "There is nothing to answer." : undefined
}

/** A text in pieces, as models send it. */
const pieces = (text: string): ReadonlyArray<string> => text.match(/[^]{1,7}/g) ?? []

/**
 * Makes a model that gives the answers of a script. It is strict: a request that a real provider refuses fails with
 * `refused`, and so does one after the last answer.
 */
export const make = (options: ScriptedChatOptions): ScriptedChat => {
  const name = options.name ?? "scripted:model"
  const requests: Array<ChatRequest> = []
  let calls = 0

  const refuse = (detail: string) =>
    Stream.fail(new ChatModelError({ model: name, failure: "refused", detail }))

  const eventsOf = (answer: ScriptedAnswer): ReadonlyArray<ChatEvent> => {
    const { calls: written = [], reasoning = "", text = "" } = answer
    const parts = written.map((call) => ({
      _tag: "ToolCall" as const,
      id: call.id ?? `call_${++calls}`,
      name: call.name,
      arguments: typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments ?? {})
    }))
    const content: ReadonlyArray<AssistantPart> = [
      ...(reasoning === "" ? [] : [{ _tag: "Reasoning" as const, text: reasoning }]),
      ...(text === "" ? [] : [{ _tag: "Text" as const, text }]),
      ...parts
    ]
    const told: ReadonlyArray<ChatEvent> = [
      ...pieces(reasoning).map((one) => ({ _tag: "Reasoning" as const, text: one })),
      ...pieces(text).map((one) => ({ _tag: "Text" as const, text: one })),
      ...parts.flatMap((call): ReadonlyArray<ChatEvent> => [
        { _tag: "ToolCallStarted", name: call.name },
        { _tag: "ToolCall", call }
      ])
    ]
    if (answer.failure !== undefined || answer.hangs === true) return told
    return [
      ...told,
      {
        _tag: "End",
        reason: answer.reason ?? (parts.length > 0 ? "tool-calls" : "stop"),
        usage: { input: 10, output: 5, cachedInput: undefined, ...answer.usage },
        message: content.length === 0 ? undefined : { _tag: "Assistant", content }
      }
    ]
  }

  const stream = (request: ChatRequest): Stream.Stream<ChatEvent, ChatModelError> => {
    const problem = requestProblem(request)
    if (problem !== undefined) return refuse(problem)
    const scripted = options.answers[requests.length]
    requests.push(request)
    if (scripted === undefined) return refuse("The script has no further answer.")
    const made = typeof scripted === "function" ? scripted(request) : scripted
    const answer = typeof made === "string" ? { text: made } : made
    const events = Stream.fromIterable(eventsOf(answer)).pipe(
      Stream.tap(() => (answer.delay === undefined ? Effect.void : Effect.sleep(answer.delay)))
    )
    if (answer.hangs === true) return Stream.concat(events, Stream.never)
    if (answer.failure === undefined) return events
    const { detail = "the script says so.", failure, retryAfter } = answer.failure
    return Stream.concat(
      events,
      Stream.fail(
        new ChatModelError({
          model: name,
          failure,
          detail,
          ...(retryAfter === undefined ? {} : { retryAfter })
        })
      )
    )
  }

  return {
    requests,
    model: {
      name,
      contextSize: options.contextSize,
      canCallTools: options.canCallTools ?? true,
      canSee: options.canSee,
      price: undefined,
      stream: (request) => Stream.suspend(() => stream(request))
    }
  }
}

/** The model of a script as a service. */
export const layer = (options: ScriptedChatOptions): Layer.Layer<ChatModel> =>
  Layer.sync(ChatModel, () => ChatModel.of(make(options).model))
