import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as DeviceAuthorization from "../../../src/adapters/oauth/DeviceAuthorization.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import type { ClientAuthenticationMethod } from "../../../src/domain/Server.ts"
import {
  DeviceAuthorization as Port,
  type DeviceAuthorizationRequest
} from "../../../src/ports/DeviceAuthorization.ts"
import { TokenEndpoint as TokenEndpointPort } from "../../../src/ports/TokenEndpoint.ts"
import { startAuthorizationServer } from "../../servers/AuthorizationServer.ts"
import { useDevice } from "../../servers/DeviceUser.ts"
import { wire } from "./Wire.ts"

const url = "https://as.test/device_authorization"

/** The example of RFC 8628 §3.2. */
const good = {
  device_code: "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
  user_code: "WDJB-MJHT",
  verification_uri: "https://example.com/device",
  verification_uri_complete: "https://example.com/device?user_code=WDJB-MJHT",
  expires_in: 1800,
  interval: 5
}

const json =
  (value: unknown, init: ResponseInit = {}) =>
  () =>
    Response.json(value, init)
const text =
  (body: string, init: ResponseInit = {}) =>
  () =>
    new Response(body, init)

const start = (
  answer: (() => Response) | "broken",
  about: Partial<DeviceAuthorizationRequest> & { readonly method?: ClientAuthenticationMethod } = {}
) => {
  const { method = "none", ...request } = about
  const network = wire({ [request.deviceAuthorizationEndpoint?.href ?? url]: answer })
  const asking = Port.use((service) =>
    service.start({
      server: "notion",
      deviceAuthorizationEndpoint: new URL(url),
      client: {
        clientId: "the client",
        clientSecret: Redacted.make("s:e%c r&t"),
        authenticationMethod: method
      },
      scopes: ["mcp:read", "offline_access"],
      resource: "https://notion.test/mcp",
      parameters: {},
      ...request
    })
  ).pipe(Effect.provide(DeviceAuthorization.layer.pipe(Layer.provide(network.layer))))
  return { ...network, asking }
}

const formOf = (body: string | undefined) => Object.fromEntries(new URLSearchParams(body))

