import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { hasUserInformation, isSecureUrl } from "../../domain/SecureUrl.ts"
import {
  DeviceAuthorization,
  type DeviceAuthorizationRequest,
  type DeviceCode
} from "../../ports/DeviceAuthorization.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { Malformed, repeatable, type TokenFailure, TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { readEndpointAnswer } from "./EndpointAnswer.ts"
import { makeSend } from "./EndpointRequest.ts"
import { type JsonMembers, readJsonObject } from "./JsonAnswer.ts"
import { defaultPollingInterval, maxDeviceCodeLifetime, minPollingInterval } from "./OAuthLimits.ts"

const malformed = (detail: string) => new Malformed({ detail })

/** A number of seconds, in milliseconds; some servers write it as text. */
const readMillis = (value: unknown): number => {
  const seconds = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds * 1000 : Number.NaN
}

/** A URL that the user opens: https, or http on loopback, and nothing that looks like another host. */
const readAddress = Effect.fnUntraced(function* (value: unknown, name: string) {
  const url = typeof value === "string" ? URL.parse(value) : null
  if (url === null) return yield* malformed(`its "${name}" is not a URL`)
  if (hasUserInformation(url)) return yield* malformed(`its "${name}" contains a user name or password`)
  if (!isSecureUrl(url)) return yield* malformed(`its "${name}" is neither https nor on this machine`)
  return url
})

/**
 * A code that a user can read off a screen and that cannot rewrite the screen: letters, digits, punctuation and single
 * spaces, without invisible characters.
 */
const readableCode = /^(?=.{1,64}$)[\p{L}\p{N}\p{P}\p{S}]+(?: [\p{L}\p{N}\p{P}\p{S}]+)*$/u

/** Reads a successful answer (RFC 8628 §3.2). */
const readDeviceCode = Effect.fnUntraced(function* (
  answer: JsonMembers,
  requestedAt: number
): Effect.fn.Return<DeviceCode, Malformed> {
  const deviceCode = answer["device_code"]
  if (typeof deviceCode !== "string") return yield* malformed(`it has no "device_code"`)
  const userCode = answer["user_code"]
  if (typeof userCode !== "string" || !readableCode.test(userCode)) {
    return yield* malformed(`its "user_code" cannot be typed by a user`)
  }
  // Google sends "verification_url", the name in an early draft of the RFC.
  const verificationUri = yield* readAddress(
    answer["verification_uri"] ?? answer["verification_url"],
    "verification_uri"
  )
  const complete = answer["verification_uri_complete"]
  const verificationUriComplete =
    complete === undefined ? undefined : yield* readAddress(complete, "verification_uri_complete")
  const lifetime = Math.min(readMillis(answer["expires_in"]), maxDeviceCodeLifetime)
  if (!(lifetime > 0)) return yield* malformed(`its "expires_in" is not a number of seconds`)
  const requested = answer["interval"] === undefined ? defaultPollingInterval : readMillis(answer["interval"])
  if (!(requested >= 0)) return yield* malformed(`its "interval" is not a number of seconds`)
  const interval = Math.max(requested, minPollingInterval)
  if (interval >= lifetime) {
    return yield* malformed(
      `its code expires before it may be used: "interval" is not less than "expires_in"`
    )
  }
  return {
    deviceCode: Redacted.make(deviceCode),
    userCode,
    verificationUri,
    verificationUriComplete,
    expiresAt: requestedAt + lifetime,
    interval
  }
})

/** The device authorization endpoint (RFC 8628 §3.1), by `oauth4webapi` over `HttpTransport`. */
export const layer: Layer.Layer<DeviceAuthorization, never, HttpTransport> = Layer.effect(
  DeviceAuthorization,
  Effect.gen(function* () {
    const send = makeSend(yield* HttpTransport)

    const post = ({
      client,
      codeChallenge,
      deviceAuthorizationEndpoint,
      parameters,
      resource,
      scopes
    }: DeviceAuthorizationRequest) =>
      send(client, deviceAuthorizationEndpoint, (oauth, issuer, authenticate, options) =>
        oauth.deviceAuthorizationRequest(
          { issuer, device_authorization_endpoint: deviceAuthorizationEndpoint.href },
          { client_id: client.clientId },
          authenticate,
          {
            ...parameters,
            ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
            ...(resource === undefined ? {} : { resource }),
            ...(codeChallenge === undefined
              ? {}
              : { code_challenge: codeChallenge, code_challenge_method: "S256" })
          },
          options
        )
      )

    const start = Effect.fnUntraced(function* (request: DeviceAuthorizationRequest) {
      // The lifetime counts from before the request, so that a code never seems to live longer than it does.
      const requestedAt = yield* Clock.currentTimeMillis
      const { response, secrets } = yield* post(request)
      const { status, text } = yield* readEndpointAnswer(response, secrets)
      if (response.status !== 200) return yield* malformed(status)
      const answer = readJsonObject(text)
      if (Option.isNone(answer)) return yield* malformed(`${status}, not a JSON object`)
      return yield* readDeviceCode(answer.value, requestedAt)
    })

    return DeviceAuthorization.of({
      start: Effect.fn("DeviceAuthorization.start")((request) =>
        start(request).pipe(
          Effect.mapError(
            (reason: TokenFailure) =>
              new TokenRequestError({
                server: request.server,
                origin: request.deviceAuthorizationEndpoint.origin,
                purpose: "device authorization",
                ...(request.client.isByHand === true ? { isByHand: true } : {}),
                reason: repeatable(reason)
              })
          )
        )
      )
    })
  })
)
