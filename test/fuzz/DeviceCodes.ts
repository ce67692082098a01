import { Effect, Layer, Redacted } from "effect"
import * as DeviceAuthorizationLive from "../../src/adapters/oauth/DeviceAuthorization.ts"
import { DeviceAuthorization } from "../../src/ports/DeviceAuthorization.ts"
import { anyDocument, anyText, anyUrl, type Json } from "./Mutation.ts"
import { type Answer, anyAnswer, isUsable, makeNetwork } from "./Network.ts"
import type { Random } from "./Random.ts"
import { isShowable, mustAll, outcomeOf, secretIn, seenOf, type Target } from "./Target.ts"

const clientSecret = "the-client-secret-that-we-sent-0123"
const deviceCode = "the-device-code-that-came-0123"

/** A device authorization endpoint, and what it answers. */
export interface DeviceRequest {
  readonly endpoint: string
  readonly hasSecret: boolean
  readonly answer: Answer
}

const seconds: readonly [Json, ...ReadonlyArray<Json>] = [
  1800,
  600,
  5,
  0,
  -1,
  0.5,
  1e-300,
  1e308,
  "900",
  "",
  " ",
  "x",
  null
]

const anyBody = (random: Random): Json =>
  random.oneIn(5)
    ? {
        error: random.pick(["invalid_client", "unauthorized_client", "invalid_scope", "slow_down"]),
        error_description: random.oneIn(3) ? `it knows no ${clientSecret}` : "what went wrong"
      }
    : {
        device_code: deviceCode,
        user_code: random.oneIn(4) ? anyText(random) : "WDJB-MJHT",
        [random.oneIn(6) ? "verification_url" : "verification_uri"]: random.oneIn(4)
          ? anyUrl(random)
          : "https://as.test/device",
        ...(random.oneIn(2)
          ? {}
          : {
              verification_uri_complete: random.oneIn(3)
                ? anyUrl(random)
                : "https://as.test/device?user_code=WDJB-MJHT"
            }),
        expires_in: random.oneIn(3) ? random.pick(seconds) : 1800,
        ...(random.oneIn(3) ? {} : { interval: random.oneIn(3) ? random.pick(seconds) : 5 })
      }

const anyDeviceRequest = (random: Random): DeviceRequest => {
  const body = anyBody(random)
  const isError = typeof body === "object" && body !== null && "error" in body
  return {
    endpoint: random.oneIn(8) ? anyUrl(random) : "https://as.test/device_authorization",
    hasSecret: random.oneIn(2),
    answer: anyAnswer(random, anyDocument(random, body), isError ? 400 : 200)
  }
}

/**
 * Answers of device authorization endpoints (RFC 8628). One request, to the address that it is for; a user is sent to
 * no script, no file and nothing in the clear, and reads a code that fits on a line; waiting ends, and is no storm.
 */
export const deviceCodes: Target<DeviceRequest> = {
  name: "device codes",
  generate: anyDeviceRequest,
  check: Effect.fnUntraced(function* (input) {
    const endpoint = URL.parse(input.endpoint)
    if (endpoint === null) return "no address"
    const network = makeNetwork(() => input.answer)
    // Who was told no secret can repeat none.
    const secrets = input.hasSecret ? [clientSecret, deviceCode] : [deviceCode]
    const askedAt = 1_700_000_000_000
    const outcome = yield* outcomeOf(
      DeviceAuthorization.use((service) =>
        service.start({
          server: "notion",
          deviceAuthorizationEndpoint: endpoint,
          client: {
            clientId: "the client",
            clientSecret: input.hasSecret ? Redacted.make(clientSecret) : undefined,
            authenticationMethod: input.hasSecret ? "client_secret_post" : "none"
          },
          scopes: ["read"],
          resource: "https://notion.test/mcp",
          parameters: {}
        })
      ),
      { errors: ["TokenRequestError"], secrets }
    ).pipe(Effect.provide(DeviceAuthorizationLive.layer.pipe(Layer.provideMerge(network.layer))))
    yield* mustAll([
      [network.sent.length <= 1, `${network.sent.length} requests`],
      ...network.sent.map(
        ({ method, url }) =>
          [method === "POST" && isUsable(url) && url === endpoint.href, `a ${method} to ${url}`] as const
      )
    ])
    if (outcome._tag === "Failed") return `${outcome.error._tag}: ${outcome.error.reason._tag}`
    const { expiresAt, interval, userCode, verificationUri, verificationUriComplete } = outcome.value
    const addresses = [
      verificationUri,
      ...(verificationUriComplete === undefined ? [] : [verificationUriComplete])
    ]
    yield* mustAll([
      [network.sent.length === 1, "an answer that nobody gave"],
      [Redacted.value(outcome.value.deviceCode) !== "", "an empty device code"],
      [userCode.length > 0 && userCode.length <= 64, `a code of ${userCode.length} characters`],
      [
        isShowable(userCode) && !userCode.includes("\n"),
        `a code that cannot be shown: ${JSON.stringify(userCode)}`
      ],
      ...addresses.flatMap(({ href }) => [
        [isUsable(href), `the address ${href}`] as const,
        [isShowable(href), `an address that cannot be shown: ${JSON.stringify(href)}`] as const
      ]),
      [expiresAt > askedAt && expiresAt <= askedAt + 3_600_000 + 60_000, `a code that ends at ${expiresAt}`],
      [interval >= 1000 && interval < 3_600_000, `an interval of ${interval}`],
      // What is shown may repeat anything that the server writes into it; the code that we keep is not among it.
      [
        secretIn(
          seenOf({ ...outcome.value, userCode: "", verificationUri: "", verificationUriComplete: "" }),
          secrets
        ) === undefined,
        "a secret that can be seen"
      ]
    ])
    return "accepted"
  })
}
