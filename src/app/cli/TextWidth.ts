import { CliOutput } from "effect/cli"

const isPlainText = /^[ -~]*$/

/** Columns that a text takes on a terminal: wide characters count as two, combining ones as none. */
export const displayWidth = (text: string): number =>
  isPlainText.test(text) ? text.length : CliOutput.displayWidth(text)

/** Breaks a word into pieces of at most `width` columns. No character is cut. */
const piecesOf = (word: string, width: number): ReadonlyArray<string> => {
  if (displayWidth(word) <= width) return [word]
  const pieces = [""]
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    const piece = `${pieces.at(-1)}${segment}`
    if (pieces.at(-1) === "" || displayWidth(piece) <= width) pieces.splice(-1, 1, piece)
    else pieces.push(segment)
  }
  return pieces
}

/**
 * Text in lines of at most `width` columns, broken at spaces.
 *
 * @param options.breakWords breaks a longer word, too; otherwise it has a line of its own, so that it can be copied
 */
export const wrapped = (
  text: string,
  width: number,
  { breakWords = false }: { readonly breakWords?: boolean } = {}
): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(" ")) {
    const line = lines.at(-1)
    if (line !== undefined && displayWidth(line) + 1 + displayWidth(word) <= width)
      lines.splice(-1, 1, `${line} ${word}`)
    else lines.push(...(breakWords ? piecesOf(word, Math.max(width, 1)) : [word]))
  }
  return lines
}

/** Characters of a text of a server in a list. JSON has all of it. */
const maxShown = 2000

/** A text that fits into a list. */
export const shortened = (text: string): string =>
  text.length > maxShown ? `${text.slice(0, maxShown).toWellFormed()}…` : text
