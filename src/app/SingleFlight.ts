import { Effect, Fiber, type Scope } from "effect"

/** Runs at most one effect a key at a time; whoever asks meanwhile gets the answer of the one that runs. */
export interface SingleFlight<A, E> {
  readonly run: (key: string, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

interface Flight<A, E> {
  readonly fiber: Fiber.Fiber<A, E>
  waiting: number
}

/**
 * A single flight whose effects belong to the scope and not to the first that asked: that one may be interrupted,
 * and the others still get their answer. When the last of them is interrupted, so is the effect.
 */
export const makeSingleFlight = <A, E>(): Effect.Effect<SingleFlight<A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const flights = new Map<string, Flight<A, E>>()

    const start = (key: string, effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => effect).pipe(
        Effect.ensuring(Effect.sync(() => flights.delete(key))),
        Effect.interruptible,
        Effect.forkIn(scope),
        Effect.map((fiber) => {
          const flight: Flight<A, E> = { fiber, waiting: 0 }
          flights.set(key, flight)
          return flight
        })
      )

    const leave = (key: string, flight: Flight<A, E>) =>
      Effect.suspend(() => {
        flight.waiting -= 1
        if (flight.waiting > 0) return Effect.void
        if (flights.get(key) === flight) flights.delete(key)
        return Fiber.interrupt(flight.fiber)
      })

    return {
      run: (key, effect) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const flight = flights.get(key) ?? (yield* start(key, effect))
            flight.waiting += 1
            return yield* restore(Fiber.join(flight.fiber)).pipe(Effect.onInterrupt(() => leave(key, flight)))
          })
        )
    }
  })