describe("asking for a device code", () => {
  it.effect("says who asks, for what and where, and counts the code's life from before the request", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("10 seconds")
      const { asking, sent } = start(json(good))
      const code = yield* asking
      assert.strictEqual(sent.length, 1)
      assert.strictEqual(sent[0]?.method, "POST")
      assert.strictEqual(sent[0]?.headers.get("accept"), "application/json")
      assert.deepEqual(formOf(sent[0]?.body), {
        client_id: "the client",
        scope: "mcp:read offline_access",
        resource: "https://notion.test/mcp"
      })
      const { deviceCode, ...rest } = code
      assert.strictEqual(Redacted.value(deviceCode), good.device_code)
      assert.deepEqual(rest, {
        userCode: "WDJB-MJHT",
        verificationUri: new URL(good.verification_uri),
        verificationUriComplete: new URL(good.verification_uri_complete),
        expiresAt: 1_810_000,
        interval: 5000
      })
      assert.notInclude(JSON.stringify(code), good.device_code)
    })
  )

  it.effect("leaves out what there is none of, and lets no further parameter replace its own", () =>
    Effect.gen(function* () {
      const bare = start(json(good), { scopes: [], resource: undefined })
      yield* bare.asking
      assert.deepEqual(formOf(bare.sent[0]?.body), { client_id: "the client" })
      const protectedByPkce = start(json(good), { codeChallenge: "challenge" })
      yield* protectedByPkce.asking
      assert.deepInclude(formOf(protectedByPkce.sent[0]?.body), {
        code_challenge: "challenge",
        code_challenge_method: "S256"
      })
      const more = start(json(good), {
        parameters: { audience: "the api", client_id: "another", scope: "all", resource: "elsewhere" }
      })
      yield* more.asking
      assert.deepEqual(formOf(more.sent[0]?.body), {
        audience: "the api",
        client_id: "the client",
        scope: "mcp:read offline_access",
        resource: "https://notion.test/mcp"
      })
    })
  )

  it.effect("authenticates the client as at the token endpoint", () =>
    Effect.gen(function* () {
      const basic = start(json(good), { method: "client_secret_basic" })
      yield* basic.asking
      const credentials = Buffer.from(basic.sent[0]?.headers.get("authorization")?.slice(6) ?? "", "base64")
      assert.strictEqual(credentials.toString(), "the%20client:s%3Ae%25c%20r%26t")
      assert.notInclude(basic.sent[0]?.body, "client_secret")
      const post = start(json(good), { method: "client_secret_post" })
      yield* post.asking
      assert.strictEqual(formOf(post.sent[0]?.body)["client_secret"], "s:e%c r&t")
      const signing = start(json(good), { method: "private_key_jwt" })
      assert.strictEqual((yield* Effect.flip(signing.asking)).reason._tag, "UnusableSecret")
      assert.strictEqual(signing.sent.length, 0)
    })
  )

  it.effect.each([
    [
      "no interval and no address with the code in it",
      { interval: undefined, verification_uri_complete: undefined },
      { interval: 5000, verificationUriComplete: undefined }
    ],
    [
      "null and nothing for what is left out",
      { interval: null, verification_uri_complete: "" },
      { interval: 5000, verificationUriComplete: undefined }
    ],
    ["seconds as text", { interval: "7", expires_in: "900" }, { interval: 7000, expiresAt: 900_000 }],
    ["parts of seconds", { interval: 2.5 }, { interval: 2500 }],
    ["no time between requests", { interval: 0 }, { interval: 1000 }],
    ["a life beyond all dates", { expires_in: 1e305 }, { expiresAt: 3_600_000 }],
    [
      "Google's name for the address",
      { verification_uri: undefined, verification_url: "https://www.google.com/device" },
      { verificationUri: new URL("https://www.google.com/device") }
    ],
    [
      "an address on this machine",
      { verification_uri: "http://127.0.0.1:4000/device" },
      { verificationUri: new URL("http://127.0.0.1:4000/device") }
    ],
    ["a code in words", { user_code: "Ärger blau 7" }, { userCode: "Ärger blau 7" }],
    ["a code of 64 characters", { user_code: "x".repeat(64) }, { userCode: "x".repeat(64) }]
  ] as const)("takes an answer with %s", ([, changes, expected]) =>
    Effect.gen(function* () {
      assert.deepInclude(yield* start(json({ ...good, ...changes })).asking, expected)
    })
  )

  it.effect.each([
    ["no device code", { device_code: "" }, "device_code"],
    ["a device code that is no text", { device_code: 7 }, "device_code"],
    ["no user code", { user_code: undefined }, "user_code"],
    ["a user code of 65 characters", { user_code: "x".repeat(65) }, "user_code"],
    ["a user code that moves the cursor", { user_code: "WDJB\u001b[2J" }, "user_code"],
    ["a user code of two lines", { user_code: "WDJB\nMJHT" }, "user_code"],
    ["a user code that is written backwards", { user_code: "\u202eTHJM" }, "user_code"],
    ["a user code with something invisible", { user_code: "WDJB\u200bMJHT" }, "user_code"],
    ["a user code of nothing but spaces", { user_code: "   " }, "user_code"],
    ["no address", { verification_uri: undefined }, "verification_uri"],
    ["an address that is none", { verification_uri: "example" }, "verification_uri"],
    ["an address without TLS", { verification_uri: "http://example.com" }, "verification_uri"],
    ["a script", { verification_uri: "javascript:alert(1)" }, "verification_uri"],
    ["a file", { verification_uri: "file:///etc/passwd" }, "verification_uri"],
    ["an address with a user name", { verification_uri: "https://a@example.com" }, "verification_uri"],
    ["a script with the code", { verification_uri_complete: "javascript:x" }, "verification_uri_complete"],
    [
      "an address with the code without TLS",
      { verification_uri_complete: "http://example.com/WDJB" },
      "verification_uri_complete"
    ],
    ["no end", { expires_in: undefined }, "expires_in"],
    ["an end that is no number", { expires_in: "soon" }, "expires_in"],
    ["an end that has passed", { expires_in: 0 }, "expires_in"],
    ["an interval that is no number", { interval: "often" }, "interval"],
    ["an interval that goes back", { interval: -5 }, "interval"],
    ["an interval beyond its end", { interval: 1800 }, "interval"],
    ["an interval longer than a code is waited for", { interval: 4000, expires_in: 86_400 }, "interval"],
    ["an end before it may be asked about at all", { interval: 0, expires_in: 0.5 }, "interval"]
  ] as const)("takes no answer with %s", ([, changes, field]) =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(start(json({ ...good, ...changes })).asking)
      if (reason._tag !== "Malformed") return assert.fail(reason._tag)
      assert.include(reason.detail, `"${field}"`)
    })
  )

  it.effect.each([
    ["no network", "broken", { _tag: "Transient", detail: "the connection was refused" }],
    ["503", text("", { status: 503 }), { _tag: "Transient", detail: "HTTP 503" }],
    [
      "429, to wait",
      text("", { status: 429, headers: { "retry-after": "7" } }),
      { _tag: "Transient", retryAfter: 7000 }
    ],
    ["404", text("not found", { status: 404 }), { _tag: "Malformed", detail: "HTTP 404" }],
    [
      "a redirect",
      text("", { status: 307, headers: { location: "https://evil.test" } }),
      { _tag: "Malformed", detail: "HTTP 307: it redirects to https://evil.test/, which is not followed" }
    ],
    ["a page", text("<h1>Hello</h1>"), { _tag: "Malformed", detail: "HTTP 200, not a JSON object" }],
    ["a list", json([good]), { _tag: "Malformed", detail: "HTTP 200, not a JSON object" }],
    [
      "an endless answer",
      () =>
        new Response(new ReadableStream({ pull: (out) => out.enqueue(new Uint8Array(256 * 1024).fill(32)) })),
      { _tag: "Malformed", detail: "the answer is over 1 MiB" }
    ],
    ["invalid_client", json({ error: "invalid_client" }, { status: 401 }), { _tag: "InvalidClient" }],
    [
      "a client that may not",
      json({ error: "unauthorized_client", error_description: "no\u001b[31m" }, { status: 400 }),
      { _tag: "Refused", error: "unauthorized_client", description: "no[31m" }
    ],
    [
      "an error with status 200",
      json({ error: "invalid_scope" }),
      { _tag: "Refused", error: "invalid_scope" }
    ]
  ] as const)("tells what %s means", ([, answer, expected]) =>
    Effect.gen(function* () {
      const { asking, sent } = start(answer)
      const error = yield* Effect.flip(asking)
      assert.deepInclude(error.reason, expected)
      assert.deepInclude(error, { server: "notion", origin: "https://as.test" })
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("sends nothing without TLS but on this machine", () =>
    Effect.gen(function* () {
      const open = start(json(good), { deviceAuthorizationEndpoint: new URL("http://as.test/device") })
      assert.deepInclude((yield* Effect.flip(open.asking)).reason, {
        _tag: "Malformed",
        detail: "it is neither https nor on this machine"
      })
      assert.strictEqual(open.sent.length, 0)
      const here = start(json(good), { deviceAuthorizationEndpoint: new URL("http://localhost:4000/device") })
      yield* here.asking
      assert.strictEqual(here.sent.length, 1)
    })
  )
})

describe("a device code of a certified authorization server", () => {
  const resource = "https://mcp.test/mcp"
  const client = {
    clientId: "device",
    clientSecret: undefined,
    authenticationMethod: "none"
  } as const
  const wired = Layer.mergeAll(DeviceAuthorization.layer, TokenEndpoint.layer).pipe(
    Layer.provide([FetchTransport.layer, DpopProofs.layer])
  )
  const begin = Effect.gen(function* () {
    const running = yield* Effect.acquireRelease(
      Effect.promise(() =>
        startAuthorizationServer({
          deviceFlow: true,
          clients: [
            {
              client_id: client.clientId,
              grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
              response_types: [],
              redirect_uris: []
            }
          ]
        })
      ),
      ({ close }) => Effect.promise(() => close())
    )
    const { start: startDevice } = yield* Port
    const code = yield* startDevice({
      server: "real",
      deviceAuthorizationEndpoint: new URL("/device_authorization", running.issuer),
      client,
      scopes: ["mcp:read"],
      resource,
      parameters: {}
    })
    const endpoint = yield* TokenEndpointPort
    const ask = endpoint.grant({
      server: "real",
      tokenEndpoint: new URL("/token", running.issuer),
      client,
      resource,
      grant: { _tag: "DeviceCode", deviceCode: code.deviceCode },
      scopes: []
    })
    return { running, code, ask }
  })

  it.live("becomes tokens for the resource once the user has approved, and once only", () =>
    Effect.gen(function* () {
      const { ask, code, running } = yield* begin
      assert.match(code.userCode, /^[A-Z]{4}-[A-Z]{4}$/)
      assert.strictEqual(code.interval, 1000)
      assert.strictEqual(code.verificationUri.href, `${running.issuer}/device`)
      assert.deepInclude((yield* Effect.flip(ask)).reason, {
        _tag: "Refused",
        error: "authorization_pending"
      })
      const seen = yield* Effect.promise(() => useDevice(code.verificationUri, code.userCode, "approve"))
      assert.deepEqual(seen, ["Enter the code", "Is this your code?", "Approve?", "Signed in on the device"])
      const tokens = yield* ask
      const { active, scopes } = yield* Effect.promise(() =>
        running.introspect(Redacted.value(tokens.accessToken), resource)
      )
      assert.isTrue(active)
      assert.deepEqual(scopes, ["mcp:read"])
      assert.isDefined(tokens.refreshToken)
      assert.strictEqual((yield* Effect.flip(ask)).reason._tag, "InvalidGrant")
    }).pipe(Effect.provide(wired))
  )

  it.live("need not be typed where the address holds it, and is worth nothing once the user says no", () =>
    Effect.gen(function* () {
      const { ask, code } = yield* begin
      const complete = code.verificationUriComplete
      if (complete === undefined) return assert.fail("no address with the code in it")
      const seen = yield* Effect.promise(() => useDevice(complete, "", "deny"))
      assert.deepEqual(seen, ["Is this your code?", "Enter the code"])
      assert.deepInclude((yield* Effect.flip(ask)).reason, { _tag: "Refused", error: "access_denied" })
    }).pipe(Effect.provide(wired))
  )
})
