import { Clock, Duration, Effect, Schedule } from "effect"
import type { TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { TokenPolicy, type TokenPolicySettings } from "../../ports/TokenPolicy.ts"

type Failure = { readonly _tag: string } | TokenRequestError

/** The wait that the server requires, zero if it names none. Absent: the failure is not transient. */
const waitOf = (error: Failure): Duration.Duration | undefined =>
  "reason" in error && error.reason._tag === "Transient"
    ? Duration.millis(error.reason.retryAfter ?? 0)
    : undefined

/** Exponential back-off with jitter, never shorter than `Retry-After`. */
const schedule = ({ retry }: TokenPolicySettings) =>
  Schedule.exponential(retry.firstDelay).pipe(
    Schedule.jittered,
    Schedule.setInputType<Failure>(),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, waitOf(input) ?? Duration.zero))
    ),
    Schedule.upTo({ times: retry.maxRetries, duration: retry.maxDuration })
  )

/** Repeats a token request after transient failures. Any other failure, or a long `Retry-After`, ends it at once. */
export const retryTransient = <A, E extends Failure, R>(
  request: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(TokenPolicy, (policy) =>
    Effect.retry(request, {
      schedule: schedule(policy),
      while: (error) => {
        const wait = waitOf(error)
        return wait !== undefined && Duration.isLessThanOrEqualTo(wait, policy.retry.maxRetryAfter)
      }
    })
  )

/**
 * Repeats a request that uses up a code: after transient failures as {@link retryTransient}, and once after its answer was
 * lost. If the server has used the code by then, or gets the first request after the second, the tokens are lost.
 */
export const resendOnce = <A, R>(request: Effect.Effect<A, TokenRequestError, R>) =>
  Effect.gen(function* () {
    const { resend } = yield* TokenPolicy
    const attempt = retryTransient(request)
    const sentAt = yield* Clock.currentTimeMillis
    return yield* Effect.catchReason(attempt, "TokenRequestError", "Unanswered", ({ end }) =>
      Effect.gen(function* () {
        // Not negative, as if the clock was set back: the wait would be as much longer.
        const spent = end === "timeout" ? Math.max(0, (yield* Clock.currentTimeMillis) - sentAt) : 0
        const wait = end === "timeout" ? resend.afterTimeout : resend.afterBreak
        // An interruption loses nothing here that is not lost already.
        yield* Effect.interruptible(Effect.sleep(Duration.subtract(wait, Duration.millis(spent))))
        return yield* attempt
      })
    )
  })

/** {@link retryTransient} by the policy of the layer that is being built, not of the caller. */
export const makeRetryTransient: Effect.Effect<typeof retryTransient> = Effect.map(
  TokenPolicy,
  (policy): typeof retryTransient =>
    (request) =>
      Effect.provideService(retryTransient(request), TokenPolicy, policy)
)
