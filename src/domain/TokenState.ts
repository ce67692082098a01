import { type Duration, Option, type Redacted } from "effect"
import type { Credential } from "./Credential.ts"
import type { RemoteServer, NonInteractiveGrant } from "./Server.ts"
import type { SignInRequired } from "./SignInError.ts"
import type { TokenSet } from "./TokenSet.ts"

/** How tokens are renewed without the user. */
export type Renewal =
  | { readonly _tag: "RefreshToken"; readonly refreshToken: Redacted.Redacted }
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

/** No tokens are usable, and none can be obtained without a sign-in. */
export interface SignInNeeded {
  readonly _tag: "SignInNeeded"
  readonly why: SignInRequired["why"]
}

/** What can be done with a credential now. */
export type TokenState = Usable | Stale | SignInNeeded

/** What this process has learned besides what the credential says. Times are milliseconds since the epoch. */
export interface Learned {
  readonly now: number
  /** The last access token that the server answered with 401. It is not valid, although it may not have expired. */
  readonly rejected?: Redacted.Redacted | undefined
  /** No refresh before this time while the access token is still valid. */
  readonly cooldownUntil?: number | undefined
  /** The issuer that the server names now. Absent: not checked (only a 401 leads to that), or discovery failed. */
  readonly currentIssuer?: string | undefined
}

/** Creates the state of tokens that can be returned as they are. */
export const usable = (tokens: TokenSet): Usable => ({ _tag: "Usable", tokens })
/** Creates the state that only a sign-in ends. */
export const signInNeeded = (why: SignInNeeded["why"]): SignInNeeded => ({ _tag: "SignInNeeded", why })

const renewalOf = (
  credential: Credential,
  { refreshToken }: TokenSet,
  server: RemoteServer
): Renewal | undefined => {
  if (refreshToken !== undefined) return { _tag: "RefreshToken", refreshToken }
  const grant = credential.nonInteractiveGrantAt(server)
  return grant && { _tag: "Grant", grant }
}

/**
 * Decides what can be done with a credential now. The first row that applies counts:
 *
 * | credential                                           | state                             |
 * | ---------------------------------------------------- | --------------------------------- |
 * | none                                                 | `SignInNeeded`, "never signed in" |
 * | without tokens                                       | `SignInNeeded`, "revoked"         |
 * | valid, and fresh, in cooldown or not renewable       | `Usable`                          |
 * | not valid and not renewable                          | `SignInNeeded`, "expired"         |
 * | of another issuer than the server names now          | `SignInNeeded`, "moved"           |
 * | any other                                            | `Stale`                           |
 */
export const tokenState = (
  found: Option.Option<Credential>,
  server: RemoteServer,
  { cooldownUntil, currentIssuer, now, rejected }: Learned,
  { refreshBefore }: { readonly refreshBefore: Duration.Duration }
): TokenState => {
  if (Option.isNone(found)) return signInNeeded("never signed in")
  const credential = found.value
  const { tokens } = credential
  if (tokens === undefined) return signInNeeded("revoked")
  const renewal = renewalOf(credential, tokens, server)
  const stillValid = !tokens.isExpired(now) && (rejected === undefined || !tokens.holds(rejected))
  const isCoolingDown = now < (cooldownUntil ?? 0)
  if (stillValid && (tokens.isFresh(now, refreshBefore) || isCoolingDown || renewal === undefined)) {
    return usable(tokens)
  }
  if (renewal === undefined) return signInNeeded("expired")
  if (currentIssuer !== undefined && currentIssuer !== credential.issuer) return signInNeeded("moved")
  return { _tag: "Stale", credential, tokens, renewal, stillValid }
}
