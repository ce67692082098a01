import { Effect, Schedule } from "effect"
import { NetworkError } from "../../ports/HttpTransport.ts"

/** Limits of one discovery: no list, redirect or slow answer of a server keeps this program busy for long. */
export const discoveryLimits = {
  /** Milliseconds until an answer must start. */
  headTimeout: 15_000,
  /** Seconds for one document with its redirects and retries: an answer that only drips has to end. */
  documentSeconds: 30,
  /** Seconds for all authorization servers of one resource. */
  searchSeconds: 60,
  /** Redirects that one request for metadata follows. */
  maxRedirects: 3,
  /** Authorization servers of one resource that are tried. */
  maxIssuers: 10
} as const

/** Requests for metadata change nothing, so they are retried: three times, after 0.5, 1 and 2 seconds with jitter. */
const retry = Schedule.exponential("500 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))

/** Retries a request that failed because of the network. */
export const retryNetworkErrors = <A, E extends { readonly _tag: string }>(
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.retry(effect, { schedule: retry, while: (error) => error._tag === "NetworkError" })

/** Fails with a `NetworkError` after a number of seconds. */
export const withTimeout =
  (origin: string, seconds: number = discoveryLimits.documentSeconds) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | NetworkError> =>
    Effect.timeoutOrElse(effect, {
      duration: `${seconds} seconds`,
      orElse: () => new NetworkError({ origin, detail: `no complete answer within ${seconds} seconds` })
    })
