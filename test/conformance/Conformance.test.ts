import { assert, describe, it } from "@effect/vitest"
import { authorizationScenarios, revisions, runRequirements, runScenario } from "./Suite.ts"

const names = await authorizationScenarios()

describe("the official conformance suite", () => {
  it("has the scenarios that this client was written for", () => {
    assert.lengthOf(names, 33)
  })

  for (const name of names) {
    it(`${name}`, async () => {
      const { code, complaints, output, passed } = await runScenario(name)
      assert.deepStrictEqual(complaints, [])
      assert.strictEqual(code, 0, output)
      assert.isAbove(passed, 0)
    })
  }

  for (const revision of revisions) {
    it(`requires of revision ${revision} what this client does`, { timeout: 900_000 }, async () => {
      const { code, output } = await runRequirements(revision)
      assert.strictEqual(code, 0, output)
    })
  }
})
