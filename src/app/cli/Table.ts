import type { Line, Styled } from "./Line.ts"
import { displayWidth, shortened, wrapped } from "./TextWidth.ts"

/** The text of a cell, with a style if it has a meaning. */
export type Cell = string | Styled

type Rows = ReadonlyArray<ReadonlyArray<Cell>>

const textOf = (cell: Cell | undefined): string =>
  cell === undefined || typeof cell === "string" ? (cell ?? "") : cell.text

const inStyleOf = (cell: Cell | undefined, text: string): Cell =>
  cell === undefined || typeof cell === "string" ? text : { ...cell, text }

const padded = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - displayWidth(text)))

/** Columns between two cells. */
const gap = 2

/** A longer cell does not make its column wider: one name must not multiply with the number of rows. */
const maxWidth = 100

/** A longer word is broken before the table is given up for a list. */
const maxWord = 40

/** Lines of one cell on a terminal, unless the table is for one thing alone. */
const maxLines = 4

/** What of a long cell is shown. */
export interface TableOptions {
  /** True: all of every cell. Absent: the start of a long one, since a list has many rows. */
  readonly isWhole?: boolean
}

const widestOf = (rows: Rows, column: number, measure: (text: string) => number): number =>
  rows.reduce((widest, row) => Math.max(widest, measure(textOf(row[column]))), 0)

const longestWord = (text: string): number =>
  text.split(" ").reduce((longest, word) => Math.max(longest, displayWidth(word)), 0)

/** The columns of the longest path or address. One that is broken cannot be copied. */
const longestPath = (text: string): number =>
  longestWord(
    text
      .split(" ")
      .filter((word) => /[/\\]/.test(word))
      .join(" ")
  )

/**
 * The widths of columns that share a terminal: none is narrower than its longest word, and the widest ones give way first.
 * Undefined if the longest words do not fit beside each other.
 */
const widthsFor = (rows: Rows, columns: number): ReadonlyArray<number> | undefined => {
  const head = rows[0] ?? []
  const free = columns - gap * (head.length - 1)
  const ranges = head.map((_, column) => ({
    min: Math.min(widestOf(rows, column, longestWord), maxWord),
    max: Math.min(widestOf(rows, column, displayWidth), columns)
  }))
  const widthsAt = (limit: number) => ranges.map(({ max, min }) => Math.max(min, Math.min(max, limit)))
  const total = (widths: ReadonlyArray<number>) => widths.reduce((sum, width) => sum + width, 0)
  for (let limit = columns; limit > 0; limit--) {
    const widths = widthsAt(limit)
    if (total(widths) <= free) return widths
  }
  return undefined
}

/** A text in lines of a terminal. If it has more than the table shows, the last of them ends with an ellipsis. */
const linesOf = (text: string, width: number, { isWhole = false }: TableOptions): ReadonlyArray<string> => {
  const lines = wrapped(isWhole ? text : shortened(text), width, { breakWords: true })
  if (isWhole || lines.length <= maxLines) return lines
  const [last = ""] = wrapped(lines[maxLines - 1] ?? "", width - 1, { breakWords: true })
  return [...lines.slice(0, maxLines - 1), `${last}…`]
}

const trimmed = (parts: ReadonlyArray<Cell>): Line => {
  const end = parts.findLastIndex((part) => textOf(part).trim() !== "")
  return parts
    .slice(0, end + 1)
    .map((part, at) => (at === end ? inStyleOf(part, textOf(part).trimEnd()) : part))
}

/** One line of a table: the cells beside each other. */
const besides = (cells: ReadonlyArray<Cell>, widths: ReadonlyArray<number>): Line =>
  trimmed(
    cells.flatMap((cell, at) => [
      ...(at === 0 ? [] : [" ".repeat(gap)]),
      inStyleOf(cell, padded(textOf(cell), widths[at] ?? 0))
    ])
  )

const bold = (cells: ReadonlyArray<Cell>): ReadonlyArray<Cell> =>
  cells.map((cell) => ({ style: 1, text: textOf(cell) }))

