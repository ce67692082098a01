/** Breaks a text into lines that are no wider than asked, between words. */
const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** One row of a table: cells side by side, each in a column of its own width in characters. */
export const tableRow = (cells: ReadonlyArray<string>, widths: ReadonlyArray<number>): string => {
  const columns = cells.map((cell, at) => wrap(cell, widths[at] ?? 40))
  const height = Math.max(...columns.map(({ length }) => length))
  return Array.from({ length: height }, (_, at) =>
    columns
      .map((lines, column) => (lines[at] ?? "").padEnd(widths[column] ?? 40))
      .join("  ")
      .trimEnd()
  ).join("\n")
}
