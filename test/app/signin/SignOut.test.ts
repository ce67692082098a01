import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import * as SignOut from "../../../src/app/signin/SignOut.ts"
import type { EndpointsByHand } from "../../../src/domain/Server.ts"
import { Credential, CredentialJson } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import {
  InvalidClient,
  Malformed,
  Transient,
  Refused,
  type RevocationRequest,
  TokenEndpoint,
  type TokenFailure,
  TokenRequestError
} from "../../../src/ports/TokenEndpoint.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import { byHand, serverNamed, world as worldOf } from "../World.ts"
import { secretTextOf } from "../../SecretText.ts"

const notion = serverNamed("notion")
const world = (options: Parameters<typeof worldOf>[0] = {}) =>
  SignOut.layer.pipe(Layer.provideMerge(worldOf(options)))

const signIn = (server: RemoteServer = notion, account?: string) =>
  SignIn.use((service) => service.signIn({ server, account }))
const logout = (server: RemoteServer = notion, account?: string) =>
  SignOut.SignOut.use((service) => service.logout(server, account))
const revocations = Effect.map(ScriptedAuthorizationServer, (server) =>
  server.revocations.map(({ hint, token }) => `${hint} ${Redacted.value(token)}`)
)
const kept = Effect.map(
  CredentialStore.use((store) => store.list),
  (keys) => keys.map(({ storageName }) => storageName)
)

