import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { afterSleep } from "../../../src/app/proxy/AfterSleep.ts"

describe("a sleep of the machine", () => {
  it.effect("is noticed by a timer that is late, once for each sleep", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let slept = 0
      const late: Clock.Clock = Object.create(clock, {
        currentTimeMillis: { get: () => Effect.map(clock.currentTimeMillis, (now) => now + slept) }
      })
      let woken = 0
      yield* afterSleep(Effect.sync(() => void woken++)).pipe(
        Effect.provideService(Clock.Clock, late),
        Effect.forkChild
      )
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(woken, 0)
      slept += 29_000
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(woken, 0)
      for (const times of [1, 2]) {
        slept += 3_600_000
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(woken, times)
      }
    })
  )
})
