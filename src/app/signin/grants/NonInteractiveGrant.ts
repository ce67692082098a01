import { Effect, type Redacted } from "effect"
import { authenticationMethods } from "../../../domain/ClientAuthentication.ts"
import type { CredentialClient } from "../../../domain/Credential.ts"
import {
  type RemoteServer,
  type IdentityProvider,
  type NonInteractiveGrant,
  resourceOf
} from "../../../domain/Server.ts"
import type { TokenSet } from "../../../domain/TokenSet.ts"
import { TokenEndpoint, type TokenRequestError } from "../../../ports/TokenEndpoint.ts"
import { type AuthenticatedAnswer, firstAccepted } from "../ClientAttempts.ts"
import { dpopKeyFor, type Flow } from "../SignInContext.ts"
import { clientOf, type FixedClient, registrationOf, rejectionOf } from "../SignInClient.ts"
import { retryTransient } from "../TokenRetry.ts"

/** What tokens are asked for without a user. */
export interface MachineRequest {
  readonly server: RemoteServer
  readonly grant: NonInteractiveGrant
  readonly tokenEndpoint: URL
  /** Issuer of the tokens; with endpoints by hand the token endpoint. */
  readonly issuer: string
  readonly client: CredentialClient
  readonly resource: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly dpopKey: Redacted.Redacted | undefined
}

/**
 * The assertion of the identity provider: who the user is, for one authorization server and one resource, each of which
 * it has to name (Identity Assertion JWT Authorization Grant §4) whatever the authorization server itself is told.
 */
const assertionOf = (
  tokenEndpoint: TokenEndpoint["Service"],
  { client, subjectToken, subjectTokenType, tokenEndpoint: endpoint }: IdentityProvider,
  { issuer, resource, scopes, server }: MachineRequest
) => {
  const { clientId, clientSecret, signingKey } = client
  const methods = authenticationMethods({
    hasSecret: clientSecret !== undefined,
    signs: signingKey !== undefined,
    decided: undefined,
    supported: undefined
  })
  return firstAccepted(methods, (authenticationMethod) =>
    tokenEndpoint.identityAssertion({
      server: server.name,
      tokenEndpoint: endpoint,
      client: {
        clientId,
        clientSecret,
        signing: signingKey && { key: signingKey, audience: endpoint.href },
        authenticationMethod
      },
      audience: server.oauth.source._tag === "ByHand" ? (server.oauth.issuer ?? issuer) : issuer,
      resource: resource ?? resourceOf(server),
      scopes,
      subjectToken,
      subjectTokenType
    })
  )
}

/** Asks for tokens that no user has to approve; each time anew, as often as they end. */
export const nonInteractiveTokens = Effect.fn("MachineTokens.request")(function* (
  tokenEndpoint: TokenEndpoint["Service"],
  request: MachineRequest
): Effect.fn.Return<AuthenticatedAnswer<TokenSet>, TokenRequestError> {
  const { client, grant: asked, resource, scopes, server } = request
  const { clientId, clientSecret, methods, signing } = client
  const grant =
    asked._tag === "EnterpriseManaged"
      ? {
          _tag: "JwtBearer" as const,
          assertion: (yield* assertionOf(tokenEndpoint, asked.identityProvider, request)).answer
        }
      : asked
  return yield* firstAccepted(methods, (authenticationMethod) =>
    tokenEndpoint.grant({
      server: server.name,
      tokenEndpoint: request.tokenEndpoint,
      client: { clientId, clientSecret, signing, authenticationMethod },
      resource,
      scopes,
      dpopKey: request.dpopKey,
      grant
    })
  )
})

/** A sign-in that nobody has to approve; what it gets is asked for anew when it ends, by {@link nonInteractiveTokens}. */
export const nonInteractiveGrant = Effect.fn("MachineTokens.grant")(function* (
  flow: Flow,
  flowClient: FixedClient,
  grant: NonInteractiveGrant
) {
  const { authorizationServer, save, server } = flow
  const { issuer, resource, scopes } = authorizationServer
  const { answer: tokens, method } = yield* nonInteractiveTokens(yield* TokenEndpoint, {
    server,
    grant,
    tokenEndpoint: authorizationServer.tokenEndpoint,
    issuer,
    client: clientOf(server, authorizationServer, flowClient),
    resource,
    scopes,
    dpopKey: yield* dpopKeyFor(flow)
  }).pipe(
    retryTransient,
    Effect.mapError((error) => rejectionOf(server, flowClient, error))
  )
  // What is lost between the two by an interruption is asked for anew.
  return yield* save(registrationOf(flowClient, method), tokens, grant._tag)
})
