import { Effect, Fiber } from "effect"

/**
 * Runs an effect, and calls `abort` if `expire` ends first. `abort` has to make the effect end.
 *
 * A timeout that interrupts has no effect in an uninterruptible region, and a refresh is one. This one ends the
 * operation itself: it aborts the request or kills the process.
 *
 * @param expire ends when the time is up
 */
export const abortAfter =
  <E>(expire: Effect.Effect<unknown, E>, abort: () => void) =>
  <A, E2, R>(effect: Effect.Effect<A, E2, R>): Effect.Effect<A, E2, R> =>
    Effect.gen(function* () {
      const timer = yield* expire.pipe(
        Effect.andThen(Effect.sync(abort)),
        Effect.interruptible,
        Effect.forkChild
      )
      return yield* Effect.ensuring(effect, Fiber.interrupt(timer))
    })
