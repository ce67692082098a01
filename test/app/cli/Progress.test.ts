import { assert, describe, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { TestClock } from "effect/testing"
import { progressOf } from "../../../src/app/cli/Progress.ts"
import { Json } from "../../../src/app/cli/Settings.ts"

/** The lines that are shown of a hundred steps, each of which takes this long. */
const shown = Effect.fnUntraced(function* (isJson: boolean, milliseconds: number) {
  const lines: Array<string> = []
  const recorder = { ...console, error: (line: string) => void lines.push(line) }
  yield* Effect.gen(function* () {
    const progress = yield* progressOf("copied")
    for (let done = 1; done <= 100; done++) {
      yield* TestClock.adjust(milliseconds)
      yield* progress(done, 100)
    }
  }).pipe(Effect.provideService(Json, isJson), Effect.provideService(Console.Console, recorder))
  return lines
})

describe("progress", () => {
  it.effect("is told every three seconds, so that short work is quiet", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* shown(false, 20), [])
      const lines = yield* shown(false, 100)
      assert.deepStrictEqual(lines, [
        "mcp-cli: copied 31 of 100 sign-ins",
        "mcp-cli: copied 61 of 100 sign-ins",
        "mcp-cli: copied 91 of 100 sign-ins"
      ])
    })
  )

  it.effect("is not told to programs", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* shown(true, 100), [])
    })
  )
})
