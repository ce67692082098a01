import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import type { ClientAuthenticationMethod } from "../../../src/domain/Server.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import { DpopProofs as DpopProofsPort } from "../../../src/ports/DpopProofs.ts"
import { TokenEndpoint as Port } from "../../../src/ports/TokenEndpoint.ts"
import { wire } from "./Wire.ts"

const url = "https://as.test/token"
const json =
  (value: unknown, init: ResponseInit = {}) =>
  () =>
    Response.json(value, init)
const good = { access_token: "new-access", token_type: "Bearer", expires_in: 3600 }

const refresh = (
  answer: (() => Response) | "broken",
  method: ClientAuthenticationMethod = "none",
  endpoint = url
) => {
  const network = wire({ [endpoint]: answer })
  const asking = Port.use((service) =>
    service.refresh({
      server: "notion",
      tokenEndpoint: new URL(endpoint),
      client: {
        clientId: "the client",
        clientSecret: Redacted.make("s:e%c r&t"),
        authenticationMethod: method
      },
      resource: "https://notion.test/mcp",
      refreshToken: Redacted.make("the refresh token")
    })
  ).pipe(
    Effect.provide(TokenEndpoint.layer.pipe(Layer.provide(Layer.merge(network.layer, DpopProofs.layer))))
  )
  return { ...network, asking }
}

