import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, RcMap } from "effect"
import { TestClock } from "effect/testing"
import { makeMutexes, withMutex } from "../../../src/adapters/lock/KeyedMutex.ts"

describe("a mutex per name", () => {
  it.effect("is held by one fiber at a time, and freed after the last one", () =>
    Effect.gen(function* () {
      const mutexes = yield* makeMutexes
      const events: Array<string> = []
      const visit = (name: string) =>
        Effect.gen(function* () {
          events.push(`${name} in`)
          yield* Effect.sleep("1 second")
          events.push(`${name} out`)
        }).pipe(withMutex(mutexes, "notion"))
      const first = yield* Effect.forkChild(visit("first"))
      const second = yield* Effect.forkChild(visit("second"))
      yield* TestClock.adjust("1 second")
      assert.deepEqual([...(yield* RcMap.keys(mutexes))], ["notion"])
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll([first, second])
      assert.deepEqual(events, ["first in", "first out", "second in", "second out"])
      assert.deepEqual([...(yield* RcMap.keys(mutexes))], [])
    })
  )

  it.effect("leaves finalizers of the effect to the scope of its caller", () =>
    Effect.gen(function* () {
      const mutexes = yield* makeMutexes
      let isReleased = false
      const release = Effect.sync(() => {
        isReleased = true
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* withMutex(mutexes, "notion")(Effect.addFinalizer(() => release))
          assert.isFalse(isReleased)
        })
      )
      assert.isTrue(isReleased)
    })
  )
})
