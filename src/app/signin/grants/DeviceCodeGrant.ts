import { Effect } from "effect"
import { accountName, DeviceCodeNotOffered } from "../../../domain/SignInError.ts"
import { DeviceAuthorization } from "../../../ports/DeviceAuthorization.ts"
import { UserInteraction } from "../../../ports/UserInteraction.ts"
import { TokenEndpoint, type TokenRequestError } from "../../../ports/TokenEndpoint.ts"
import { poll } from "./DevicePolling.ts"
import { dpopKeyFor, type Flow, StaleRegistration, withKnownClient } from "../SignInContext.ts"
import { clientOf, fixedClient, registerClient, registrationOf, rejectionOf } from "../SignInClient.ts"
import { firstAccepted } from "../ClientAttempts.ts"
import { retryTransient } from "../TokenRetry.ts"

const attempt = Effect.fn("DeviceCodeGrant.attempt")(function* (flow: Flow) {
  const { authorizationServer, save, key, known, server } = flow
  const { deviceAuthorizationEndpoint } = authorizationServer
  if (deviceAuthorizationEndpoint === undefined) {
    return yield* new DeviceCodeNotOffered({
      server: server.name,
      account: key.account,
      issuer: authorizationServer.issuer
    })
  }
  const dpopKey = yield* dpopKeyFor(flow)
  const { redirectUri } = server.oauth
  const flowClient =
    fixedClient(server, authorizationServer) ??
    (known === undefined
      ? yield* registerClient(server, authorizationServer, { redirectUri, deviceCode: true })
      : { _tag: "Dynamic" as const, client: known, reused: true })
  const { methods, ...client } = clientOf(server, authorizationServer, flowClient)
  const isReused = flowClient._tag === "Dynamic" && flowClient.reused
  const explained = Effect.mapError((error: TokenRequestError) => {
    if (flowClient._tag !== "Dynamic") return rejectionOf(server, flowClient, error)
    // A client of an earlier flow may have been registered without the right to ask for device codes.
    const unfit =
      error.reason._tag === "InvalidClient" ||
      (error.reason._tag === "Refused" && error.reason.error === "unauthorized_client")
    return isReused && unfit ? new StaleRegistration() : error
  })
  const devices = yield* DeviceAuthorization
  const { answer: code, method: authenticationMethod } = yield* explained(
    firstAccepted(methods, (method) =>
      retryTransient(
        devices.start({
          server: server.name,
          deviceAuthorizationEndpoint,
          client: { ...client, authenticationMethod: method },
          scopes: authorizationServer.scopes,
          resource: authorizationServer.resource,
          parameters: authorizationServer.extraAuthParams
        })
      )
    )
  )
  const user = yield* UserInteraction
  yield* user.askToUseDevice(accountName(server.name, key.account), code)
  const tokenEndpoint = yield* TokenEndpoint
  const ask = Effect.gen(function* () {
    const tokens = yield* tokenEndpoint.grant({
      server: server.name,
      tokenEndpoint: authorizationServer.tokenEndpoint,
      client: { ...client, authenticationMethod },
      resource: authorizationServer.resource,
      dpopKey,
      scopes: [],
      grant: { _tag: "DeviceCode", deviceCode: code.deviceCode }
    })
    return yield* save(registrationOf(flowClient, authenticationMethod), tokens)
  }).pipe(Effect.uninterruptible)
  return yield* poll(key, code, ask)
}, Effect.scoped)

/** The device authorization grant (RFC 8628): the user approves in a browser on another machine. */
export const deviceCodeGrant = (flow: Flow) => withKnownClient(flow, attempt)
