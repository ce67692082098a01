import { Schema } from "effect"
import { command, type Remedy } from "./Remedy.ts"
import { accountName } from "./SignInError.ts"

/** Why a sign-in in two steps does not begin or complete. */
const reasons = {
  "redirect URI":
    "its redirect URI must be https, http on loopback, or a private-use scheme, without a fragment",
  "no redirect": "it uses a grant that sends no browser to an authorization server",
  "foreign state": "the callback belongs to another sign-in",
  expired: "the callback came too late",
  "already used": "it has been completed before",
  "configuration changed": "the server, its issuer or its client has changed since it began"
} as const

/** A sign-in in two steps cannot begin or complete. No code was sent. */
export class PendingSignInError extends Schema.TaggedError<PendingSignInError>()("PendingSignInError", {
  server: Schema.String,
  account: Schema.optionalKey(Schema.String),
  reason: Schema.Literals(Object.keys(reasons) as ReadonlyArray<keyof typeof reasons>)
}) {
  override get message(): string {
    return `Cannot sign in to ${accountName(this.server, this.account)}: ${reasons[this.reason]}.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return [command("auth login", { server: this.server, account: this.account, purpose: "start again" })]
  }
}

/** The error for a sign-in of this server and account. */
export const refusePending = (
  { account, server }: { readonly server: string; readonly account: string },
  reason: keyof typeof reasons
): PendingSignInError => new PendingSignInError({ server, account, reason })
