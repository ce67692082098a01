import { Effect, type Redacted } from "effect"
import { authenticationMethods } from "../../../domain/ClientAuthentication.ts"
import type { OAuthClient } from "../../../domain/Credential.ts"
import {
  type RemoteServer,
  type IdentityProvider,
  type NonInteractiveGrant,
  resourceOf
} from "../../../domain/Server.ts"
import type { TokenSet } from "../../../domain/TokenSet.ts"
import type { TokenEndpoint, TokenRequestError } from "../../../ports/TokenEndpoint.ts"
import { type AuthenticatedAnswer, withClient } from "../WithClient.ts"

/** A token request that needs no user. */
export interface NonInteractiveRequest {
  readonly server: RemoteServer
  readonly grant: NonInteractiveGrant
  readonly tokenEndpoint: URL
  /** Issuer of the tokens; with endpoints by hand the token endpoint. */
  readonly issuer: string
  readonly client: OAuthClient
  readonly resource: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly dpopKey: Redacted.Redacted | undefined
}

/** The client at the identity provider, which knows it by another identifier and secret. */
const identityProviderClient = ({ client, tokenEndpoint }: IdentityProvider): OAuthClient => {
  const { clientId, clientSecret, signingKey } = client
  return {
    clientId,
    clientSecret,
    isByHand: true,
    signing: signingKey && { key: signingKey, audience: tokenEndpoint.href },
    methods: authenticationMethods({
      hasSecret: clientSecret !== undefined,
      signs: signingKey !== undefined,
      decided: undefined,
      supported: undefined
    })
  }
}

/**
 * Requests the identity provider's assertion about the user. It names one authorization server and one resource (Identity
 * Assertion JWT Authorization Grant §4), even if the authorization server itself gets no `resource`.
 */
const identityAssertion = (
  tokenEndpoint: TokenEndpoint["Service"],
  identityProvider: IdentityProvider,
  { issuer, resource, scopes, server }: NonInteractiveRequest
) =>
  withClient(identityProviderClient(identityProvider), (client) =>
    tokenEndpoint.identityAssertion({
      server: server.name,
      tokenEndpoint: identityProvider.tokenEndpoint,
      client,
      audience: server.oauth.source._tag === "ByHand" ? (server.oauth.issuer ?? issuer) : issuer,
      resource: resource ?? resourceOf(server),
      scopes,
      subjectToken: identityProvider.subjectToken,
      subjectTokenType: identityProvider.subjectTokenType
    })
  )

/** Requests tokens that no user has to approve. Sent again whenever they expire. */
export const nonInteractiveTokens = Effect.fn("NonInteractiveGrant.request")(function* (
  tokenEndpoint: TokenEndpoint["Service"],
  request: NonInteractiveRequest
): Effect.fn.Return<AuthenticatedAnswer<TokenSet>, TokenRequestError> {
  const { client, dpopKey, grant: configured, resource, scopes, server } = request
  const grant =
    configured._tag === "EnterpriseManaged"
      ? {
          _tag: "JwtBearer" as const,
          assertion: (yield* identityAssertion(tokenEndpoint, configured.identityProvider, request)).answer
        }
      : configured
  return yield* withClient(client, (requestClient) =>
    tokenEndpoint.grant({
      server: server.name,
      tokenEndpoint: request.tokenEndpoint,
      client: requestClient,
      resource,
      scopes,
      dpopKey,
      grant
    })
  )
})
