import { Effect, Fiber, type Scope } from "effect"

/** Runs at most one effect per key. Concurrent callers with the same key share its result. */
export interface SingleFlight<A, E> {
  readonly run: (key: string, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

interface Flight<A, E> {
  readonly fiber: Fiber.Fiber<A, E>
  waiting: number
}

/**
 * Creates a single flight whose effects belong to the scope, not to the first caller. If that caller is interrupted, the
 * others still get their result. When the last caller is interrupted, so is the effect.
 */
export const makeSingleFlight = <A, E>(): Effect.Effect<SingleFlight<A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const flights = new Map<string, Flight<A, E>>()

    // An uninterruptible flight can outlive its last caller, when its key already belongs to the next flight.
    const end = (key: string, flight: Flight<A, E>) => {
      if (flights.get(key) === flight) flights.delete(key)
    }

    const start = (key: string, effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => effect).pipe(
        Effect.interruptible,
        Effect.forkIn(scope),
        Effect.map((fiber) => {
          const flight: Flight<A, E> = { fiber, waiting: 0 }
          flights.set(key, flight)
          fiber.addObserver(() => end(key, flight))
          return flight
        })
      )

    const leave = (key: string, flight: Flight<A, E>) =>
      Effect.suspend(() => {
        flight.waiting -= 1
        if (flight.waiting > 0) return Effect.void
        end(key, flight)
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
