import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import * as AuthorizedHttp from "../../../src/app/http/AuthorizedHttp.ts"
import { bearerChallenge } from "../../../src/domain/Challenge.ts"
import { ConfiguredRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential, CredentialJson } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { DpopProofs as DpopProofsPort } from "../../../src/ports/DpopProofs.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { NotSenderConstrained, TokenEndpoint, type TokenRequest } from "../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed, world } from "../World.ts"

const key = CredentialKey.of("notion")
const bound = serverNamed("notion", { dpop: true })
const announced = { metadata: { dpop_signing_alg_values_supported: ["ES256", "EdDSA"] } }

const get = (server: RemoteServer = bound) => AccessTokens.use((tokens) => tokens.get({ server }))
const stored = CredentialStore.use((store) => store.get(key)).pipe(Effect.map(Option.getOrUndefined))
const secretOf = (secret: Redacted.Redacted | undefined) => secret && Redacted.value(secret)

/** A world that remembers the keys that its token endpoint was asked with. */
const remembering = (options: Parameters<typeof world>[0] = announced) => {
  const keys: Array<readonly [string, string | undefined]> = []
  const note = (what: string, { dpopKey }: TokenRequest) => keys.push([what, secretOf(dpopKey)])
  const recording = Layer.effect(
    TokenEndpoint,
    Effect.map(TokenEndpoint, (service) =>
      TokenEndpoint.of({
        ...service,
        exchange: (request) => {
          note("exchange", request)
          return service.exchange(request)
        },
        refresh: (request) => {
          note("refresh", request)
          return service.refresh(request)
        },
        grant: (request) => {
          note("grant", request)
          return service.grant(request)
        }
      })
    )
  )
  return { keys, layer: world({ ...options, wrapTokenEndpoint: recording }) }
}

