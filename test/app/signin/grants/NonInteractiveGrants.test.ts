import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Fiber, Layer, Option, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import { ScriptedAuthorizationServer } from "../../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../../src/adapters/scripted/ScriptedUser.ts"
import { AccessTokens } from "../../../../src/app/tokens/AccessTokens.ts"
import { SignIn } from "../../../../src/app/signin/SignIn.ts"
import { CredentialJson } from "../../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import type { RemoteServer, NonInteractiveGrant, OAuthSettings } from "../../../../src/domain/Server.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  Transient,
  Refused,
  TokenEndpoint,
  type TokenFailure,
  TokenRequestError,
  UnusableSecret
} from "../../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed, world } from "../../World.ts"
import { secretTextOf } from "../../../SecretText.ts"

type GrantRequest = Parameters<TokenEndpoint["Service"]["grant"]>[0]
type AssertionRequest = Parameters<TokenEndpoint["Service"]["identityAssertion"]>[0]

const key = CredentialKey.of("reports")
const client = { clientId: "the-client", clientSecret: Redacted.make("the secret") }
const identityProvider = {
  tokenEndpoint: new URL("https://idp.test/token"),
  client: { clientId: "idp-client", clientSecret: Redacted.make("idp secret") },
  subjectToken: Redacted.make("an ID token"),
  subjectTokenType: "id_token" as const
}
const grants = {
  own: { _tag: "ClientCredentials" },
  assertion: { _tag: "JwtBearer", assertion: Redacted.make("an assertion") },
  managed: { _tag: "EnterpriseManaged", identityProvider }
} satisfies Record<string, NonInteractiveGrant>
const kinds = Object.keys(grants) as ReadonlyArray<keyof typeof grants>

/** A server that is signed in to by a grant without a user. */
const machine = (grant: NonInteractiveGrant | undefined = grants.own, oauth: Partial<OAuthSettings> = {}) =>
  serverNamed("reports", { grant, source: { _tag: "Discovered", client }, ...oauth })

const get = (server: RemoteServer = machine()) => AccessTokens.use((tokens) => tokens.get({ server }))
const token = (server?: RemoteServer) =>
  Effect.map(get(server), ({ accessToken }) => Redacted.value(accessToken))
const stored = CredentialStore.use((store) => store.get(key)).pipe(Effect.map(Option.getOrUndefined))
/** Waits for an effect that takes some time of the test's clock. */
const within = <A, E, R>(time: Duration.Input, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })
const away = new Transient({ detail: "HTTP 503" })

/** A world without a user, which remembers what its token endpoint was asked. */
const alone = (
  options: Parameters<typeof world>[0] & {
    /** Why the identity provider gives nothing, while it does not. */
    readonly identityProvider?: { readonly reason?: TokenFailure }
  } = {}
) => {
  const asked: Array<GrantRequest> = []
  const assertions: Array<AssertionRequest> = []
  const order: Array<string> = []
  const recording = Layer.effect(
    TokenEndpoint,
    Effect.map(TokenEndpoint, (service) =>
      TokenEndpoint.of({
        ...service,
        grant: (request) =>
          Effect.suspend(() => {
            asked.push(request)
            order.push("grant")
            return service.grant(request)
          }),
        identityAssertion: (request) =>
          Effect.suspend(() => {
            assertions.push(request)
            order.push("identity assertion")
            const reason = options.identityProvider?.reason
            if (reason === undefined) return service.identityAssertion(request)
            const { server, tokenEndpoint } = request
            return Effect.fail(
              new TokenRequestError({
                server,
                origin: tokenEndpoint.origin,
                purpose: "identity assertion",
                reason
              })
            )
          })
      })
    )
  )
  return {
    asked,
    assertions,
    order,
    layer: world({ present: false, ...options, wrapTokenEndpoint: recording })
  }
}

/** That no browser opened, and nobody was shown or told anything. */
const nobodyAsked = Effect.map(ScriptedUser, ({ devices, opened, told }) =>
  assert.deepEqual({ devices, opened, told }, { devices: [], opened: [], told: [] })
)

