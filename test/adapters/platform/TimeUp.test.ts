import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect } from "effect"
import { timeUp } from "../../../src/adapters/platform/TimeUp.ts"

/** A clock that a test sets, and whose timers a test fires, early or late. */
const manualClock = Effect.map(Clock.Clock, (clock) => {
  const timers: Array<{ readonly wait: number; readonly fire: Deferred.Deferred<void> }> = []
  let now = 0
  return {
    timers,
    /** Fires the last timer at this time. */
    fireAt: (time: number) =>
      Effect.gen(function* () {
        now = time
        yield* Deferred.succeed(timers.at(-1)?.fire ?? assert.fail(), undefined)
        yield* Effect.yieldNow
        yield* Effect.yieldNow
      }),
    clock: {
      ...clock,
      currentTimeMillis: Effect.sync(() => now),
      currentTimeMillisUnsafe: () => now,
      sleep: (duration: Duration.Duration) =>
        Effect.gen(function* () {
          const fire = yield* Deferred.make<void>()
          timers.push({ wait: Duration.toMillis(duration), fire })
          yield* Deferred.await(fire)
        })
    }
  }
})

describe("timeUp", () => {
  const started = Effect.fnUntraced(function* (timeout: Duration.Duration) {
    const { clock, fireAt, timers } = yield* manualClock
    const fiber = yield* timeUp(timeout).pipe(
      Effect.provideService(Clock.Clock, clock),
      Effect.forkChild({ startImmediately: true })
    )
    const waits = () => timers.map(({ wait }) => wait)
    return { fireAt, waits, hasEnded: () => fiber.pollUnsafe() !== undefined }
  })

  it.effect("ends at the timeout", () =>
    Effect.gen(function* () {
      const { fireAt, hasEnded, waits } = yield* started(Duration.seconds(15))
      assert.isFalse(hasEnded())
      yield* fireAt(15_050)
      assert.isTrue(hasEnded())
      assert.deepEqual(waits(), [15_000])
    })
  )

  it.effect("waits for input after a pause of the process, and again after the next one", () =>
    Effect.gen(function* () {
      const { fireAt, hasEnded, waits } = yield* started(Duration.seconds(15))
      yield* fireAt(40_000)
      assert.isFalse(hasEnded())
      yield* fireAt(80_000)
      assert.isFalse(hasEnded())
      yield* fireAt(85_000)
      assert.isTrue(hasEnded())
      assert.deepEqual(waits(), [15_000, 5000, 5000])
    })
  )

  it.effect("ends in a process whose timers are always late, because it is overloaded", () =>
    Effect.gen(function* () {
      const { fireAt, hasEnded } = yield* started(Duration.seconds(1))
      for (let fired = 1; fired <= 4; fired++) {
        assert.isFalse(hasEnded())
        yield* fireAt(fired * 1500)
      }
      assert.isTrue(hasEnded())
    })
  )

  it.effect("never waits longer than the timeout itself", () =>
    Effect.gen(function* () {
      const { fireAt, waits } = yield* started(Duration.seconds(1))
      yield* fireAt(60_000)
      assert.deepEqual(waits(), [1000, 1000])
    })
  )
})
