import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { citationsIn, staleCitations } from "../CitedTests.ts"

const [defended = "", open] = readFileSync("docs/threats.md", "utf8").split("## What is not defended")
const rows = defended.split("\n").filter((line) => line.startsWith("|") && !/^\| (line |-)/.test(line))

describe("docs/threats.md", () => {
  it("says what is defended, and what is not", () => {
    assert.isAbove(rows.length, 50)
    assert.isDefined(open)
  })

  it.each(rows)("names the test that holds it: %s", (row) => {
    const citations = citationsIn(row)
    assert.isNotEmpty(citations)
    assert.deepStrictEqual(staleCitations(citations), [])
  })

  it.each([
    [
      "a file that does not exist",
      "test/architecture/Gone.test.ts",
      "says what is defended, and what is not"
    ],
    ["a file that is no test", "test/CitedTests.ts", "title"],
    ["a title that does not exist", "test/architecture/Threats.test.ts", "says what is defended"],
    ["a title in a comment or a table", "test/architecture/Threats.test.ts", "a file that is no test"]
  ])("would notice %s", (_, file, title) => {
    assert.deepStrictEqual(staleCitations(citationsIn(`[Name](../${file}): "${title}"`)), [{ file, title }])
  })
})
