import { Console, DateTime, Effect, Predicate, Stdio } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { printable, safeJson, safeLine, safeText } from "../../domain/PrintableText.ts"
import type { Remediable } from "../../domain/Remedy.ts"
import type { McpContent } from "../../ports/McpConnector.ts"
import { errorText } from "./RemedyText.ts"

/** A text in a style that the terminal may have: bold (1), dim (2), or a colour (31 to 33). */
export interface Styled {
  readonly style: number
  readonly text: string
}

/** One line of output, in parts if some of it has a style. */
export type Line = string | ReadonlyArray<string | Styled>

/** Every text that this program shows is one of these lines, or JSON, or the content of a tool or a resource. */
const rendered = (lines: ReadonlyArray<Line>, canColor: boolean): string =>
  lines
    .map((line) =>
      (typeof line === "string" ? [line] : line)
        .map((part) => {
          if (typeof part === "string") return safeLine(part)
          const text = safeLine(part.text)
          return canColor ? `\u001b[${part.style}m${text}\u001b[0m` : text
        })
        .join("")
    )
    .join("\n")

/** Prints lines on stdout. A text of a server in one of them can neither control the terminal nor start another line. */
export const print = (...lines: ReadonlyArray<Line>) => printAll(lines)

/** As {@link print}, for more lines than a call has arguments. */
const printAll = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>) {
  const isPlain = lines.every((line) => typeof line === "string")
  // Looks at stdin and stdout, which most runs need not open.
  const { canColor } = isPlain ? { canColor: false } : yield* TerminalCapabilities.TerminalCapabilities
  yield* Console.log(rendered(lines, canColor))
})

/** The same on stderr, for users, without styles. */
export const tell = (...lines: ReadonlyArray<string>) => Console.error(rendered(lines, false))

/** Tells the user an error: what happened, and below it what can be done. */
export const tellError = (error: Remediable, configFile: string | undefined, prefix = "mcp-cli: ") =>
  tell(...`${prefix}${errorText(error, configFile)}`.split("\n"))

/** A value as JSON, for programs. */
export const printJson = (value: unknown) => Console.log(safeJson(value, 2))

/** Characters of a text of a server in a list. JSON has all of it. */
const maxShown = 2000

/** A text that fits into a list. */
export const shortened = (text: string): string =>
  text.length > maxShown ? `${text.slice(0, maxShown).toWellFormed()}…` : text

/** The first line of a text of a server. */
export const firstLine = (text: string | undefined): string =>
  shortened(
    safeText(text ?? "")
      .trim()
      .split("\n")[0] ?? ""
  )

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

/** A longer cell does not make its column wider: one name must not multiply with the number of rows. */
const maxWidth = 100

/** Rows in columns, two spaces apart; the first row is the head. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, Math.min(row[column]?.length ?? 0, maxWidth)), 0)
  )
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
export const printTable = (rows: ReadonlyArray<ReadonlyArray<string>>) => {
  const [head = "", ...lines] = table(rows.map((row) => row.map((cell) => shortened(safeLine(cell))))).split(
    "\n"
  )
  return printAll([[{ style: 1, text: head }], ...lines])
}

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

/** The content of a tool result or a resource as text. */
const contentText = (contents: ReadonlyArray<McpContent>): string =>
  contents
    .map((content) =>
      content._tag === "Text" ? content.text : `[${printable(content.mimeType)}, ${content.bytes} bytes]`
    )
    .join("\n")

/**
 * Prints the content of a tool result or a resource. A terminal gets text that cannot control it; a file or another program
 * gets the text as the server sent it.
 */
export const printContent = Effect.fnUntraced(function* (contents: ReadonlyArray<McpContent>) {
  const isScreen = yield* Stdio.Stdio.use(({ stdoutIsTerminal }) => stdoutIsTerminal)
  const text = contentText(contents)
  yield* Console.log(isScreen ? safeText(text) : text)
})