describe("tokens by a grant without a user", () => {
  it.effect.each(kinds)("come without anybody: %s", (kind) => {
    const { asked, layer } = alone()
    return Effect.gen(function* () {
      const server = machine(grants[kind], { scopes: ["read", "write"] })
      const first = yield* token(server)
      assert.strictEqual(yield* token(server), first)
      const { accepts, counts } = yield* ScriptedAuthorizationServer
      assert.isTrue(yield* accepts(Redacted.make(first)))
      assert.deepInclude(counts, { grants: 1, registrations: 0, codeExchanges: 0, refreshes: 0 })
      assert.strictEqual(asked.length, 1)
      const [request] = asked
      assert.deepInclude(request, {
        server: "reports",
        resource: "https://reports.test/mcp",
        dpopKey: undefined,
        scopes: ["read", "write"]
      })
      assert.strictEqual(request!.tokenEndpoint.href, "https://as.test/token")
      assert.strictEqual(request!.client.clientId, "the-client")
      assert.strictEqual(request!.client.authenticationMethod, "client_secret_basic")
      yield* nobodyAsked
    }).pipe(Effect.provide(layer))
  })

  it.effect.each(kinds)("are wanted from the first request on: %s", (kind) => {
    const { layer } = alone()
    return Effect.gen(function* () {
      const server = machine(grants[kind])
      const got = yield* AccessTokens.use((tokens) => tokens.getIfKnown({ server }))
      assert.isTrue(Option.isSome(got))
    }).pipe(Effect.provide(layer))
  })

  it.effect.each(kinds)("are asked for anew once less than five minutes are left: %s", (kind) => {
    const { asked, layer } = alone()
    return Effect.gen(function* () {
      const server = machine(grants[kind], { scopes: ["read"] })
      const first = yield* token(server)
      yield* TestClock.adjust("54 minutes")
      assert.strictEqual(yield* token(server), first)
      yield* TestClock.adjust("90 seconds")
      const second = yield* token(server)
      assert.notStrictEqual(second, first)
      assert.strictEqual(asked.length, 2)
      assert.deepEqual(asked[1]!.scopes, ["read"])
      assert.strictEqual(asked[1]!.resource, asked[0]!.resource)
      assert.strictEqual((yield* stored)?.generation, 2)
      yield* nobodyAsked
    }).pipe(Effect.provide(layer))
  })

  it.effect("are renewed for the scopes that the configuration has come to require, which are stored", () => {
    const { asked, layer } = alone()
    const scopes = ["read", "write"]
    return Effect.gen(function* () {
      yield* get(machine(grants.own, { scopes: ["read"] }))
      yield* TestClock.adjust("2 hours")
      yield* get(machine(grants.own, { scopes }))
      assert.deepEqual((yield* stored)?.requestedScopes, scopes)
      assert.deepEqual(
        asked.map((request) => request.scopes),
        [["read"], scopes]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("are used for half of their life where that is shorter than five minutes", () =>
    Effect.gen(function* () {
      const first = yield* token()
      yield* TestClock.adjust("1900 millis")
      assert.strictEqual(yield* token(), first)
      yield* TestClock.adjust("200 millis")
      assert.notStrictEqual(yield* token(), first)
    }).pipe(Effect.provide(alone({ lifetime: "4 seconds" }).layer))
  )

  it.effect("are asked for anew after they have ended, as often as they end", () =>
    Effect.gen(function* () {
      const seen = new Set<string>()
      for (let turn = 0; turn < 4; turn++) {
        seen.add(yield* token())
        yield* TestClock.adjust("2 hours")
      }
      assert.strictEqual(seen.size, 4)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.grants, 4)
      yield* nobodyAsked
    }).pipe(Effect.provide(alone().layer))
  )

  it.effect("are asked for anew where the server takes them no longer", () =>
    Effect.gen(function* () {
      const { accessToken } = yield* get()
      yield* AccessTokens.use((tokens) => tokens.reject({ server: machine() }, accessToken))
      assert.notStrictEqual(yield* token(), Redacted.value(accessToken))
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.grants, 2)
    }).pipe(Effect.provide(alone().layer))
  )

  it.effect("cost one request for a hundred fibers, the first time and each time after", () =>
    Effect.gen(function* () {
      const hundred = Effect.forEach(Array.from({ length: 100 }), () => token(), { concurrency: "unbounded" })
      const first = yield* within("1 second", hundred)
      assert.strictEqual(new Set(first).size, 1)
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(counts.grants, 1)
      yield* TestClock.adjust("2 hours")
      const second = yield* within("1 second", hundred)
      assert.strictEqual(new Set([...first, ...second]).size, 2)
      assert.strictEqual(counts.grants, 2)
    }).pipe(Effect.provide(alone({ latency: "30 millis" }).layer))
  )

  it.effect(
    "need no authorization_url by hand, and name the issuer and the server to the identity provider alone",
    () => {
      const { asked, assertions, layer } = alone()
      return Effect.gen(function* () {
        const server = byHand("reports", {
          grant: grants.managed,
          issuer: "https://issuer.test",
          source: { _tag: "ByHand", tokenEndpoint: new URL("https://as.test/token"), client }
        })
        assert.isString(yield* token(server))
        yield* TestClock.adjust("2 hours")
        assert.isString(yield* token(server))
        assert.deepEqual(
          assertions.map(({ audience, resource }) => [audience, resource]),
          [
            ["https://issuer.test", "https://reports.test/mcp"],
            ["https://issuer.test", "https://reports.test/mcp"]
          ]
        )
        assert.isUndefined(asked[0]!.resource)
        assert.strictEqual((yield* ScriptedAuthorizationServer).counts.discoveries, 0)
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("are asked for without offline_access: nobody can be away where nobody is needed", () => {
    const { asked, layer } = alone({ metadata: { scopes_supported: ["read", "offline_access"] } })
    return Effect.gen(function* () {
      const challenge = { error: undefined, scope: "read", resourceMetadata: undefined }
      yield* AccessTokens.use((tokens) => tokens.get({ server: machine(), challenge }))
      assert.deepEqual(asked[0]!.scopes, ["read"])
      assert.deepEqual((yield* stored)?.requestedScopes, ["read"])
      yield* AccessTokens.use((tokens) =>
        tokens.get({
          server: {
            ...machine(),
            name: "hand",
            oauth: { ...machine().oauth, scopes: ["offline_access", "a"] }
          }
        })
      )
      assert.deepEqual(asked[1]!.scopes, ["a"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("of a client that signs are asked for by signing to the issuer, now and later", () => {
    const { asked, layer } = alone()
    return Effect.gen(function* () {
      const signingKey = { pem: { file: "/key.pem" }, algorithm: undefined, keyId: "k1" }
      const server = machine(grants.own, {
        source: {
          _tag: "Discovered",
          client: { clientId: "the-client", clientSecret: undefined, signingKey }
        }
      })
      yield* token(server)
      yield* TestClock.adjust("2 hours")
      yield* token(server)
      assert.strictEqual(asked.length, 2)
      for (const request of asked) {
        assert.strictEqual(request.client.authenticationMethod, "private_key_jwt")
        assert.deepEqual(request.client.signing, { key: signingKey, audience: "https://as.test" })
      }
    }).pipe(Effect.provide(layer))
  })
})

describe("an assertion of the identity provider", () => {
  it.effect("is asked for first, for the issuer and the resource, and then brought to the issuer", () => {
    const { asked, assertions, layer, order } = alone()
    return Effect.gen(function* () {
      const server = machine(grants.managed, { scopes: ["read"] })
      yield* token(server)
      assert.deepEqual(order, ["identity assertion", "grant"])
      const [request] = assertions
      assert.deepInclude(request, {
        audience: "https://as.test",
        resource: "https://reports.test/mcp",
        scopes: ["read"],
        subjectTokenType: "id_token"
      })
      assert.strictEqual(request!.tokenEndpoint.href, "https://idp.test/token")
      assert.strictEqual(request!.client.clientId, "idp-client")
      assert.strictEqual(request!.client.authenticationMethod, "client_secret_basic")
      assert.isUndefined(request!.dpopKey)
      assert.strictEqual(secretTextOf(request!.client.clientSecret), "idp secret")
      const { grant } = asked[0]!
      if (grant._tag !== "JwtBearer" || !Redacted.isRedacted(grant.assertion)) return assert.fail(grant._tag)
      assert.strictEqual(Redacted.value(grant.assertion), "assertion-for-https://as.test")
      // Each assertion is good for one request.
      yield* TestClock.adjust("2 hours")
      yield* token(server)
      assert.deepEqual(order, ["identity assertion", "grant", "identity assertion", "grant"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is asked for by a client that signs to the identity provider, or by a public one", () => {
    const { assertions, layer } = alone()
    return Effect.gen(function* () {
      const signingKey = { pem: { file: "/idp.pem" }, algorithm: undefined, keyId: undefined }
      for (const [name, idpClient] of [
        ["signs", { clientId: "idp", clientSecret: undefined, signingKey }],
        ["public", { clientId: "idp", clientSecret: undefined }]
      ] as const) {
        const grant = { ...grants.managed, identityProvider: { ...identityProvider, client: idpClient } }
        yield* token({ ...machine(grant), name })
      }
      assert.deepEqual(
        assertions.map((request) => [request.client.authenticationMethod, request.client.signing]),
        [
          ["private_key_jwt", { key: signingKey, audience: "https://idp.test/token" }],
          ["none", undefined]
        ]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("that is not given is told in the identity provider's name, and nothing more is asked", () => {
    const { layer, order } = alone()
    return Effect.gen(function* () {
      const { failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(new Refused({ error: "access_denied" }))
      const error = yield* Effect.flip(token(machine(grants.managed)))
      assert.strictEqual(error._tag, "TokenRequestError")
      assert.include(error.message, "https://idp.test")
      assert.deepEqual(order, ["identity assertion"])
      assert.isUndefined(yield* stored)
    }).pipe(Effect.provide(layer))
  })
})

describe("an authorization server that is away", () => {
  it.effect("is asked again for a while, the first time too", () =>
    Effect.gen(function* () {
      const { counts, failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(away, away)
      assert.isString(yield* within("10 seconds", token()))
      assert.strictEqual(counts.grants, 3)
      yield* TestClock.adjust("2 hours")
      yield* failNext(away, away, away, away)
      const error = yield* within("1 minute", Effect.flip(token()))
      assert.include(error.message, "not available now")
      assert.isString(yield* token())
      yield* nobodyAsked
    }).pipe(Effect.provide(alone().layer))
  )

  it.effect.each([
    away,
    new Malformed({ detail: "HTTP 404" }),
    new UnusableSecret({ field: "assertion", file: "/a", problem: "does not exist" })
  ])("goes unnoticed while the token at hand still works, and is not asked each time: %s", (failure) =>
    Effect.gen(function* () {
      const server = machine(grants.assertion)
      const first = yield* token(server)
      yield* TestClock.adjust("56 minutes")
      const { counts, failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(failure)
      assert.strictEqual(yield* token(server), first)
      assert.strictEqual(yield* token(server), first)
      assert.strictEqual(counts.grants, 2)
      yield* TestClock.adjust("31 seconds")
      assert.notStrictEqual(yield* token(server), first)
    }).pipe(Effect.provide(alone().layer))
  )
})

describe("a grant that is refused for good", () => {
  it.effect("for its assertion ends with that, after one request and without a browser", () =>
    Effect.gen(function* () {
      const server = machine(grants.assertion)
      const { counts, failNext } = yield* ScriptedAuthorizationServer
      for (const grantsBefore of [0, 2]) {
        yield* failNext(new InvalidGrant())
        const error = yield* Effect.flip(token(server))
        if (error._tag !== "TokenRequestError") return assert.fail(error._tag)
        assert.strictEqual(error.reason._tag, "InvalidGrant")
        assert.strictEqual(counts.grants, grantsBefore + 1)
        // What refused it once may take the next assertion.
        assert.isString(yield* token(server))
        yield* TestClock.adjust("2 hours")
      }
      yield* nobodyAsked
    }).pipe(Effect.provide(alone({ present: true }).layer))
  )

  it.effect.each(["own", "assertion"] as const)("for its client tells of the client: %s", (kind) =>
    Effect.gen(function* () {
      const server = machine(grants[kind], { tokenEndpointAuthMethod: "client_secret_basic" })
      const { counts, failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(new InvalidClient(), new InvalidClient())
      const error = yield* Effect.flip(token(server))
      assert.strictEqual(error._tag, "ClientRejected")
      assert.include(errorText(error), `"client_id" and "client_secret"`)
      assert.strictEqual(counts.grants, 2)
      yield* nobodyAsked
    }).pipe(Effect.provide(alone({ present: true }).layer))
  )

  it.effect(
    "for the client of the identity provider is told in its name, now and when the tokens end",
    () => {
      const broken: { reason?: TokenFailure } = {}
      const { layer, order } = alone({ identityProvider: broken, present: true })
      return Effect.gen(function* () {
        const server = machine(grants.managed)
        // Each time in every way, since nothing says how it takes a secret.
        for (const before of [0, 5]) {
          broken.reason = new InvalidClient()
          const error = yield* Effect.flip(token(server))
          if (error._tag !== "TokenRequestError") return assert.fail(error._tag)
          assert.deepInclude(error, { purpose: "identity assertion", origin: "https://idp.test" })
          assert.deepEqual(order.slice(before), Array(3).fill("identity assertion"))
          delete broken.reason
          assert.isString(yield* token(server))
          yield* TestClock.adjust("2 hours")
        }
        yield* nobodyAsked
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("for its client when the tokens end tells of the client, and forgets nothing", () =>
    Effect.gen(function* () {
      const server = machine(grants.own, { tokenEndpointAuthMethod: "client_secret_basic" })
      yield* token(server)
      yield* TestClock.adjust("2 hours")
      const { failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(new InvalidClient(), new InvalidClient())
      assert.strictEqual((yield* Effect.flip(token(server)))._tag, "ClientRejected")
      assert.isString(yield* token(server))
      yield* nobodyAsked
    }).pipe(Effect.provide(alone({ present: true }).layer))
  )

  it.effect("for a scope is told as it is, with somebody there or without", () =>
    Effect.gen(function* () {
      const { counts, failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(new Refused({ error: "invalid_scope" }))
      const error = yield* Effect.flip(token())
      assert.include(error.message, "invalid_scope")
      assert.strictEqual(counts.grants, 1)
      assert.isString(yield* token())
      yield* TestClock.adjust("2 hours")
      yield* failNext(new Refused({ error: "invalid_scope" }))
      assert.include((yield* Effect.flip(token())).message, "invalid_scope")
      yield* nobodyAsked
    }).pipe(Effect.provide(alone({ present: true }).layer))
  )
})

describe("what is kept of a grant without a user", () => {
  const tags = { own: "ClientCredentials", assertion: "JwtBearer", managed: "EnterpriseManaged" } as const

  it.effect.each(kinds)("says which grant it was: %s", (kind) =>
    Effect.gen(function* () {
      yield* token(machine(grants[kind]))
      const credential = yield* stored
      assert.deepInclude(credential, { grant: tags[kind], issuer: "https://as.test" })
      assert.isUndefined(credential?.tokens?.refreshToken)
      const text = yield* Schema.encodeEffect(CredentialJson)(credential!)
      for (const secret of ["the secret", "an assertion", "idp secret", "an ID token", "assertion-for"]) {
        assert.notInclude(text, secret)
      }
      assert.deepEqual(yield* Schema.decodeEffect(CredentialJson)(text), credential)
    }).pipe(Effect.provide(alone().layer))
  )

  it.effect("is not used once the configuration asks for another grant", () =>
    Effect.gen(function* () {
      const seen = new Set<string>()
      for (const kind of kinds) seen.add(yield* token(machine(grants[kind])))
      assert.strictEqual(seen.size, 3)
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(counts.grants, 3)
      // Back again is another grant too.
      assert.isFalse(seen.has(yield* token(machine(grants.own))))
    }).pipe(Effect.provide(alone().layer))
  )

  it.effect("is not used for a user, nor what a user signed in for", () =>
    Effect.gen(function* () {
      const user = machine(undefined, { grant: { _tag: "AuthorizationCode" } })
      const own = yield* token(machine(grants.own))
      const ofPerson = yield* token(user)
      assert.notStrictEqual(ofPerson, own)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
      assert.isUndefined((yield* stored)?.grant)
      assert.notStrictEqual(yield* token(machine(grants.own)), ofPerson)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(alone({ present: true }).layer))
  )

  it.effect("is not used for another client", () =>
    Effect.gen(function* () {
      const own = yield* token()
      const other = machine(grants.own, {
        source: { _tag: "Discovered", client: { ...client, clientId: "another" } },
        issuer: "https://as.test"
      })
      assert.notStrictEqual(yield* token(other), own)
    }).pipe(Effect.provide(alone().layer))
  )

  it.effect("goes to no other authorization server than that which it is from", () => {
    const { asked, layer } = alone()
    return Effect.gen(function* () {
      const { accessToken } = yield* get()
      const server = yield* ScriptedAuthorizationServer
      yield* server.moveTo("https://evil.test")
      yield* AccessTokens.use((tokens) => tokens.reject({ server: machine() }, accessToken))
      const challenge = { error: undefined, scope: undefined, resourceMetadata: undefined }
      const error = yield* Effect.flip(
        AccessTokens.use((tokens) => tokens.get({ server: machine(), challenge }))
      )
      assert.strictEqual(error._tag, "AuthorizationServerChanged")
      assert.deepEqual(
        asked.map(({ tokenEndpoint }) => tokenEndpoint.origin),
        ["https://as.test"]
      )
    }).pipe(Effect.provide(layer))
  })
})

describe("an authorization server that offers client_credentials alone", () => {
  const only = { metadata: { grant_types_supported: ["client_credentials"] } }
  const open = machine(undefined, { grant: undefined, issuer: "https://as.test" })

  it.effect("gets no secret where the configuration names neither it nor the grant", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(get(machine(undefined, { grant: undefined })))
      assert.strictEqual(error._tag === "DiscoveryError" ? error.reason : error._tag, "issuer not named")
      assert.include(errorText(error), '"issuer"')
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.grants, 0)
      yield* nobodyAsked
    }).pipe(Effect.provide(alone({ ...only, present: true }).layer))
  )

  it.effect("is asked by the client's own right, and again when the tokens end", () =>
    Effect.gen(function* () {
      const first = yield* token(open)
      assert.strictEqual(yield* token(open), first)
      assert.strictEqual((yield* stored)?.grant, "ClientCredentials")
      yield* TestClock.adjust("2 hours")
      yield* token(open)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.grants, 2)
      yield* nobodyAsked
    }).pipe(Effect.provide(alone({ ...only, present: true }).layer))
  )

  it.effect("needs nobody any more once it has been signed in to", () =>
    Effect.gen(function* () {
      yield* SignIn.use((service) => service.signIn({ server: open }))
      yield* TestClock.adjust("2 hours")
      const { accessToken } = yield* get(open)
      yield* AccessTokens.use((tokens) => tokens.reject({ server: open }, accessToken))
      assert.notStrictEqual(yield* token(open), Redacted.value(accessToken))
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.grants, 3)
      yield* nobodyAsked
    }).pipe(Effect.provide(alone(only).layer))
  )

  it.effect.each<readonly [string, ReadonlyArray<string> | undefined, Partial<OAuthSettings>]>([
    ["offers the browser too", ["client_credentials", "authorization_code"], {}],
    ["does not say what it offers", undefined, {}],
    [
      "knows a client without a proof",
      ["client_credentials"],
      { source: { _tag: "Discovered", client: { clientId: "public", clientSecret: undefined } } }
    ],
    ["is to be signed in to by a user", ["client_credentials"], { grant: { _tag: "AuthorizationCode" } }]
  ])("is not that where it %s", ([, supported, oauth]) =>
    Effect.gen(function* () {
      yield* token(machine(undefined, { grant: undefined, issuer: "https://as.test", ...oauth }))
      const { counts } = yield* ScriptedAuthorizationServer
      assert.deepInclude(counts, { grants: 0, codeExchanges: 1 })
    }).pipe(
      Effect.provide(
        alone({
          present: true,
          ...(supported === undefined ? {} : { metadata: { grant_types_supported: supported } })
        }).layer
      )
    )
  )
})

describe("a missing scope", () => {
  const challenge = { error: "insufficient_scope", scope: "write", resourceMetadata: undefined }

  it.effect.each(kinds)("is asked for without a user, besides those of before: %s", (kind) => {
    const { asked, layer } = alone()
    return Effect.gen(function* () {
      const server = machine(grants[kind], { scopes: ["read"] })
      const { accessToken } = yield* get(server)
      const more = yield* AccessTokens.use((tokens) => tokens.stepUp({ server, challenge }, accessToken))
      assert.isTrue(Option.isSome(more))
      assert.deepEqual(
        asked.map(({ scopes }) => scopes),
        [["read"], ["read", "write"]]
      )
      yield* TestClock.adjust("2 hours")
      yield* token(server)
      assert.deepEqual(asked.at(-1)?.scopes, ["read", "write"])
      yield* nobodyAsked
    }).pipe(Effect.provide(layer))
  })

  it.effect("that the token has is not asked for", () => {
    const { asked, layer } = alone()
    return Effect.gen(function* () {
      const server = machine(grants.own, { scopes: ["write"] })
      const { accessToken } = yield* get(server)
      const more = yield* AccessTokens.use((tokens) => tokens.stepUp({ server, challenge }, accessToken))
      assert.isTrue(Option.isNone(more))
      assert.strictEqual(asked.length, 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("a sign-in by a grant without a user", () => {
  it.effect("asks again, whatever is kept", () =>
    Effect.gen(function* () {
      const first = yield* token()
      const { credential, tokens } = yield* SignIn.use((service) => service.signIn({ server: machine() }))
      assert.notStrictEqual(Redacted.value(tokens.accessToken), first)
      assert.strictEqual(credential.generation, 2)
      assert.strictEqual(yield* token(), Redacted.value(tokens.accessToken))
      yield* nobodyAsked
    }).pipe(Effect.provide(alone().layer))
  )
})
