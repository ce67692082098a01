import { Duration, Effect, Schedule } from "effect"
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

const retryIf =
  <E extends Failure>(isRepeatable: (error: E) => boolean) =>
  <A, R>(request: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(TokenPolicy, (policy) =>
      Effect.retry(request, {
        schedule: schedule(policy),
        while: (error) => {
          const wait = waitOf(error)
          const isShort = wait !== undefined && Duration.isLessThanOrEqualTo(wait, policy.retry.maxRetryAfter)
          return isShort && isRepeatable(error)
        }
      })
    )

/** Repeats a token request after transient failures. Any other failure, or a long `Retry-After`, ends it at once. */
export const retryTransient = <A, E extends Failure, R>(
  request: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => retryIf<E>(() => true)(request)

/**
 * Repeats a request only while no connection is established. An authorization code must not be used twice (RFC 6749 §4.1.2):
 * a server that got it may have used it up whatever it answered, and may revoke the tokens that it issued for it.
 */
export const retryUnsent: <A, R>(
  request: Effect.Effect<A, TokenRequestError, R>
) => Effect.Effect<A, TokenRequestError, R> = retryIf(
  ({ reason }) => reason._tag === "Transient" && reason.isUnsent === true
)

/** {@link retryTransient} by the policy of the layer that is being built, not of the caller. */
export const makeRetryTransient: Effect.Effect<typeof retryTransient> = Effect.map(
  TokenPolicy,
  (policy): typeof retryTransient =>
    (request) =>
      Effect.provideService(retryTransient(request), TokenPolicy, policy)
)