describe("a refresh", () => {
  it.effect(
    "sends the refresh token and the resource, and counts the token's life from before the request",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("10 seconds")
        const { asking, sent } = refresh(json({ ...good, refresh_token: "rotated", scope: "a b" }))
        const tokens = yield* asking
        assert.deepEqual(Object.fromEntries(new URLSearchParams(sent[0]?.body)), {
          grant_type: "refresh_token",
          refresh_token: "the refresh token",
          resource: "https://notion.test/mcp",
          client_id: "the client"
        })
        assert.isNull(sent[0]?.headers.get("user-agent"), "the transport says who asks")
        assert.deepInclude(tokens, {
          obtainedAt: 10_000,
          expiresAt: 3_610_000,
          tokenType: "bearer",
          scope: "a b"
        })
        assert.strictEqual(tokens.refreshToken && Redacted.value(tokens.refreshToken), "rotated")
      })
  )

  it.effect("authenticates the client as it is told, form-encoding what Basic carries", () =>
    Effect.gen(function* () {
      const basic = refresh(json(good), "client_secret_basic")
      yield* basic.asking
      const credentials = Buffer.from(basic.sent[0]?.headers.get("authorization")?.slice(6) ?? "", "base64")
      assert.strictEqual(credentials.toString(), "the%20client:s%3Ae%25c%20r%26t")
      assert.notInclude(basic.sent[0]?.body, "client_secret")
      const post = refresh(json(good), "client_secret_post")
      yield* post.asking
      assert.strictEqual(new URLSearchParams(post.sent[0]?.body).get("client_secret"), "s:e%c r&t")
    })
  )

  it.effect.each([
    [["read", "write"], "read write"],
    [["read", 1, "write"], "read write"],
    [[], undefined],
    ["read write", "read write"],
    [{ read: true }, undefined]
  ] as const)("reads the scope %j", ([scope, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refresh(json({ ...good, scope })).asking).scope, expected)
    })
  )

  it.effect.each(["mac", "N_A", "pop", 7, {}, "x".repeat(60)])("names the type %j that it refuses", (type) =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(refresh(json({ ...good, token_type: type })).asking)
      const name = typeof type === "string" && type.length < 60 ? type : "of no known form"
      assert.include(message, `token_type ${name}, not Bearer`)
    })
  )

  it.effect.each([
    ["seconds as text", { ...good, expires_in: "60" }, 60_000],
    ["no type of token, which means Bearer", { access_token: "x", expires_in: 60 }, 60_000],
    ["no life at all", { access_token: "x", token_type: "bearer" }, undefined],
    ["null for its life", { ...good, expires_in: null }, undefined],
    ["no time to live", { ...good, expires_in: 0 }, undefined],
    ["no time to live, as text", { ...good, expires_in: "0" }, undefined],
    ["a negative life", { ...good, expires_in: -1 }, undefined],
    ["a life that is no number", { ...good, expires_in: "long" }, undefined],
    ["a life that is a date", { ...good, expires_in: "2026-11-27T00:00:00Z" }, undefined],
    ["a life that is an object", { ...good, expires_in: {} }, undefined],
    ["a part of a second", { ...good, expires_in: 60.5 }, 60_500],
    ["a part of a second, as text", { ...good, expires_in: "60.5" }, 60_500],
    ["the type user, as Slack", { ...good, token_type: "user" }, 3_600_000],
    ["the type bot, as Slack", { ...good, token_type: "bot" }, 3_600_000],
    ["the type BearerToken, as Apigee", { ...good, token_type: "BearerToken" }, 3_600_000],
    ["a type in upper case", { ...good, token_type: "BEARER" }, 3_600_000],
    ["a type with a space", { ...good, token_type: " Bearer " }, 3_600_000],
    ["null for its type", { ...good, token_type: null }, 3_600_000],
    ["a refresh token that is no text", { ...good, refresh_token: 7 }, 3_600_000],
    ["null for what is left out", { ...good, refresh_token: null, scope: null }, 3_600_000],
    ["nothing in what is left out", { ...good, refresh_token: "", scope: "" }, 3_600_000],
    ["a life beyond all dates", { ...good, expires_in: 1e308 }, undefined],
    ["the time of expiry in seconds", { ...good, expires_in: 1_795_000_000 }, undefined],
    ["the time of expiry in milliseconds, as text", { ...good, expires_in: "1795000000000" }, undefined],
    ["an ID token that is none", { ...good, id_token: "not a token" }, 3_600_000]
  ] as const)("takes an answer with %s", ([, answer, expiresAt]) =>
    Effect.gen(function* () {
      const tokens = yield* refresh(json(answer)).asking
      assert.strictEqual(tokens.expiresAt, expiresAt)
      assert.isUndefined(tokens.refreshToken)
      const hasType = "token_type" in answer && answer.token_type !== null
      assert.strictEqual(tokens.lacksType, hasType ? undefined : true)
    })
  )

  const text =
    (body: string, init: ResponseInit = {}) =>
    () =>
      new Response(body, init)
  it.effect.each([
    ["503", text("secret", { status: 503 }), { _tag: "Transient", detail: "HTTP 503" }],
    [
      "429, to wait",
      text("", { status: 429, headers: { "retry-after": "7" } }),
      { _tag: "Transient", retryAfter: 7000 }
    ],
    ["no network", "broken", { _tag: "Transient", detail: "the connection was refused", isUnsent: true }],
    ["invalid_grant", json({ error: "invalid_grant" }, { status: 400 }), { _tag: "InvalidGrant" }],
    ["invalid_client", json({ error: "invalid_client" }, { status: 401 }), { _tag: "InvalidClient" }],
    [
      "invalid_grant with null for a description",
      json({ error: "invalid_grant", error_description: null }, { status: 400 }),
      { _tag: "InvalidGrant" }
    ],
    [
      "another error with a description that is no text",
      json({ error: "invalid_request", error_description: { a: 1 } }, { status: 400 }),
      { _tag: "Refused", error: "invalid_request" }
    ],
    [
      "an error with status 200, as GitHub has it",
      json({ error: "invalid_grant" }),
      { _tag: "InvalidGrant" }
    ],
    [
      "temporarily_unavailable",
      json({ error: "temporarily_unavailable" }, { status: 400 }),
      { _tag: "Transient" }
    ],
    ["408", text("", { status: 408 }), { _tag: "Transient", detail: "HTTP 408" }],
    [
      "a gateway that has no such route",
      json({ timestamp: "now", status: 404, error: "Not Found", path: "/token" }, { status: 404 }),
      { _tag: "Malformed", detail: "HTTP 404: Not Found" }
    ],
    [
      "a gateway that lets nobody in",
      json({ status: 401, error: "Unauthorized" }, { status: 401 }),
      { _tag: "Malformed", detail: "HTTP 401: Unauthorized" }
    ],
    [
      "a code that is nobody's where it does not belong",
      json({ error: "blocked" }, { status: 403 }),
      { _tag: "Malformed", detail: "HTTP 403: blocked" }
    ],
    [
      "a code that is nobody's where codes belong",
      json({ error: "token_revoked" }, { status: 400 }),
      { _tag: "Refused", error: "token_revoked" }
    ],
    [
      "invalid_grant with 403, as Auth0 has it",
      json({ error: "invalid_grant" }, { status: 403 }),
      { _tag: "InvalidGrant" }
    ],
    [
      "an error as a form, as GitHub has it",
      text("error=bad_refresh_token&error_description=It+has+expired.&error_uri=https%3A%2F%2Fgithub.test"),
      { _tag: "Refused", error: "bad_refresh_token", description: "It has expired." }
    ],
    [
      "an error in an object",
      json({ error: { code: "invalid_grant", message: "expired" } }, { status: 400 }),
      { _tag: "InvalidGrant", error: "invalid_grant", description: "expired" }
    ],
    [
      "an error in a list",
      json({ errors: [{ code: "invalid_grant" }] }, { status: 400 }),
      { _tag: "InvalidGrant" }
    ],
    [
      "an error as Notion has it",
      json({ object: "error", status: 400, code: "invalid_grant", message: "gone" }, { status: 400 }),
      { _tag: "InvalidGrant", description: "gone" }
    ],
    [
      "an error as HubSpot has it",
      json({ status: "BAD_REFRESH_TOKEN", message: "missing or invalid refresh token" }, { status: 400 }),
      { _tag: "Refused", error: "bad_refresh_token", description: "missing or invalid refresh token" }
    ],
    ["an error in capitals", json({ error: "INVALID_GRANT" }, { status: 400 }), { _tag: "InvalidGrant" }],
    [
      "Slack's, with status 200",
      json({ ok: false, error: "invalid_refresh_token" }),
      { _tag: "Refused", error: "invalid_refresh_token" }
    ],
    [
      "a client secret that is wrong, as Keycloak has it",
      json(
        { error: "unauthorized_client", error_description: "Invalid client or Invalid client credentials" },
        { status: 401 }
      ),
      {
        _tag: "InvalidClient",
        error: "unauthorized_client",
        description: "Invalid client or Invalid client credentials"
      }
    ],
    [
      "500 with the code of a refusal",
      json({ error: "invalid_grant", error_description: "gone" }, { status: 500 }),
      { _tag: "InvalidGrant", description: "gone" }
    ],
    [
      "500 with a code that is nobody's",
      json({ error: "oops" }, { status: 500 }),
      { _tag: "Transient", status: 500, detail: "HTTP 500: oops" }
    ],
    [
      "500 with server_error",
      json({ error: "server_error", error_description: "client not found" }, { status: 500 }),
      {
        _tag: "Transient",
        status: 500,
        error: "server_error",
        detail: "HTTP 500: server_error: client not found"
      }
    ],
    [
      "503 with the code of a refusal",
      json({ error: "invalid_grant" }, { status: 503, headers: { "retry-after": "7" } }),
      { _tag: "Transient", status: 503, retryAfter: 7000 }
    ],
    [
      "a message, and no code",
      json({ message: "the refresh token has expired" }, { status: 400 }),
      { _tag: "Malformed", detail: "HTTP 400: … has expired" }
    ],
    [
      "a problem (RFC 9457)",
      json({ type: "about:blank", title: "Unauthorized", status: 401 }, { status: 401 }),
      { _tag: "Malformed", detail: "HTTP 401: Unauthorized" }
    ],
    [
      "a page with 403",
      text("<html>error=invalid_grant</html>", { status: 403 }),
      { _tag: "Malformed", detail: "HTTP 403" }
    ],
    [
      "a description that does not end",
      json({ error: "invalid_grant", error_description: "x".repeat(5000) }, { status: 400 }),
      { _tag: "InvalidGrant", description: `${"x".repeat(300)}…` }
    ],
    ["too much to do", json({ error: "rate_limit_exceeded" }, { status: 400 }), { _tag: "Transient" }],
    [
      "an error that repeats what was sent",
      json({ error: "the refresh token" }, { status: 400 }),
      { _tag: "Malformed", detail: "HTTP 400: …" }
    ],
    [
      "a description that repeats what was sent",
      json(
        {
          error: "invalid_request",
          error_description: "unknown: the refresh token, the%20refresh%20token"
        },
        { status: 400 }
      ),
      { _tag: "Refused", error: "invalid_request", description: "unknown: …, …" }
    ],
    [
      "another error",
      json({ error: "invalid_scope", error_description: "no\u001b[31m" }, { status: 400 }),
      { _tag: "Refused", error: "invalid_scope", description: "no[31m" }
    ],
    [
      "a redirect",
      text("", { status: 307, headers: { location: "https://evil.test" } }),
      { _tag: "Malformed" }
    ],
    [
      "an answer that breaks off",
      () => new Response(new ReadableStream({ pull: (out) => out.error(new Error("reset")) })),
      { _tag: "Unanswered", detail: "the answer broke off", end: "broke" }
    ],
    [
      "503 with an answer that broke already",
      () => {
        const broken = new ReadableStream({ start: (out) => out.error(new Error("reset")) })
        return new Response(broken, { status: 503 })
      },
      { _tag: "Transient", detail: "HTTP 503" }
    ],
    ["502 of a gateway", text("", { status: 502 }), { _tag: "Unanswered", detail: "HTTP 502", end: "broke" }],
    ["504 of a gateway", text("", { status: 504 }), { _tag: "Unanswered", end: "timeout" }],
    ["a page", text("<html>"), { _tag: "Malformed" }],
    ["no token", json({ token_type: "bearer" }), { _tag: "Malformed" }],
    [
      "a token of two lines",
      json({ ...good, access_token: "new-access\r\nX-More: 1" }),
      { _tag: "Malformed" }
    ],
    [
      "a token that moves the cursor",
      json({ ...good, access_token: "new-access\u001b]0;x\u0007" }),
      { _tag: "Malformed", detail: "HTTP 200, with an access_token that no header can carry" }
    ],
    ["a token of two words", json({ ...good, access_token: "new-access 2" }), { _tag: "Malformed" }],
    [
      "a token that no header can carry",
      json({ ...good, access_token: "new-access\u2192" }),
      { _tag: "Malformed" }
    ],
    ["another type of token", json({ ...good, token_type: "mac" }), { _tag: "Malformed" }],
    [
      "more than a mebibyte",
      text("x".repeat(1_100_000)),
      { _tag: "Malformed", detail: "the answer is over 1 MiB" }
    ]
  ] as const)("that meets %s fails, and repeats no secret", ([, answer, expected]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(refresh(answer).asking)
      assert.deepInclude(error.reason, expected)
      const shown = `${error.message} ${JSON.stringify(error)}`
      for (const secret of ["the refresh token", "s:e%c", "secret", "new-access"])
        assert.notInclude(shown, secret)
    })
  )

  it.effect.each<readonly [string, object]>([
    ["no access token", { token_type: "bearer" }],
    ["an access token that no header can carry", { ...good, access_token: "new access" }],
    ["another type of token", { ...good, token_type: "mac" }]
  ])("that brings a refresh token with %s hands that on in its error", ([, answer]) =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(refresh(json({ ...answer, refresh_token: "rotated" })).asking)
      assert.strictEqual(reason._tag, "Malformed")
      const received = reason._tag === "Malformed" ? reason.refreshToken : undefined
      assert.strictEqual(received && Redacted.value(received), "rotated")
    })
  )

  it.effect("goes nowhere without TLS", () =>
    Effect.gen(function* () {
      const { asking, sent } = refresh(json(good), "none", "http://as.test/token")
      assert.strictEqual((yield* Effect.flip(asking)).reason._tag, "Malformed")
      assert.deepEqual(sent, [])
    })
  )
})

