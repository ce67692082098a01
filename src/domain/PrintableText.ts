/**
 * What a terminal acts on, or shows as nothing: control characters (C0, DEL, C1), line separators, and what Unicode calls
 * default ignorable: bidirectional controls, zero-width characters and tags. Line breaks, tabs, and the two selectors of
 * emoji are text.
 */
const unsafe = String.raw`[[\p{Cc}\p{Zl}\p{Zp}\p{DI}\ufff9-\ufffb]--[\t\n\ufe0e\ufe0f]]`

/** Joiners and variants that scripts and emoji are written with. They are text after a letter or a picture. */
const joiner = String.raw`[\u180b-\u180d\u180f\u200c\u200d]`
const joinable = String.raw`[[\p{L}\p{M}\p{ExtPict}\p{EMod}]--\p{ASCII}--[\ufe0e\ufe0f]--${unsafe}]`

const allUnsafe = new RegExp(unsafe, "gv")
const shownUnsafe = new RegExp(
  String.raw`(?<!${joinable}[\ufe0e\ufe0f]?)${joiner}|[${unsafe}--${joiner}]`,
  "gv"
)
const notPlain = /[^ -~\n]/

/**
 * Text of a server, made safe for a terminal: it can neither rewrite the screen, nor change the direction of a line, nor hide
 * what it says. Line breaks and tabs stay.
 *
 * @param instead takes the place of each character that is left out
 */
export const safeText = (text: string, instead = ""): string =>
  notPlain.test(text)
    ? text
        // First: two halves of a character that become neighbours would be one.
        .toWellFormed()
        .replace(/\r\n?|[\u2028\u2029]/g, "\n")
        .replace(shownUnsafe, instead)
    : text

/** Text of a server on one line, so that it cannot add a line that looks like ours. */
export const safeLine = (text: string): string => safeText(text).replace(/[\n\t]+/g, " ")

/** True if a text is one line that a terminal shows as it is. Only such a text may become a name. */
export const isSafeLine = (text: string): boolean => safeLine(text) === text

/** Text of a server as a quotation in a sentence: on one line, without spaces around it, and cut at 300 characters. */
export const printable = (text: string): string => {
  const plain = safeLine(text).trim()
  return plain.length > 300 ? `${plain.slice(0, 300).toWellFormed()}…` : plain
}

const escaped = (characters: string): string =>
  Array.from({ length: characters.length }, (_, at) => {
    return `\\u${characters.charCodeAt(at).toString(16).padStart(4, "0")}`
  }).join("")

/** A value as JSON. What a terminal acts on or hides is escaped, so that a program reads it and a user sees it. */
export const safeJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(allUnsafe, escaped)

/** A text in which nothing is hidden, on one line: what a terminal acts on or hides is escaped, as in JSON. */
export const escapedLine = (text: string): string =>
  text.replace(/[\n\t]/g, (one) => (one === "\n" ? "\\n" : "\\t")).replace(allUnsafe, escaped)

/** As {@link safeText}, with what a terminal acts on or hides as escapes, so that a user sees all that a program reads. */
export const escapedText = (text: string): string =>
  notPlain.test(text)
    ? text
        .toWellFormed()
        .replace(/\r\n?|[\u2028\u2029]/g, "\n")
        .replace(shownUnsafe, escaped)
    : text

/** What is needed of a text that arrives in pieces to show its next piece. */
export interface PieceState {
  /** The last characters as they arrived: whether a joiner is text depends on the one before it. */
  readonly tail: string
  /** Half of a character, whose other half has not arrived. */
  readonly half: string
}

/** {@link safeText} of a piece: all pieces together give what the whole text gives. */
export const safePiece = (
  { half, tail }: PieceState,
  piece: string,
  isEnd = false
): PieceState & { readonly text: string } => {
  // No joiner is text after a plain piece, as after none.
  if (piece !== "" && half === "" && !tail.endsWith("\r") && !notPlain.test(piece))
    return { text: piece, tail: "", half: "" }
  const all = half + piece
  const isCut = !isEnd && /[\ud800-\udbff]$/.test(all)
  const text = isCut ? all.slice(0, -1) : all
  const known = tail + text
  const safe = safeText(known)
  return {
    text: safe === known ? text : safe.slice(safeText(tail).length),
    tail: known.slice(-4).replace(/^[\udc00-\udfff]/, ""),
    half: isCut ? all.slice(-1) : ""
  }
}
