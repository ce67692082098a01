import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { abortAfter } from "../../../src/adapters/platform/AbortAfter.ts"

describe("abortAfter", () => {
  it.effect("ends an uninterruptible operation at the timeout", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<string>()
      const fiber = yield* Deferred.await(ended).pipe(
        abortAfter(Effect.sleep("5 seconds"), () => Deferred.doneUnsafe(ended, Effect.succeed("aborted"))),
        Effect.uninterruptible,
        Effect.forkChild
      )
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "aborted")
    })
  )

  it.effect("aborts nothing once the operation has ended or failed", () =>
    Effect.gen(function* () {
      let aborted = 0
      const abort = () => {
        aborted += 1
      }
      const limit = Effect.sleep("5 seconds")
      assert.strictEqual(yield* Effect.succeed("done").pipe(abortAfter(limit, abort)), "done")
      assert.strictEqual(yield* Effect.flip(Effect.fail("failed").pipe(abortAfter(limit, abort))), "failed")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(aborted, 0)
    })
  )
})
