import { type PieceState, safePiece } from "../../../domain/PrintableText.ts"
import type { Styled } from "../Line.ts"

/** Bold, dim, italic and green: what a text of a model is shown in. 0: without a style. */
type Style = 0 | 1 | 2 | 3 | 32

/** Where a piece of a text begins. Nothing of a line is ever taken back, so this is all that has to be known of it. */
export interface MarkdownState extends PieceState {
  /** Markers whose meaning depends on what follows them. */
  readonly held: string
  /** The character before them. */
  readonly before: string
  readonly place: "start" | "text" | "as it is" | "fence info" | "fenced start" | "fenced" | "fence end"
  /** The marks that opened a fenced block. */
  readonly fence: string
  readonly isHeading: boolean
  /** The marks that opened these; empty: not open. */
  readonly bold: string
  readonly italic: string
  readonly code: string
  /** An address: no marker in it is one. `(`: until the bracket closes. */
  readonly address: "" | "word" | "("
  readonly isEscaped: boolean
  /** One space that follows the mark of a quotation. */
  readonly skipsSpace: boolean
}

/** The start of a text. */
export const startOfMarkdown: MarkdownState = {
  tail: "",
  half: "",
  held: "",
  before: "\n",
  place: "start",
  fence: "",
  isHeading: false,
  bold: "",
  italic: "",
  code: "",
  address: "",
  isEscaped: false,
  skipsSpace: false
}

/** An info string of a fence is not longer than this. */
const maxInfo = 100

const isWord = (character: string): boolean => /^[0-9A-Za-z]/.test(character)
const isSpace = (character: string): boolean =>
  character === "" || character === " " || character === "\n" || character === "\t" || /^\s/.test(character)

/** Characters before which a marker opens nothing, because they are part of a name, a path or a term. */
const joinsBefore = /^[0-9A-Za-z/\\=@#&%$~.+]/

/** Text in which no character is a marker, outside of an address and in one. */
const plainRun = /[^*_`\\\n/(\]]+/y
const addressRun = /[^*_`\\\n/(\])\s>]+/y

/** Styles a text character by character. */
class Styler {
  readonly parts: Array<Styled | string> = []
  private run = ""
  private runStyle: Style = 0
  state: { -readonly [K in keyof MarkdownState]: MarkdownState[K] }

  constructor(state: MarkdownState) {
    this.state = { ...state }
  }

  private style(): Style {
    const { bold, code, isHeading, italic } = this.state
    if (code !== "") return 32
    if (isHeading || bold !== "") return 1
    return italic === "" ? 0 : 3
  }

  emit(text: string, style: Style = this.style()): void {
    if (text === "") return
    if (style !== this.runStyle) this.flush()
    this.runStyle = style
    this.run += text
  }

  flush(): void {
    if (this.run !== "")
      this.parts.push(this.runStyle === 0 ? this.run : { style: this.runStyle, text: this.run })
    this.run = ""
  }

  /** The end of a line ends all that is open in it. */
  private newLine(): void {
    const { state } = this
    this.emit("\n", 0)
    state.held = ""
    state.before = "\n"
    state.isHeading = false
    state.bold = ""
    state.italic = ""
    state.code = ""
    state.address = ""
    state.isEscaped = false
    state.skipsSpace = false
    const isFenced =
      state.place === "fenced" || state.place === "fenced start" || state.place === "fence info"
    state.place = isFenced ? "fenced start" : "start"
  }

  /** Leaves the start of a line: what was held there is text. */
  private asText(): void {
    const { state } = this
    const { held } = state
    state.held = ""
    state.place = "text"
    for (const character of held) this.inText(character)
  }

