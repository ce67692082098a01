import type { Line, Styled } from "./Line.ts"
import { displayWidth, wrapped } from "./TextWidth.ts"

/** Indent of a text that does not fit beside its name. */
const deepIndent = 6

/** Columns for names, at most: a longer one has a line of its own. */
const maxName = 34

/** Columns for texts, at least: on a narrower terminal they stand below their names. */
const minText = 24

const spaces = (count: number): string => " ".repeat(Math.max(0, count))

/**
 * Names, and beside them what they mean, with a hanging indent.
 *
 * @param options.columns of the terminal; undefined: without a terminal, where no text is broken
 * @param options.indent columns before the names
 */
export const definitions = (
  rows: ReadonlyArray<readonly [name: string, text: string | Styled]>,
  { columns, indent }: { readonly columns: number | undefined; readonly indent: number }
): ReadonlyArray<Line> => {
  const widest = rows.reduce((most, [name]) => Math.max(most, displayWidth(name)), 0)
  const width = Math.min(widest, maxName)
  const column = indent + width + 2
  const isNarrow = columns !== undefined && columns - column < minText
  const at = isNarrow ? deepIndent : column
  return rows.flatMap(([name, definition]): ReadonlyArray<Line> => {
    const text = typeof definition === "string" ? definition : definition.text
    const shown = (line: string): string | Styled =>
      typeof definition === "string" ? line : { style: definition.style, text: line }
    const lines = text === "" ? [] : columns === undefined ? [text] : wrapped(text, columns - at)
    const isBeside = !isNarrow && displayWidth(name) <= width
    const [first, ...others] = isBeside ? lines : [undefined, ...lines]
    const head = spaces(indent) + (isNarrow ? name.trimStart() : name)
    return [
      first === undefined ? head : [head + spaces(column - displayWidth(head)), shown(first)],
      ...others.map((line) => [spaces(at), shown(line ?? "")])
    ]
  })
}
