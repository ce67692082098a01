import { Duration, Option, Result } from "effect"
import { parseRetryAfter, retryAfterDelay } from "effect/http/Headers"
import { maxRetryAfter } from "./HttpLimits.ts"

/**
 * The delay that a `Retry-After` header requests, in milliseconds from `now` (RFC 9110 §10.2.3). Between 0 and a day.
 * Absent without a header, or with one that is neither a number of seconds nor an HTTP date.
 */
export const retryAfterMillis = (header: string | null, now: number): number | undefined =>
  Option.fromNullishOr(header).pipe(
    Option.flatMap((text) => Result.getSuccess(parseRetryAfter(text))),
    Option.map((value) => Math.min(Duration.toMillis(retryAfterDelay(value, now)), maxRetryAfter)),
    Option.getOrUndefined
  )
