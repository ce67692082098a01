import { Clock, Effect, Result } from "effect"
import { type CredentialKey } from "../../../domain/CredentialKey.ts"
import { SignInRefused, SignInTimedOut } from "../../../domain/SignInError.ts"
import type { DeviceCode } from "../../../ports/DeviceAuthorization.ts"
import { type TokenFailure, TokenRequestError } from "../../../ports/TokenEndpoint.ts"

/** Added to all further waits after each `slow_down`, in milliseconds (RFC 8628 §3.5). */
const slowDown = 5000

/** Maximum wait while the server is unavailable, in milliseconds. */
const maxBackOff = 60_000

/** What determines the wait before the next request, in milliseconds. */
interface Pace {
  /** Minimum time between two requests, as the server last said. */
  readonly interval: number
  /** Transient failures in a row. */
  readonly failures: number
  /** Minimum wait that the server requested. */
  readonly retryAfter: number
}

const waitOf = ({ failures, interval, retryAfter }: Pace): number =>
  Math.max(interval, Math.min(interval * 2 ** failures, maxBackOff), retryAfter)

/** The pace after a failure. Undefined: the failure is final. */
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
 * Repeats the token request of a device code until the user has approved (RFC 8628 §3.4 and §3.5). Waits at least the
 * server's interval after each answer, five seconds longer after each `slow_down`, and twice as long after each transient
 * failure, up to a minute. Interruptible while it waits; `request` decides whether it is interruptible too.
 *
 * @param request one token request with the code; may also store the tokens
 * @returns the result of `request`. Fails with `SignInRefused` if the user denied it, and with `SignInTimedOut` if the code
 *   expired first.
 */
export const poll = Effect.fn("DevicePolling.poll")(function* <A, E, R>(
  { account, server }: CredentialKey,
  code: DeviceCode,
  request: Effect.Effect<A, E | TokenRequestError, R>
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
    const answer = yield* Effect.result(request)
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
      // The error code of Microsoft's servers.
      case "authorization_declined":
        return yield* new SignInRefused({
          server,
          account,
          error: "access_denied",
          device: true,
          ...(reason.description === undefined ? {} : { description: reason.description })
        })
      default:
        return yield* error
    }
  }
})
