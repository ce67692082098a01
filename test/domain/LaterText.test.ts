import { assert, describe, it } from "@effect/vitest"
import { laterText } from "../../src/domain/LaterText.ts"

describe("the time to try again", () => {
  it.each([
    [undefined, "later"],
    [0, "later"],
    [1, "in 1 second"],
    [90_000, "in 90 seconds"],
    [120_000, "in 2 minutes"],
    [3_600_000, "in 60 minutes"],
    [7_200_001, "in 3 hours"],
    [86_400_000, "in 24 hours"]
  ])("%s is %s", (millis, text) => assert.strictEqual(laterText(millis), text))
})
