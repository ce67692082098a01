import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as ClientRegistrar from "../../../src/adapters/oauth/ClientRegistrar.ts"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import { ClientIdentity } from "../../../src/ports/ClientIdentity.ts"
import { ClientRegistrar as Port } from "../../../src/ports/ClientRegistrar.ts"
import { wire } from "./Wire.ts"

const as = "https://as.test"
const metadata = { issuer: as, authorization_endpoint: `${as}/authorize`, token_endpoint: `${as}/token` }
/** That it registers clients. */
const offered = { registration_endpoint: `${as}/register` }

const register = (
  answer: () => Response,
  more: object = offered,
  scopes: ReadonlyArray<string> = ["read"]
) => {
  const network = wire({ [`${as}/register`]: answer })
  const asking = Port.use((service) =>
    service.register({
      server: "notion",
      metadata: new AuthorizationServerMetadata({ ...metadata, ...more }),
      redirectUri: new URL("http://localhost:8080/callback"),
      scopes
    })
  ).pipe(Effect.provide(ClientRegistrar.layer.pipe(Layer.provide(network.layer))))
  return { ...network, asking }
}

describe("registration", () => {
  it.effect("asks for a native client that refreshes and has no secret", () =>
    Effect.gen(function* () {
      const { asking, sent } = register(() => Response.json({ client_id: "new" }, { status: 201 }), {
        ...offered,
        token_endpoint_auth_methods_supported: ["client_secret_post", "none"]
      })
      const client = yield* asking
      assert.deepEqual(JSON.parse(sent[0]?.body ?? ""), {
        client_name: "mcp-cli",
        redirect_uris: ["http://localhost:8080/callback"],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        application_type: "native",
        token_endpoint_auth_method: "none",
        scope: "read"
      })
      assert.deepInclude(client, { clientId: "new", authenticationMethod: "none" })
    })
  )

  it.effect("introduces the product that the program provides, for where its browser comes back to", () =>
    Effect.gen(function* () {
      const network = wire({ [`${as}/register`]: () => Response.json({ client_id: "new" }, { status: 201 }) })
      const identity = Layer.succeed(ClientIdentity, {
        name: "Example Chat",
        logoUri: new URL("https://chat.example/logo.png"),
        clientUri: new URL("https://chat.example/"),
        softwareId: "c0ffee",
        softwareVersion: "4.2"
      })
      const registering = (redirectUri: string) =>
        Port.use((service) =>
          service.register({
            server: "notion",
            metadata: new AuthorizationServerMetadata({ ...metadata, ...offered }),
            redirectUri: new URL(redirectUri),
            scopes: []
          })
        )
      yield* Effect.andThen(
        registering("https://chat.example/callback"),
        registering("http://127.0.0.1:3000/callback")
      ).pipe(Effect.provide(ClientRegistrar.layer.pipe(Layer.provide(Layer.merge(identity, network.layer)))))
      const [web, native] = network.sent.map(({ body }) => JSON.parse(body ?? ""))
      assert.deepInclude(web, {
        client_name: "Example Chat",
        application_type: "web",
        logo_uri: "https://chat.example/logo.png",
        client_uri: "https://chat.example/",
        software_id: "c0ffee",
        software_version: "4.2"
      })
      assert.strictEqual(native.application_type, "native")
    })
  )

  it.effect.each([
    "http://as.test/register",
    "https://user:pass@as.test/register",
    "file:///register",
    "register"
  ])("sends nothing to %s", (registration_endpoint) =>
    Effect.gen(function* () {
      const { asking, sent } = register(() => Response.json({ client_id: "new" }), { registration_endpoint })
      assert.include((yield* Effect.flip(asking)).message, "its registration endpoint is no https address")
      assert.lengthOf(sent, 0)
    })
  )

  it.effect("takes the secret, its end and the method that the server gives", () =>
    Effect.gen(function* () {
      const { asking, sent } = register(
        () =>
          Response.json({
            client_id: "new",
            client_secret: "given",
            client_secret_expires_at: 1_800_000_000,
            token_endpoint_auth_method: "client_secret_post"
          }),
        { ...offered, token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"] }
      )
      const client = yield* asking
      assert.include(sent[0]?.body, '"token_endpoint_auth_method":"client_secret_post"')
      assert.deepInclude(client, {
        authenticationMethod: "client_secret_post",
        secretExpiresAt: 1_800_000_000_000
      })
      assert.strictEqual(client.clientSecret && Redacted.value(client.clientSecret), "given")
    })
  )

  it.effect.each([
    [undefined, "client_secret_basic"],
    [[], "client_secret_basic"],
    [["client_secret_basic"], "client_secret_basic"],
    [["client_secret_basic", "client_secret_post"], "client_secret_post"],
    [["private_key_jwt", "client_secret_basic", "none"], "none"],
    [["private_key_jwt"], "none"]
  ])("where the server lists %j, is for %s", ([supported, method]) =>
    Effect.gen(function* () {
      const { asking, sent } = register(() => Response.json({ client_id: "new" }), {
        ...offered,
        ...(supported === undefined ? {} : { token_endpoint_auth_methods_supported: supported })
      })
      yield* asking
      assert.strictEqual(JSON.parse(sent[0]?.body ?? "").token_endpoint_auth_method, method)
    })
  )

  it.effect.each([
    [["none"], undefined, "none"],
    [["client_secret_basic", "client_secret_post"], "s", "client_secret_post"],
    [["client_secret_jwt", "client_secret_basic"], "s", "client_secret_basic"],
    ["", "s", "client_secret_post"],
    [null, "s", "client_secret_post"],
    [{}, "s", "client_secret_post"]
  ] as const)("reads the method %j of a client with the secret %s as %s", ([given, client_secret, method]) =>
    Effect.gen(function* () {
      const { asking } = register(
        () => Response.json({ client_id: "new", client_secret, token_endpoint_auth_method: given }),
        { ...offered, token_endpoint_auth_methods_supported: ["client_secret_post"] }
      )
      assert.strictEqual((yield* asking).authenticationMethod, method)
    })
  )

  it.effect.each([
    [0, undefined],
    ["0", undefined],
    [false, undefined],
    [true, undefined],
    ["", undefined],
    ["never", undefined],
    [-1, undefined],
    ["1800000000", 1_800_000_000_000],
    ["2030-01-02T03:04:05Z", 1_893_553_445_000]
  ] as const)("reads client_secret_expires_at %j as %s", ([written, expected]) =>
    Effect.gen(function* () {
      const { asking } = register(() =>
        Response.json({ client_id: "new", client_secret: "s", client_secret_expires_at: written })
      )
      assert.strictEqual((yield* asking).secretExpiresAt, expected)
    })
  )

  it.effect("reads nulls and empty texts as what is left out, and a number as a client_id", () =>
    Effect.gen(function* () {
      const { asking } = register(() =>
        Response.json({
          client_id: 12345,
          client_secret: "",
          client_secret_expires_at: null,
          redirect_uris: null,
          contacts: null,
          scope: null,
          registration_client_uri: "/relative",
          registration_access_token: ""
        })
      )
      assert.deepEqual({ ...(yield* asking) }, {
        _tag: "Dynamic",
        clientId: "12345",
        authenticationMethod: "none",
        redirectUri: "http://localhost:8080/callback",
        scopes: ["read"]
      } as never)
    })
  )

  it.effect.each([
    ["Keycloak", 403, "insufficient_scope", "Policy 'Allowed Client Scopes' rejected request"],
    ["Spring", 400, "invalid_scope", undefined],
    ["another", 400, "invalid_client_metadata", "The scope 'read' is not allowed"]
  ] as const)("that %s refuses for its scope is sent once more without one", ([, status, error, words]) =>
    Effect.gen(function* () {
      const answers = [
        () => Response.json({ error, error_description: words }, { status }),
        () => Response.json({ client_id: "new", scope: "address phone" })
      ]
      const { asking, sent } = register(() => answers.shift()!())
      const client = yield* asking
      assert.deepEqual(
        sent.map(({ body }) => JSON.parse(body).scope),
        ["read", undefined]
      )
      // No other registration would get more.
      assert.isTrue(client.mayRequest(["read"]))
      assert.isFalse(client.mayRequest(["write"]))
      assert.isTrue(client.mayRequest(["write"], ["read"]))
    })
  )

  it.effect.each([
    ["trusted hosts", "insufficient_scope", "Policy 'Trusted Hosts' rejected request"],
    ["a limit", "insufficient_scope", "Policy 'Max Clients Limit' rejected request"],
    ["an initial access token", "invalid_token", undefined]
  ] as const)("that is refused for %s names what can help, and no scopes", ([, error, words]) =>
    Effect.gen(function* () {
      const { asking, sent } = register(
        () => Response.json({ error, error_description: words }, { status: 403 }),
        { ...offered, client_id_metadata_document_supported: true }
      )
      const text = errorText(yield* Effect.flip(asking))
      assert.include(text, words ?? error)
      assert.include(text, "Ask the administrator of https://as.test")
      assert.include(text, '"client_id"')
      assert.include(text, '"client_metadata_url"')
      assert.notInclude(text, '"scopes"')
      assert.lengthOf(sent, error === "insufficient_scope" ? 2 : 1)
    })
  )

  it.effect("keeps the scopes that the client was given, else those that it asked for", () =>
    Effect.gen(function* () {
      const given = yield* register(() => Response.json({ client_id: "new", scope: "read write" })).asking
      assert.deepEqual(given.scopes, ["read", "write"])
      const asked = yield* register(() => Response.json({ client_id: "new" })).asking
      assert.deepEqual(asked.scopes, ["read"])
    })
  )

  it.effect("keeps how the client is taken back, and takes it back", () =>
    Effect.gen(function* () {
      const { asking } = register(() =>
        Response.json({
          client_id: "new",
          registration_client_uri: `${as}/register/new`,
          registration_access_token: "management"
        })
      )
      const client = yield* asking
      assert.strictEqual(client.management?.url, `${as}/register/new`)
      assert.notInclude(JSON.stringify(client), 'management"}')
      for (const [answer, gone] of [
        [new Response(null, { status: 204 }), true],
        [new Response("no", { status: 405 }), false]
      ] as const) {
        const network = wire({ [`${as}/register/new`]: () => answer })
        const deregistering = Port.use((service) => service.deregister(client)).pipe(
          Effect.provide(ClientRegistrar.layer.pipe(Layer.provide(network.layer)))
        )
        assert.strictEqual(yield* deregistering, gone)
        assert.deepInclude(network.sent[0], { method: "DELETE", url: `${as}/register/new` })
        assert.strictEqual(network.sent[0]?.headers.get("authorization"), "Bearer management")
      }
    })
  )

  it.effect.each([
    { registration_client_uri: "http://as.test/register/new", registration_access_token: "t" },
    { registration_client_uri: "https://user@as.test/register/new", registration_access_token: "t" },
    { registration_client_uri: "no address", registration_access_token: "t" },
    { registration_client_uri: "http://127.0.0.1:9200/customers", registration_access_token: "t" },
    { registration_client_uri: "https://169.254.169.254/x", registration_access_token: "t" },
    { registration_client_uri: "https://other.test/register/new", registration_access_token: "t" },
    { registration_client_uri: `blob:${as}/register/new`, registration_access_token: "t" },
    { registration_client_uri: `${as}:8443/register/new`, registration_access_token: "t" },
    { registration_client_uri: `${as}/register/new`, registration_access_token: "two words" },
    { registration_client_uri: `${as}/register/new`, registration_access_token: null },
    { registration_client_uri: 7, registration_access_token: "t" },
    {}
  ])("keeps no way to take the client back that it must not use: %j", (answer) =>
    Effect.gen(function* () {
      const { asking, layer, sent } = register(() => Response.json({ client_id: "new", ...answer }))
      const client = yield* asking
      assert.isUndefined(client.management)
      const gone = Port.use((service) => service.deregister(client))
      assert.isFalse(yield* Effect.provide(gone, ClientRegistrar.layer.pipe(Layer.provide(layer))))
      assert.lengthOf(sent, 1)
    })
  )

  it.effect("that is refused says why, and what to write instead", () =>
    Effect.gen(function* () {
      const { asking } = register(() =>
        Response.json({ error: "invalid_redirect_uri", error_description: "no\u001b[2J" }, { status: 400 })
      )
      const error = yield* Effect.flip(asking)
      assert.include(errorText(error), "invalid_redirect_uri: no[2J")
      assert.include(errorText(error), '"client_id"')
    })
  )

  it.effect.each([
    [
      400,
      { error: { code: "invalid_redirect_uri", message: "no loopback" } },
      "invalid_redirect_uri: no loopback"
    ],
    [401, { errors: [{ code: "nope", detail: "ask first" }] }, "ask first"],
    [
      422,
      { detail: [{ loc: ["body", "grant_types"], msg: "field required" }] },
      "grant_types: field required"
    ],
    [403, { detail: [{ msg: "not here" }], title: "Forbidden" }, "Forbidden"]
  ] as const)("that is refused repeats the words of the server: %i %j", ([status, body, words]) =>
    Effect.gen(function* () {
      const { asking } = register(() => Response.json(body, { status }))
      assert.include((yield* Effect.flip(asking)).message, `refused to register this client (${words})`)
    })
  )

  it.effect("that finds nothing there says that the server may want a key instead", () =>
    Effect.gen(function* () {
      const { asking } = register(() => new Response("no such page", { status: 404 }))
      const text = errorText(yield* Effect.flip(asking))
      assert.include(text, "HTTP 404 at its registration endpoint")
      assert.include(text, 'an API key instead, set "Authorization" in "headers"')
    })
  )

  it.effect("follows no redirect, and says so", () =>
    Effect.gen(function* () {
      const { asking, sent } = register(
        () => new Response(null, { status: 307, headers: { location: "https://elsewhere.test/" } })
      )
      assert.include(
        (yield* Effect.flip(asking)).message,
        "redirects to https://elsewhere.test/, which is not followed"
      )
      assert.lengthOf(sent, 1)
    })
  )

  it.effect.each([
    ["Basic, where a secret comes without a method", { client_secret: "s" }, "client_secret_basic"],
    [
      "none, where no secret comes",
      { client_secret: null, token_endpoint_auth_method: "client_secret_basic" },
      "none"
    ],
    [
      "none, where the server says so, whatever else it gives",
      { client_secret: "s", token_endpoint_auth_method: "none" },
      "none"
    ]
  ] as const)("authenticates by %s", ([, answer, method]) =>
    Effect.gen(function* () {
      const client = yield* register(() => Response.json({ client_id: "new", ...answer })).asking
      assert.strictEqual(client.authenticationMethod, method)
    })
  )

  it.effect("is of no use with a method that this client has not", () =>
    Effect.gen(function* () {
      const { asking } = register(() =>
        Response.json({ client_id: "new", token_endpoint_auth_method: "private_key_jwt" })
      )
      assert.include((yield* Effect.flip(asking)).message, "private_key_jwt")
    })
  )

  it.effect("keeps a secret that ends after all dates, or never", () =>
    Effect.gen(function* () {
      for (const [ends, expected] of [
        [0, undefined],
        [null, undefined],
        [1e308, 8_640_000_000_000_000]
      ] as const) {
        const client = yield* register(() =>
          Response.json({ client_id: "new", client_secret: "s", client_secret_expires_at: ends })
        ).asking
        assert.strictEqual(client.secretExpiresAt, expected)
      }
    })
  )

  it.effect.each([
    [
      429,
      '{"error":"too_many_requests","message":"3 an hour"}',
      "120",
      "too_many_requests: 3 an hour",
      "in 2 minutes"
    ],
    [429, "Too many clients", undefined, "Too many clients", "later"],
    [500, "<html>oops</html>", undefined, "HTTP 500 at its registration endpoint)", "later"],
    [503, "", "Wed, 21 Oct 1969 07:28:00 GMT", "HTTP 503 at its registration endpoint)", "later"],
    [503, "", "5", "HTTP 503 at its registration endpoint)", "in 5 seconds"]
  ] as const)("is not refused by a server that is unavailable: %i %s", ([status, body, after, words, time]) =>
    Effect.gen(function* () {
      const headers: Record<string, string> = after === undefined ? {} : { "retry-after": after }
      const { asking, sent } = register(() => new Response(body, { status, headers }))
      const text = errorText(yield* Effect.flip(asking))
      assert.include(text, "https://as.test could not register this client now (HTTP")
      assert.include(text, words)
      assert.include(text, `Try again ${time}`)
      assert.lengthOf(sent, 1)
    })
  )

  it.effect.each([
    ["a status alone", () => new Response("<html>secret</html>", { status: 403 }), "HTTP 403"],
    [
      "an error without a description",
      () => Response.json({ error: "invalid_client_metadata", error_description: null }, { status: 400 }),
      "(invalid_client_metadata)"
    ],
    ["a redirect", () => Response.redirect("https://evil.test", 307), "HTTP 307"],
    ["an answer without a client", () => Response.json({ secret: "secret" }), "no client_id"]
  ] as const)("that meets %s is refused, and repeats no answer", ([, answer, expected]) =>
    Effect.gen(function* () {
      const { asking, sent } = register(answer)
      const error = yield* Effect.flip(asking)
      assert.strictEqual(error._tag, "RegistrationError")
      assert.include(error.message, expected)
      assert.notInclude(error.message, "secret")
      assert.lengthOf(sent, 1)
    })
  )

  it.effect.each(["http://as.test/register", "no address"])("goes nowhere without TLS: %s", (endpoint) =>
    Effect.gen(function* () {
      const { asking, sent } = register(() => Response.json({}), { registration_endpoint: endpoint })
      assert.strictEqual((yield* Effect.flip(asking))._tag, "RegistrationError")
      assert.deepEqual(sent, [])
    })
  )

  it.effect("that is not offered says so", () =>
    Effect.gen(function* () {
      const { asking, sent } = register(() => Response.json({}), {})
      const error = yield* Effect.flip(asking)
      assert.include(errorText(error), "does not register clients automatically")
      assert.notInclude(errorText(error), "client_metadata_url")
      const document = register(() => Response.json({}), { client_id_metadata_document_supported: true })
      assert.include(errorText(yield* Effect.flip(document.asking)), '"client_metadata_url"')
      assert.deepEqual(sent, [])
    })
  )
})
