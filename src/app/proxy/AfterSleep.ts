import { Clock, Effect } from "effect"
import { sleepLateness, sleepLook } from "./ProxyLimits.ts"

/** Runs an effect each time that the machine has slept. */
export const afterSleep = (effect: Effect.Effect<void>): Effect.Effect<never> =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    yield* Effect.sleep(sleepLook)
    if ((yield* Clock.currentTimeMillis) - before - sleepLook > sleepLateness) yield* effect
  }).pipe(Effect.forever)