  /** At the start of a line, whose markers say what it is. */
  private atStart(next: string): void {
    const { state } = this
    const { held } = state
    if (state.skipsSpace) {
      state.skipsSpace = false
      if (next === " ") return
    }
    if (held === "") {
      if (next === "\n") return this.newLine()
      if (next === " " || next === "\t") return this.emit(next)
      if (next === "|") {
        state.place = "as it is"
        return this.emit(next)
      }
      if (next === ">") {
        this.emit("\u2502 ", 2)
        state.skipsSpace = true
        return
      }
      if (/[#*+\-`~]/.test(next)) {
        state.held = next
        return
      }
      state.place = "text"
      return this.inText(next)
    }
    const marker = held.charAt(0)
    if (next === marker && (marker === "#" ? held.length < 6 : /[*`~-]/.test(marker))) {
      state.held += next
      return
    }
    if (next === " " || next === "\t") {
      if (marker === "#") {
        Object.assign(state, { held: "", place: "text", isHeading: true, before: " " })
        return
      }
      if (held.length === 1 && /[*+-]/.test(marker)) {
        Object.assign(state, { held: "", place: "text", before: " " })
        return this.emit(`\u2022${next}`)
      }
    }
    if (/[`~]/.test(marker) && held.length >= 3) {
      state.place = "fence info"
      state.fence = held
      return this.inFenceInfo(next)
    }
    this.asText()
    this.inText(next)
  }

  /** Behind the marks of a fence. Another backtick in the line makes them those of a code span. */
  private inFenceInfo(next: string): void {
    const { state } = this
    if (next === "\n") {
      this.emit(state.held, 2)
      return this.newLine()
    }
    if ((next === "`" && state.fence.startsWith("`")) || state.held.length > maxInfo) {
      state.fence = ""
      this.asText()
      return this.inText(next)
    }
    state.held += next
  }

  /** In a fenced block. Only its end is a marker. */
  private fenced(next: string): void {
    const { state } = this
    if (next === "\n") {
      const isEnd =
        state.place === "fence end" || (state.held.length >= state.fence.length && state.held !== "")
      this.emit(state.held, isEnd ? 2 : 0)
      if (isEnd) {
        state.place = "start"
        state.fence = ""
      }
      return this.newLine()
    }
    if (state.place === "fenced start" && next === state.fence.charAt(0)) {
      state.held += next
      return
    }
    if (state.place === "fenced start" && state.held === "" && (next === " " || next === "\t"))
      return this.emit(next, 0)
    const isLong = state.held.length >= state.fence.length && state.held !== ""
    if ((state.place === "fence end" || (state.place === "fenced start" && isLong)) && /[ \t]/.test(next)) {
      state.place = "fence end"
      state.held += next
      return
    }
    state.place = "fenced"
    this.emit(state.held + next, 0)
    state.held = ""
  }

  /** Decides about a run of `*`, `_` or backticks, now that the character behind it is known: empty at the end. */
  private decide(next: string): void {
    const { state } = this
    const { before, held } = state
    if (held === "") return
    state.held = ""
    const marker = held.charAt(0)
    if (marker === "`") {
      if (state.code === held) state.code = ""
      else if (state.code === "" && state.address === "" && !isSpace(next)) state.code = held
      else this.emit(held)
    } else if (!this.emphasize(held, marker, next)) this.emit(held)
    state.before = isSpace(before) && !isSpace(next) ? before : marker
  }

  /** Opens or closes bold and italic text. False: the run is text. */
  private emphasize(run: string, marker: string, next: string): boolean {
    const { state } = this
    const { before } = state
    if (run.length > 3 || state.code !== "") return false
    const mayClose = !isSpace(before) && (marker === "*" ? run.length > 1 || !isWord(next) : !isWord(next))
    const isBoldOpen = state.bold === marker
    const isItalicOpen = state.italic === marker
    const isBold = run.length >= 2
    const isItalic = run.length !== 2
    if (mayClose && (!isBold || isBoldOpen) && (!isItalic || isItalicOpen)) {
      if (state.address !== "" && !/^([\s).,;:!?]|$)/.test(next)) return false
      if (isBold) state.bold = ""
      if (isItalic) state.italic = ""
      state.address = state.address === "(" ? "(" : ""
      return true
    }
    const isApart = marker === "*" && isBold ? !(isWord(before) && isWord(next)) : !joinsBefore.test(before)
    const mayOpen =
      state.address === "" &&
      !isSpace(next) &&
      isApart &&
      (isBold || /^[\p{L}\p{N}"'\u201c\u2018`([]/u.test(next))
    if (!mayOpen || (isBold && state.bold !== "") || (isItalic && state.italic !== "")) return false
    if (isBold) state.bold = marker
    if (isItalic) state.italic = marker
    return true
  }

  /** In a line of text. */
  private inText(next: string): void {
    const { state } = this
    if (state.held !== "" && next !== state.held.charAt(0)) this.decide(next)
    if (next === "\n") return this.newLine()
    if (state.isEscaped) {
      state.isEscaped = false
      state.before = next
      return this.emit(next)
    }
    if (next === "`" || ((next === "*" || next === "_") && state.code === "")) {
      state.held += next
      return
    }
    if (state.code === "") {
      if (next === "\\" && state.address === "") state.isEscaped = true
      else if (next === "/" && state.before === "/" && state.address === "") state.address = "word"
      else if (next === "(" && state.before === "]") state.address = "("
      else if (isSpace(next) || (next === ")" && state.address === "(") || next === ">") state.address = ""
    }
    state.before = next
    this.emit(next)
  }

  take(text: string): void {
    const { state } = this
    for (let at = 0; at < text.length;) {
      if (state.place === "text" && state.held === "" && !state.isEscaped) {
        const plain = state.address === "" ? plainRun : addressRun
        plain.lastIndex = at
        if (plain.test(text)) {
          this.emit(text.slice(at, plain.lastIndex))
          at = plain.lastIndex
          state.before = text.charAt(at - 1)
          continue
        }
      }
      if (state.place === "as it is" || state.place === "fenced") {
        const end = text.indexOf("\n", at)
        if (end !== at) {
          this.emit(text.slice(at, end < 0 ? text.length : end), 0)
          at = end < 0 ? text.length : end
          continue
        }
      }
      const next = text.charAt(at++)
      switch (state.place) {
        case "start":
          this.atStart(next)
          break
        case "text":
          this.inText(next)
          break
        case "as it is":
          this.newLine()
          break
        case "fence info":
          this.inFenceInfo(next)
          break
        default:
          this.fenced(next)
      }
    }
  }

  end(): void {
    const { state } = this
    if (state.place === "fence info") this.emit(state.held, 2)
    else if (state.place.startsWith("fence")) {
      const isEnd = state.place === "fence end" || state.held.length >= state.fence.length
      this.emit(state.held, isEnd ? 2 : 0)
    } else {
      if (state.place === "start" && state.held !== "") this.asText()
      this.decide("")
    }
    state.held = ""
  }
}

/** What a piece of a text shows, and where the next one begins. */
export interface StyledPiece {
  readonly state: MarkdownState
  readonly parts: ReadonlyArray<Styled | string>
}

/**
 * Styles the next piece of a Markdown text. Only what depends on the following characters is held back, and nothing that was
 * shown is taken back. Bold, italics, code, headings, lists, quotations and fences are styled; links, tables and the rest stay
 * as they are.
 *
 * @param isPlain the text stays as it is, safe for a terminal
 */
export const styledPiece = (state: MarkdownState, piece: string, isPlain = false): StyledPiece => {
  const { half, tail, text } = safePiece(state, piece)
  const styler = new Styler(state)
  styler.state.half = half
  styler.state.tail = tail
  if (isPlain) return { state: styler.state, parts: text === "" ? [] : [text] }
  styler.take(text)
  styler.flush()
  return { state: styler.state, parts: styler.parts }
}

/** Shows what was held back: the text is over. */
export const endOfMarkdown = (state: MarkdownState, isPlain = false): StyledPiece["parts"] => {
  const { text } = safePiece(state, "", true)
  if (isPlain) return text === "" ? [] : [text]
  const styler = new Styler(state)
  styler.take(text)
  styler.end()
  styler.flush()
  return styler.parts
}
