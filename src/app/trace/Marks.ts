import { formsOf, segmentsOf } from "../../domain/Redaction.ts"
import type { Piece, ShownText } from "../../domain/TraceEvent.ts"

/** A piece of text that is shown as it is. */
export const open = (text: string): Piece => ({ _tag: "Open", text })

/** The powers of two that a number of characters lies between: an exact length could identify a secret. */
const lengthClass = (length: number): string => {
  if (length < 8) return "1 to 7"
  const low = 2 ** Math.floor(Math.log2(length))
  return `${low} to ${2 * low - 1}`
}

/** The values of one trace that are struck out. Only their marks leave this object. */
export interface Marks {
  /** Searches for this secret in every text from now on, and strikes it out there. */
  readonly seek: (secret: string) => void
  /** Strikes out a whole value, and searches for it elsewhere if it is secret. */
  readonly strike: (value: string, isSecret: boolean) => Piece
  /** A text with the known secrets struck out. */
  readonly without: (text: string) => ShownText
}

/** Makes the marks of one trace, numbered in order of appearance. */
export const makeMarks = (): Marks => {
  const marks = new Map<string, Piece>()
  const forms = new Map<string, string>()

  const markOf = (value: string): Piece => {
    const mark = marks.get(value) ?? {
      _tag: "Struck",
      mark: marks.size + 1,
      length: lengthClass(value.length)
    }
    marks.set(value, mark)
    return mark
  }
  const seek = (secret: string): void => {
    for (const form of formsOf(secret)) forms.set(form, secret)
  }
  return {
    seek,
    strike: (value, isSecret) => {
      if (value === "") return open("")
      if (isSecret) seek(value)
      return markOf(value)
    },
    without: (text) =>
      segmentsOf(text, forms).map((segment) =>
        segment._tag === "Clear" ? open(segment.text) : markOf(segment.secret)
      )
  }
}
