import { Effect, Redacted, Schema } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import { accountName } from "../../domain/SignInError.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"

/** The token works only with proofs of a key that never leaves this program (RFC 9449). */
export class TokenBoundToKey extends Schema.TaggedError<TokenBoundToKey>()("TokenBoundToKey", {
  server: Schema.String,
  /** Absent: the default account. */
  account: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `The tokens of ${accountName(this.server, this.account)} are bound to a key (DPoP), so no other program can use them.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.advice("Send the requests through this program, or through the fetch of its library."),
      ...(Remedy.hasEntry(this.server)
        ? [
            Remedy.remove(Remedy.oauthOf(this.server), ["dpop"], "the server does not require it"),
            Remedy.advice("Then sign in again.")
          ]
        : [])
    ]
  }
}

/**
 * The access token for a program that sends it as `Authorization: Bearer` (RFC 6750 §2.1). Every way to get a token out of
 * this library goes through here.
 */
export const bearerToken = (
  { accessToken, dpopKey }: TokenSet,
  whose: { readonly server: string; readonly account?: string | undefined }
): Effect.Effect<Redacted.Redacted, TokenBoundToKey> =>
  dpopKey === undefined
    ? Effect.succeed(accessToken)
    : new TokenBoundToKey({
        server: whose.server,
        ...(whose.account === undefined ? {} : { account: whose.account })
      })

/** The value of the `Authorization` header; never for a log. */
export const bearerHeader = (token: Redacted.Redacted): string => `Bearer ${Redacted.value(token)}`
