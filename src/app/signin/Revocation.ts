import { Effect, Equal, type Redacted } from "effect"
import type { Credential, OAuthClient } from "../../domain/Credential.ts"
import { revokesAllOfUser } from "../../domain/ProviderQuirks.ts"
import { isSameIssuer } from "../../domain/Issuer.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import type { SignInPolicySettings } from "../../ports/SignInPolicy.ts"
import { type RevocationRequest, TokenEndpoint, type TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { retryTransient } from "./TokenRetry.ts"
import { withClient } from "./WithClient.ts"

/** Tokens to revoke, and where. */
export interface Revocation {
  readonly server: string
  readonly revocationEndpoint: URL
  readonly client: OAuthClient
  readonly tokens: TokenSet
}

/**
 * Revokes tokens (RFC 7009), the refresh token first: only it can get new tokens, and its revocation should end the access
 * tokens too (§2.1). Not every server does that, so the access token follows once, and its failure does not count: a server
 * may be unable to revoke self-contained access tokens. Without a refresh token the access token must be revoked.
 */
export const revokeTokens = Effect.fn("Revocation.revokeTokens")(function* ({
  client,
  revocationEndpoint,
  server,
  tokens: { accessToken, refreshToken }
}: Revocation): Effect.fn.Return<void, TokenRequestError, TokenEndpoint> {
  const tokenEndpoint = yield* TokenEndpoint
  const revoke = (token: Redacted.Redacted, hint: RevocationRequest["hint"]) =>
    withClient(client, (requestClient) =>
      tokenEndpoint.revoke({ server, revocationEndpoint, client: requestClient, token, hint })
    )
  if (refreshToken === undefined) {
    yield* retryTransient(revoke(accessToken, "access_token"))
    return
  }
  yield* retryTransient(revoke(refreshToken, "refresh_token"))
  yield* revoke(accessToken, "access_token").pipe(
    Effect.catch((error) => Effect.logDebug(`${error.message} The refresh token is revoked.`))
  )
})

const isSameToken = (one: TokenSet, other: TokenSet): boolean =>
  one.refreshToken === undefined
    ? other.holds(one.accessToken)
    : Equal.equals(one.refreshToken, other.refreshToken)

const addsScopes = (replaced: Credential, current: Credential): boolean => {
  const before = replaced.scopesSoFar
  const requested = current.requestedScopes ?? []
  return requested.length > before.length && before.every((scope) => requested.includes(scope))
}

/**
 * How to revoke a credential that a sign-in has replaced. None if that could harm the new tokens or a secret:
 *
 * - The new credential has the same token.
 * - Both have the same client. A server may revoke all tokens of a user and client together (RFC 7009 §2.1), or may have
 *   extended the same grant. With the policy `always` only servers that are known to do so are left out, and a sign-in
 *   that adds scopes (step-up).
 * - The client comes from the configuration, which no longer names it: its secret belongs to another client.
 */
export const revocationOfReplaced = (
  server: RemoteServer,
  replaced: Credential,
  current: Credential,
  policy: SignInPolicySettings["revokesReplaced"]
): Revocation | undefined => {
  const { tokens } = replaced
  const isConfigured = replaced.isFor(server)
  const endpoint = isConfigured ? replaced.revocationEndpointAt(server)?.href : replaced.revocationEndpoint
  if (policy === "never" || tokens === undefined || endpoint === undefined) return undefined
  if (!isConfigured && replaced.registration._tag === "Configured") return undefined
  const isSameClient =
    isSameIssuer(replaced.issuer, current.issuer) &&
    replaced.registration.clientId === current.registration.clientId
  if (isSameClient) {
    if (policy === "other-client") return undefined
    if (current.tokens !== undefined && isSameToken(tokens, current.tokens)) return undefined
    if (server.oauth.providerQuirks && revokesAllOfUser(new URL(replaced.tokenEndpoint))) return undefined
    if (addsScopes(replaced, current)) return undefined
  }
  return {
    server: server.name,
    revocationEndpoint: new URL(endpoint),
    client: replaced.clientAt(server),
    tokens
  }
}