describe("the exchange of a code", () => {
  /** Exchanges a code at an endpoint that answers like this in turn. */
  const exchange = (...answers: ReadonlyArray<object>) => {
    const left = [...answers]
    const network = wire({ [url]: () => Response.json(left.shift()) })
    const asking = Port.use((service) =>
      service.exchange({
        server: "notion",
        tokenEndpoint: new URL(url),
        client: { clientId: "the client", clientSecret: undefined, authenticationMethod: "none" },
        resource: undefined,
        code: Redacted.make("the code"),
        redirectUri: new URL("http://localhost/callback"),
        codeVerifier: undefined
      })
    ).pipe(
      Effect.provide(TokenEndpoint.layer.pipe(Layer.provide(Layer.merge(network.layer, DpopProofs.layer))))
    )
    return { ...network, asking }
  }
  const unusable = { ...good, access_token: undefined, refresh_token: "first" }

  it.effect("refreshes at once an answer of which only the refresh token is usable", () =>
    Effect.gen(function* () {
      const { asking, sent } = exchange(unusable, good)
      const tokens = yield* asking
      assert.strictEqual(Redacted.value(tokens.accessToken), "new-access")
      assert.strictEqual(tokens.refreshToken && Redacted.value(tokens.refreshToken), "first")
      assert.strictEqual(new URLSearchParams(sent[1]?.body).get("refresh_token"), "first")
    })
  )

  it.effect("reports what was wrong first if that does not help", () =>
    Effect.gen(function* () {
      const { asking, sent } = exchange(unusable, { error: "invalid_grant" })
      const error = yield* Effect.flip(asking)
      assert.deepInclude(error, { purpose: "sign-in" })
      assert.deepInclude(error.reason, {
        _tag: "Malformed",
        detail: "HTTP 200, without an access_token"
      })
      assert.strictEqual(sent.length, 2)
    })
  )
})

