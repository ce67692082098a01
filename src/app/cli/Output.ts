import { Console, DateTime, Effect, Predicate, Stdio } from "effect"
import { safeJsonPieces } from "../../domain/LongText.ts"
import { escapedLine, printable, safeJson, safeLine, safeText } from "../../domain/PrintableText.ts"
import type { Remediable } from "../../domain/Remedy.ts"
import { Display } from "../../ports/Display.ts"
import type { McpAnswer, McpContent } from "../../ports/McpConnector.ts"
import { TextOutput } from "../../ports/TextOutput.ts"
import type { Line, Styled } from "./Line.ts"
import { errorText } from "./RemedyText.ts"
import { table, type TableOptions } from "./Table.ts"
import { displayWidth, shortened, wrapped } from "./TextWidth.ts"

/** Every text that this program shows is one of these lines, or JSON, or the content of a tool or a resource. */
const rendered = (lines: ReadonlyArray<Line>, canColor: boolean): string =>
  lines
    .map((line) =>
      (typeof line === "string" ? [line] : line)
        .map((part) => {
          if (typeof part === "string") return safeLine(part)
          const text = safeLine(part.text)
          return canColor && text !== "" ? `\u001b[${part.style}m${text}\u001b[0m` : text
        })
        .join("")
    )
    .join("\n")

/** Prints lines on stdout. A text of a server in one of them can neither control the terminal nor start another line. */
export const print = (...lines: ReadonlyArray<Line>) => printAll(lines)

/** As {@link print}, for more lines than a call has arguments. */
const printAll = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>) {
  const { canColor } = yield* Display
  yield* Console.log(rendered(lines, canColor))
})

/** A line that ends with a command: `To add it, run: mcp-cli add NAME URL`. */
const endsWithCommand = /^(.*\S:) (mcp-cli [a-z-].*)$/

/**
 * A line of a message, broken at words with a hanging indent. A command is not broken, so that it can be copied: one at the end
 * begins a line.
 */
const broken = (line: Line, columns: number): ReadonlyArray<Line> => {
  const [first, ...rest] = typeof line === "string" ? ["", line] : line
  const text = [first ?? "", ...rest].map((part) => (typeof part === "string" ? part : part.text)).join("")
  if (displayWidth(text) <= columns) return [line]
  const indent = /^ */.exec(text)?.[0] ?? ""
  const [, before, command] = (typeof line === "string" ? endsWithCommand.exec(line) : null) ?? []
  if (before !== undefined) return [...broken(before, columns), `${indent}  ${command}`]
  if (/\bmcp-cli [a-z-]/.test(text)) return [line]
  const [start = "", ...others] = wrapped(text.trimStart(), columns - indent.length - 2)
  const prefix = typeof first === "object" && start.startsWith(first.text) ? first : undefined
  return [
    prefix === undefined ? indent + start : [prefix, start.slice(prefix.text.length)],
    ...others.map((other) => `${indent}  ${other}`)
  ]
}

/** Lines of a message as {@link tell} shows them, without colours. */
export const messageLines = (
  lines: ReadonlyArray<string>,
  columns: number | undefined
): ReadonlyArray<string> =>
  columns === undefined ? lines : lines.flatMap((line) => broken(line, columns).map(String))

/** The same on stderr, for users. */
export const tell = Effect.fnUntraced(function* (...lines: ReadonlyArray<Line>) {
  const { canColorErrors, errorColumns } = yield* Display
  const shown = errorColumns === undefined ? lines : lines.flatMap((line) => broken(line, errorColumns))
  yield* Console.error(rendered(shown, canColorErrors))
})

/** Tells the user an error: what happened, and below it what can be done. */
export const tellError = (error: Remediable, configFile: string | undefined, prefix = "mcp-cli:") => {
  const [first = "", ...others] = errorText(error, configFile).split("\n")
  return tell([{ style: 31, text: prefix }, ` ${first}`], ...others)
}

/** Tells the user what does not prevent the command, but should be changed. */
export const tellWarning = (warning: string, ...others: ReadonlyArray<string>) =>
  tell([{ style: 35, text: "mcp-cli: warning:" }, ` ${warning}`], ...others)

