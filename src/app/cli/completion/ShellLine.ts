/** The shells that have completions. */
export const shells = ["bash", "zsh", "fish", "powershell"] as const
export type Shell = (typeof shells)[number]

/** A command line up to the cursor, as a shell reads it. */
export interface ShellLine {
  /** The words before the one at the cursor, without quotes, and without the program. */
  readonly words: ReadonlyArray<string>
  /** The word at the cursor, without quotes. */
  readonly current: string
  /** The same as it is typed. */
  readonly raw: string
  /** The quote that the word at the cursor is in; `""` for none. */
  readonly quote: "" | "'" | '"'
}

interface Word {
  text: string
  raw: string
  quote: ShellLine["quote"]
}

/** Splits a line into words. Nothing in it is run or expanded. */
const split = (line: string, escape: string): ReadonlyArray<Word> => {
  const words: Array<Word> = []
  let word: Word | undefined
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ""
    if (word === undefined && /\s/.test(character)) continue
    word ??= { text: "", raw: "", quote: "" }
    if (word.quote === "" && /\s/.test(character)) {
      words.push(word)
      word = undefined
      continue
    }
    word.raw += character
    if (character === escape && word.quote !== "'") {
      word.raw += line[at + 1] ?? ""
      // Within quotes, a shell keeps the backslash before most characters.
      const isKept = escape === "\\" && word.quote === '"' && !/["\\$`]/.test(line[at + 1] ?? "")
      word.text += (isKept ? escape : "") + (line[++at] ?? "")
    } else if (word.quote === character) {
      word.quote = ""
    } else if (word.quote === "" && (character === '"' || character === "'")) {
      word.quote = character
    } else {
      word.text += character
    }
  }
  return [...words, word ?? { text: "", raw: "", quote: "" }]
}

const isProgram = ({ text }: Word): boolean => /(^|[\\/])mcp-cli(\.[\w.]+)?$/.test(text)

/** Reads a line up to the cursor. Variables that are set before the program are no part of it. */
export const readLine = (shell: Shell, line: string): ShellLine => {
  const all = split(line, shell === "powershell" ? "`" : "\\")
  const program = Math.max(0, all.slice(0, -1).findIndex(isProgram))
  const { quote, raw, text } = all.at(-1) ?? { text: "", raw: "", quote: "" }
  return { words: all.slice(program + 1, -1).map((word) => word.text), current: text, raw, quote }
}

const plain = /^[\p{L}\p{N}\p{M}_@%+=:,./-]+$/u

/** A word that PowerShell reads back. */
const powershellWord = (text: string): string =>
  plain.test(text) && !/^[@,%]|,/.test(text) ? text : `'${text.replaceAll(/['‘’‚‛]/g, "$&$&")}'`

/**
 * A word for bash, without the part of it that bash does not replace: the quote at its start, or what is before the last
 * character that breaks words (`COMP_WORDBREAKS`).
 */
const bashWord = (text: string, { quote, raw }: ShellLine, breaks: string): string => {
  if (quote === "'") return text.replaceAll("'", `'\\''`)
  if (quote === '"') return text.replaceAll(/["\\$`]/g, "\\$&")
  const escaped = text.replaceAll(/[^\p{L}\p{N}\p{M}_@%+=:,./-]/gu, "\\$&").replace(/^~/, "\\~")
  // A character that breaks words does not where it is quoted.
  const unquoted = raw.replaceAll(/\\.|"[^"]*"|'[^']*'/gs, (quoted) => " ".repeat(quoted.length))
  const at = Math.max(-1, ...Array.from(breaks.replaceAll(/[\s"']/g, ""), (one) => unquoted.lastIndexOf(one)))
  const before = raw.slice(0, at + 1)
  return escaped.startsWith(before) ? escaped.slice(before.length) : escaped
}

/** A candidate as the script of a shell inserts it. fish and zsh quote it themselves. */
export const insertable = (shell: Shell, text: string, line: ShellLine, breaks: string): string => {
  switch (shell) {
    case "bash":
      return bashWord(text, line, breaks)
    case "powershell":
      return powershellWord(text)
    case "fish":
    case "zsh":
      return text
  }
}
