import type { Interface, Key } from "node:readline"

/** Stands for a line break in a line that is edited. */
const lineBreak = "\u240a"

/** A pasted text on one line: the editor has only one. */
const asOneLine = (text: string): string =>
  text
    .replace(/[\r\n]+$/, "")
    .replace(/\r\n?|\n/g, lineBreak)
    .replaceAll("\t", " ")
    // oxlint-disable-next-line no-control-regex -- what a terminal acts on is no text
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "")

/** A line as it was pasted. */
export const withLineBreaks = (line: string): string => line.replaceAll(lineBreak, "\n")

type Press = (text: string | undefined, key: Key) => void

const isControl = (key: Key, name: string): boolean => key.ctrl === true && key.name === name

/** What an editor of Node lacks: text that is pasted, and the search in the history (Ctrl-R). */
export const lineKeys = (options: {
  readonly lines: Interface
  readonly prompt: string
  /** The newest line first. */
  readonly history: () => ReadonlyArray<string>
  /** What the editor does with a key. */
  readonly press: Press
}): Press => {
  const { history, lines, press, prompt } = options
  let pasted: string | undefined
  let search: { readonly before: string; query: string; at: number } | undefined

  const replaceLine = (text: string) => {
    lines.write(null, { ctrl: true, name: "e" })
    lines.write(null, { ctrl: true, name: "u" })
    if (text !== "") lines.write(text)
  }

  const endSearch = () => {
    search = undefined
    lines.setPrompt(prompt)
    lines.prompt(true)
  }

  /** Shows the newest match that is at least as old as `from`. */
  const find = (from: number) => {
    if (search === undefined) return
    const { query } = search
    const at = query === "" ? -1 : history().findIndex((line, index) => index >= from && line.includes(query))
    if (at >= 0) search.at = at
    lines.setPrompt(`(${at < 0 && query !== "" ? "no match" : "search"} "${query}") `)
    replaceLine(at >= 0 ? (history()[at] ?? "") : query === "" ? "" : lines.line)
    lines.prompt(true)
  }

  const inSearch = (current: NonNullable<typeof search>, text: string | undefined, key: Key): void => {
    if (isControl(key, "r")) return find(current.at + 1)
    if (key.name === "backspace") {
      current.query = Array.from(current.query).slice(0, -1).join("")
      return find(0)
    }
    if (key.name === "escape" || isControl(key, "g") || isControl(key, "c")) {
      replaceLine(current.before)
      return endSearch()
    }
    if (text !== undefined && key.ctrl !== true && key.meta !== true && text >= " " && text !== "\u007f") {
      current.query += text
      return find(current.at)
    }
    endSearch()
    press(text, key)
  }

  const paste = (text: string) => {
    const line = asOneLine(text)
    if (line !== "") lines.write(line)
  }

  return (text, key) => {
    if (key.sequence === "\u001b[200~") {
      if (search !== undefined) endSearch()
      pasted = ""
    } else if (pasted !== undefined && key.sequence === "\u001b[201~") {
      paste(pasted)
      pasted = undefined
    } else if (pasted !== undefined && !isControl(key, "c")) {
      pasted += text ?? (key.name === "return" || key.name === "enter" ? "\n" : "")
    } else if (search !== undefined) inSearch(search, text, key)
    else if (isControl(key, "r")) {
      search = { before: lines.line, query: "", at: 0 }
      find(0)
    } else {
      pasted = undefined
      press(text, key)
    }
  }
}
