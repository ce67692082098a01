// Only async context tells which operation a request inside the SDK belongs to.
import { AsyncLocalStorage } from "node:async_hooks"
import { Cause, Clock, Duration, Effect } from "effect"
import { noticeAfter, WaitNotice } from "../../ports/WaitNotice.ts"

/** A running operation of a session. */
export interface Operation<E> {
  /** True after {@link Operation.fail}: nothing more is sent for the operation. */
  readonly failed: boolean
  /** Ends the operation with this cause, even if its promise does not settle. The first cause counts. */
  readonly fail: (cause: Cause.Cause<E>) => void
  /** Ends the operation with its error for a silent server. */
  readonly silent: () => void
  /** How long the server may be silent, in milliseconds. */
  readonly limit: number
  /** Pauses the limit of silence while a request is sent, sign-in included. Returns the function that resumes it. */
  readonly sending: () => () => void
}

/**
 * The running operations of one session, each a promise of the SDK run as an effect. A request that the SDK makes for an
 * operation finds it as {@link Operations.current}, and can end it with its own error: the SDK wraps some errors and
 * swallows others.
 */
export class Operations<E> {
  readonly #context = new AsyncLocalStorage<Operation<E> | undefined>()
  readonly #running = new Set<Operation<E>>()

  /** The operation that the caller runs in. */
  get current(): Operation<E> | undefined {
    return this.#context.getStore()
  }

  /** Ends the operation that an answer belongs to; every one, if the answer is the stream of a session. */
  failFor(operation: Operation<E> | undefined, cause: Cause.Cause<E>): void {
    const isRunning = operation !== undefined && this.#running.has(operation)
    for (const each of isRunning ? [operation] : this.#running) each.fail(cause)
  }

  /**
   * Runs a promise as an effect. Interruption aborts the signal.
   *
   * @param options.start starts the promise; it calls `heard` whenever the server shows that it is alive
   * @param options.explain the error for a rejection
   * @param options.server who is waited for
   * @param options.silence how long the server may be silent, and the error after that
   */
  run<A>(options: {
    readonly start: (signal: AbortSignal, heard: () => void) => Promise<A>
    readonly explain: (error: unknown) => E
    readonly server: string
    readonly silence: { readonly limit: Duration.Duration; readonly error: () => E }
  }): Effect.Effect<A, E> {
    const limit = Duration.toMillis(options.silence.limit)
    return Clock.clockWith((clock) => {
      let heardAt = clock.currentTimeMillisUnsafe()
      let requests = 0
      const heard = () => {
        heardAt = clock.currentTimeMillisUnsafe()
      }
      const operation = Effect.callback<A, E>((resume) => {
        const controller = new AbortController()
        let failed = false
        const end = (result: Effect.Effect<A, E>) => {
          this.#running.delete(operation)
          resume(result)
        }
        const operation: Operation<E> = {
          get failed() {
            return failed
          },
          fail: (cause) => {
            failed = true
            end(Effect.failCause(cause))
          },
          silent: () => operation.fail(Cause.fail(options.silence.error())),
          limit,
          sending: () => {
            requests++
            return () => {
              requests--
              heard()
            }
          }
        }
        this.#running.add(operation)
        this.#context
          .run(operation, async () => options.start(controller.signal, heard))
          .then(
            (value) => end(Effect.succeed(value)),
            (error: unknown) => end(Effect.suspend(() => Effect.fail(options.explain(error))))
          )
        // Requests that the SDK sends because of the abort belong to no operation.
        return Effect.sync(() => {
          this.#running.delete(operation)
          this.#context.run(undefined, () => controller.abort())
        })
      })
      const left = () => (requests > 0 ? limit : heardAt + limit - clock.currentTimeMillisUnsafe())
      const silence = Effect.gen(function* () {
        for (let time = limit; time > 0; time = left()) yield* Effect.sleep(time)
        return yield* Effect.fail(options.silence.error())
      })
      const notice = Effect.gen(function* () {
        const tell = yield* WaitNotice
        if (tell === undefined) return yield* Effect.never
        // While a request is sent, its sender tells, or a sign-in does.
        const isDue = () => requests === 0 && clock.currentTimeMillisUnsafe() - heardAt >= noticeAfter
        while (!isDue()) yield* Effect.sleep(noticeAfter)
        yield* tell(options.server)
        return yield* Effect.never
      })
      return Effect.raceFirst(operation, Effect.raceFirst(silence, notice))
    })
  }
}
