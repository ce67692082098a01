import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { afterSleep } from "../../../src/app/proxy/AfterSleep.ts"

describe("a sleep of the machine", () => {
  it.effect("is noticed by a timer that is late, once for each sleep, whenever it comes", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let slept = 0
      const late: Clock.Clock = Object.create(clock, {
        currentTimeMillis: { get: () => Effect.map(clock.currentTimeMillis, (now) => now + slept) }
      })
      let woken = 0
      const wake = Effect.suspend(() => {
        woken++
        // Asleep again at once: that one counts too.
        if (woken === 3) slept += 3_600_000
        return Effect.sleep("50 seconds")
      })
      yield* afterSleep(wake).pipe(Effect.provideService(Clock.Clock, late), Effect.forkChild)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(woken, 0)
      slept += 29_000
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(woken, 0)
      for (const times of [1, 2, 4]) {
        slept += 3_600_000
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(woken, times)
      }
    })
  )
})
