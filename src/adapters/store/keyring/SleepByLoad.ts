import { availableParallelism, loadavg } from "node:os"
import { Effect } from "effect"
import { maxLoad } from "./KeyringLimits.ts"

/**
 * Sleeps, up to ten times longer on an overloaded machine: fifty programs that start at once on two cores must not
 * mistake the load for a keyring that hangs.
 *
 * @returns the seconds it took
 */
export const sleepByLoad = (seconds: number): Effect.Effect<number> =>
  Effect.suspend(() => {
    const load = (loadavg()[0] ?? 0) / availableParallelism() / maxLoad
    const slept = load <= 1 ? seconds : Math.round(seconds * Math.min(load, 10))
    return Effect.as(Effect.sleep(`${slept} seconds`), slept)
  })