const columnsAs = (rows: Rows, widths: ReadonlyArray<number>, options: TableOptions): ReadonlyArray<Line> =>
  rows.flatMap((row, at) => {
    const cells = row.map((cell, column) => linesOf(textOf(cell), widths[column] ?? 0, options))
    const height = cells.reduce((most, lines) => Math.max(most, lines.length), 1)
    return Array.from({ length: height }, (_, line) => {
      const parts = row.map((cell, column) => inStyleOf(cell, cells[column]?.[line] ?? ""))
      return besides(at === 0 ? bold(parts) : parts, widths)
    })
  })

/** A cell beside the name of its column, or below it if a path would be broken that fits on a line of its own. */
const fieldLines = (
  cell: Cell,
  name: string,
  width: number,
  columns: number,
  options: TableOptions
): ReadonlyArray<Line> => {
  const beside = Math.max(columns - gap - width - gap, 10)
  const below = columns - 2 * gap
  const longest = longestPath(textOf(cell))
  const isBelow = longest > beside && longest <= below
  const lines = linesOf(textOf(cell), isBelow ? below : beside, options)
  const label = (text: string): Line => [" ".repeat(gap), { style: 2, text }]
  if (isBelow)
    return [label(name), ...lines.map((text): Line => [" ".repeat(2 * gap), inStyleOf(cell, text)])]
  return lines.map((text, line): Line => {
    const start = [" ".repeat(gap), { style: 2, text: padded(line === 0 ? name : "", width) } as const]
    return [...start, " ".repeat(gap), inStyleOf(cell, text)]
  })
}

/** Each row as a list of its own: the first cell, and below it the others with the names of their columns. */
const listAs = ([head = [], ...rows]: Rows, columns: number, options: TableOptions): ReadonlyArray<Line> => {
  const labels = head.slice(1).map(textOf)
  const label = labels.reduce((widest, text) => Math.max(widest, displayWidth(text)), 0)
  return rows.flatMap(([first, ...others]) => [
    ...linesOf(textOf(first), columns, options).map((text) => [inStyleOf(first, text)]),
    ...others.flatMap((cell, at) =>
      textOf(cell) === "" || textOf(cell) === "-"
        ? []
        : fieldLines(cell, labels[at] ?? "", label, columns, options)
    )
  ])
}

/** Below this width a text that is broken looks like a pile of words. */
const minBroken = 9

/** True if the cells can be read in their columns: none is broken in a narrow one, and whole ones are not tall. */
const fitsColumns = (
  rows: Rows,
  widths: ReadonlyArray<number>,
  columns: number,
  { isWhole = false }: TableOptions
): boolean =>
  rows.every((row) =>
    row.every((cell, column) => {
      const width = widths[column] ?? 0
      const longest = longestPath(textOf(cell))
      // In a list it has a line of its own.
      if (longest > width && longest <= columns - 2 * gap) return false
      const lines = linesOf(textOf(cell), width, { isWhole: true }).length
      return lines === 1 || (width >= minBroken && (!isWhole || lines <= maxLines))
    })
  )

/**
 * Rows in columns, two spaces apart; the first row is the head. On a terminal that is too narrow the cells break at words
 * within their columns, and below that each row becomes a list; so it does if a text would be broken in a narrow column, or a whole one be tall. Elsewhere every cell is on one line, as long as it is.
 *
 * @param columns of the terminal; absent: no terminal shows it
 */
export const table = (rows: Rows, columns?: number, options: TableOptions = {}): ReadonlyArray<Line> => {
  if (columns !== undefined) {
    const widths = widthsFor(rows, columns)
    const isList = widths === undefined || !fitsColumns(rows, widths, columns, options)
    return isList ? listAs(rows, columns, options) : columnsAs(rows, widths, options)
  }
  const widths = (rows[0] ?? []).map((_, column) => Math.min(widestOf(rows, column, displayWidth), maxWidth))
  return rows.map((row, at) => besides(at === 0 ? bold(row) : row, widths))
}
