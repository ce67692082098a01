import { isSameIssuer } from "./Issuer.ts"
import { Duration, Equal, Option, type Redacted } from "effect"
import type { Credential } from "./Credential.ts"
import type { RemoteServer, NonInteractiveGrant } from "./Server.ts"
import type { SignInRequired } from "./SignInError.ts"
import type { TokenSet } from "./TokenSet.ts"

/** How tokens are renewed without the user. */
export type Renewal =
  | {
      readonly _tag: "RefreshToken"
      readonly refreshToken: Redacted.Redacted
      /**
       * Why the server refused it for good, in its words. It is never sent again, and is still to be removed from the
       * store. Absent: it was not refused.
       */
      readonly refusal?: string | undefined
    }
  | { readonly _tag: "Grant"; readonly grant: NonInteractiveGrant }

/** The tokens can be returned to the caller as they are. */
export interface Usable {
  readonly _tag: "Usable"
  readonly tokens: TokenSet
}

/** The tokens should be renewed, and can be. */
export interface Stale {
  readonly _tag: "Stale"
  readonly credential: Credential
  readonly tokens: TokenSet
  readonly renewal: Renewal
  /** The access token has neither expired nor been rejected: it can be served if the renewal fails. */
  readonly stillValid: boolean
}

/** The refresh token was sent, and the answer was lost. It may be used up, or the request may still arrive. */
export interface Unanswered {
  readonly _tag: "Unanswered"
  readonly credential: Credential
  /** When it may be sent again, in milliseconds since the epoch. */
  readonly resendAt: number
}

/** No tokens are usable, and none can be obtained without a sign-in. */
export interface SignInNeeded {
  readonly _tag: "SignInNeeded"
  readonly why: SignInRequired["why"]
  /** What the server said, if it ended the sign-in. */
  readonly answer?: string | undefined
  /** The refresh token that was tried in vain and is still stored. Absent: none. */
  readonly tried?: Redacted.Redacted | undefined
}

/** What can be done with a credential now. */
export type TokenState = Usable | Stale | Unanswered | SignInNeeded

/** What this process has learned besides what the credential says. Times are milliseconds since the epoch. */
export interface Learned {
  readonly now: number
  /** The last access token that the server answered with 401. It is not valid, although it may not have expired. */
  readonly rejected?: Redacted.Redacted | undefined
  /** The last refresh token that the server refused for good, and why, in its words. */
  readonly refused?: { readonly refreshToken: Redacted.Redacted; readonly answer: string } | undefined
  /** The refresh token whose answer was lost last, and when it may be sent again. The store may not know it. */
  readonly unanswered?: { readonly refreshToken: Redacted.Redacted; readonly resendAt: number } | undefined
  /** No refresh before this time while the access token is still valid. */
  readonly cooldownUntil?: number | undefined
  /** The issuer that the server names now. Absent: not checked (only a 401 leads to that), or discovery failed. */
  readonly currentIssuer?: string | undefined
}

/** Creates the state of tokens that can be returned as they are. */
export const usable = (tokens: TokenSet): Usable => ({ _tag: "Usable", tokens })
/** Creates the state that only a sign-in ends. */
export const signInNeeded = (
  why: SignInNeeded["why"],
  more: Pick<SignInNeeded, "answer" | "tried"> = {}
): SignInNeeded => ({ _tag: "SignInNeeded", why, ...more })

/** The numbers of `TokenPolicy` that decide the state. */
interface StatePolicy {
  readonly refreshBefore: Duration.Duration
  readonly resend: { readonly afterTimeout: Duration.Duration }
}

const renewalOf = (
  credential: Credential,
  { refreshToken }: TokenSet,
  server: RemoteServer,
  { refused }: Learned
): Renewal | undefined => {
  if (refreshToken !== undefined) {
    const isRefused = refused !== undefined && Equal.equals(refreshToken, refused.refreshToken)
    return { _tag: "RefreshToken", refreshToken, ...(isRefused ? { refusal: refused.answer } : {}) }
  }
  const grant = credential.nonInteractiveGrantAt(server)
  return grant && { _tag: "Grant", grant }
}

