import { assert, describe, it } from "@effect/vitest"
import { scenarios } from "../../bench/compare/Scenarios.ts"

describe("what no conformance suite sees", () => {
  for (const { name, ours } of scenarios) {
    it(`is right: ${name}`, async () => {
      const { right, said } = await ours()
      assert.isTrue(right, said)
    })
  }
})
