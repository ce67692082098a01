import { Effect } from "effect"
import { accountName, DeviceCodeNotOffered } from "../domain/SignInError.ts"
import { DeviceAuthorization } from "../ports/DeviceAuthorization.ts"
import { Person } from "../ports/Person.ts"
import { TokenEndpoint, type TokenRequestError } from "../ports/TokenEndpoint.ts"
import { poll } from "./DevicePolling.ts"
import { dpopKeyFor, type Flow, ForgottenClient, withKnownClient } from "./Flow.ts"
import { clientOf, fixedClient, registerClient, registrationOf, rejectionOf } from "./FlowClient.ts"
import { firstAccepted } from "./ClientAttempts.ts"
import { retryPassing } from "./tokens/TokenRetry.ts"

const attempt = Effect.fn("DeviceCodeGrant.attempt")(function* (flow: Flow) {
  const { authority, keep, key, known, server } = flow
  const { deviceAuthorizationEndpoint } = authority
  if (deviceAuthorizationEndpoint === undefined) {
    return yield* new DeviceCodeNotOffered({
      server: server.name,
      account: key.account,
      issuer: authority.issuer
    })
  }
  const dpopKey = yield* dpopKeyFor(flow)
  const { redirectUri } = server.oauth
  const flowClient =
    fixedClient(server, authority) ??
    (known === undefined
      ? yield* registerClient(server, authority, { redirectUri, deviceCode: true })
      : { _tag: "Dynamic" as const, client: known, reused: true })
  const { methods, ...client } = clientOf(server, authority, flowClient)
  const isReused = flowClient._tag === "Dynamic" && flowClient.reused
  const explained = Effect.mapError((error: TokenRequestError) => {
    if (flowClient._tag !== "Dynamic") return rejectionOf(server, flowClient, error)
    // A client of an earlier flow may have been registered without the right to ask for device codes.
    const unfit =
      error.reason._tag === "InvalidClient" ||
      (error.reason._tag === "Refused" && error.reason.error === "unauthorized_client")
    return isReused && unfit ? new ForgottenClient() : error
  })
  const devices = yield* DeviceAuthorization
  const { answer: code, method: authenticationMethod } = yield* explained(
    firstAccepted(methods, (method) =>
      retryPassing(
        devices.start({
          server: server.name,
          deviceAuthorizationEndpoint,
          client: { ...client, authenticationMethod: method },
          scopes: authority.scopes,
          resource: authority.resource,
          parameters: authority.extraAuthParams
        })
      )
    )
  )
  const person = yield* Person
  yield* person.askToUseDevice(accountName(server.name, key.account), code)
  const tokenEndpoint = yield* TokenEndpoint
  const ask = Effect.gen(function* () {
    const tokens = yield* tokenEndpoint.grant({
      server: server.name,
      tokenEndpoint: authority.tokenEndpoint,
      client: { ...client, authenticationMethod },
      resource: authority.resource,
      dpopKey,
      scopes: [],
      grant: { _tag: "DeviceCode", deviceCode: code.deviceCode }
    })
    return yield* keep(registrationOf(flowClient, authenticationMethod), tokens)
  }).pipe(Effect.uninterruptible)
  return yield* poll(key, code, ask)
}, Effect.scoped)

/** The device authorization grant (RFC 8628): the person approves in a browser on another machine. */
export const deviceCodeGrant = (flow: Flow) => withKnownClient(flow, attempt)
