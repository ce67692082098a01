import { Effect, Redacted, Schema } from "effect"
import { accountName } from "../../domain/SignInError.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"

/** A token is good only with proofs of a key that stays here (RFC 9449), so it cannot be handed to another program. */
export class TokenBoundToKey extends Schema.TaggedError<TokenBoundToKey>()("TokenBoundToKey", {
  server: Schema.String,
  /** Absent: the default account. */
  account: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `The tokens of ${accountName(this.server, this.account)} are bound to a key (DPoP), which no header alone can prove. Use the server through mcp-cli, or the fetch of this library. Where "dpop": true in its oauth block asked for that, take it out and sign in again.`
  }
}

/**
 * The access token for whoever sends it as `Authorization: Bearer` without this library (RFC 6750 §2.1). Every door that
 * lets go of a token passes here.
 */
export const bearerToken = (
  { accessToken, dpopKey }: TokenSet,
  whose: { readonly server: string; readonly account?: string | undefined }
): Effect.Effect<Redacted.Redacted, TokenBoundToKey> =>
  dpopKey === undefined
    ? Effect.succeed(accessToken)
    : Effect.fail(
        new TokenBoundToKey({
          server: whose.server,
          ...(whose.account === undefined ? {} : { account: whose.account })
        })
      )

/** The value of the `Authorization` header. It is for the door itself, never for a log. */
export const bearerHeader = (token: Redacted.Redacted): string => `Bearer ${Redacted.value(token)}`
