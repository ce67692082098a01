import { ByteParts } from "./ByteParts.ts"
import { scanJson } from "./JsonScanner.ts"

/** The members of a message that a proxy looks at. */
type Member = "id" | "method" | "params" | "result" | "error"
const memberNames: ReadonlySet<string> = new Set<Member>(["id", "method", "params", "result", "error"])
/** The member of a result that says what it is (MCP 2026-07-28). */
const resultType = "resultType"
/** Where a member is in the bytes of a message. */
interface Span {
  readonly from: number
  readonly to: number
}

/** Where the members of a message are, and the type of its result. */
type Spans = ReadonlyMap<Member | typeof resultType, Span>

const isMember = (name: unknown): name is Member => typeof name === "string" && memberNames.has(name)

/** Longest form of a name in JSON: each letter as `\u0000`, in quotes. */
const maxNameBytes = (letters: number): number => letters * 6 + 2

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
  readonly #spans: Spans
  readonly #hasLineBreaks: boolean
  /** `other`: JSON, but no message, such as an empty object. */
  readonly kind: "request" | "notification" | "response" | "other"
  /** Absent in a response, and if it is no string. */
  readonly method: string | undefined
  /** The id as JSON: `1`, `"a"`, `null`, or anything else that a peer sends. Absent in a notification. */
  readonly id: string | undefined
  /** Equal for ids that are the same in other words: `"a"` and `"\u0061"`, `1` and `1.0`. */
  readonly idKey: string | undefined

  constructor(bytes: ByteParts, spans: Spans, hasLineBreaks: boolean) {
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

  /** What a result is, as revision 2026-07-28 of MCP says in it: `input_required`. */
  get resultType(): unknown {
    const span = this.#spans.get(resultType)
    return span === undefined ? undefined : parsed(this.bytes.slice(span.from, span.to))
  }

  /** The same message with another id, given as JSON. A message without an id gets one. */
  withId(id: string): JsonRpcMessage {
    return this.#with("id", ByteParts.ofText(id))
  }

  /** The same message with other parameters, given as JSON. */
  withParams(params: ByteParts): JsonRpcMessage {
    return this.#with("params", params)
  }

  /** Replaces the bytes of a member, or adds it as the first one. The rest is not read again. */
  #with(name: "id" | "params", value: ByteParts): JsonRpcMessage {
    const found = this.#spans.get(name)
    const isEmpty = this.#spans.size === 0 && /^\s*\}$/.test(this.bytes.slice(1).text())
    const [before, after] = found === undefined ? [`"${name}":`, isEmpty ? "" : ","] : ["", ""]
    const { from, to } = found ?? { from: 1, to: 1 }
    const bytes = new ByteParts()
    const add = (part: ByteParts) => part.parts.forEach((each) => bytes.add(each))
    add(this.bytes.slice(0, from))
    add(ByteParts.ofText(before))
    const start = bytes.length
    add(value)
    const end = bytes.length
    add(ByteParts.ofText(after))
    const shift = bytes.length - to
    add(this.bytes.slice(to))
    const spans = new Map(this.#spans)
    for (const [other, span] of spans)
      if (span.from >= to) spans.set(other, { from: span.from + shift, to: span.to + shift })
    spans.set(name, { from: start, to: end })
    return new JsonRpcMessage(bytes, spans, this.#hasLineBreaks || hasLineBreak(value))
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

const hasLineBreak = ({ parts }: ByteParts): boolean =>
  parts.some((part) => part.includes(lineFeed) || part.includes(carriageReturn))

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
  let spans = new Map<Member | typeof resultType, Span>()
  let member: Member | undefined
  /** True while the type of a result is read. */
  let isType = false
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
      if (at === level()) {
        const name = to - from > maxNameBytes(6) ? undefined : parsed(text.slice(from, to))
        member = isMember(name) ? name : undefined
        // Of two results the last one counts.
        if (member === "result") spans.delete(resultType)
      } else if (at === level() + 1 && member === "result") {
        const length = to - from - 2
        isType =
          length >= resultType.length &&
          to - from <= maxNameBytes(resultType.length) &&
          parsed(text.slice(from, to)) === resultType
      }
    },
    onValue: (at, from, to) => {
      if (at === level()) {
        if (member !== undefined) spans.set(member, { from: from - start, to: to - start })
        member = undefined
      } else if (at === level() + 1 && isType) {
        spans.set(resultType, { from: from - start, to: to - start })
        isType = false
      } else if (at === level() - 1) {
        // A value in a batch that is no object has no members.
        const own: Spans = from === start ? spans : new Map()
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
