import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { citationsIn, staleCitations } from "../CitedTests.ts"
import { authorizationScenarios } from "./Suite.ts"

const text = readFileSync("docs/conformance.md", "utf8")
const lines = text
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (#|-+|practice|extension) /.test(line))
const scenarios = await authorizationScenarios()

describe("the table of duties", () => {
  it("has every duty of the specification", () => {
    assert.lengthOf(
      lines.filter((line) => /^\| \d/.test(line)),
      36
    )
  })

  it.each(lines)("names its proof: %s", (line) => {
    const tests = citationsIn(line)
    const named = [...line.matchAll(/scenario `([^`]+)`/g)]
    assert.isAbove(tests.length + named.length, 0)
    assert.deepStrictEqual(staleCitations(tests), [])
    for (const [, name = ""] of named) assert.include(scenarios, name)
  })

  it("names every scenario of the suite", () => {
    for (const name of scenarios) assert.include(text, `scenario \`${name}\``)
  })
})
