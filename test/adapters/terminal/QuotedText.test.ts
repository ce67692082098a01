import { assert, describe, it } from "vitest"
import { isLong, quotedText, wholeQuotedText } from "../../../src/adapters/terminal/QuotedText.ts"

describe("a text of a server in a question", () => {
  it("is shown whole, in lines that do not look like ours", () => {
    assert.strictEqual(quotedText("Sum up:\ntwo pages."), "  Sum up:\n  two pages.")
    assert.isFalse(isLong("x".repeat(2000)))
  })

  it.each([
    [2001, "1 more"],
    [12_345, "10,345 more"],
    [1_000_000, "998,000 more"]
  ])("of %d characters says how many are hidden, and how they are shown", (length, hidden) => {
    const text = `${"x".repeat(length - 4)} end`
    assert.include(quotedText(text), `(${hidden} characters: v shows all.)`)
    assert.isTrue(isLong(text))
    assert.include(wholeQuotedText(text), " end")
  })

  it.each([
    ["escapes", "a\u001b[2Jb", "a\\u001b[2Jb"],
    ["tags, which a model reads", "a\u{e0068}\u{e0069}b", "a\\udb40\\udc68\\udb40\\udc69b"],
    ["another direction", "pay\u202eyap", "pay\\u202eyap"],
    ["a zero-width space", "a\u200bb", "a\\u200bb"]
  ])("shows what a terminal would hide: %s", (_, text, shown) => {
    assert.strictEqual(quotedText(text), `  ${shown}`)
  })

  it("leaves joiners that are text", () => {
    assert.strictEqual(quotedText("\u{1f468}\u200d\u{1f469}"), "  \u{1f468}\u200d\u{1f469}")
  })
})
