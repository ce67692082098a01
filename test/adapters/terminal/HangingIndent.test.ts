import { assert, describe, it } from "vitest"
import { hangingIndent } from "../../../src/adapters/terminal/HangingIndent.ts"

const url = "https://pages.test/a/path?id=1"

describe("a hanging indent", () => {
  it.each<[what: string, text: string, rows: ReadonlyArray<string>]>([
    ["a line that fits", "one two", ["one two"]],
    ["words", `Open the page ${url} now.`, ["Open the page ", `    ${url} now.`]],
    [
      "a word that just fits a row of its own",
      `a bc ${"x".repeat(36)} c`,
      ["a bc ", `    ${"x".repeat(36)}`, "    c"]
    ],
    [
      "a word that fits no row",
      `a ${"x".repeat(80)} b`,
      [`a ${"x".repeat(38)}`, `    ${"x".repeat(36)}`, "    xxxxxx b"]
    ],
    ["wide characters", "字".repeat(30), ["字".repeat(20), `    ${"字".repeat(10)}`]],
    ["its own indent", `  address: "${url}"`, ["  address: ", `    "${url}"`]],
    [
      "spaces that fill rows",
      `a${" ".repeat(80)}b`,
      [`a${" ".repeat(39)}`, " ".repeat(40), `${" ".repeat(8)}b`]
    ],
    ["lines", `${"word ".repeat(8)}end\nnext`, [`${"word ".repeat(8)}`, "    end", "next"]]
  ])("breaks %s", (_, text, rows) => {
    assert.deepEqual(hangingIndent(text, 40).split("\n"), rows)
  })

  it("loses nothing but a space in place of a break, and has no row that is too wide", () => {
    const words = ["a", "字字", "x".repeat(50), " ", "   ", url, "\u{1f600}", "=", "word"]
    for (let seed = 1; seed < 500; seed++) {
      const text = Array.from({ length: 30 }, (_, at) => words[(seed * (at + 3) * 7919) % words.length]).join(
        " "
      )
      const rows = hangingIndent(text, 40).split("\n")
      assert.strictEqual(
        rows
          .map((row) => row.trimStart())
          .join("")
          .replaceAll(" ", ""),
        text.replaceAll(" ", "")
      )
      for (const row of rows) {
        const columns = Array.from(row, (one) => (one <= "~" ? 1 : 2)).reduce<number>(
          (sum, one) => sum + one,
          0
        )
        assert.isAtMost(columns, 40)
      }
      assert.isTrue(rows.slice(1).every((row) => row.startsWith("    ")))
    }
  })
})
