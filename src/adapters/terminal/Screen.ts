import { format } from "node:util"
import { Console, Effect, Layer } from "effect"
import { safeLine, safeText } from "../../domain/PrintableText.ts"
import { TextOutput } from "../../ports/TextOutput.ts"
import { linkTo, showsLinks } from "./Hyperlink.ts"

/** The styles of this program, of its help, and of a QR code: bold, dim, italic, colours, and the end of them. */
// oxlint-disable-next-line no-control-regex -- styles are control sequences
const style = /(\u001b\[(?:[0123]|22|3[1-6]|[34]8;5;(?:16|231)(?:;48;5;(?:16|231))?)m)/

/** Makes a text safe for a terminal. Only the styles of this program stay. */
export const shown = (text: string): string =>
  text
    .split(style)
    .map((part, at) => (at % 2 === 1 ? part : safeText(part)))
    .join("")

/** What stays at the bottom of the screen while other text is written: a line that is edited, or how far a call is. */
export interface Footer {
  readonly hide: () => void
  readonly show: () => void
  /** True: it only informs, so it never takes the place of a line that is edited. */
  readonly isStatus?: true
}

/** The last one is on the screen. */
const footers: Array<Footer> = []

/** True if the last text on stdout has not ended its line. */
let isLineOpen = false

const endLine = (): void => {
  if (!isLineOpen) return
  isLineOpen = false
  process.stdout.write("\n")
}

/** Starts a line of the screen, where a text on stdout has left one open. */
const startLine = (): void => {
  if (isLineOpen && process.stdout.isTTY) endLine()
}

/** Shows a footer in place of the current one. */
export const addFooter = (footer: Footer): void => {
  startLine()
  if (footer.isStatus === true && footers.at(-1)?.isStatus === undefined) {
    // Behind the lines that are edited.
    footers.splice(footers.findLastIndex(({ isStatus }) => isStatus === true) + 1, 0, footer)
    return
  }
  footers.at(-1)?.hide()
  footers.push(footer)
}

/** Takes a footer away; the one before it is shown again. */
export const removeFooter = (footer: Footer): void => {
  const at = footers.indexOf(footer)
  const isShown = at >= 0 && at === footers.length - 1
  if (at >= 0) footers.splice(at, 1)
  if (isShown) footers.at(-1)?.show()
}

/** True if a footer is on the screen. */
export const isFooter = (footer: Footer): boolean => footers.at(-1) === footer

/** Writes whole lines above the footer. */
const above = (text: string, write: () => void): void => {
  startLine()
  footers.at(-1)?.hide()
  write()
  if (text.endsWith("\n")) footers.at(-1)?.show()
}

/** Writes to stderr, which is a terminal or becomes a log that a terminal shows later. */
export const writeError = (text: string): void => above(text, () => void process.stderr.write(shown(text)))

/** Leaves the line that is edited on the screen, and goes to the next one. */
export const leaveLine = (): void => void process.stderr.write("\n")

let isPasteMarked = false

/** Whether the terminal marks text that is pasted, so that a line break in it is no Enter. */
export const markPaste = (isMarked: boolean): void => {
  if (isMarked === isPasteMarked || process.env["TERM"] === "dumb") return
  isPasteMarked = isMarked
  process.stderr.write(`\u001b[?2004${isMarked ? "h" : "l"}`)
}

/** A text in one row, with an ellipsis if it is cut. A character outside of ASCII may take two columns. */
const firstRow = (text: string, columns: number): string => {
  let end = 0
  let cut = 0
  let used = 0
  for (const character of text) {
    used += character <= "~" ? 1 : 2
    if (used > columns) return `${text.slice(0, cut)}\u2026`
    end += character.length
    if (used < columns) cut = end
  }
  return text
}

/**
 * True for a terminal that breaks the line of the cursor again when its size changes, as nearly all do. xterm, the console of
 * Linux and GNU Screen do not.
 */
export const breaksLineAgain = ({ STY, TERM, XTERM_VERSION } = process.env): boolean =>
  XTERM_VERSION === undefined && STY === undefined && TERM !== "linux"

/** Columns of the status on the screen, at least: a wide character counts as one. */
let statusColumns = 0

/**
 * Replaces the last line of the screen. A text of a server must not fill two rows: the first one would stay, and the second
 * one could look like ours.
 */
export const writeStatus = (text: string): void => {
  startLine()
  const columns = process.stderr.columns || 80
  // A screen that has become narrower shows the last one in several rows.
  const rowsAbove = breaksLineAgain() ? Math.ceil(statusColumns / columns) - 1 : 0
  const row = firstRow(shown(text), columns - 1)
  statusColumns = [...row].length
  process.stderr.write(`${rowsAbove > 0 ? `\u001b[${rowsAbove}A\r\u001b[J` : "\r\u001b[K"}${row}`)
}

/** Writes the address of a URL to stderr, on a line of its own: nothing before or after it is copied with it. */
export const writeAddress = (url: URL): void => {
  const row = `${process.stderr.isTTY && showsLinks(process.env) ? linkTo(url) : safeLine(url.href)}\n`
  above(row, () => void process.stderr.write(row))
}

/** Characters that are written at once: Node copies them, and a long text twice would fill the memory. */
const pieceLength = 2 ** 16

const writeOutput = (text: string): void => {
  endLine()
  above(text, () => writePieces(process.stdout.isTTY ? shown(text) : text))
}

const writePieces = (output: string): void => {
  for (let at = 0; at < output.length;) {
    let end = at + pieceLength
    // The halves of a surrogate pair stay together.
    if ((output.codePointAt(end - 1) ?? 0) > 0xffff) end++
    process.stdout.write(output.slice(at, end))
    at = end
  }
}

/** Calls `done` when all that was written is on its way: a pipe may take it later. */
export const whenWritten = (done: () => void): void =>
  void process.stdout.write("", () => process.stderr.write("", done))

/** A letter that may have joiners behind it. */
const letter = "\u00e9"

/** As {@link shown}, for a text that goes on: a joiner at its start belongs to the letter before it. */
const shownPiece = (text: string): string => shown(letter + text).slice(letter.length)

/** Adds text to the line that is open on stdout. */
const writeText = (text: string): void => {
  const footer = footers.at(-1)
  footer?.hide()
  writePieces(process.stdout.isTTY ? shownPiece(text) : text)
  isLineOpen = !text.endsWith("\n")
  if (footer === undefined) return
  startLine()
  footer.show()
}

const line =
  (write: (text: string) => void) =>
  (...values: ReadonlyArray<unknown>) =>
    write(`${format(...values)}\n`)

/**
 * The console of this program. Only `log` goes to stdout: results, for a user or for another program, which gets them
 * unchanged.
 */
export const layer: Layer.Layer<never> = Layer.merge(
  Layer.sync(Console.Console, () => {
    const error = line(writeError)
    const rest = Object.create(globalThis.console) as Console.Console
    return Object.assign(rest, { log: line(writeOutput), error, warn: error, info: error, debug: error })
  }),
  Layer.succeed(TextOutput, {
    write: (text) => Effect.sync(() => writeText(text)),
    endLine: Effect.sync(endLine)
  })
)

/**
 * Shows what packages print on the global console as one line on stderr. The MCP SDK quotes the names of tools in its
 * warnings.
 */
export const guardPackages = (): void => {
  const print = line((text) => writeError(`${safeLine(text.trimEnd())}\n`))
  Object.assign(globalThis.console, { log: print, error: print, warn: print, info: print, debug: print })
}
