import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import {
  cancellable,
  endReading,
  endSession,
  hasSessionEnded,
  startReading,
  takeInterrupt
} from "../../../src/adapters/terminal/Interrupts.ts"

describe("Ctrl-C in a session", () => {
  it.effect("ends the program at no moment between two prompts", () =>
    Effect.gen(function* () {
      assert.isFalse(takeInterrupt(), "before the session")

      let presses = 0
      startReading(() => presses++)
      assert.isTrue(takeInterrupt(), "at the prompt")
      assert.strictEqual(presses, 1)

      endReading()
      assert.isTrue(takeInterrupt(), "after the end of a line, before its effect")
      assert.deepStrictEqual(yield* cancellable(Effect.never), Option.none())
      assert.isTrue(takeInterrupt(), "after a line was cancelled")

      endReading()
      const started = yield* Deferred.make<void>()
      const cleaned = yield* Deferred.make<void>()
      const line = yield* Effect.forkChild(
        cancellable(
          Deferred.succeed(started, undefined).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => Deferred.await(cleaned))
          )
        )
      )
      yield* Deferred.await(started)
      assert.isTrue(takeInterrupt(), "while a line runs")
      assert.isTrue(takeInterrupt(), "while it cleans up")
      yield* Deferred.succeed(cleaned, undefined)
      assert.deepStrictEqual(yield* Fiber.join(line), Option.none())

      endReading()
      assert.deepStrictEqual(yield* cancellable(Effect.succeed(1)), Option.some(1))
      assert.isTrue(takeInterrupt(), "when the line has ended just before")
      endReading()
      assert.deepStrictEqual(yield* cancellable(Effect.succeed(2)), Option.some(2), "the next line runs")
      assert.deepStrictEqual(
        yield* cancellable(Effect.interrupt),
        Option.none(),
        "an effect that something else interrupts"
      )
      assert.strictEqual(presses, 1)

      assert.isFalse(hasSessionEnded())
      endSession()
      assert.isFalse(takeInterrupt(), "after the end")
      assert.isTrue(hasSessionEnded())
    })
  )
})
