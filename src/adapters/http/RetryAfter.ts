import { Duration, Option, Result } from "effect"
import { parseRetryAfter, retryAfterDelay } from "effect/http/Headers"

/** No server may postpone this client for longer than a day; in milliseconds. */
const maxDelay = 86_400_000

/**
 * The delay that a `Retry-After` header requests, in milliseconds from `now` (RFC 9110 §10.2.3). Between 0 and a day.
 * Absent without a header, or with one that is neither a number of seconds nor an HTTP date.
 */
export const retryAfterMillis = (header: string | null, now: number): number | undefined =>
  Option.fromNullishOr(header).pipe(
    Option.flatMap((text) => Result.getSuccess(parseRetryAfter(text))),
    Option.map((value) => Math.min(Duration.toMillis(retryAfterDelay(value, now)), maxDelay)),
    Option.getOrUndefined
  )
