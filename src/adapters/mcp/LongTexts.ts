import { ByteParts } from "../../domain/ByteParts.ts"
import { scanJson } from "../../domain/JsonScanner.ts"
import { LongText, mapLeaves } from "../../domain/LongText.ts"
import { largeAnswer, longText } from "./McpLimits.ts"

/** The members of a result that hold its content, and the names of what is long in them. */
const contents: ReadonlySet<unknown> = new Set(["content", "contents", "messages"])
const texts: ReadonlySet<unknown> = new Set(["text", "data", "blob"])

/** The longest form in JSON of the names that are looked for: each letter as `\u0000`, in quotes. */
const maxName = "structuredContent".length * 6 + 2

/** A place in the bytes of a text. */
interface Span {
  readonly from: number
  readonly to: number
}

/** Where the long strings of a result are, with their quotes: the content of a tool, a resource or a prompt. */
const longTextsIn = (bytes: ByteParts): ReadonlyArray<Span> => {
  const found: Array<Span> = []
  const names: Array<Span | undefined> = []
  const nameAt = (level: number): unknown => {
    const span = names[level]
    return span === undefined || span.to - span.from > maxName
      ? undefined
      : JSON.parse(bytes.slice(span.from, span.to).text())
  }
  const isContent = (level: number): boolean => {
    if (level < 2 || nameAt(1) !== "result") return false
    const member = nameAt(2)
    return member === "structuredContent" || (contents.has(member) && texts.has(nameAt(level)))
  }
  const isValid = scanJson(bytes, {
    onOpen: (level) => {
      names[level + 1] = undefined
    },
    onName: (level, from, to) => {
      names[level] = { from, to }
    },
    onValue: (level, from, to) => {
      const isLong = to - from > longText && bytes.slice(from, from + 1).text() === '"'
      if (isLong && isContent(level)) found.push({ from, to })
    },
    onLineBreak: () => undefined
  })
  return isValid ? found : []
}

/**
 * The value of a message. The long strings in the content of a large result are instances of {@link LongText}.
 *
 * Throws a `SyntaxError` for a text that is no JSON.
 */
export const parseMessage = (bytes: ByteParts): unknown => {
  const found = bytes.length > largeAnswer ? longTextsIn(bytes) : []
  if (found.length === 0) return JSON.parse(bytes.text())
  // No string of the server is equal to one of these.
  const mark = crypto.randomUUID()
  const held = new Map<unknown, LongText>()
  const outline = new ByteParts()
  const add = (part: ByteParts) => part.parts.forEach((each) => outline.add(each))
  let end = 0
  for (const [at, { from, to }] of found.entries()) {
    const name = `${mark} ${at}`
    held.set(name, new LongText(bytes.slice(from + 1, to - 1)))
    add(bytes.slice(end, from))
    add(ByteParts.ofText(JSON.stringify(name)))
    end = to
  }
  add(bytes.slice(end))
  return mapLeaves(JSON.parse(outline.text()), (leaf) => held.get(leaf) ?? leaf)
}
