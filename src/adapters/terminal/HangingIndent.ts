import { screenColumns } from "./Terminal.ts"

const indent = "    "

/**
 * Breaks lines that are wider than the screen, and indents what follows: a terminal would let it start in the first column,
 * where a text of a server can look like a line of this program. Characters outside of ASCII count as wide ones.
 */
export const hangingIndent = (text: string, columns = screenColumns()): string => {
  const width = Math.max(columns, 2 * indent.length)
  const broken = (line: string): string => {
    let used = 0
    let whole = ""
    for (const character of line) {
      const columnsOfIt = character <= "~" ? 1 : 2
      if (used + columnsOfIt > width) {
        whole += `\n${indent}`
        used = indent.length
      }
      whole += character
      used += columnsOfIt
    }
    return whole
  }
  return text.split("\n").map(broken).join("\n")
}
