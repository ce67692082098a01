import { Console, DateTime, Effect, Predicate } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { safeLine, safeText } from "../../domain/PrintableText.ts"
import type { McpContent } from "../../ports/McpConnector.ts"

/** The first line of a text of a server. */
export const firstLine = (text: string | undefined): string =>
  safeText(text ?? "")
    .trim()
    .split("\n")[0] ?? ""

/** Text in lines of at most `width` characters, broken at spaces. A longer word has a line of its own. */
export const wrapped = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(" ")) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines.splice(-1, 1, `${line} ${word}`)
    else lines.push(word)
  }
  return lines
}

/** Rows in columns, two spaces apart; the first row is the head. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** Prints a table. What a server wrote in it stays in its row. Its head is bold if the terminal can show it. */
export const printTable = Effect.fnUntraced(function* (rows: ReadonlyArray<ReadonlyArray<string>>) {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const [head = "", ...lines] = table(rows.map((row) => row.map(safeLine))).split("\n")
  yield* Console.log([canColor ? `\u001b[1m${head}\u001b[22m` : head, ...lines].join("\n"))
})

/** What JSON does not escape, and a terminal or an editor acts on. */
const actedOn = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

/** A value as JSON that a terminal can show. */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(
    actedOn,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** A value as JSON, for programs. */
export const printJson = (value: unknown) => Console.log(jsonText(value, 2))

/** The arguments of a tool by its schema; a question mark marks the optional ones: `a b c?`. */
export const argumentsOf = (inputSchema: Readonly<Record<string, unknown>>): string => {
  const { properties, required } = inputSchema
  const names = Predicate.isObject(properties) ? Object.keys(properties) : []
  const needed: ReadonlyArray<unknown> = Array.isArray(required) ? required : []
  return names.map((name) => firstLine(name) + (needed.includes(name) ? "" : "?")).join(" ")
}

/** A point in time for programs; in milliseconds since the epoch. */
export const isoTime = (time: number): string => DateTime.formatIso(DateTime.makeUnsafe(time))

const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000]
] as const

/** A point in time relative to now: `in 47 minutes`, `2 days ago`. Both times in milliseconds since the epoch. */
export const relativeTime = (time: number, now: number): string => {
  const distance = Math.abs(time - now)
  const [unit, size] = units.find(([, milliseconds]) => distance >= milliseconds) ?? ["second", 1000]
  const count = Math.floor(distance / size)
  const words = `${count} ${unit}${count === 1 ? "" : "s"}`
  return time >= now ? `in ${words}` : `${words} ago`
}

/** The content of a tool result or a resource, for a user. */
export const contentText = (contents: ReadonlyArray<McpContent>): string =>
  contents
    .map((content) =>
      content._tag === "Text"
        ? safeText(content.text)
        : `[${safeText(content.mimeType)}, ${content.bytes} bytes]`
    )
    .join("\n")