/** When a refresh token whose answer was lost may be sent again. Absent: now. */
const resendTime = (
  { refreshToken, resendAt = 0 }: TokenSet,
  { now, unanswered }: Learned,
  { resend }: StatePolicy
): number | undefined => {
  const isSent = unanswered !== undefined && Equal.equals(unanswered.refreshToken, refreshToken)
  const times = [resendAt, isSent ? unanswered.resendAt : 0]
  // A longer wait than any is due to a clock that was ahead.
  const waits = times.filter((time) => time > now && time - now <= Duration.toMillis(resend.afterTimeout))
  return waits.length === 0 ? undefined : Math.max(...waits)
}

/**
 * Decides what can be done with a credential now. The first row that applies counts:
 *
 * | credential                                           | state                             |
 * | ---------------------------------------------------- | --------------------------------- |
 * | none                                                 | `SignInNeeded`, "never signed in" |
 * | without tokens                                       | `SignInNeeded`, "revoked"         |
 * | valid, and fresh, in cooldown or not renewable       | `Usable`                          |
 * | valid, and the answer to its refresh token was lost  | `Usable`, until `resendAt`        |
 * | not valid, and rejected, or its refresh token was    | `SignInNeeded`, "revoked"         |
 * | not valid and not renewable                          | `SignInNeeded`, "expired"         |
 * | of another issuer than the server names now          | `SignInNeeded`, "moved"           |
 * | not valid, the answer to its refresh token was lost  | `Unanswered`, until `resendAt`    |
 * | any other                                            | `Stale`                           |
 *
 * Valid: neither expired nor rejected. Fresh: not about to expire, not obtained in the future, which only a clock that was ahead
 * explains, and without a refresh token that was refused.
 */
export const tokenState = (
  found: Option.Option<Credential>,
  server: RemoteServer,
  learned: Learned,
  policy: StatePolicy
): TokenState => {
  const { cooldownUntil, currentIssuer, now, rejected } = learned
  if (Option.isNone(found)) return signInNeeded("never signed in")
  const credential = found.value
  const { tokens } = credential
  if (tokens === undefined) return signInNeeded(credential.isUnused === true ? "never signed in" : "revoked")
  const renewal = renewalOf(credential, tokens, server, learned)
  // A refused one is given up. Another process, whose clock is ahead, may have noted a lost answer of it.
  const isRefused = renewal?._tag === "RefreshToken" && renewal.refusal !== undefined
  const mayBeResent = renewal?._tag === "RefreshToken" && !isRefused
  const resendAt = mayBeResent ? resendTime(tokens, learned, policy) : undefined
  const stillValid = !tokens.isExpired(now) && (rejected === undefined || !tokens.holds(rejected))
  const isCoolingDown = cooldownUntil !== undefined && now < cooldownUntil
  const isWaiting = isCoolingDown || resendAt !== undefined
  // What a clock that was ahead obtained may be fresh once its refresh token was refused: that is removed first.
  const isFresh = !isRefused && tokens.isFresh(now, policy.refreshBefore)
  if (stillValid && (isFresh || isWaiting || renewal === undefined)) {
    return usable(tokens)
  }
  if (renewal === undefined) {
    const isOver = tokens.refusal !== undefined || !tokens.isExpired(now)
    return isOver ? signInNeeded("revoked", { answer: tokens.refusal }) : signInNeeded("expired")
  }
  if (currentIssuer !== undefined && !isSameIssuer(currentIssuer, credential.issuer))
    return signInNeeded("moved", { tried: tokens.refreshToken })
  if (resendAt !== undefined) return { _tag: "Unanswered", credential, resendAt }
  return { _tag: "Stale", credential, tokens, renewal, stillValid }
}
