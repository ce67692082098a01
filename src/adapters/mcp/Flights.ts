// Async context is the one way to tell which operation a request inside the SDK belongs to.
import { AsyncLocalStorage } from "node:async_hooks"
import { type Cause, Clock, Duration, Effect } from "effect"

/** An operation of a session that is under way. */
export interface Flight<E> {
  /** It has ended by {@link Flight.fail}: nothing more is sent for it. */
  readonly failed: boolean
  /** Ends the operation with this cause, whatever its promise does; the first one counts. */
  readonly fail: (cause: Cause.Cause<E>) => void
  /** A request is on its way, sign-in included: that time is no silence. Returns what to call when it is over. */
  readonly sending: () => () => void
}

/**
 * The operations of one session that are under way, each a promise of the SDK run as an effect. A request that the
 * SDK makes in the middle of one finds it as {@link Flights.current}, and so can end it with the very error that it
 * met, although the SDK wraps some errors and swallows others.
 */
export class Flights<E> {
  readonly #context = new AsyncLocalStorage<Flight<E> | undefined>()

  /** The operation that the calling code runs for; none outside of all. */
  get current(): Flight<E> | undefined {
    return this.#context.getStore()
  }

  /**
   * Runs a promise as an effect; interrupting it aborts the signal.
   *
   * @param options.start begins it; it is given what to call when something was heard from the other side.
   * @param options.explain what a rejection means.
   * @param options.silence how long the other side may be silent, and the error for when it was.
   */
  run<A>(options: {
    readonly start: (signal: AbortSignal, heard: () => void) => Promise<A>
    readonly explain: (error: unknown) => E
    readonly silence: { readonly limit: Duration.Duration; readonly error: () => E }
  }): Effect.Effect<A, E> {
    const limit = Duration.toMillis(options.silence.limit)
    return Clock.clockWith((clock) => {
      let heardAt = clock.currentTimeMillisUnsafe()
      let requests = 0
      const heard = () => {
        heardAt = clock.currentTimeMillisUnsafe()
      }
      const flight = Effect.callback<A, E>((resume) => {
        const controller = new AbortController()
        let failed = false
        const flight: Flight<E> = {
          get failed() {
            return failed
          },
          fail: (cause) => {
            failed = true
            resume(Effect.failCause(cause))
          },
          sending: () => {
            requests++
            return () => {
              requests--
              heard()
            }
          }
        }
        this.#context
          .run(flight, async () => options.start(controller.signal, heard))
          .then(
            (value) => resume(Effect.succeed(value)),
            (error: unknown) => resume(Effect.suspend(() => Effect.fail(options.explain(error))))
          )
        // What the SDK sends because it was stopped belongs to no operation.
        return Effect.sync(() => this.#context.run(undefined, () => controller.abort()))
      })
      const left = () => (requests > 0 ? limit : heardAt + limit - clock.currentTimeMillisUnsafe())
      const silence = Effect.gen(function* () {
        for (let time = limit; time > 0; time = left()) yield* Effect.sleep(time)
        return yield* Effect.fail(options.silence.error())
      })
      return Effect.raceFirst(flight, silence)
    })
  }
}
