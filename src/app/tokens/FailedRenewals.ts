import { Duration } from "effect"
import { isUnclear } from "../../domain/UnclearFailure.ts"
import type { DpopUnsupported } from "../../domain/SignInError.ts"
import { detailOf, type FailedRenewal } from "../../domain/TokenSet.ts"
import type { Stale } from "../../domain/TokenState.ts"
import { TokenRequestError } from "../../ports/TokenEndpoint.ts"
import type { TokenPolicySettings } from "../../ports/TokenPolicy.ts"
import type { TokenQuery } from "./TokenSource.ts"

/** Why a renewal failed. */
export type RefreshError = TokenRequestError | DpopUnsupported

/** The reason of a failure that says nothing final about the tokens. */
const passingReason = (failure: RefreshError): FailedRenewal["reason"] | undefined => {
  if (failure._tag === "DpopUnsupported") return undefined
  const { reason } = failure
  switch (reason._tag) {
    case "Malformed":
      // With a refresh token in it, it is stored as the one of new tokens.
      return reason.refreshToken === undefined ? reason : undefined
    case "Refused":
    case "Transient":
      return reason
    default:
      return undefined
  }
}

/** What to store about a failed renewal. Absent: nothing, since what it leads to is stored. */
export const failedRenewal = (
  failure: RefreshError,
  before: FailedRenewal | undefined,
  now: number
): FailedRenewal | undefined => {
  const reason = passingReason(failure)
  if (reason === undefined) return undefined
  const unclearSince = before?.unclearSince ?? (isUnclear(reason) ? now : undefined)
  return { at: now, reason, ...(unclearSince === undefined ? {} : { unclearSince }) }
}

/**
 * The failure that another process had while this one waited for the lock. During an outage each process that waits would
 * otherwise try in turn.
 */
export const sharedFailure = (
  { key, server, waitsSince }: TokenQuery,
  { credential, renewal, tokens: { failed } }: Stale,
  now: number
): TokenRequestError | undefined =>
  // A time in the future is that of another machine's clock.
  failed !== undefined && waitsSince !== undefined && failed.at > waitsSince && failed.at <= now
    ? new TokenRequestError({
        server: server.name,
        account: key.account,
        origin: new URL(credential.tokenEndpoint).origin,
        ...(server.oauth.source._tag === "ByHand" ? { isByHand: true as const } : {}),
        ...(renewal._tag === "RefreshToken" ? { purpose: "refresh" as const } : {}),
        reason: failed.reason
      })
    : undefined

/** What the server answers, if it has failed in an unclear way for so long that the sign-in is taken to be over. */
export const hopelessAnswer = (
  failure: RefreshError,
  { renewal, tokens }: Stale,
  now: number,
  { giveUpAfter }: TokenPolicySettings
): string | undefined => {
  const reason = passingReason(failure)
  if (reason === undefined || renewal._tag !== "RefreshToken" || !isUnclear(reason)) return undefined
  const since = tokens.failed?.unclearSince ?? now
  if (now - since < Duration.toMillis(giveUpAfter)) return undefined
  const days = Math.floor(Duration.toDays(Duration.millis(now - since)))
  return `${detailOf(reason)}, for ${days < 2 ? "a day" : `${days} days`}`
}
