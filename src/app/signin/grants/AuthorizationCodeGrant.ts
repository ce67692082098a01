import { Clock, Duration, Effect, Redacted } from "effect"
import { type AuthorizationFlow, authorizationUrl } from "../../../domain/AuthorizationRequest.ts"
import type { AuthorizationResponse } from "../../../domain/AuthorizationResponse.ts"
import { withAuthenticationMethod } from "../../../domain/ClientRegistration.ts"
import type { Credential } from "../../../domain/Credential.ts"
import { PendingSignIn } from "../../../domain/PendingSignIn.ts"
import { StaleRegistration } from "../../../domain/StaleRegistration.ts"
import type { RemoteServer } from "../../../domain/Server.ts"
import { CallbackRejected, SignInRefused } from "../../../domain/SignInError.ts"
import { pkceProblem } from "../../../domain/SignInRules.ts"
import { DiscoveryError } from "../../../ports/Discovery.ts"
import { DpopProofs } from "../../../ports/DpopProofs.ts"
import { PkceGenerator } from "../../../ports/PkceGenerator.ts"
import { SignInPolicy } from "../../../ports/SignInPolicy.ts"
import { TokenEndpoint, TokenRequestError } from "../../../ports/TokenEndpoint.ts"
import { checkDestination } from "../CodeDestination.ts"
import { CredentialReplacement } from "../CredentialReplacement.ts"
import { probeAuthorization } from "../AuthorizationProbe.ts"
import { pushEndpointOf } from "../PushEndpoint.ts"
import { clientOf, refusesClient, rejectionOf, type SignInClient } from "../SignInClient.ts"
import { draftCredential, dpopKeyFor, type SignInContext } from "../SignInContext.ts"
import { retryTransient, retryUnsent } from "../TokenRetry.ts"
import { withClient } from "../WithClient.ts"

/** The client of an authorization request, and where the browser comes back to. */
export interface RedirectTarget {
  readonly client: SignInClient
  readonly redirectUri: URL
}

/** What must hold before a client is registered or a user sees anything. */
const requireEndpoint = Effect.fnUntraced(function* ({
  authorizationServer: { authorizationEndpoint, issuer, metadata },
  server
}: SignInContext) {
  const unprotected = pkceProblem(server, metadata)
  if (unprotected !== undefined) return yield* unprotected
  if (authorizationEndpoint === undefined) {
    return yield* new DiscoveryError({
      server: server.name,
      reason: "no metadata",
      detail: `the metadata of ${issuer} names no authorization_endpoint`
    })
  }
  return authorizationEndpoint
})

/**
 * True if the authorization endpoint no longer knows a client. A user would see its error page, and no callback would
 * follow.
 */
const isForgotten = Effect.fn("AuthorizationCodeGrant.isForgotten")(function* (url: URL, redirectUri: URL) {
  const refusal = yield* probeAuthorization(url, redirectUri)
  if (refusal === undefined) return false
  return !refusal.isCallback || refusesClient(refusal)
})

/** Pushes the request with the authentication of the client, and returns the URL that refers to it (RFC 9126 §4). */
const pushedUrl = Effect.fn("AuthorizationCodeGrant.pushedUrl")(function* (
  context: SignInContext,
  request: AuthorizationFlow,
  draft: Credential,
  isReused: boolean,
  pushedAuthorizationEndpoint: URL
) {
  const { server } = context
  const tokenEndpoint = yield* TokenEndpoint
  // Parameters in the URL of the authorization endpoint stay there.
  const { origin, pathname } = request.authorizationEndpoint
  const parameters = authorizationUrl({
    ...request,
    authorizationEndpoint: new URL(pathname, origin)
  }).searchParams
  const { answer } = yield* withClient(clientOf(context, draft), (client) =>
    retryTransient(
      tokenEndpoint.pushAuthorization({
        server: server.name,
        pushedAuthorizationEndpoint,
        client,
        parameters
      })
    )
  ).pipe(Effect.mapError((error) => rejectionOf({ server, draft, isReused }, error)))
  yield* Effect.logDebug(`The pushed authorization request can be used for ${answer.expiresIn} seconds.`)
  const url = new URL(request.authorizationEndpoint)
  url.searchParams.set("client_id", request.clientId)
  url.searchParams.set("request_uri", answer.requestUri)
  return url
})

/** The URL that the browser opens. Fails with `StaleRegistration` if the server has forgotten a reused client. */
const urlToOpen = Effect.fnUntraced(function* (
  context: SignInContext,
  request: AuthorizationFlow,
  { isReused, registration: { clientId } }: SignInClient,
  draft: Credential
) {
  const { authorizationServer, server } = context
  const endpoint = yield* Effect.fromResult(pushEndpointOf(server, authorizationServer))
  if (endpoint !== undefined) return yield* pushedUrl(context, request, draft, isReused, endpoint)
  const url = authorizationUrl(request)
  return isReused && (yield* isForgotten(url, request.redirectUri))
    ? yield* new StaleRegistration({ server: server.name, issuer: authorizationServer.issuer, clientId })
    : url
})