describe("a logout", () => {
  it.effect("revokes the refresh token, then the access token, and forgets both", () =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn()
      const server = yield* ScriptedAuthorizationServer
      assert.isTrue(yield* server.accepts(tokens.accessToken))
      const result = yield* logout()
      assert.deepEqual(result, { _tag: "Revoked", endpoint: new URL("https://as.test/revoke") })
      assert.deepEqual(yield* revocations, [
        `refresh_token ${Redacted.value(tokens.refreshToken!)}`,
        `access_token ${Redacted.value(tokens.accessToken)}`
      ])
      assert.isFalse(yield* server.accepts(tokens.accessToken))
      assert.deepEqual(yield* kept, [])
      // Nothing is left in memory either: the next use asks the user.
      yield* AccessTokens.use((service) => service.get({ server: notion }))
      assert.strictEqual((yield* ScriptedUser).opened.length, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("revokes the access token where that is all there is", () =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn()
      assert.strictEqual((yield* logout())._tag, "Revoked")
      assert.deepEqual(yield* revocations, [`access_token ${Redacted.value(tokens.accessToken)}`])
    }).pipe(Effect.provide(world({ refreshTokens: false })))
  )

  it.effect("is of one account, and leaves the others signed in", () =>
    Effect.gen(function* () {
      const first = yield* signIn()
      const second = yield* signIn(notion, "work")
      yield* logout(notion, "work")
      const { accepts } = yield* ScriptedAuthorizationServer
      assert.isTrue(yield* accepts(first.tokens.accessToken))
      assert.isFalse(yield* accepts(second.tokens.accessToken))
      assert.deepEqual(yield* kept, ["notion"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("only forgets where no revocation endpoint is known, and says so", () =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn()
      assert.deepEqual(yield* logout(), {
        _tag: "NotOffered",
        issuer: "https://as.test",
        expiresAt: tokens.expiresAt,
        refreshable: true
      })
      assert.deepEqual(yield* revocations, [])
      assert.deepEqual(yield* kept, [])
    }).pipe(Effect.provide(world({ revocation: false })))
  )

  it.effect("of nobody does nothing", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* logout(), { _tag: "Nothing" })
      assert.deepEqual(yield* revocations, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("sends no token of another address, and leaves it", () =>
    Effect.gen(function* () {
      yield* signIn()
      const moved = { ...notion, url: new URL("https://evil.test/mcp") }
      assert.deepEqual(yield* logout(moved), { _tag: "Nothing" })
      assert.deepEqual(yield* revocations, [])
      assert.deepEqual(yield* kept, ["notion"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("of a sign-in whose endpoints were configured otherwise revokes where that one was made", () =>
    Effect.gen(function* () {
      const at = (origin: string) =>
        byHand("notion", {
          source: {
            _tag: "ByHand",
            authorizationEndpoint: new URL("/authorize", origin),
            tokenEndpoint: new URL("/token", origin),
            client: { clientId: "written", clientSecret: undefined },
            endpoints: { revocation: new URL("/revoke", origin) }
          }
        })
      const { tokens } = yield* signIn(at("https://as.test"))
      assert.deepEqual(yield* logout(at("https://other.test")), {
        _tag: "Revoked",
        endpoint: new URL("https://as.test/revoke")
      })
      const { accepts } = yield* ScriptedAuthorizationServer
      assert.isFalse(yield* accepts(tokens.accessToken))
      assert.deepEqual(yield* kept, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("leaves a client that is registered and has no tokens", () =>
    Effect.gen(function* () {
      const { credential } = yield* signIn()
      yield* CredentialStore.use((store) => store.put(CredentialKey.of("notion"), credential.withoutTokens))
      assert.deepEqual(yield* logout(), { _tag: "Nothing" })
      assert.deepEqual(yield* kept, ["notion"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("goes where the configuration says, written before the sign-in or after it", () =>
    Effect.gen(function* () {
      const plain = byHand("notion")
      const source: EndpointsByHand = {
        ...(plain.oauth.source as EndpointsByHand),
        endpoints: { revocation: new URL("https://as.test/by-hand") }
      }
      const written = byHand("notion", { source })
      const { credential } = yield* signIn(written)
      assert.strictEqual(credential.revocationEndpoint, "https://as.test/by-hand")
      assert.deepEqual(yield* logout(written), {
        _tag: "Revoked",
        endpoint: new URL("https://as.test/by-hand")
      })
      yield* signIn(plain)
      assert.deepEqual(yield* logout(written), {
        _tag: "Revoked",
        endpoint: new URL("https://as.test/by-hand")
      })
    }).pipe(Effect.provide(world()))
  )

  const revokingAt = (href: string) => {
    const plain = byHand("notion")
    return byHand("notion", {
      source: {
        ...(plain.oauth.source as EndpointsByHand),
        endpoints: { revocation: new URL(href) }
      }
    })
  }

  it.effect("sends no token to a revocation endpoint elsewhere that the configuration names later", () =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn(byHand("notion"))
      const { _tag, ...result } = yield* logout(revokingAt("https://evil.test/revoke"))
      assert.strictEqual(_tag, "NotOffered")
      assert.deepInclude(result, { refused: new URL("https://evil.test/revoke") })
      assert.deepEqual(yield* revocations, [])
      assert.isTrue(yield* ScriptedAuthorizationServer.use(({ accepts }) => accepts(tokens.accessToken)))
      assert.deepEqual(yield* kept, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect(
    "goes where the tokens of the sign-in were to be revoked, whatever the configuration names later",
    () =>
      Effect.gen(function* () {
        yield* signIn(revokingAt("https://as.test/revoke"))
        assert.deepEqual(yield* logout(revokingAt("https://evil.test/revoke")), {
          _tag: "Revoked",
          endpoint: new URL("https://as.test/revoke")
        })
      }).pipe(Effect.provide(world()))
  )

  it.effect("goes to an endpoint at another origin that was configured at the sign-in", () =>
    Effect.gen(function* () {
      const server = revokingAt("https://revoke.test/")
      yield* signIn(server)
      assert.deepEqual(yield* logout(server), { _tag: "Revoked", endpoint: new URL("https://revoke.test/") })
    }).pipe(Effect.provide(world()))
  )
})

describe("a logout of a name that no configuration has", () => {
  const logoutStored = (...args: Parameters<SignOut.SignOut["Service"]["logoutStored"]>) =>
    SignOut.SignOut.use((service) => service.logoutStored(...args))

  it.effect("revokes at the endpoint and as the client that were stored, and forgets", () =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn()
      const server = yield* ScriptedAuthorizationServer
      assert.deepEqual(yield* logoutStored("notion"), [
        { _tag: "Revoked", endpoint: new URL("https://as.test/revoke") }
      ])
      assert.isFalse(yield* server.accepts(tokens.accessToken))
      assert.deepEqual(yield* kept, [])
      assert.deepEqual(yield* logoutStored("notion"), [{ _tag: "Nothing" }])
    }).pipe(Effect.provide(world()))
  )

  it.effect("only forgets where the client has a secret that the configuration held", () =>
    Effect.gen(function* () {
      const plain = byHand("notion")
      const source: EndpointsByHand = {
        ...(plain.oauth.source as EndpointsByHand),
        endpoints: { revocation: new URL("https://as.test/by-hand") }
      }
      yield* signIn(byHand("notion", { source }))
      const [result] = yield* logoutStored("notion")
      assert.deepInclude(result, { _tag: "NotOffered", lacksSecret: true })
      assert.deepEqual(yield* revocations, [])
      assert.deepEqual(yield* kept, [])
    }).pipe(Effect.provide(world()))
  )
})

describe("revoking that fails", () => {
  it.effect("in passing is tried again", () =>
    Effect.gen(function* () {
      yield* signIn()
      const { failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(new Transient({ detail: "HTTP 503", retryAfter: 5000 }), new Transient({ detail: "x" }))
      const running = yield* Effect.forkChild(logout())
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* revocations).length, 1)
      yield* TestClock.adjust("16 seconds")
      assert.strictEqual((yield* Fiber.join(running))._tag, "Revoked")
      assert.strictEqual((yield* revocations).length, 4)
    }).pipe(Effect.provide(world()))
  )

  const away = new Transient({ detail: "HTTP 503", retryAfter: 3_600_000 })
  const hint = [
    "To try again, run: mcp-cli auth logout notion --account work",
    "To forget it on this machine only, run: mcp-cli auth reset notion --account work"
  ].join("\n")
  it.effect.each([
    ["away", away, "is not available now (HTTP 503)"],
    [
      "no time",
      new Transient({ detail: "HTTP 429", status: 429, retryAfter: 3_600_000 }),
      "is not available now (HTTP 429)"
    ]
  ] as const)("for a long time forgets nothing, and says what can be done: %s", ([, failure, said]) =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn(notion, "work")
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(failure)
      const error = yield* Effect.flip(logout(notion, "work"))
      assert.deepInclude(error, { _tag: "RevocationFailed", server: "notion", account: "work" })
      assert.include(error.message, said)
      assert.include(error.message, "notion (work)")
      assert.include(errorText(error), hint)
      assert.notInclude(error.message, Redacted.value(tokens.refreshToken!))
      assert.deepEqual(yield* kept, ["notion@work"])
      assert.strictEqual((yield* revocations).length, 1)
      assert.isTrue(yield* server.accepts(tokens.accessToken))
      assert.strictEqual((yield* logout(notion, "work"))._tag, "Revoked")
    }).pipe(Effect.provide(world()))
  )

  it.effect.each<readonly [string, TokenFailure, string]>([
    [
      "a refusal",
      new Refused({ error: "unsupported_token_type", description: "only refresh tokens" }),
      "refused to revoke the token (unsupported_token_type: only refresh tokens)"
    ],
    ["a method that is not allowed", new Malformed({ detail: "HTTP 405" }), "(HTTP 405)"],
    ["a message", new Malformed({ detail: "HTTP 400: bad" }), "(HTTP 400: bad)"]
  ])("because the server refuses it forgets the sign-in, and says what lives on: %s", ([, failure, said]) =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn()
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(failure)
      const result = yield* logout()
      assert.deepInclude(result, { _tag: "Refused", refreshable: true, expiresAt: tokens.expiresAt })
      assert.include("answer" in result ? result.answer : "", said)
      assert.deepEqual(yield* kept, [])
      // The rest is revoked.
      assert.strictEqual((yield* revocations).length, 2)
      assert.isFalse(yield* server.accepts(tokens.accessToken))
    }).pipe(Effect.provide(world()))
  )

  it.effect.each<readonly [string, InvalidClient]>([
    ["invalid_client", new InvalidClient()],
    ["unauthorized_client, as the Python SDK has it", new InvalidClient({ error: "unauthorized_client" })]
  ])("because the server has forgotten a dynamic client is done: %s", ([, failure]) =>
    Effect.gen(function* () {
      yield* signIn()
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(failure, failure))
      assert.strictEqual((yield* logout())._tag, "Revoked")
      assert.deepEqual(yield* kept, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("because of the configured client says which fields to look at", () =>
    Effect.gen(function* () {
      const plain = byHand("notion")
      const source: EndpointsByHand = {
        ...(plain.oauth.source as EndpointsByHand),
        endpoints: { revocation: new URL("https://as.test/revoke") }
      }
      const server = byHand("notion", { source })
      yield* signIn(server)
      // Basic, post, and Basic with the client_id in the body.
      const refusals = Array.from({ length: 3 }, () => new InvalidClient())
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(...refusals))
      assert.include(errorText(yield* Effect.flip(logout(server))), '"client_id" and "client_secret"')
    }).pipe(Effect.provide(world()))
  )

  it.effect("because of a published client says where its document is", () =>
    Effect.gen(function* () {
      const clientMetadataUrl = "https://example.com/mcp-cli.json"
      const server = serverNamed("notion", { clientMetadataUrl })
      yield* signIn(server)
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(new InvalidClient()))
      const text = errorText(yield* Effect.flip(logout(server)))
      assert.include(text, `the client that ${clientMetadataUrl} describes`)
      assert.include(text, "mcp-cli auth client-metadata")
    }).pipe(Effect.provide(world({ metadata: { client_id_metadata_document_supported: true } })))
  )

  const jwt = (claims: object) =>
    Redacted.make(["{}", JSON.stringify(claims), "sig"].map((part) => btoa(part)).join("."))
  it.effect.each<readonly [string, Redacted.Redacted, TokenFailure | undefined, number | undefined]>([
    ["an opaque one that is revoked", Redacted.make("opaque"), undefined, undefined],
    [
      "an opaque one that is refused",
      Redacted.make("opaque"),
      new Refused({ error: "unsupported_token_type" }),
      3_600_000
    ],
    ["a JWT", jwt({ exp: 1800 }), undefined, 1_800_000],
    [
      "a JWT that is refused",
      jwt({ exp: 1800 }),
      new Refused({ error: "unsupported_token_type" }),
      1_800_000
    ],
    ["a JWT that has expired", jwt({ exp: 0 }), undefined, undefined],
    ["a JWT without exp", jwt({}), undefined, undefined]
  ])("says how long the access token is accepted: %s", ([, accessToken, failure, expected]) =>
    Effect.gen(function* () {
      const { credential, tokens } = yield* signIn()
      yield* CredentialStore.use((store) =>
        store.put(
          CredentialKey.of("notion"),
          credential.next({ tokens: new TokenSet({ ...tokens, accessToken }) })
        )
      )
      const endpoint = yield* TokenEndpoint
      const picky = TokenEndpoint.of({
        ...endpoint,
        revoke: (request) =>
          failure === undefined || request.hint === "refresh_token"
            ? endpoint.revoke(request)
            : new TokenRequestError({ server: "notion", origin: "https://as.test", reason: failure })
      })
      const result = yield* logout().pipe(
        Effect.provide(Layer.fresh(SignOut.layer).pipe(Layer.provide(Layer.succeed(TokenEndpoint, picky))))
      )
      assert.strictEqual(result._tag, "Revoked")
      assert.strictEqual("acceptedUntil" in result ? result.acceptedUntil : undefined, expected)
    }).pipe(Effect.provide(world()))
  )

  it.effect("for the access token alone counts for nothing, and is not tried again", () =>
    Effect.gen(function* () {
      yield* signIn()
      const endpoint = yield* TokenEndpoint
      const { failNext } = yield* ScriptedAuthorizationServer
      const asked: Array<RevocationRequest["hint"]> = []
      const picky = TokenEndpoint.of({
        ...endpoint,
        revoke: (request) =>
          Effect.suspend(() => {
            asked.push(request.hint)
            return request.hint === "refresh_token"
              ? endpoint.revoke(request)
              : Effect.andThen(failNext(new Transient({ detail: "HTTP 503" })), endpoint.revoke(request))
          })
      })
      const result = yield* logout().pipe(
        Effect.provide(Layer.fresh(SignOut.layer).pipe(Layer.provide(Layer.succeed(TokenEndpoint, picky))))
      )
      assert.strictEqual(result._tag, "Revoked")
      assert.deepEqual(asked, ["refresh_token", "access_token"])
      assert.deepEqual(yield* kept, [])
    }).pipe(Effect.provide(world()))
  )
})

describe("the turn of a logout", () => {
  it.effect("comes after a refresh that is under way, whose tokens it revokes", () =>
    Effect.gen(function* () {
      const { credential, tokens } = yield* signIn()
      const key = CredentialKey.of("notion")
      const lock = yield* CredentialLock
      const store = yield* CredentialStore
      const held = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const refreshed = credentialWith("refreshed").tokens!
      const refreshing = yield* Effect.forkChild(
        lock.withLock(
          key,
          "refresh"
        )(
          Deferred.succeed(held, undefined).pipe(
            Effect.andThen(Deferred.await(release)),
            Effect.andThen(store.put(key, credential.next({ tokens: refreshed })))
          )
        )
      )
      yield* Deferred.await(held)
      const migratingFrom = yield* Effect.forkChild(logout())
      yield* TestClock.adjust("1 second")
      assert.deepEqual(yield* revocations, [])
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(refreshing)
      yield* Fiber.join(migratingFrom)
      assert.notInclude((yield* revocations).join(), Redacted.value(tokens.refreshToken!))
      assert.deepEqual(yield* revocations, ["refresh_token refresh of refreshed", "access_token refreshed"])
    }).pipe(Effect.provide(world()))
  )
})

describe("a record", () => {
  it.effect("from before revoking was known is read, and offers none", () =>
    Effect.gen(function* () {
      const { revocationEndpoint: _, ...old } = credentialWith("old")
      const text = yield* Schema.encodeEffect(CredentialJson)(new Credential(old))
      assert.notInclude(text, "revocationEndpoint")
      const read = yield* Schema.decodeEffect(CredentialJson)(text)
      assert.isUndefined(read.revocationEndpointAt(notion))
    })
  )

  it.effect("keeps where its tokens are revoked through a refresh", () =>
    Effect.gen(function* () {
      const text = yield* Schema.encodeEffect(CredentialJson)(credentialWith("one").next({}))
      const read = yield* Schema.decodeEffect(CredentialJson)(text)
      assert.strictEqual(read.revocationEndpointAt(notion)?.href, "https://mcp.notion.com/revoke")
      assert.isDefined(read.withoutTokens.revocationEndpoint)
    })
  )

  it("is revoked by the client that it belongs to", () => {
    const dynamic = credentialWith("one").clientAt(notion)
    assert.strictEqual(dynamic.clientId, "client")
    assert.strictEqual(dynamic.methods[0], "client_secret_post")
    assert.strictEqual(secretTextOf(dynamic.clientSecret), "the client secret")
  })
})
