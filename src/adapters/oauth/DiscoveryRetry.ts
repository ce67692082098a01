import { Effect, Schedule } from "effect"
import { NetworkError } from "../../ports/HttpTransport.ts"
import { discoveryLimits } from "./OAuthLimits.ts"

/** Requests for metadata change nothing, so they are retried: three times, after 0.5, 1 and 2 seconds with jitter. */
const retry = Schedule.exponential("500 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))

/** Retries a request that failed because of the network. */
export const retryNetworkErrors = <A, E extends { readonly _tag: string; readonly isLasting?: boolean }>(
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.retry(effect, {
    schedule: retry,
    while: (error) => error._tag === "NetworkError" && error.isLasting !== true
  })

/** Fails with a `NetworkError` after a number of seconds. */
export const withTimeout =
  (origin: string, seconds: number = discoveryLimits.documentSeconds) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | NetworkError> =>
    Effect.timeoutOrElse(effect, {
      duration: `${seconds} seconds`,
      orElse: () => new NetworkError({ origin, detail: `no complete answer within ${seconds} seconds` })
    })