describe("a sign-in for tokens that are bound to a key", () => {
  it.effect("makes the key, names it in the address, asks with it and keeps it for every refresh", () => {
    const { keys, layer } = remembering()
    return Effect.gen(function* () {
      const tokens = yield* get()
      assert.strictEqual(tokens.tokenType, "dpop")
      const made = secretOf(tokens.dpopKey)
      assert.isString(made)
      const [url] = (yield* ScriptedUser).opened
      assert.strictEqual(url?.searchParams.get("dpop_jkt"), `thumbprint-of-${made}`)
      assert.notInclude(url?.href.replace(`thumbprint-of-${made}`, ""), made)
      assert.strictEqual(secretOf((yield* stored)?.tokens?.dpopKey), made)
      yield* TestClock.adjust("2 hours")
      yield* get()
      yield* TestClock.adjust("2 hours")
      yield* get()
      assert.deepEqual(keys, [
        ["exchange", made],
        ["refresh", made],
        ["refresh", made]
      ])
      assert.strictEqual(secretOf((yield* stored)?.tokens?.dpopKey), made)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("makes another key each time", () => {
    const { keys, layer } = remembering()
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      yield* ScriptedAuthorizationServer.use(({ revokeAll }) => revokeAll)
      yield* get()
      assert.deepEqual(
        keys.map(([what]) => what),
        // The third asks about the client, with a code that does not exist and without a key.
        ["exchange", "refresh", "exchange", "exchange"]
      )
      const [first, , , second] = keys
      assert.notStrictEqual(second?.[1], first?.[1])
    }).pipe(Effect.provide(layer))
  })

  it.effect("by a grant without a user keeps the key too, and asks anew with it", () => {
    const { keys, layer } = remembering()
    return Effect.gen(function* () {
      const server = serverNamed("notion", {
        dpop: true,
        grant: { _tag: "ClientCredentials" },
        source: {
          _tag: "Discovered",
          client: { clientId: "the-client", clientSecret: Redacted.make("the secret") }
        }
      })
      const made = secretOf((yield* get(server)).dpopKey)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(secretOf((yield* get(server)).dpopKey), made)
      assert.isString(made)
      assert.deepEqual(keys, [
        ["grant", made],
        ["grant", made]
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("by a device code asks with the key as well", () => {
    const { keys, layer } = remembering({ ...announced, devicePending: 0 })
    return Effect.gen(function* () {
      const server = serverNamed("notion", { dpop: true, grant: { _tag: "DeviceCode" } })
      const fiber = yield* Effect.forkChild(get(server))
      yield* TestClock.adjust("10 seconds")
      const tokens = yield* Fiber.join(fiber)
      const made = secretOf(tokens.dpopKey)
      assert.isString(made)
      assert.deepEqual(keys, [["grant", made]])
    }).pipe(Effect.provide(layer))
  })

  it.effect("with endpoints by hand believes the configuration", () => {
    const { keys, layer } = remembering({})
    return Effect.gen(function* () {
      const tokens = yield* get(byHand("notion", { dpop: true }))
      assert.isDefined(tokens.dpopKey)
      assert.strictEqual(keys.length, 1)
      assert.isTrue((yield* ScriptedUser).opened[0]?.searchParams.has("dpop_jkt"))
    }).pipe(Effect.provide(layer))
  })

  it.effect.each([[undefined], [["RS256", "EdDSA"]], [[]]])(
    "ends before the browser opens where the authorization server announces %o",
    ([supported]) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(get())
        assert.deepInclude(error, { _tag: "DpopUnsupported", required: false })
        assert.strictEqual(
          errorText(error),
          `https://as.test does not announce DPoP with ES256, and "dpop": true in the oauth block of notion requires it.\nRemove "dpop" from the oauth block of notion.\nTell the provider of notion.`
        )
        const { counts } = yield* ScriptedAuthorizationServer
        assert.deepInclude(counts, { registrations: 0, codeExchanges: 0 })
        assert.deepEqual((yield* ScriptedUser).opened, [])
        assert.isUndefined(yield* stored)
      }).pipe(
        Effect.provide(
          world(supported === undefined ? {} : { metadata: { dpop_signing_alg_values_supported: supported } })
        )
      )
  )
})

describe("a server that takes only tokens that are bound to a key", () => {
  const plain = serverNamed("notion")

  it.effect("gets them without a word in the configuration", () => {
    const { keys, layer } = remembering({ ...announced, dpopRequired: true })
    return Effect.gen(function* () {
      const tokens = yield* get(plain)
      assert.strictEqual(tokens.tokenType, "dpop")
      assert.deepEqual(keys, [["exchange", secretOf(tokens.dpopKey)]])
      assert.isTrue((yield* ScriptedUser).opened[0]?.searchParams.has("dpop_jkt"))
    }).pipe(Effect.provide(layer))
  })

  it.effect("does not get them where the configuration says that it does not want them", () => {
    const { keys, layer } = remembering({ ...announced, dpopRequired: true })
    return Effect.gen(function* () {
      const tokens = yield* get(serverNamed("notion", { dpop: false }))
      assert.isUndefined(tokens.dpopKey)
      assert.deepEqual(keys, [["exchange", undefined]])
      assert.isFalse((yield* ScriptedUser).opened[0]?.searchParams.has("dpop_jkt"))
    }).pipe(Effect.provide(layer))
  })

  it.effect("cannot be signed in to where its authorization server gives none", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(get(plain))
      assert.deepInclude(error, { _tag: "DpopUnsupported", required: true })
      assert.strictEqual(
        errorText(error),
        "https://as.test does not announce DPoP with ES256, and notion accepts no tokens without it.\nTell the provider of notion."
      )
      assert.deepEqual((yield* ScriptedUser).opened, [])
    }).pipe(Effect.provide(world({ dpopRequired: true })))
  )

  it.effect("is not every server: plain tokens stay plain", () => {
    const { keys, layer } = remembering(announced)
    return Effect.gen(function* () {
      const tokens = yield* get(plain)
      assert.deepInclude(tokens, { tokenType: "bearer" })
      assert.isUndefined(tokens.dpopKey)
      yield* TestClock.adjust("2 hours")
      yield* get(plain)
      assert.deepEqual(keys, [
        ["exchange", undefined],
        ["refresh", undefined]
      ])
      assert.isFalse((yield* ScriptedUser).opened[0]?.searchParams.has("dpop_jkt"))
    }).pipe(Effect.provide(layer))
  })

  it("says so by a DPoP challenge and no Bearer challenge (RFC 9449 §7.1)", () => {
    const header = 'DPoP algs="ES256", scope="read", resource_metadata="https://notion.test/meta"'
    assert.deepEqual(bearerChallenge(header), {
      dpop: true,
      error: undefined,
      scope: "read",
      resourceMetadata: "https://notion.test/meta"
    })
    for (const both of [`${header}, Bearer scope="write"`, `Bearer scope="write", ${header}`]) {
      assert.deepInclude(bearerChallenge(both), { scope: "write" })
      assert.notProperty(bearerChallenge(both), "dpop")
    }
    assert.notProperty(bearerChallenge('Bearer scope="DPoP"'), "dpop")
    assert.isUndefined(bearerChallenge('Basic realm="DPoP"'))
  })

  it.effect("gives no tokens that are not bound, and no wrong ones are kept", () =>
    Effect.gen(function* () {
      const first = yield* get()
      yield* TestClock.adjust("2 hours")
      const { failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(new NotSenderConstrained())
      const error = yield* Effect.flip(get())
      assert.include(error.message, "not bound to a key")
      assert.strictEqual(secretOf((yield* stored)?.tokens?.accessToken), Redacted.value(first.accessToken))
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world(announced)))
  )
})

/** What a server in memory was sent. */
interface Seen {
  readonly method: string
  readonly url: string
  readonly authorization: string | null
  readonly proof: Record<string, unknown> | undefined
  readonly body: string
}

const claimsOf = (proof: string | null): Record<string, unknown> | undefined =>
  proof === null
    ? undefined
    : JSON.parse(Buffer.from(proof.split(".")[1] ?? "", "base64url").toString("utf8"))

/** A resource server in memory that answers in this order, and with 200 from then on; proofs are real ones. */
const resource = (
  answers: ReadonlyArray<() => Response>,
  options: Parameters<typeof world>[0] = announced
) => {
  const seen: Array<Seen> = []
  const transport = Layer.succeed(
    HttpTransport,
    HttpTransport.of({
      send: Effect.fn("resource.send")(function* (request) {
        const { headers, method, url } = request
        const body = yield* Effect.promise(() => request.text())
        const authorization = headers.get("authorization")
        seen.push({ method, url, authorization, proof: claimsOf(headers.get("dpop")), body })
        return (answers[seen.length - 1] ?? (() => new Response("hello")))()
      })
    })
  )
  const { keys, layer } = remembering(options)
  return {
    seen,
    /** The token requests after the sign-in of before. */
    renewals: () => keys.slice(1),
    layer: AuthorizedHttp.layer.pipe(
      Layer.provide(transport),
      Layer.provide(DpopProofs.layer),
      Layer.provideMerge(layer)
    )
  }
}

const unauthorized = (challenge: string, headers: Record<string, string> = {}) =>
  new Response("no", { status: 401, headers: { "www-authenticate": challenge, ...headers } })
const wantsNonce = (nonce: string | undefined) => () =>
  unauthorized(
    'DPoP error="use_dpop_nonce", algs="ES256"',
    nonce === undefined ? {} : { "dpop-nonce": nonce }
  )

const realKey = DpopProofsPort.use(({ makeKey }) => makeKey).pipe(Effect.provide(DpopProofs.layer))
const kept = (tokens: TokenSet) =>
  new Credential({
    resource: "https://notion.test/mcp",
    issuer: "https://as.test/token",
    tokenEndpoint: "https://as.test/token",
    registration: new ConfiguredRegistration({
      clientId: "written",
      authenticationMethod: "client_secret_basic"
    }),
    tokens,
    grantedScopes: ["read"],
    requestedScopes: ["read"],
    generation: 1
  })
/** Keeps tokens of the scripted authorization server, as a sign-in of before did. */
const signedIn = Effect.fnUntraced(function* (dpopKey: Redacted.Redacted | undefined) {
  const redirectUri = new URL("http://localhost:8080/callback")
  const asked = new URLSearchParams({ client_id: "written", redirect_uri: redirectUri.href, scope: "read" })
  const server = yield* ScriptedAuthorizationServer
  const back = yield* server.approve(new URL(`https://as.test/authorize?${asked}`))
  const tokens = yield* TokenEndpoint.use(({ exchange }) =>
    exchange({
      server: "notion",
      tokenEndpoint: new URL("https://as.test/token"),
      client: { clientId: "written", clientSecret: undefined, authenticationMethod: "none" },
      resource: undefined,
      dpopKey,
      code: Redacted.make(back.searchParams.get("code") ?? ""),
      redirectUri,
      codeVerifier: undefined
    })
  )
  yield* CredentialStore.use((store) => store.put(key, kept(tokens)))
  const text = Redacted.value(tokens.accessToken)
  return { text, ath: hashOf(text) }
})
const hashOf = (text: string) => createHash("sha256").update(text).digest("base64url")
const hand = byHand("notion")
const send = (request: Request, server = hand) =>
  AuthorizedHttp.AuthorizedHttp.use((http) => http.sendTo(server)(request))
const post = (path = "") =>
  new Request(`https://notion.test/mcp${path}`, { method: "POST", body: "question" })

describe("a request with tokens that are bound to a key", () => {
  it.effect("carries the token as DPoP, with a proof for it and no other request", () => {
    const { layer, seen } = resource([])
    return Effect.gen(function* () {
      const { ath, text } = yield* signedIn(yield* realKey)
      yield* send(post("?session=1#x"))
      yield* send(new Request("https://notion.test/mcp", { method: "DELETE" }))
      assert.deepEqual(
        seen.map(({ authorization }) => authorization),
        [`DPoP ${text}`, `DPoP ${text}`]
      )
      const [first, second] = seen.map(({ proof }) => proof)
      assert.deepInclude(first, { htm: "POST", htu: "https://notion.test/mcp", ath, iat: 0 })
      assert.deepInclude(second, { htm: "DELETE", htu: "https://notion.test/mcp", ath })
      assert.notStrictEqual(first?.["jti"], second?.["jti"])
      assert.strictEqual(seen[0]?.body, "question")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is sent once more with the nonce that the server wants, and nothing is renewed", () => {
    const { layer, renewals, seen } = resource([wantsNonce("nonce-1")])
    return Effect.gen(function* () {
      yield* signedIn(yield* realKey)
      const response = yield* send(post())
      assert.strictEqual(response.status, 200)
      assert.deepEqual(
        seen.map(({ body, proof }) => [body, proof?.["nonce"]]),
        [
          ["question", undefined],
          ["question", "nonce-1"]
        ]
      )
      assert.notStrictEqual(seen[0]?.proof?.["jti"], seen[1]?.proof?.["jti"])
      yield* send(post())
      assert.strictEqual(seen[2]?.proof?.["nonce"], "nonce-1")
      assert.deepEqual(renewals(), [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("uses the nonce of any answer from then on", () => {
    const { layer, seen } = resource([() => new Response("hello", { headers: { "dpop-nonce": "of-200" } })])
    return Effect.gen(function* () {
      yield* signedIn(yield* realKey)
      yield* send(post())
      yield* send(post())
      assert.deepEqual(
        seen.map(({ proof }) => proof?.["nonce"]),
        [undefined, "of-200"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("renews the tokens where a nonce is not what is wrong, with the same key", () => {
    const { layer, renewals, seen } = resource([
      () => unauthorized('DPoP error="invalid_token"', { "dpop-nonce": "nonce-1" })
    ])
    return Effect.gen(function* () {
      const dpopKey = yield* realKey
      const { text } = yield* signedIn(dpopKey)
      const response = yield* send(post())
      assert.strictEqual(response.status, 200)
      assert.deepEqual(renewals(), [["refresh", Redacted.value(dpopKey)]])
      assert.strictEqual(seen.length, 2)
      const renewed = String(seen[1]?.authorization).slice("DPoP ".length)
      assert.strictEqual(seen[1]?.authorization, `DPoP ${renewed}`)
      assert.notStrictEqual(renewed, text)
      assert.deepInclude(seen[1]?.proof, { nonce: "nonce-1", ath: hashOf(renewed) })
    }).pipe(Effect.provide(layer))
  })

  it.effect("whose nonce is never good enough is renewed once, and given back", () => {
    const endless = Array.from({ length: 20 }, (_, index) => wantsNonce(`nonce-${index}`))
    const { layer, renewals, seen } = resource(endless)
    return Effect.gen(function* () {
      yield* signedIn(yield* realKey)
      const response = yield* send(post())
      assert.strictEqual(response.status, 401)
      // Twice with each of the two tokens.
      assert.strictEqual(seen.length, 4)
      assert.strictEqual(new Set(seen.map(({ proof }) => proof?.["jti"])).size, 4)
      assert.deepEqual(
        renewals().map(([what]) => what),
        ["refresh"]
      )
      assert.deepEqual((yield* ScriptedUser).opened, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not sent again for a nonce that was not given: only renewing is left", () => {
    const { layer, renewals, seen } = resource([wantsNonce(undefined)])
    return Effect.gen(function* () {
      yield* signedIn(yield* realKey)
      assert.strictEqual((yield* send(post())).status, 200)
      assert.strictEqual(renewals().length, 1)
      assert.strictEqual(seen.length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("with plain tokens has no proof, and no nonce to wish for", () => {
    const { layer, renewals, seen } = resource([
      () =>
        new Response("no", {
          status: 401,
          headers: {
            "www-authenticate": 'Bearer error="invalid_token", DPoP error="use_dpop_nonce"',
            "dpop-nonce": "nonce-1"
          }
        })
    ])
    return Effect.gen(function* () {
      const { text } = yield* signedIn(undefined)
      yield* send(post())
      assert.deepEqual(renewals(), [["refresh", undefined]])
      assert.strictEqual(seen[0]?.authorization, `Bearer ${text}`)
      assert.deepEqual(
        seen.map(({ proof }) => proof),
        [undefined, undefined]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("steps up where the scope is missing in a DPoP challenge", () => {
    const { layer } = resource([
      () =>
        new Response("no", {
          status: 403,
          headers: { "www-authenticate": 'DPoP error="insufficient_scope", scope="write"' }
        })
    ])
    return Effect.gen(function* () {
      yield* signedIn(yield* realKey)
      yield* send(post())
      assert.strictEqual((yield* ScriptedUser).opened[0]?.searchParams.get("scope"), "read write")
    }).pipe(Effect.provide(layer))
  })

  it.effect("takes neither token nor proof to another origin", () => {
    const { layer, seen } = resource([])
    return Effect.gen(function* () {
      yield* signedIn(yield* realKey)
      yield* send(new Request("https://elsewhere.test/mcp"))
      assert.deepInclude(seen[0], { authorization: null, proof: undefined })
    }).pipe(Effect.provide(layer))
  })
})

describe("a credential as it is kept", () => {
  const tokensOf = (dpopKey: Redacted.Redacted) =>
    new TokenSet({
      accessToken: Redacted.make("an access token"),
      tokenType: "dpop",
      obtainedAt: 0,
      expiresAt: 3_600_000,
      refreshToken: Redacted.make("a refresh token"),
      dpopKey
    })

  it.effect("keeps its key, and shows it nowhere", () =>
    Effect.gen(function* () {
      const secret = '{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"hunter2"}'
      const credential = kept(tokensOf(Redacted.make(secret)))
      const text = yield* Schema.encodeEffect(CredentialJson)(credential)
      const back = yield* Schema.decodeEffect(CredentialJson)(text)
      assert.deepEqual(back, credential)
      assert.strictEqual(secretOf(back.tokens?.dpopKey), secret)
      assert.notInclude(`${JSON.stringify(back)} ${String(back)}`, "hunter2")
      assert.strictEqual(yield* Schema.encodeEffect(CredentialJson)(back), text)
    })
  )

  it.effect("of an older version, without key, grant and scopes asked for, is still read", () =>
    Effect.gen(function* () {
      const text = JSON.stringify({
        resource: "https://notion.test/mcp",
        issuer: "https://as.test",
        tokenEndpoint: "https://as.test/token",
        registration: { _tag: "Configured", clientId: "written", authenticationMethod: "none" },
        tokens: { accessToken: "old access", tokenType: "bearer", obtainedAt: 1 },
        grantedScopes: [],
        generation: 3
      })
      const credential = yield* Schema.decodeEffect(CredentialJson)(text)
      assert.isUndefined(credential.tokens?.dpopKey)
      assert.isUndefined(credential.grant)
      assert.isTrue(
        credential.isFor(
          serverNamed("notion", {
            source: { _tag: "Discovered", client: { clientId: "written", clientSecret: undefined } }
          })
        )
      )
      assert.deepEqual(JSON.parse(yield* Schema.encodeEffect(CredentialJson)(credential)), JSON.parse(text))
    })
  )

  it("hands its key on with each refresh, and not where the answer is bound to none", () => {
    const tokens = tokensOf(Redacted.make("the key"))
    const answer = new TokenSet({ accessToken: Redacted.make("new"), tokenType: "dpop", obtainedAt: 1 })
    const same = tokens.refreshedBy(new TokenSet({ ...answer, dpopKey: Redacted.make("the key") }))
    assert.strictEqual(secretOf(same.dpopKey), "the key")
    assert.isUndefined(tokens.refreshedBy(answer).dpopKey)
  })
})