/**
 * Adds parts of a text to the last line of stdout. They are what `safePiece` gives: a part alone does not show whether a joiner
 * at its start is text.
 */
export const printPiece = Effect.fnUntraced(function* (parts: ReadonlyArray<string | Styled>) {
  const { canColor } = yield* Display
  const text = parts
    .map((part) => {
      if (typeof part === "string") return part
      return canColor ? `\u001b[${part.style}m${part.text}\u001b[0m` : part.text
    })
    .join("")
  if (text !== "") yield* (yield* TextOutput).write(text)
})

/** Ends the line that {@link printPiece} has left open. */
export const endLine = Effect.flatMap(TextOutput, (output) => output.endLine)

/** Prints cells for the script of a shell, separated by tabs. */
export const printCells = (rows: ReadonlyArray<ReadonlyArray<string>>) =>
  Console.log(rows.map((cells) => cells.map(safeLine).join("\t")).join("\n"))

/** A value as JSON, for programs. */
export const printJson = (value: unknown) => Console.log(safeJson(value, 2))

/** The same on one line, for programs that read while this one runs. */
export const printJsonLine = (value: unknown) => Console.log(safeJson(value))

/** The first line of a text of a server, as long as it is. */
export const wholeFirstLine = (text: string | undefined): string =>
  safeText(text ?? "")
    .trim()
    .split("\n")[0] ?? ""

/** The first line of a text of a server, short enough for a sentence. */
export const firstLine = (text: string | undefined): string => shortened(wholeFirstLine(text))

/** Prints a table, as wide as the terminal. What a server wrote in it stays in its row. */
export const printTable = Effect.fnUntraced(function* (
  rows: ReadonlyArray<ReadonlyArray<string | Styled>>,
  options?: TableOptions
) {
  const { columns } = yield* Display
  const safe = rows.map((row) =>
    row.map((cell) => (typeof cell === "string" ? safeLine(cell) : { ...cell, text: safeLine(cell.text) }))
  )
  yield* printAll(table(safe, columns, options))
})

/** The arguments of a tool by its schema; a question mark marks the optional ones: `a b c?`. */
export const argumentsOf = (inputSchema: Readonly<Record<string, unknown>>): string => {
  const { properties, required } = inputSchema
  const names = Predicate.isObject(properties) ? Object.keys(properties) : []
  const needed: ReadonlyArray<unknown> = Array.isArray(required) ? required : []
  return names.map((name) => escapedLine(name) + (needed.includes(name) ? "" : "?")).join(" ")
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

/** The content of a tool result or a resource as text, in pieces. */
export function* contentPieces(contents: ReadonlyArray<McpContent>): Generator<string, void> {
  for (const [at, content] of contents.entries()) {
    if (at > 0) yield "\n"
    if (content._tag === "Binary") yield `[${printable(content.mimeType)}, ${content.bytes} bytes]`
    else if (content.pieces === undefined) yield content.text
    else yield* content.pieces()
  }
}

/** Characters that are printed at once. */
const maxPrinted = 65_536

/** Prints a text in pieces, so that a long one is not in memory as a whole. */
const printPieces = Effect.fnUntraced(function* (pieces: Iterable<string>) {
  const { write } = yield* TextOutput
  let text = ""
  let isLong = false
  for (const piece of pieces) {
    text += piece
    if (text.length < maxPrinted) continue
    yield* write(text)
    text = ""
    isLong = true
  }
  yield* isLong ? write(`${text}\n`) : Console.log(text)
})

/**
 * Prints the content of a tool result or a resource. A terminal gets text that cannot control it; a file or another program
 * gets the text as the server sent it.
 */
export const printContent = Effect.fnUntraced(function* (contents: ReadonlyArray<McpContent>) {
  const isScreen = yield* Stdio.Stdio.use(({ stdoutIsTerminal }) => stdoutIsTerminal)
  const pieces = contentPieces(contents)
  yield* isScreen ? Console.log(safeText([...pieces].join(""))) : printPieces(pieces)
})

/** Prints an answer as {@link printJson} does. Its long texts are printed in pieces. */
export const printAnswer = (answer: McpAnswer) =>
  printPieces(safeJsonPieces(answer.inPieces ?? answer.raw, 2))
