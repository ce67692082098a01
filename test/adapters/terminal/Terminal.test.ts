import { once } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { lineInterface } from "../../../src/adapters/terminal/Terminal.ts"

/** What Node reports of a terminal that was closed, before or after SIGHUP. */
const goes = () => process.stdin.emit("error", Object.assign(new Error("read EIO"), { code: "EIO" }))

describe("a terminal that is gone", () => {
  it.effect("ends the input, and not the process", () =>
    Effect.gen(function* () {
      const lines = yield* lineInterface()
      const closed = once(lines, "close")
      // Closing it leaves the raw mode, which fails as well.
      lines.once("close", goes)
      goes()
      yield* Effect.promise(() => closed)
    }).pipe(Effect.scoped)
  )

  it.effect("does not end the process after the last question either", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(lineInterface())
      assert.isTrue(goes())
    })
  )
})
