import { Clock, Effect, Result } from "effect"
import { type CredentialKey } from "../../../domain/CredentialKey.ts"
import { SignInRefused, SignInTimedOut } from "../../../domain/SignInError.ts"
import type { DeviceCode } from "../../../ports/DeviceAuthorization.ts"
import { type TokenFailure, TokenRequestError } from "../../../ports/TokenEndpoint.ts"

/** What `slow_down` adds to every wait from then on, in milliseconds (RFC 8628 §3.5). */
const slowDown = 5000

/** The longest that waits grow to while the server cannot be reached, in milliseconds. */
const maxBackOff = 60_000

/** How the wait before the next request comes about, in milliseconds. */
interface Pace {
  /** The least time between two requests, as the server last had it. */
  readonly interval: number
  /** Requests in a row that nobody answered. */
  readonly failures: number
  /** What the server asked to wait at least. */
  readonly retryAfter: number
}

const waitOf = ({ failures, interval, retryAfter }: Pace): number =>
  Math.max(interval, Math.min(interval * 2 ** failures, maxBackOff), retryAfter)

/** What an answer makes of the pace; none: it is final. */
const nextPace = (pace: Pace, reason: TokenFailure): Pace | undefined => {
  if (reason._tag === "Transient") {
    return { ...pace, failures: pace.failures + 1, retryAfter: reason.retryAfter ?? 0 }
  }
  if (reason._tag !== "Refused") return undefined
  switch (reason.error) {
    case "authorization_pending":
      return { ...pace, failures: 0, retryAfter: 0 }
    case "slow_down":
      return { interval: pace.interval + slowDown, failures: 0, retryAfter: 0 }
    default:
      return undefined
  }
}

/**
 * Asks for the tokens of a device code until the user has approved (RFC 8628 §3.4 and §3.5): never sooner than the
 * server's interval after the answer before, five seconds later from each `slow_down` on, and twice as long after each
 * request that nobody answered, up to a minute. It can be interrupted while it waits; whether it can while it asks is for
 * `ask` to say.
 *
 * @param ask one token request with the code; it may also store what it got
 * @returns what `ask` gives; `SignInRefused` where the user said no, `SignInTimedOut` where the code ended first
 */
export const poll = Effect.fn("DevicePolling.poll")(function* <A, E, R>(
  { account, server }: CredentialKey,
  code: DeviceCode,
  ask: Effect.Effect<A, E | TokenRequestError, R>
): Effect.fn.Return<A, E | TokenRequestError | SignInRefused | SignInTimedOut, R> {
  const startedAt = yield* Clock.currentTimeMillis
  const timedOut = Effect.flatMap(
    Clock.currentTimeMillis,
    (now) =>
      new SignInTimedOut({ server, account, seconds: Math.round((now - startedAt) / 1000), device: true })
  )
  let pace: Pace = { interval: code.interval, failures: 0, retryAfter: 0 }
  for (;;) {
    const left = code.expiresAt - (yield* Clock.currentTimeMillis)
    yield* Effect.sleep(Math.max(0, Math.min(waitOf(pace), left)))
    if ((yield* Clock.currentTimeMillis) >= code.expiresAt) return yield* timedOut
    const answer = yield* Effect.result(ask)
    if (Result.isSuccess(answer)) return answer.success
    const error = answer.failure
    if (!(error instanceof TokenRequestError)) return yield* Effect.fail(error)
    const { reason } = error
    const next = nextPace(pace, reason)
    if (next !== undefined) {
      pace = next
      continue
    }
    if (reason._tag !== "Refused") return yield* error
    switch (reason.error) {
      case "expired_token":
        return yield* timedOut
      case "access_denied":
      // What Microsoft's servers call it.
      case "authorization_declined":
        return yield* new SignInRefused({
          server,
          account,
          error: "access_denied",
          ...(reason.description === undefined ? {} : { description: reason.description })
        })
      default:
        return yield* error
    }
  }
})