/**
 * Begins an authorization code flow (RFC 6749 §4.1.1, RFC 7636): everything up to the point where the user approves.
 *
 * @param chooseTarget runs once the authorization server is known to be usable; may register a client
 */
export const beginAuthorization = Effect.fn("AuthorizationCodeGrant.begin")(function* <
  Target extends RedirectTarget,
  E,
  R
>(context: SignInContext, chooseTarget: Effect.Effect<Target, E, R>) {
  const { authorizationServer, key, server } = context
  const { extraAuthParams, resource, responseIssuer, responseIssuerRequired, scopes } = authorizationServer
  const { usePkce } = server.oauth
  const authorizationEndpoint = yield* requireEndpoint(context)
  const unconfirmed = yield* checkDestination(server, authorizationServer, authorizationEndpoint)
  const dpopKey = yield* dpopKeyFor(context)
  const target = yield* chooseTarget
  const { client, redirectUri } = target
  const draft = draftCredential(context, client.registration)
  const secrets = yield* PkceGenerator.use(({ make }) => make)
  const request: AuthorizationFlow = {
    server: server.name,
    authorizationEndpoint,
    tokenEndpoint: authorizationServer.tokenEndpoint,
    issuer: responseIssuer,
    issuerRequired: responseIssuerRequired,
    clientId: client.registration.clientId,
    redirectUri,
    scopes,
    resource,
    usePkce,
    dpopThumbprint:
      dpopKey === undefined ? undefined : yield* DpopProofs.use(({ thumbprint }) => thumbprint(dpopKey)),
    extraAuthParams,
    secrets
  }
  const url = yield* urlToOpen(context, request, client, draft)
  const { pendingLifetime } = yield* SignInPolicy
  const pending = new PendingSignIn({
    server: server.name,
    account: key.account,
    draft,
    methods: clientOf(context, draft).methods,
    isClientReused: client.isReused,
    authorizationUrl: Redacted.make(url.href),
    redirectUri: redirectUri.href,
    state: secrets.state,
    ...(usePkce ? { codeVerifier: secrets.codeVerifier } : {}),
    ...(dpopKey === undefined ? {} : { dpopKey }),
    ...(responseIssuer === undefined ? {} : { responseIssuer }),
    isResponseIssuerRequired: responseIssuerRequired,
    isResponseIssuerExact: authorizationServer.responseIssuerExact,
    expiresAt: (yield* Clock.currentTimeMillis) + Duration.toMillis(pendingLifetime)
  })
  return { pending, target, unconfirmed }
})

/** Exchanges the code (RFC 6749 §4.1.3). */
const exchange = Effect.fn("AuthorizationCodeGrant.exchange")(function* (
  pending: PendingSignIn,
  server: RemoteServer,
  code: Redacted.Redacted
) {
  const { account, codeVerifier, dpopKey, draft, isClientReused, redirectUri } = pending
  const tokenEndpoint = yield* TokenEndpoint
  const { answer: tokens, method } = yield* withClient(pending.clientAt(server), (client) =>
    retryUnsent(
      tokenEndpoint.exchange({
        server: server.name,
        tokenEndpoint: new URL(draft.tokenEndpoint),
        client,
        resource: draft.resourceParameter,
        dpopKey,
        code,
        redirectUri: new URL(redirectUri),
        codeVerifier
      })
    )
  ).pipe(
    Effect.mapError((error) =>
      rejectionOf({ server, draft, isReused: isClientReused }, new TokenRequestError({ ...error, account }))
    )
  )
  return { registration: withAuthenticationMethod(draft.registration, method), tokens }
})

/**
 * Stores the result of a pending sign-in.
 *
 * - `once`: any process may complete it, now or later. Refuses one that was completed before, so it reads the store first.
 * - `always`: only this process knows it. Nothing that fails once the code is exchanged costs the user the approval.
 */
export type Completion = "once" | "always"

/** Completes an authorization code flow with the callback that belongs to it. */
export const completeAuthorization = Effect.fn("AuthorizationCodeGrant.complete")(function* (
  pending: PendingSignIn,
  server: RemoteServer,
  callback: Exclude<AuthorizationResponse, { readonly _tag: "Foreign" }>,
  completion: Completion
) {
  const { account, draft, key } = pending
  const target = { server, key, draft }
  const credentials = yield* CredentialReplacement
  switch (callback._tag) {
    case "Granted": {
      const request = exchange(pending, server, callback.code)
      return yield* completion === "once"
        ? credentials.completeOnce(target, pending, request)
        : Effect.uninterruptible(Effect.flatMap(request, (result) => credentials.replace(target, result)))
    }
    case "Denied": {
      yield* credentials.discard(pending)
      const { description, error } = callback
      return yield* new SignInRefused({
        server: server.name,
        account,
        error,
        ...(description === undefined ? {} : { description })
      })
    }
    case "Rejected":
      yield* credentials.discard(pending)
      return yield* new CallbackRejected({ server: server.name, account, detail: callback.detail })
  }
})
