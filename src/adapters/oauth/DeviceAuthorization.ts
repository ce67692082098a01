import { Clock, Effect, Layer, Redacted, Result, Schema } from "effect"
import { hasUserInformation, isSecureUrl } from "../../domain/SecureUrl.ts"
import {
  DeviceAuthorization,
  type DeviceAuthorizationRequest,
  type DeviceCode
} from "../../ports/DeviceAuthorization.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { Malformed, type TokenFailure, TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { answerOf } from "./EndpointAnswer.ts"
import { makeSend } from "./EndpointRequest.ts"

/** The longest that a code is taken to live, in milliseconds: nobody holds a telephone for longer. */
const maxLife = 3_600_000

/** The time between two requests where the server names none, in milliseconds (RFC 8628 §3.2). */
const usualInterval = 5000

/** The least time between two requests whatever the server says, in milliseconds. */
const minInterval = 1000

const JsonObject = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/** What is left out, also as servers write that: null, or nothing between two quotes. */
const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === ""

const malformed = (detail: string) => Effect.fail(new Malformed({ detail }))

/** A number of seconds, in milliseconds; some servers write it as text. */
const readMillis = (value: unknown): number => {
  const seconds = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds * 1000 : Number.NaN
}

/** An address that the user is sent to: no script and no file, and nothing that looks like another host. */
const readAddress = Effect.fnUntraced(function* (value: unknown, name: string) {
  const url = typeof value === "string" ? URL.parse(value) : null
  if (url === null) return yield* malformed(`its "${name}" is no address`)
  if (hasUserInformation(url)) return yield* malformed(`its "${name}" has a user name or password in it`)
  if (!isSecureUrl(url)) return yield* malformed(`its "${name}" is neither https nor on this machine`)
  return url
})

/**
 * A code that a user can read off a screen and that cannot rewrite it: letters, digits, marks of punctuation and single
 * spaces, nothing that is invisible.
 */
const readableCode = /^(?=.{1,64}$)[\p{L}\p{N}\p{P}\p{S}]+(?: [\p{L}\p{N}\p{P}\p{S}]+)*$/u

/** Reads a successful answer (RFC 8628 §3.2). */
const read = Effect.fnUntraced(function* (
  answer: Readonly<Record<string, unknown>>,
  askedAt: number
): Effect.fn.Return<DeviceCode, Malformed> {
  const deviceCode = answer["device_code"]
  if (typeof deviceCode !== "string" || deviceCode === "") return yield* malformed(`it has no "device_code"`)
  const userCode = answer["user_code"]
  if (typeof userCode !== "string" || !readableCode.test(userCode)) {
    return yield* malformed(`its "user_code" is none that a user could type`)
  }
  // Google's name for it, from a draft of the RFC.
  const address = isAbsent(answer["verification_uri"])
    ? answer["verification_url"]
    : answer["verification_uri"]
  const verificationUri = yield* readAddress(address, "verification_uri")
  const complete = answer["verification_uri_complete"]
  const verificationUriComplete = isAbsent(complete)
    ? undefined
    : yield* readAddress(complete, "verification_uri_complete")
  const life = Math.min(readMillis(answer["expires_in"]), maxLife)
  if (!(life > 0)) return yield* malformed(`its "expires_in" is no number of seconds`)
  const asked = isAbsent(answer["interval"]) ? usualInterval : readMillis(answer["interval"])
  if (!(asked >= 0)) return yield* malformed(`its "interval" is no number of seconds`)
  const interval = Math.max(asked, minInterval)
  if (interval >= life) {
    return yield* malformed(
      `its code ends before it may be asked about: "interval" is not less than "expires_in"`
    )
  }
  return {
    deviceCode: Redacted.make(deviceCode),
    userCode,
    verificationUri,
    verificationUriComplete,
    expiresAt: askedAt + life,
    interval
  }
})

/** The device authorization endpoint by `oauth4webapi`, over our own HTTP. */
export const layer: Layer.Layer<DeviceAuthorization, never, HttpTransport> = Layer.effect(
  DeviceAuthorization,
  Effect.gen(function* () {
    const send = makeSend(yield* HttpTransport)

    const start = ({
      client,
      deviceAuthorizationEndpoint,
      parameters,
      resource,
      scopes
    }: DeviceAuthorizationRequest) =>
      send(
        client,
        () => Effect.void,
        (oauth, authenticate, options) =>
          oauth.deviceAuthorizationRequest(
            {
              issuer: client.signing?.audience ?? deviceAuthorizationEndpoint.origin,
              device_authorization_endpoint: deviceAuthorizationEndpoint.href
            },
            { client_id: client.clientId },
            authenticate,
            {
              ...parameters,
              ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
              ...(resource === undefined ? {} : { resource })
            },
            options
          )
      )

    const ask = Effect.fnUntraced(function* (request: DeviceAuthorizationRequest) {
      if (!isSecureUrl(request.deviceAuthorizationEndpoint)) {
        return yield* malformed("it is neither https nor on this machine")
      }
      // Counted from before the request, so that a code is never thought to live longer than it does.
      const askedAt = yield* Clock.currentTimeMillis
      const { response, secrets } = yield* start(request)
      const { status, text } = yield* answerOf(response, secrets)
      if (response.status !== 200) return yield* malformed(status)
      const answer = Schema.decodeResult(JsonObject)(text)
      if (Result.isFailure(answer)) return yield* malformed(`${status}, no JSON object`)
      return yield* read(answer.success, askedAt)
    })

    return DeviceAuthorization.of({
      start: Effect.fn("DeviceAuthorization.start")((request) =>
        ask(request).pipe(
          Effect.mapError(
            (reason: TokenFailure) =>
              new TokenRequestError({
                server: request.server,
                origin: request.deviceAuthorizationEndpoint.origin,
                purpose: "device authorization",
                reason
              })
          )
        )
      )
    })
  })
)
