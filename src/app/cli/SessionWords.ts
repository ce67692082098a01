/** Splits a line into words; quotes hold a word together. */
export const words = (line: string): ReadonlyArray<string> =>
  Array.from(line.matchAll(/(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|[^\s"'])+/g), ([word]) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) =>
      double === undefined ? (single ?? "") : double.replace(/\\(.)/g, "$1")
    )
  )

/** A word as {@link words} reads it back. */
export const quotedWord = (word: string): string =>
  /^[^\s"']+$/.test(word) ? word : `"${word.replace(/["\\]/g, "\\$&")}"`

/** The commands in a pasted text: one a line, unless quotes or brackets hold lines together. */
export const commandsIn = (text: string): ReadonlyArray<string> => {
  const commands: Array<string> = []
  let depth = 0
  let quote = ""
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (quote !== "") {
      if (character === "\\" && quote === '"') at++
      else if (character === quote) quote = ""
    } else if (character === '"' || (character === "'" && depth === 0)) quote = character
    else if (character === "{" || character === "[") depth++
    else if (character === "}" || character === "]") depth--
    else if (character === "\n" && depth <= 0) {
      commands.push(text.slice(start, at))
      start = at + 1
      depth = 0
    }
  }
  return [...commands, text.slice(start)].map((line) => line.trim()).filter((line) => line !== "")
}
