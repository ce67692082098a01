import { assert, describe, it } from "@effect/vitest"
import {
  endOfMarkdown,
  type MarkdownState,
  startOfMarkdown,
  styledPiece
} from "../../../../src/app/cli/chat/Markdown.ts"
import { randomOf } from "../../../fuzz/Random.ts"

type Part = { readonly style: number; readonly text: string }

/** The styled text of pieces, with neighbours of one style put together. */
const styledBy = (pieces: ReadonlyArray<string>, isPlain = false): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  const add = (all: ReadonlyArray<Part | string>) => {
    for (const part of all) {
      const { style, text } = typeof part === "string" ? { style: 0, text: part } : part
      const last = parts.at(-1)
      if (last?.style === style) parts.splice(-1, 1, { style, text: last.text + text })
      else parts.push({ style, text })
    }
  }
  let state: MarkdownState = startOfMarkdown
  for (const piece of pieces) {
    const styled = styledPiece(state, piece, isPlain)
    state = styled.state
    add(styled.parts)
  }
  add(endOfMarkdown(state, isPlain))
  return parts
}

const names: Readonly<Record<number, string>> = { 1: "b", 2: "dim", 3: "i", 32: "code" }

/** As text, with the styles as tags. */
const tagged = (text: string): string =>
  styledBy([text])
    .map((part) => (part.style === 0 ? part.text : `<${names[part.style]}:${part.text}>`))
    .join("")

describe("Markdown in a terminal", () => {
  it.each([
    ["plain text, as it is", "plain text, as it is"],
    ["a **bold** word", "a <b:bold> word"],
    ["a *slanted* word and _another_", "a <i:slanted> word and <i:another>"],
    ["***both***, __bold__", "<b:both>, <b:bold>"],
    ["`code` and ``a ` b``", "<code:code> and <code:a ` b>"],
    ["`**not bold**` snake_case_name", "<code:**not bold**> snake_case_name"],
    ["2 * 3 * 4, 5*3*2, a ** b", "2 * 3 * 4, 5*3*2, a ** b"],
    ["*.ts and *.js, and /a/_b_/c", "*.ts and *.js, and /a/_b_/c"],
    ["\\*not\\* this", "\\*not\\* this"],
    ["# Title\ntext", "<b:Title>\ntext"],
    ["###### Six **deep**\n####### seven", "<b:Six deep>\n####### seven"],
    ["#hashtag", "#hashtag"],
    ["- one\n* two\n  + three\n1. four", "\u2022 one\n\u2022 two\n  \u2022 three\n1. four"],
    ["- **bold**: `x`", "\u2022 <b:bold>: <code:x>"],
    ["---\n***\n-5", "---\n***\n-5"],
    ["> said *so*\n>> twice", "<dim:\u2502 >said <i:so>\n<dim:\u2502 \u2502 >twice"],
    ["```js\nconst a = **b**\n```\nafter", "<dim:```js>\nconst a = **b**\n<dim:```>\nafter"],
    ["~~~\n```\n~~~\n*x*", "<dim:~~~>\n```\n<dim:~~~>\n<i:x>"],
    ["```inline``` rest", "<code:inline> rest"],
    ["````\n```\n````  \nx", "<dim:````>\n```\n<dim:````  >\nx"],
    ["see [the page](https://x.test/_a_/*b*) **now**", "see [the page](https://x.test/_a_/*b*) <b:now>"],
    ["https://x.test/_foo_/*bar* *x*", "https://x.test/_foo_/*bar* <i:x>"],
    ["**https://x.test/a** b", "<b:https://x.test/a> b"],
    ["[safe.test](https://evil.test)", "[safe.test](https://evil.test)"],
    ["| a_b | **c** |\n|---|---|\n*x*", "| a_b | **c** |\n|---|---|\n<i:x>"],
    ["**open\nnext", "<b:open>\nnext"],
    ["`open\nnext", "<code:open>\nnext"],
    ["\u8fd9\u662f**\u91cd\u70b9**\u5185\u5bb9", "\u8fd9\u662f<b:\u91cd\u70b9>\u5185\u5bb9"],
    ["#", "#"],
    ["**", "**"],
    ["```", "```"],
    ["", ""]
  ])("shows %j", (text, shown) => {
    assert.strictEqual(tagged(text), shown)
  })

  it.each([
    ["a colour", "a\u001b[31mb", "a[31mb"],
    ["the clipboard (OSC 52)", "\u001b]52;c;aGk=\u0007x", "]52;c;aGk=x"],
    ["C1", "a\u009b2Jb", "a2Jb"],
    ["another direction", "a\u202eb\u2066c", "abc"],
    ["a carriage return", "safe\rrewritten", "safe\nrewritten"],
    ["half a character", "a\ud83db", "a\ufffdb"],
    ["an invisible word", "a\u200b\u{e0041}b", "ab"]
  ])("shows nothing of %s that a terminal acts on", (_, text, shown) => {
    for (const isPlain of [false, true]) {
      for (const pieces of [[text], text.split("")])
        assert.strictEqual(
          styledBy(pieces, isPlain)
            .map((part) => part.text)
            .join(""),
          shown
        )
    }
  })

  it.each(["H", "Hello", "  x"])("shows the first character of %j at once", (text) => {
    const { parts } = styledPiece(startOfMarkdown, text.slice(0, 1))
    assert.deepEqual(parts, [text.slice(0, 1)])
  })

  const common: readonly [string, ...ReadonlyArray<string>] = [
    "*",
    ..."*_`#->~|+ \n\n\\/()[]:ab1.",
    "**",
    "```",
    "https://",
    "]("
  ]
  const rare: readonly [string, ...ReadonlyArray<string>] = [
    "\u001b[2J",
    "\u009b",
    "\u200d",
    "\ufe0f",
    "\r\n",
    "\r",
    "\u{1f468}\u200d\u{1f469}",
    "\ud83d",
    "\ude00",
    "\u0915\u094d\u200d",
    "\u202e",
    "\u00e9"
  ]
  const texts = Array.from({ length: 1500 }, (_, seed) => {
    const random = randomOf(String(seed))
    return {
      random,
      text: random.list(60, () => random.pick<string>(random.oneIn(6) ? rare : common)).join("")
    }
  })

  it("does not depend on where a text is cut", () => {
    for (const { random, text } of texts) {
      const pieces: Array<string> = []
      for (let at = 0; at < text.length;) {
        const length = 1 + random.below(8)
        pieces.push(text.slice(at, at + length))
        at += length
      }
      for (const isPlain of [false, true]) {
        const whole = styledBy([text], isPlain)
        assert.deepEqual(styledBy(pieces, isPlain), whole, JSON.stringify(pieces))
        assert.deepEqual(styledBy(text.split(""), isPlain), whole, JSON.stringify(text))
      }
    }
  })

  it("shows every letter and digit of a text, in its order", () => {
    const letters = (shown: string) => shown.replace(/[^0-9A-Za-z]/g, "")
    for (const { text } of texts) {
      const shown = styledBy([text])
        .map((part) => part.text)
        .join("")
      assert.strictEqual(letters(shown), letters(text), JSON.stringify(text))
      // oxlint-disable-next-line no-control-regex -- what a terminal acts on
      assert.notMatch(shown, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/)
    }
  })
})
