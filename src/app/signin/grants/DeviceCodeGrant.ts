import { Effect } from "effect"
import { withAuthenticationMethod } from "../../../domain/ClientRegistration.ts"
import { StaleRegistration } from "../../../domain/StaleRegistration.ts"
import { accountName, DeviceCodeNotOffered } from "../../../domain/SignInError.ts"
import { DeviceAuthorization } from "../../../ports/DeviceAuthorization.ts"
import { TokenEndpoint, type TokenRequestError } from "../../../ports/TokenEndpoint.ts"
import { UserInteraction } from "../../../ports/UserInteraction.ts"
import { checkDestination } from "../CodeDestination.ts"
import { CredentialReplacement } from "../CredentialReplacement.ts"
import { retryForgotten } from "../RetryForgotten.ts"
import { clientOf, fixedRegistration, registerClient, rejectionOf } from "../SignInClient.ts"
import { draftCredential, dpopKeyFor, type SignInContext } from "../SignInContext.ts"
import { retryTransient } from "../TokenRetry.ts"
import { unconfirmedIssuer } from "../UnconfirmedIssuer.ts"
import { withClient } from "../WithClient.ts"
import { poll } from "./DevicePolling.ts"

/** The client of a device authorization request. A dynamic one belongs to this credential alone, as on loopback. */
const chooseClient = Effect.fnUntraced(function* (context: SignInContext) {
  const { authorizationServer, known, server } = context
  const { redirectUri } = server.oauth
  const earlier = fixedRegistration(server, authorizationServer) ?? known
  if (earlier !== undefined) return { registration: earlier, isReused: earlier === known }
  const { scopes } = authorizationServer
  return {
    registration: yield* registerClient(context, { redirectUri, scopes, deviceCode: true }),
    isReused: false
  }
})

const attempt = Effect.fn("DeviceCodeGrant.attempt")(function* (context: SignInContext) {
  const { authorizationServer, key, server } = context
  const { endpoints, extraAuthParams, issuer, resource, scopes } = authorizationServer
  const deviceAuthorizationEndpoint = endpoints.deviceAuthorization
  if (deviceAuthorizationEndpoint === undefined) {
    return yield* new DeviceCodeNotOffered({ server: server.name, account: key.account, issuer })
  }
  const unconfirmed = unconfirmedIssuer(server, authorizationServer)
  if (unconfirmed !== undefined) return yield* unconfirmed
  const dpopKey = yield* dpopKeyFor(context)
  const { isReused, registration } = yield* chooseClient(context)
  const draft = draftCredential(context, registration)
  const client = clientOf(context, draft)
  const explain = (error: TokenRequestError) => {
    const { reason } = error
    // A client of an earlier sign-in may have been registered without the device grant.
    return isReused && reason._tag === "Refused" && reason.error === "unauthorized_client"
      ? new StaleRegistration({ server: server.name, issuer, clientId: registration.clientId })
      : rejectionOf({ server, draft, isReused }, error)
  }
  const devices = yield* DeviceAuthorization
  const { answer: code, method } = yield* withClient(client, (requestClient) =>
    retryTransient(
      devices.start({
        server: server.name,
        deviceAuthorizationEndpoint,
        client: requestClient,
        scopes,
        resource,
        parameters: extraAuthParams
      })
    )
  ).pipe(Effect.mapError(explain))
  const user = yield* UserInteraction
  const destination = yield* checkDestination(server, authorizationServer, code.verificationUri)
  if (destination !== undefined) yield* user.tell(destination.message, destination.remedies)
  yield* user.askToUseDevice(accountName(server.name, key.account), code)
  const tokenEndpoint = yield* TokenEndpoint
  const credentials = yield* CredentialReplacement
  const requestTokens = Effect.gen(function* () {
    const { answer: tokens } = yield* withClient({ ...client, methods: [method] }, (requestClient) =>
      tokenEndpoint.grant({
        server: server.name,
        tokenEndpoint: authorizationServer.tokenEndpoint,
        client: requestClient,
        resource,
        dpopKey,
        scopes: [],
        grant: { _tag: "DeviceCode", deviceCode: code.deviceCode }
      })
    )
    const result = { registration: withAuthenticationMethod(registration, method), tokens }
    return yield* credentials.replace({ server, key, draft }, result)
  }).pipe(Effect.uninterruptible)
  return yield* poll(key, code, requestTokens)
}, Effect.scoped)

/** The device authorization grant (RFC 8628): the user approves in a browser on another machine. */
export const deviceCodeGrant = (context: SignInContext) => retryForgotten(context, attempt)
