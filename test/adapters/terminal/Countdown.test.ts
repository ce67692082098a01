import { assert, describe, it } from "@effect/vitest"
import { countdown } from "../../../src/adapters/terminal/Countdown.ts"

describe("the countdown", () => {
  it.each([
    [300_000, "5:00"],
    [298_001, "4:59"],
    [60_000, "1:00"],
    [9_000, "0:09"],
    [1, "0:01"],
    [0, "0:00"],
    [-5, "0:00"],
    [3_600_000, "60:00"]
  ])("shows %i ms as %s", (milliseconds, shown) => {
    assert.strictEqual(countdown(milliseconds), shown)
  })
})
