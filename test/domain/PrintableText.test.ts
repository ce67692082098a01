import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { printable, safePiece, safeText, type PieceState } from "../../src/domain/PrintableText.ts"

describe("text from a server", () => {
  it.each([
    ["\u001b[2J\u001b[31mred\u0007", "[2J[31mred"],
    ["one\r\ntwo\u2028three", "one two three"],
    ["abc\u202ecba\u2069", "abccba"],
    ["\u009b31m c1", "31m c1"],
    ["  naïve 🙂  ", "naïve 🙂"],
    ["", ""]
  ])("%j is shown as %j", (text, shown) => assert.strictEqual(printable(text), shown))

  it("is cut after 300 characters, and never through one of them", () => {
    assert.strictEqual(printable("x".repeat(300)), "x".repeat(300))
    assert.strictEqual(printable("x".repeat(301)), `${"x".repeat(300)}…`)
    const cut = printable(`${"x".repeat(299)}🙂🙂`)
    assert.strictEqual(cut.toWellFormed(), cut)
  })

  it.prop("cannot move the cursor or turn the line around", [Schema.String], ([text]) => {
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be left
    assert.notMatch(printable(text), /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)
    assert.isAtMost(printable(text).length, 301)
  })

  it("is the same in pieces as in one text", () => {
    const pieces = [
      "",
      "ab",
      " ",
      "\r",
      "\n",
      "\u001b",
      "\u2028",
      "é",
      "\u200d",
      "\ufe0f",
      "🙂",
      "\ud83d",
      "\ude00"
    ]
    const threes = pieces.flatMap((one) => pieces.flatMap((two) => pieces.map((three) => [one, two, three])))
    for (const all of threes) {
      let state: PieceState = { tail: "", half: "" }
      let shown = ""
      for (const piece of all) {
        const { text, ...next } = safePiece(state, piece)
        shown += text
        state = next
      }
      shown += safePiece(state, "", true).text
      assert.strictEqual(shown, safeText(all.join("")), JSON.stringify(all))
    }
  })
})
