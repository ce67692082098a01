import { format } from "node:util"
import { Console, Layer } from "effect"
import { safeLine, safeText } from "../../domain/PrintableText.ts"
import { linkTo, showsLinks } from "./Hyperlink.ts"

/** The styles of this program, of its help, and of a QR code: bold, dim, colours, and the end of them. */
// oxlint-disable-next-line no-control-regex -- styles are control sequences
const style = /(\u001b\[(?:[012]|22|3[1-6]|[34]8;5;(?:16|231)(?:;48;5;(?:16|231))?)m)/

/** Makes a text safe for a terminal. Only the styles of this program stay. */
export const shown = (text: string): string =>
  text
    .split(style)
    .map((part, at) => (at % 2 === 1 ? part : safeText(part)))
    .join("")

/** Writes to stderr, which is a terminal or becomes a log that a terminal shows later. */
export const writeError = (text: string): void => void process.stderr.write(shown(text))

/** Writes the address of a URL to stderr, on a line of its own: nothing before or after it is copied with it. */
export const writeAddress = (url: URL): void =>
  void process.stderr.write(
    `${process.stderr.isTTY && showsLinks(process.env) ? linkTo(url) : safeLine(url.href)}\n`
  )

/** Characters that are written at once: Node copies them, and a long text twice would fill the memory. */
const pieceLength = 2 ** 16

const writeOutput = (text: string): void => {
  const output = process.stdout.isTTY ? shown(text) : text
  for (let at = 0; at < output.length;) {
    let end = at + pieceLength
    // The halves of a surrogate pair stay together.
    if ((output.codePointAt(end - 1) ?? 0) > 0xffff) end++
    process.stdout.write(output.slice(at, end))
    at = end
  }
}

const line =
  (write: (text: string) => void) =>
  (...values: ReadonlyArray<unknown>) =>
    write(`${format(...values)}\n`)

/**
 * The console of this program. Only `log` goes to stdout: results, for a user or for another program, which gets them
 * unchanged.
 */
export const layer: Layer.Layer<never> = Layer.sync(Console.Console, () => {
  const error = line(writeError)
  const rest = Object.create(globalThis.console) as Console.Console
  return Object.assign(rest, { log: line(writeOutput), error, warn: error, info: error, debug: error })
})

/**
 * Shows what packages print on the global console as one line on stderr. The MCP SDK quotes the names of tools in its
 * warnings.
 */
export const guardPackages = (): void => {
  const print = line((text) => writeError(`${safeLine(text.trimEnd())}\n`))
  Object.assign(globalThis.console, { log: print, error: print, warn: print, info: print, debug: print })
}