const revocationUrl = "https://as.test/revoke"
const revoke = (
  answer: (() => Response) | "broken",
  method: ClientAuthenticationMethod = "none",
  endpoint = revocationUrl
) => {
  const network = wire({ [endpoint]: answer })
  const asking = Port.use((service) =>
    service.revoke({
      server: "notion",
      revocationEndpoint: new URL(endpoint),
      client: {
        clientId: "the client",
        clientSecret: Redacted.make("s:e%c r&t"),
        authenticationMethod: method
      },
      token: Redacted.make("the refresh token"),
      hint: "refresh_token"
    })
  ).pipe(
    Effect.provide(TokenEndpoint.layer.pipe(Layer.provide(Layer.merge(network.layer, DpopProofs.layer))))
  )
  return { ...network, asking }
}

describe("a revocation", () => {
  const status = (code: number, init: ResponseInit = {}) => new Response(null, { ...init, status: code })

  it.effect("sends the token and what kind it is, and nothing more", () =>
    Effect.gen(function* () {
      const { asking, sent } = revoke(() => status(200))
      yield* asking
      assert.strictEqual(sent.length, 1)
      assert.deepInclude(sent[0], { method: "POST", url: revocationUrl })
      assert.deepEqual(Object.fromEntries(new URLSearchParams(sent[0]?.body)), {
        token: "the refresh token",
        token_type_hint: "refresh_token",
        client_id: "the client"
      })
    })
  )

  it.effect("authenticates the client as a refresh does", () =>
    Effect.gen(function* () {
      const basic = revoke(() => status(200), "client_secret_basic")
      yield* basic.asking
      const credentials = Buffer.from(basic.sent[0]?.headers.get("authorization")?.slice(6) ?? "", "base64")
      assert.strictEqual(credentials.toString(), "the%20client:s%3Ae%25c%20r%26t")
      assert.notInclude(basic.sent[0]?.body, "client_secret")
      const post = revoke(() => status(200), "client_secret_post")
      yield* post.asking
      assert.strictEqual(new URLSearchParams(post.sent[0]?.body).get("client_secret"), "s:e%c r&t")
    })
  )

  it.effect.each<readonly [string, () => Response]>([
    ["200", () => status(200)],
    ["200 with a page", () => new Response("<html>", { status: 200 })],
    ["204", () => status(204)],
    ["token_revoked, which it is", json({ error: "token_revoked" }, { status: 400 })],
    [
      "invalid_request about the token",
      json({ error: "invalid_request", error_description: "The token was not found" }, { status: 400 })
    ],
    ["invalid_token, which it is now", json({ error: "invalid_token" }, { status: 400 })],
    ["invalid_grant, which it is now", json({ error: "invalid_grant" }, { status: 400 })]
  ])("is done after %s", ([, answer]) => Effect.asVoid(revoke(answer).asking))

  it.effect.each<readonly [string, (() => Response) | "broken", object]>([
    [
      "503, to wait",
      () => status(503, { headers: { "retry-after": "7" } }),
      { _tag: "Transient", retryAfter: 7000 }
    ],
    ["no network", "broken", { _tag: "Transient", detail: "the connection was refused", isUnsent: true }],
    ["invalid_client", json({ error: "invalid_client" }, { status: 401 }), { _tag: "InvalidClient" }],
    [
      "unsupported_token_type",
      json({ error: "unsupported_token_type", error_description: "no\u001b[31m" }, { status: 400 }),
      { _tag: "Refused", error: "unsupported_token_type", description: "no[31m" }
    ],
    [
      "a redirect",
      () => status(307, { headers: { location: "https://u:p@evil.test/x?the refresh token" } }),
      { _tag: "Malformed", detail: "HTTP 307: it redirects to https://evil.test/x, which is not followed" }
    ],
    [
      "a redirect within the origin",
      () => status(308, { headers: { location: "/token/?x#y" } }),
      { _tag: "Malformed", detail: "HTTP 308: it redirects to /token/, which is not followed" }
    ],
    [
      "a redirect to nowhere",
      () => status(302),
      { _tag: "Malformed", detail: "HTTP 302: it redirects, which is not followed" }
    ],
    ["nothing there", () => new Response("the refresh token", { status: 404 }), { _tag: "Malformed" }],
    [
      "more than a mebibyte",
      () => new Response("x".repeat(1_100_000), { status: 400 }),
      { _tag: "Malformed", detail: "the answer is over 1 MiB" }
    ]
  ])("that meets %s fails, speaks of revoking, and repeats no secret", ([, answer, expected]) =>
    Effect.gen(function* () {
      const { asking, sent } = revoke(answer, "client_secret_post")
      const error = yield* Effect.flip(asking)
      assert.deepInclude(error.reason, expected)
      assert.deepInclude(error, { server: "notion", origin: "https://as.test", purpose: "revocation" })
      assert.strictEqual(sent.length, 1)
      assert.notInclude(error.message, "token_url")
      const shown = `${error.message} ${JSON.stringify(error)}`
      for (const secret of ["the refresh token", "s:e%c"]) assert.notInclude(shown, secret)
    })
  )

  it.effect.each<readonly [string, () => Response]>([
    [
      "the Python SDK",
      json({ error: "invalid_request", error_description: "client_secret: Field required" }, { status: 400 })
    ],
    ["FastAPI", json({ detail: [{ msg: "Field required" }] }, { status: 422 })],
    ["401", json({ error: "invalid_client" }, { status: 401 })]
  ])("sends an empty secret of a public client where the server requires one: %s", ([, refusal]) =>
    Effect.gen(function* () {
      const first = [refusal]
      const { asking, sent } = revoke(() => (first.pop() ?? (() => status(200)))())
      yield* asking
      assert.deepEqual(
        sent.map(({ body }) => new URLSearchParams(body).get("client_secret")),
        [null, ""]
      )
    })
  )

  it.effect("reports the first refusal if an empty secret does not help", () =>
    Effect.gen(function* () {
      const first = [json({ error: "unsupported_token_type" }, { status: 400 })]
      const { asking } = revoke(() => (first.pop() ?? json({ error: "invalid_client" }, { status: 401 }))())
      assert.deepInclude((yield* Effect.flip(asking)).reason, { error: "unsupported_token_type" })
    })
  )

  it.effect("goes nowhere without TLS", () =>
    Effect.gen(function* () {
      const { asking, sent } = revoke(() => status(200), "none", "http://as.test/revoke")
      assert.strictEqual((yield* Effect.flip(asking)).reason._tag, "Malformed")
      assert.deepEqual(sent, [])
    })
  )
})

