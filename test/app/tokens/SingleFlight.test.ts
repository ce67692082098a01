import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeSingleFlight } from "../../../src/app/tokens/SingleFlight.ts"

describe("a single flight", () => {
  it.effect("runs one effect per key, although one that nobody waits for ends late", () =>
    Effect.gen(function* () {
      const flights = yield* makeSingleFlight<string, never>()
      const started: Array<string> = []
      const flight = (name: string) =>
        Effect.sync(() => started.push(name)).pipe(Effect.andThen(Effect.sleep("1 second")), Effect.as(name))
      const a = yield* Effect.forkChild(flights.run("key", Effect.uninterruptible(flight("a"))))
      yield* TestClock.adjust("500 millis")
      // Its last caller leaves, and it cannot be interrupted.
      const migratingFrom = yield* Effect.forkChild(Fiber.interrupt(a))
      yield* TestClock.adjust("1 millis")
      const b = yield* Effect.forkChild(flights.run("key", flight("b")))
      yield* TestClock.adjust("600 millis")
      yield* Fiber.join(migratingFrom)
      const c = yield* Effect.forkChild(flights.run("key", flight("c")))
      yield* TestClock.adjust("1 second")
      assert.deepEqual([yield* Fiber.join(b), yield* Fiber.join(c)], ["b", "b"])
      assert.deepEqual(started, ["a", "b"])
    })
  )

  it.effect("is interrupted with its last caller, and not before", () =>
    Effect.gen(function* () {
      const flights = yield* makeSingleFlight<never, never>()
      let isInterrupted = false
      const flight = Effect.never.pipe(
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            isInterrupted = true
          })
        )
      )
      const first = yield* Effect.forkChild(flights.run("key", flight))
      const last = yield* Effect.forkChild(flights.run("key", flight))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      assert.isFalse(isInterrupted)
      yield* Fiber.interrupt(last)
      assert.isTrue(isInterrupted)
    })
  )
})
