import { type Clock, Clock as Clocks, Context, Duration, Effect } from "effect"
import { NetworkError } from "../../ports/HttpTransport.ts"
import type { McpError, Send } from "../../ports/McpConnector.ts"
import { noticeAfter, WaitNotice } from "../../ports/WaitNotice.ts"
import { type AnswerLimit, limitAnswer, type Used } from "./AnswerLimit.ts"

/** A running operation of a session, which may send several requests. */
export class Operation {
  /** How long the server may be silent, in milliseconds. */
  readonly limit: number
  /** What its answers have used up of the limit for answers. */
  readonly used: Used = { bytes: 0, values: 0 }
  /** The error of an answer that was too long. */
  exceeded: McpError | undefined
  readonly #clock: Clock.Clock
  #heardAt: number
  #requests = 0

  constructor(clock: Clock.Clock, limit: number) {
    this.#clock = clock
    this.limit = limit
    this.#heardAt = clock.currentTimeMillisUnsafe()
  }

  /** Notes that the server shows that it is alive. */
  readonly heard = (): void => {
    this.#heardAt = this.#clock.currentTimeMillisUnsafe()
  }

  /** Runs what sends a request, sign-in included: that time does not count as silence. */
  sending<A, E, R>(send: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      this.#requests++
      return Effect.ensuring(
        send,
        Effect.sync(() => {
          this.#requests--
          this.heard()
        })
      )
    })
  }

  /** Milliseconds until the server has been silent for too long. */
  get left(): number {
    return this.#requests > 0 ? this.limit : this.limit - this.silentFor
  }

  /** How long the server has been silent, in milliseconds; 0 while a request is sent. */
  get silentFor(): number {
    return this.#requests > 0 ? 0 : this.#clock.currentTimeMillisUnsafe() - this.#heardAt
  }
}

/** The operation that a request belongs to. Absent: it belongs to the session. */
export const CurrentOperation = Context.Reference<Operation | undefined>(
  "mcp-cli-oauth/adapters/mcp/CurrentOperation",
  { defaultValue: () => undefined }
)

/**
 * Runs an operation until its server has been silent for too long, and tells the user meanwhile who is waited for.
 *
 * @param options.server who is waited for
 * @param options.limit how long the server may be silent
 * @param options.silence the error after that
 */
export const runOperation = <A, E, R, E2>(
  run: (operation: Operation) => Effect.Effect<A, E, R>,
  options: { readonly server: string; readonly limit: Duration.Duration; readonly silence: () => E2 }
): Effect.Effect<A, E | E2 | McpError, R> =>
  Clocks.clockWith((clock) => {
    const operation = new Operation(clock, Duration.toMillis(options.limit))
    const work = run(operation).pipe(
      Effect.provideService(CurrentOperation, operation),
      Effect.catch((error): Effect.Effect<never, E | E2 | McpError> => {
        if (operation.exceeded !== undefined) return Effect.fail(operation.exceeded)
        const isLate = error instanceof NetworkError && error.unanswered === "timeout"
        return Effect.fail(isLate ? options.silence() : error)
      })
    )
    const silence = Effect.gen(function* () {
      for (let time = operation.limit; time > 0; time = operation.left) yield* Effect.sleep(time)
      return yield* Effect.fail(options.silence())
    })
    const notice = Effect.gen(function* () {
      const tell = yield* WaitNotice
      if (tell === undefined) return yield* Effect.never
      // While a request is sent, its sender tells, or a sign-in does.
      while (operation.silentFor < noticeAfter) yield* Effect.sleep(noticeAfter)
      yield* tell(options.server)
      return yield* Effect.never
    })
    return Effect.raceFirst(work, Effect.raceFirst(silence, notice))
  })

/** Sends requests for the current operation: within its time, and with answers within the limit. */
export const sendInOperation =
  <E, R>(send: Send<E, R>, limit: AnswerLimit): Send<E, R> =>
  (request, options) =>
    Effect.gen(function* () {
      const operation = yield* CurrentOperation
      if (operation === undefined) return yield* send(request, options)
      const response = yield* operation.sending(send(request, { timeout: operation.limit, ...options }))
      return limitAnswer(response, {
        limit,
        used: operation.used,
        onExceeded: (error) => {
          operation.exceeded = error
        }
      })
    })
