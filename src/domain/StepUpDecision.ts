import type { Redacted } from "effect"
import type { Credential } from "./Credential.ts"
import { needsUser, type RemoteServer } from "./Server.ts"
import type { TokenSet } from "./TokenSet.ts"

/** A request that the server answered with 403 `insufficient_scope`. */
export interface StepUpSituation {
  readonly server: RemoteServer
  /** The scopes that the server named. */
  readonly missing: ReadonlyArray<string>
  /** The access token that was sent. */
  readonly sent: Redacted.Redacted
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Someone can approve a sign-in. */
  readonly userPresent: boolean
}

/** What to do about missing scopes. */
export type StepUpDecision =
  /** Use the stored tokens: another process has stepped up. */
  | { readonly _tag: "Adopt"; readonly tokens: TokenSet }
  /** Do nothing: the token that was sent has these scopes. */
  | { readonly _tag: "Covered" }
  /** Fail: the sign-in needs the user. */
  | { readonly _tag: "UserNeeded" }
  /** Sign in for the missing scopes and all earlier ones. */
  | { readonly _tag: "SignIn" }

/** Returns the tokens of a credential if they can replace the ones that were sent. */
export const sufficientTokens = (
  credential: Credential,
  { missing, now, sent }: StepUpSituation
): TokenSet | undefined => {
  const { tokens } = credential
  const isSufficient =
    tokens !== undefined && credential.covers(missing) && !tokens.holds(sent) && !tokens.isExpired(now)
  return isSufficient ? tokens : undefined
}

/**
 * Decides how to get missing scopes. The first row that applies counts:
 *
 * | stored tokens                          | sign-in needs the user | decision     |
 * | -------------------------------------- | ---------------------- | ------------ |
 * | others than sent, valid, have scopes   | any                    | `Adopt`      |
 * | the ones that were sent, have scopes   | any                    | `Covered`    |
 * | any other                              | yes, who is absent     | `UserNeeded` |
 * | any other                              | no, or who is present  | `SignIn`     |
 */
export const stepUpDecision = (
  stored: Credential | undefined,
  situation: StepUpSituation
): StepUpDecision => {
  const { missing, sent, server, userPresent } = situation
  const tokens = stored && sufficientTokens(stored, situation)
  if (tokens !== undefined) return { _tag: "Adopt", tokens }
  if (stored?.tokens?.holds(sent) === true && stored.covers(missing)) return { _tag: "Covered" }
  const canSignIn = userPresent || !needsUser(server) || stored?.nonInteractiveGrantAt(server) !== undefined
  return { _tag: canSignIn ? "SignIn" : "UserNeeded" }
}
