import { Clock, Effect } from "effect"
import { sleepLateness, sleepLook } from "./ProxyLimits.ts"

/** Runs an effect each time that the machine has slept. */
export const afterSleep = (effect: Effect.Effect<void>): Effect.Effect<never> =>
  Effect.gen(function* () {
    let before = yield* Clock.currentTimeMillis
    for (;;) {
      yield* Effect.sleep(sleepLook)
      // Read once for each look: a sleep between two readings would not be seen.
      const now = yield* Clock.currentTimeMillis
      const late = now - before - sleepLook
      before = now
      // In the background: the time that it takes is no sleep.
      if (late > sleepLateness) yield* Effect.forkChild(effect)
    }
  })