describe("a key that an embedder holds", () => {
  it.effect("proves requests with the DpopProofs of the embedder and remembers nonces there", () =>
    Effect.gen(function* () {
      const network = wire({
        [url]: () => Response.json({ ...good, token_type: "DPoP" }, { headers: { "dpop-nonce": "nonce-1" } })
      })
      const learnt: Array<string | null> = []
      const proofs = Layer.mock(DpopProofsPort, {
        prove: (_key, { method, url: { href } }) => Effect.succeed(`proof for ${method} ${href}`),
        learn: (_url, answer) =>
          Effect.sync(() => {
            learnt.push(answer.get("dpop-nonce"))
            return true
          })
      })
      const tokens = yield* Port.use((service) =>
        service.refresh({
          server: "notion",
          tokenEndpoint: new URL(url),
          client: { clientId: "c", clientSecret: undefined, authenticationMethod: "none" },
          resource: undefined,
          dpopKey: Redacted.make("handle of a key in hardware"),
          refreshToken: Redacted.make("the refresh token")
        })
      ).pipe(Effect.provide(TokenEndpoint.layer.pipe(Layer.provide(Layer.merge(network.layer, proofs)))))
      assert.strictEqual(network.sent[0]?.headers.get("dpop"), `proof for POST ${url}`)
      assert.deepEqual(learnt, ["nonce-1"])
      assert.strictEqual(tokens.tokenType, "dpop")
    })
  )
})
