/** A part of a text, and what replaces it. */
export interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A text with parts replaced, which do not overlap. */
export const apply = (text: string, replacements: ReadonlyArray<Replacement>): string =>
  replacements
    .toSorted((one, other) => other.start - one.start)
    .reduce((result, { end, start, text: by }) => result.slice(0, start) + by + result.slice(end), text)

/** Where the line of an offset starts. */
export const lineStart = (text: string, offset: number): number => text.lastIndexOf("\n", offset - 1) + 1

/** Where the line after that of an offset starts; the end of the text in its last line. */
export const afterLine = (text: string, offset: number): number => {
  const end = text.indexOf("\n", offset)
  return end === -1 ? text.length : end + 1
}

/** The line ending of a text. */
export const eolOf = (text: string): string => /\r?\n/.exec(text)?.[0] ?? "\n"
