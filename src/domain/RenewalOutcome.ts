import { Duration } from "effect"
import type { RemoteServer } from "./Server.ts"
import { ClientRejected, type DpopUnsupported } from "./SignInError.ts"
import { isUnclear } from "./UnclearFailure.ts"
import { answerText, type TokenFailure } from "./TokenFailure.ts"
import type { Stale } from "./TokenState.ts"

/** A renewal that failed: at the token endpoint, or because a DPoP key cannot be used there. */
export type RenewalFailure =
  | {
      readonly _tag: "TokenRequestError"
      readonly reason: TokenFailure
      readonly purpose?: string
    }
  | DpopUnsupported

/** What a failed renewal leads to. */
export type RenewalOutcome =
  /** Return the current access token, and do not renew again before `cooldown` has passed. */
  | { readonly _tag: "KeepServing"; readonly cooldown: Duration.Duration }
  /**
   * The refresh token was sent, and the answer was lost. Serve the access token while it is valid. Otherwise wait until a
   * late request would have arrived, read the store again, and send the refresh token once more.
   */
  | { readonly _tag: "Wait" }
  /**
   * Read the store again: another program may have rotated the refresh token that was refused. If it did not, that token is
   * given up: the access token is served while it is valid, and then a sign-in is needed.
   */
  | { readonly _tag: "Reread" }
  /**
   * Start a sign-in; first remove the stored credential if the server no longer knows its client.
   *
   * `answer`: what the server said.
   */
  | { readonly _tag: "SignIn"; readonly forgetClient: boolean; readonly answer?: string }
  /** Fail with an error that names the client to correct. */
  | { readonly _tag: "RejectClient"; readonly error: ClientRejected }
  /** Fail with the error of the renewal. */
  | { readonly _tag: "Fail" }

/** The renewal that failed. */
export interface Situation {
  readonly server: RemoteServer
  readonly stale: Stale
  /** Someone can approve a sign-in. */
  readonly userPresent: boolean
}

type Decision<Failure> = (
  failure: Failure,
  situation: Situation,
  purpose: string | undefined
) => RenewalOutcome

type Reason = TokenFailure | DpopUnsupported

const fail: Decision<Reason> = () => ({ _tag: "Fail" })

/** A sign-in is the way out of an answer that says nothing about the refresh token. Without an answer, waiting is. */
const askUser: Decision<TokenFailure> = (failure, { stale, userPresent }) =>
  userPresent && stale.renewal._tag === "RefreshToken" && isUnclear(failure)
    ? { _tag: "SignIn", forgetClient: false }
    : { _tag: "Fail" }

const rejectedClient: Decision<Extract<TokenFailure, { _tag: "InvalidClient" }>> = (
  failure,
  { server, stale: { credential } },
  purpose
) => {
  // The client at the identity provider: its error already names the fields to correct.
  if (purpose === "identity assertion") return { _tag: "Fail" }
  const error = ClientRejected.of(server, credential.registration, failure)
  return error === undefined
    ? { _tag: "SignIn", forgetClient: true, answer: answerText(failure) }
    : { _tag: "RejectClient", error }
}

/** What each failure leads to when the access token is no longer valid. */
const onceInvalid: {
  readonly [Tag in Exclude<Reason["_tag"], "Unanswered">]: Decision<Extract<Reason, { readonly _tag: Tag }>>
} = {
  Transient: askUser,
  Malformed: askUser,
  Refused: askUser,
  NotSenderConstrained: fail,
  UnusableSecret: fail,
  DpopUnsupported: fail,
  // Of a machine grant. A refresh token is read again before it is given up.
  InvalidGrant: fail,
  InvalidClient: rejectedClient
}

/**
 * Decides what a failed renewal leads to. The first row that applies counts:
 *
 * | failure                                                | access token | outcome                     |
 * | ------------------------------------------------------ | ------------ | --------------------------- |
 * | `InvalidGrant` of a refresh token                      | any          | `Reread`                    |
 * | `Unanswered`: sent, and the outcome is unknown         | any          | `Wait`                      |
 * | any                                                    | still valid  | `KeepServing`               |
 * | `InvalidClient` of a dynamic client                    | invalid      | `SignIn`, forget the client |
 * | `InvalidClient` of a configured or metadata client     | invalid      | `RejectClient`              |
 * | `isUnclear`, a refresh token, the user is present      | invalid      | `SignIn`                    |
 * | any other: `Transient` after its retries, ...          | invalid      | `Fail`                      |
 *
 * `refreshFailure` has turned every code that ends a sign-in into `InvalidGrant`.
 * `Unanswered` is only reported for a refresh token that may rotate: whatever may be repeated fails with `Transient`.
 */
export const renewalOutcome = (
  failure: RenewalFailure,
  situation: Situation,
  policy: { readonly cooldown: Duration.Duration }
): RenewalOutcome => {
  const { renewal, stillValid } = situation.stale
  const reason = failure._tag === "DpopUnsupported" ? failure : failure.reason
  if (reason._tag === "InvalidGrant" && renewal._tag === "RefreshToken") {
    return { _tag: "Reread" }
  }
  if (reason._tag === "Unanswered") return { _tag: "Wait" }
  if (stillValid) {
    const retryAfter = reason._tag === "Transient" ? (reason.retryAfter ?? 0) : 0
    return { _tag: "KeepServing", cooldown: Duration.max(policy.cooldown, Duration.millis(retryAfter)) }
  }
  const purpose = failure._tag === "DpopUnsupported" ? undefined : failure.purpose
  return (onceInvalid[reason._tag] as Decision<Reason>)(reason, situation, purpose)
}
