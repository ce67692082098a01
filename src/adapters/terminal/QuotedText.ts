import { escapedText } from "../../domain/PrintableText.ts"
import { hangingIndent } from "./HangingIndent.ts"

/** Characters of a text of a server, or of a model, in a question. `v` shows all of them. */
const maxText = 2000

/** True if {@link quotedText} leaves something out. */
export const isLong = (text: string): boolean => text.length > maxText

/** A text of a server, indented, so that none of its lines looks like ours. What a terminal would hide is escaped. */
export const wholeQuotedText = (text: string): string => hangingIndent(escapedText(text).replace(/^/gm, "  "))

/**
 * As {@link wholeQuotedText}; of a long text only the start.
 *
 * @param rest says how to see the rest
 */
export const quotedText = (text: string, rest = "v shows all"): string => {
  if (!isLong(text)) return wholeQuotedText(text)
  const hidden = (text.length - maxText).toLocaleString("en")
  return `${wholeQuotedText(text.slice(0, maxText).toWellFormed())}…\n(${hidden} more characters: ${rest}.)`
}
