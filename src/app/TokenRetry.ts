import { Duration, Effect, Schedule } from "effect"
import type { TokenRequestError } from "../ports/TokenEndpoint.ts"

/** The longest `Retry-After` that is waited for while somebody waits for the answer, in milliseconds. */
const longestWait = 20_000

/** How long the server asked to wait, in milliseconds; absent: the failure is not one that passes. */
const waitOf = (error: { readonly _tag: string } | TokenRequestError): number | undefined =>
  "reason" in error && error.reason._tag === "Passing" ? (error.reason.retryAfter ?? 0) : undefined

/**
 * How a token request is sent again after a passing failure: up to three times within 20 seconds, waiting twice as
 * long each time from half a second on, give or take a fifth, and never less than the server asked for.
 */
const schedule = Schedule.exponential("500 millis").pipe(
  Schedule.jittered,
  Schedule.setInputType<{ readonly _tag: string } | TokenRequestError>(),
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(Duration.max(duration, Duration.millis(waitOf(input) ?? 0)))
  ),
  Schedule.upTo({ times: 3, duration: "20 seconds" })
)

/** Sends a token request again while its failure is passing; a final one, or a long `Retry-After`, ends it at once. */
export const retryPassing = <A, E extends { readonly _tag: string } | TokenRequestError, R>(
  request: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.retry(request, {
    schedule,
    while: (error) => {
      const wait = waitOf(error)
      return wait !== undefined && wait <= longestWait
    }
  })
