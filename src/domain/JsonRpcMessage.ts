import { ByteParts } from "./ByteParts.ts"
import { scanJson } from "./JsonScanner.ts"

/** The members of a message that a proxy looks at. */
type Member = "id" | "method" | "params" | "result" | "error"
const memberNames: ReadonlySet<string> = new Set<Member>(["id", "method", "params", "result", "error"])
/** Where a member is in the bytes of a message. */
interface Span {
  readonly from: number
  readonly to: number
}

const isMember = (name: unknown): name is Member => typeof name === "string" && memberNames.has(name)

/** Longest form of such a name in JSON: six letters, each as `\u0000`, in quotes. */
const maxNameBytes = 6 * 6 + 2

const [space, lineFeed, carriageReturn] = [0x20, 0x0a, 0x0d]

/** The value of a JSON text that the scanner accepts. */
const parsed = (text: ByteParts): unknown => JSON.parse(text.text())

/**
 * What makes two ids the same, of an id as JSON: the text of a string, and the digits of a number. Digits, because a number beyond 2^53 is
 * another one after a round trip through a double.
 */
export const idKeyOf = (raw: string): string => {
  if (raw.startsWith('"')) return JSON.stringify(JSON.parse(raw))
  if (/^-?\d+$/.test(raw)) return raw === "-0" ? "0" : raw
  return /^-?\d/.test(raw) ? String(Number(raw)) : raw
}

/**
 * One JSON-RPC message as the bytes that it came in, and the few members that say what it is. The bytes are passed on, never
 * written again: another program's integers, escapes, and members in their order survive.
 *
 * Of members with the same name the last one counts, as with `JSON.parse`.
 */
export class JsonRpcMessage {
  readonly bytes: ByteParts
  readonly #spans: ReadonlyMap<Member, Span>
  readonly #hasLineBreaks: boolean
  /** `other`: JSON, but no message, such as an empty object. */
  readonly kind: "request" | "notification" | "response" | "other"
  /** Absent in a response, and if it is no string. */
  readonly method: string | undefined
  /** The id as JSON: `1`, `"a"`, `null`, or anything else that a peer sends. Absent in a notification. */
  readonly id: string | undefined
  /** Equal for ids that are the same in other words: `"a"` and `"\u0061"`, `1` and `1.0`. */
  readonly idKey: string | undefined

  constructor(bytes: ByteParts, spans: ReadonlyMap<Member, Span>, hasLineBreaks: boolean) {
    this.bytes = bytes
    this.#spans = spans
    this.#hasLineBreaks = hasLineBreaks
    this.id = this.raw("id")?.text()
    this.idKey = this.id === undefined ? undefined : idKeyOf(this.id)
    const method = this.raw("method")
    const name = method === undefined ? undefined : parsed(method)
    this.method = typeof name === "string" ? name : undefined
    const hasOutcome = spans.has("result") || spans.has("error")
    this.kind = spans.has("method")
      ? spans.has("id")
        ? "request"
        : "notification"
      : hasOutcome
        ? "response"
        : "other"
  }

  /** True for a response with an error. */
  get isError(): boolean {
    return this.kind === "response" && this.#spans.has("error")
  }

  /** The bytes of a member; `undefined` without it. */
  raw(name: Member): ByteParts | undefined {
    const span = this.#spans.get(name)
    return span === undefined ? undefined : this.bytes.slice(span.from, span.to)
  }

  /** The value of a member; `undefined` without it. It builds the whole value: only for methods whose values are short. */
  value(name: "params" | "result" | "error"): unknown {
    const raw = this.raw(name)
    return raw === undefined ? undefined : parsed(raw)
  }

  /** True if this is the response to a request. */
  answers(request: JsonRpcMessage): boolean {
    return this.kind === "response" && this.idKey !== undefined && this.idKey === request.idKey
  }

