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
  /** The client is a dynamic one, which the server may have forgotten, and its tokens with it. */
  readonly isDynamic: boolean
}

/** The tokens that a server refused to revoke, and why. Empty: it revoked all of them. */
export interface Unrevoked {
  readonly refreshToken?: TokenRequestError
  readonly accessToken?: TokenRequestError
}

/** True for an answer that will be the same the next time, and that no change of the configuration changes. */
const isFinal = ({ reason }: TokenRequestError): boolean =>
  reason._tag === "Refused" || reason._tag === "Malformed"

/**
 * Revokes tokens (RFC 7009), the refresh token first: only it can get new tokens, and its revocation should end the access
 * tokens too (§2.1). Not every server does that, so the access token follows. Returns what the server refused; a server may
 * be unable to revoke self-contained access tokens. A client that the server has forgotten has no tokens left.
 *
 * Fails if another attempt may succeed: later, or with another client secret. Once the refresh token is revoked, nothing
 * fails.
 */
export const revokeTokens = Effect.fn("Revocation.revokeTokens")(function* ({
  client,
  isDynamic,
  revocationEndpoint,
  server,
  tokens: { accessToken, refreshToken }
}: Revocation): Effect.fn.Return<Unrevoked, TokenRequestError, TokenEndpoint> {
  const tokenEndpoint = yield* TokenEndpoint
  const revoke = (token: Redacted.Redacted, hint: RevocationRequest["hint"]) =>
    withClient(client, (requestClient) =>
      tokenEndpoint.revoke({ server, revocationEndpoint, client: requestClient, token, hint })
    ).pipe(
      Effect.as(undefined),
      Effect.catchIf(
        ({ reason }) => isDynamic && reason._tag === "InvalidClient",
        () => Effect.undefined
      )
    )
  const refusal = (token: Redacted.Redacted, hint: RevocationRequest["hint"]) =>
    Effect.catchIf(retryTransient(revoke(token, hint)), isFinal, Effect.succeed)
  if (refreshToken === undefined) {
    const refused = yield* refusal(accessToken, "access_token")
    return refused === undefined ? {} : { accessToken: refused }
  }
  const refused = yield* refusal(refreshToken, "refresh_token")
  const ofAccess = yield* revoke(accessToken, "access_token").pipe(Effect.catch(Effect.succeed))
  return {
    ...(refused === undefined ? {} : { refreshToken: refused }),
    ...(ofAccess === undefined ? {} : { accessToken: ofAccess })
  }
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
    isDynamic: replaced.registration._tag === "Dynamic",
    tokens
  }
}
