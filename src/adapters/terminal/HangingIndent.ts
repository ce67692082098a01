import { screenColumns } from "./Terminal.ts"

const indent = "    "

/** Characters outside of ASCII count as wide ones. */
const columnsOf = (text: string): number => {
  let columns = 0
  for (const character of text) columns += character <= "~" ? 1 : 2
  return columns
}

/** One line in rows of at most `width` columns. */
const broken = (line: string, width: number): string => {
  let used = 0
  let whole = ""
  const startRow = () => {
    whole += `\n${indent}`
    used = indent.length
  }
  const add = (text: string) => {
    for (const character of text) {
      const columns = columnsOf(character)
      if (used + columns > width) startRow()
      whole += character
      used += columns
    }
  }
  for (const [, spaces = "", word = ""] of line.matchAll(/( *)([^ ]*)/g)) {
    const columns = columnsOf(word)
    const fitsRow = indent.length + columns <= width
    const room = width - used
    if (!fitsRow || spaces.length + columns <= room) {
      add(spaces)
    } else {
      add(spaces.slice(0, room))
      startRow()
      // The break stands for a space that no longer fits.
      add(spaces.slice(room + 1))
      if (used + columns > width) startRow()
    }
    add(word)
  }
  return whole
}

/**
 * Breaks lines that are wider than the screen between words, and indents what follows: a terminal would let it start in the
 * first column, where a text of a server can look like a line of this program. Only a word that fits no row is broken.
 */
export const hangingIndent = (text: string, columns = screenColumns()): string => {
  const width = Math.max(columns, 2 * indent.length)
  return text
    .split("\n")
    .map((line) => broken(line, width))
    .join("\n")
}