  /** The same message with another id, given as JSON. A message without an id gets one. */
  withId(id: string): JsonRpcMessage {
    const span = this.#spans.get("id")
    const bytes = new ByteParts()
    const add = (part: ByteParts) => part.parts.forEach((each) => bytes.add(each))
    if (span === undefined) {
      const open = this.bytes.slice(0, 1)
      const rest = this.bytes.slice(1)
      const isEmpty = this.#spans.size === 0 && /^\s*\}$/.test(rest.text())
      add(open)
      add(ByteParts.ofText(`"id":${id}${isEmpty ? "" : ","}`))
      add(rest)
    } else {
      add(this.bytes.slice(0, span.from))
      add(ByteParts.ofText(id))
      add(this.bytes.slice(span.to))
    }
    return messageOf(bytes)
  }

  /** The bytes on one line, without its end. A line break in JSON is white space, and becomes a space. */
  line(): ByteParts {
    if (!this.#hasLineBreaks) return this.bytes
    return ByteParts.of(
      ...this.bytes.parts.map((part) =>
        part.map((byte) => (byte === lineFeed || byte === carriageReturn ? space : byte))
      )
    )
  }
}

/** What a text holds. */
export type JsonRpcText =
  | { readonly _tag: "Message"; readonly message: JsonRpcMessage }
  /** A list of messages (JSON-RPC 2.0 "Batch", MCP 2025-03-26), each with its own bytes. It may be empty. */
  | { readonly _tag: "Batch"; readonly messages: ReadonlyArray<JsonRpcMessage> }
  /** Not JSON, cut off, or nested deeper than 10,000 levels. */
  | { readonly _tag: "Invalid" }

/** Reads a text: one line, one event, or one body. It takes time in proportion to the length, whatever the text holds. */
export const readJsonRpc = (given: ByteParts): JsonRpcText => {
  const text = given.withoutByteOrderMark()
  const messages: Array<JsonRpcMessage> = []
  let isBatch = false
  let hasLineBreaks = false
  /** The offset of the current message. */
  let start = 0
  let spans = new Map<Member, Span>()
  let member: Member | undefined
  /** The level of the members of a message. */
  const level = () => (isBatch ? 2 : 1)

  const isValid = scanJson(text, {
    onOpen: (at, offset, isObject) => {
      if (at === 0) isBatch = !isObject
      if (at === level() - 1) {
        start = offset
        spans = new Map()
        member = undefined
      }
    },
    onName: (at, from, to) => {
      if (at !== level()) return
      const name = to - from > maxNameBytes ? undefined : parsed(text.slice(from, to))
      member = isMember(name) ? name : undefined
    },
    onValue: (at, from, to) => {
      if (at === level()) {
        if (member !== undefined) spans.set(member, { from: from - start, to: to - start })
        member = undefined
      } else if (at === level() - 1) {
        // A value in a batch that is no object has no members.
        const own = from === start ? spans : new Map<Member, Span>()
        messages.push(new JsonRpcMessage(text.slice(from, to), own, hasLineBreaks))
      }
    },
    onLineBreak: () => {
      hasLineBreaks = true
    }
  })
  const [message] = messages
  if (!isValid) return { _tag: "Invalid" }
  if (isBatch) return { _tag: "Batch", messages }
  return message === undefined ? { _tag: "Invalid" } : { _tag: "Message", message }
}

/** The message that a text is. It throws for any other text: use it only for text of this program. */
export const messageOf = (bytes: ByteParts): JsonRpcMessage => {
  const text = readJsonRpc(bytes)
  if (text._tag !== "Message") throw new Error("This is no JSON-RPC message")
  return text.message
}

/** Makes a message of a value. */
export const jsonRpcMessage = (value: object): JsonRpcMessage =>
  messageOf(ByteParts.ofText(JSON.stringify({ jsonrpc: "2.0", ...value })))

/** Makes the response to a request with an error. The id is that of the request, as it was written. */
export const errorResponse = (
  id: string,
  error: { readonly code: number; readonly message: string; readonly data?: unknown }
): JsonRpcMessage =>
  messageOf(ByteParts.ofText(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`))
