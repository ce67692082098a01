import { Effect } from "effect"
import { type ClientRegistration, withAuthenticationMethod } from "../../../domain/ClientRegistration.ts"
import { StaleRegistration } from "../../../domain/StaleRegistration.ts"
import { accountName, DeviceCodeNotOffered } from "../../../domain/SignInError.ts"
import { PkceGenerator } from "../../../ports/PkceGenerator.ts"
import type { OAuthClient } from "../../../domain/Credential.ts"
import { DeviceAuthorization } from "../../../ports/DeviceAuthorization.ts"
import { TokenEndpoint, type TokenRequestError } from "../../../ports/TokenEndpoint.ts"
import { UserInteraction } from "../../../ports/UserInteraction.ts"
import { checkDestination } from "../CodeDestination.ts"
import { CredentialReplacement } from "../CredentialReplacement.ts"
import { retryWithFewerScopes } from "../FewerScopes.ts"
import { retryForgotten } from "../RetryForgotten.ts"
import { clientOf, fixedRegistration, registerForSignIn, rejectionOf } from "../SignInClient.ts"
import { draftCredential, dpopKeyFor, type SignInContext } from "../SignInContext.ts"
import { retryTransient } from "../TokenRetry.ts"
import { unconfirmedIssuer } from "../UnconfirmedIssuer.ts"
import { withClient } from "../WithClient.ts"
import { poll } from "./DevicePolling.ts"

/**
 * The client of a device authorization request. A dynamic one belongs to this credential alone, as on loopback. One that was
 * registered for the browser alone may not use this grant.
 */
const chooseClient = Effect.fnUntraced(function* (context: SignInContext) {
  const { authorizationServer, server } = context
  const { redirectUri } = server.oauth
  const known = [context.known, context.spare].find((client) => client?.deviceCode === true)
  const earlier = fixedRegistration(server, authorizationServer) ?? known
  if (earlier !== undefined) return { registration: earlier, isReused: earlier === known }
  const { scopes } = authorizationServer
  return {
    registration: yield* registerForSignIn(context, { redirectUri, scopes, deviceCode: true }),
    isReused: false
  }
})

/**
 * Requests a device code with a PKCE challenge. A server that refuses the parameters (`invalid_request`) gets them not again,
 * and no verifier later; if it refuses that too, its first answer counts.
 */
const requestCode = Effect.fnUntraced(function* (
  context: SignInContext,
  client: OAuthClient,
  deviceAuthorizationEndpoint: URL
) {
  const { authorizationServer, server } = context
  const { extraAuthParams, resource, scopes } = authorizationServer
  const devices = yield* DeviceAuthorization
  const start = (codeChallenge: string | undefined) =>
    withClient(client, (requestClient) =>
      retryTransient(
        devices.start({
          server: server.name,
          deviceAuthorizationEndpoint,
          client: requestClient,
          scopes,
          resource,
          codeChallenge,
          parameters: extraAuthParams
        })
      )
    )
  if (!server.oauth.usePkce) return { ...(yield* start(undefined)), codeVerifier: undefined }
  const { codeChallenge, codeVerifier } = yield* PkceGenerator.use(({ make }) => make)
  return yield* Effect.map(start(codeChallenge), (started) => ({ ...started, codeVerifier })).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "Refused" && reason.error === "invalid_request",
      (error) =>
        Effect.map(start(undefined), (started) => ({ ...started, codeVerifier: undefined })).pipe(
          Effect.mapError((later) => (later.reason._tag === "Refused" ? error : later))
        )
    )
  )
})

const attempt = Effect.fn("DeviceCodeGrant.attempt")(function* (
  context: SignInContext,
  useClient: (registration: ClientRegistration) => void
) {
  const { authorizationServer, key, server } = context
  const { endpoints, issuer, resource } = authorizationServer
  const deviceAuthorizationEndpoint = endpoints.deviceAuthorization
  if (deviceAuthorizationEndpoint === undefined) {
    return yield* new DeviceCodeNotOffered({ server: server.name, account: key.account, issuer })
  }
  const unconfirmed = unconfirmedIssuer(server, authorizationServer)
  if (unconfirmed !== undefined) return yield* unconfirmed
  const user = yield* UserInteraction
  if (user.attention !== undefined) yield* user.attention
  const dpopKey = yield* dpopKeyFor(context)
  const { isReused, registration } = yield* chooseClient(context)
  useClient(registration)
  const draft = draftCredential(context, registration)
  const client = clientOf(context, draft)
  const explain = (error: TokenRequestError) => {
    const { reason } = error
    // A client of an earlier sign-in may have lost the device grant.
    return isReused && reason._tag === "Refused" && reason.error === "unauthorized_client"
      ? new StaleRegistration({ server: server.name, issuer, clientId: registration.clientId })
      : rejectionOf({ server, draft, isReused }, error)
  }
  const {
    answer: code,
    codeVerifier,
    method
  } = yield* Effect.mapError(requestCode(context, client, deviceAuthorizationEndpoint), explain)
  const destination = yield* checkDestination(server, authorizationServer, code.verificationUri)
  if (destination !== undefined) yield* user.tell(destination.message, destination.remedies)
  yield* user.askToUseDevice(accountName(server.name, key.account), code)
  const tokenEndpoint = yield* TokenEndpoint
  const credentials = yield* CredentialReplacement
  /** The authentication that the last request used. The token endpoint may not accept that of the device endpoint. */
  let accepted = method
  const requestTokens = Effect.gen(function* () {
    const methods = [accepted, ...client.methods.filter((other) => other !== accepted)] as const
    const { answer: tokens } = yield* withClient({ ...client, methods }, (requestClient) => {
      accepted = requestClient.authenticationMethod
      return tokenEndpoint.grant({
        server: server.name,
        tokenEndpoint: authorizationServer.tokenEndpoint,
        client: requestClient,
        resource,
        dpopKey,
        scopes: [],
        grant: { _tag: "DeviceCode", deviceCode: code.deviceCode, codeVerifier }
      })
    })
    const result = { registration: withAuthenticationMethod(registration, accepted), tokens }
    return yield* credentials.replace({ server, key, draft }, result)
  }).pipe(Effect.uninterruptible)
  return yield* poll(key, code, requestTokens)
}, Effect.scoped)

/** The device authorization grant (RFC 8628): the user approves in a browser on another machine. */
export const deviceCodeGrant = (context: SignInContext) =>
  retryWithFewerScopes(context, (narrowed, useClient) =>
    retryForgotten(narrowed, (current) => attempt(current, useClient))
  )
