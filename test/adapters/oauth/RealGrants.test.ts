import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { ConfiguredClient, OAuthSettings } from "../../../src/domain/Server.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { DpopProofs as DpopProofsPort } from "../../../src/ports/DpopProofs.ts"
import { type RequestClient, TokenEndpoint as TokenEndpointPort } from "../../../src/ports/TokenEndpoint.ts"
import { liveCore, realServers } from "../../app/DoorWorld.ts"
import { serverNamed } from "../../app/World.ts"
import {
  type AuthorizationServerOptions,
  startAuthorizationServer
} from "../../servers/AuthorizationServer.ts"

const secret = "s:e%c r&t +~"
const keys = {
  RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  PS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: generateKeyPairSync("ed25519")
}
const algorithms = Object.keys(keys) as ReadonlyArray<keyof typeof keys>
const machine = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [] }

/** Clients that somebody registered at the authorization server beforehand. */
const clients = [
  {
    ...machine,
    client_id: "by a secret/:%2B+~",
    client_secret: secret,
    token_endpoint_auth_method: "client_secret_basic"
  },
  ...algorithms.map((algorithm) => ({
    ...machine,
    client_id: `by-${algorithm}`,
    token_endpoint_auth_method: "private_key_jwt",
    token_endpoint_auth_signing_alg: algorithm,
    jwks: {
      keys: [
        { ...keys[algorithm].publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: algorithm }
      ]
    }
  }))
]
const bySecret: ConfiguredClient = {
  clientId: "by a secret/:%2B+~",
  clientSecret: Redacted.make(secret)
}
const bySigning = (algorithm: keyof typeof keys): ConfiguredClient => ({
  clientId: `by-${algorithm}`,
  clientSecret: undefined,
  signingKey: {
    pem: Redacted.make(keys[algorithm].privateKey.export({ format: "pem", type: "pkcs8" }).toString()),
    algorithm,
    keyId: "k1"
  }
})

const started = (options: AuthorizationServerOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => startAuthorizationServer({ clients, ...options })),
    (running) => Effect.promise(() => running.close())
  )
const wire = TokenEndpoint.layer.pipe(
  Layer.provideMerge(DpopProofs.layer),
  Layer.provide(FetchTransport.layer)
)

const requestOf = (issuer: string, { clientId, clientSecret, signingKey }: ConfiguredClient) => {
  const client: RequestClient = {
    clientId,
    clientSecret,
    signing: signingKey && { key: signingKey, audience: issuer },
    authenticationMethod: signingKey === undefined ? "client_secret_basic" : "private_key_jwt"
  }
  return {
    server: "real",
    tokenEndpoint: new URL("/token", issuer),
    client,
    resource: "https://mcp.test/mcp",
    grant: { _tag: "ClientCredentials" as const },
    scopes: ["mcp:read"]
  }
}
const claimsOf = (jwt: string | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwt?.split(".")[1] ?? "", "base64url").toString("utf8"))

describe("client_credentials, at a certified authorization server", () => {
  it.live.each([
    ["its secret", bySecret],
    ...algorithms.map((algorithm) => [`signing with ${algorithm}`, bySigning(algorithm)] as const)
  ] as const)("gives tokens for the resource to a client that proves who it is by %s", ([, client]) =>
    Effect.gen(function* () {
      const { introspect, issuer } = yield* started()
      const endpoint = yield* TokenEndpointPort
      const tokens = yield* endpoint.grant(requestOf(issuer, client))
      assert.strictEqual(tokens.tokenType, "bearer")
      assert.isUndefined(tokens.refreshToken)
      const found = yield* Effect.promise(() =>
        introspect(Redacted.value(tokens.accessToken), "https://mcp.test/mcp")
      )
      assert.deepEqual(found, { active: true, scopes: ["mcp:read"], thumbprint: undefined })
      // The same again: neither an assertion nor its number is used twice.
      const again = yield* endpoint.grant(requestOf(issuer, client))
      assert.notStrictEqual(Redacted.value(again.accessToken), Redacted.value(tokens.accessToken))
    }).pipe(Effect.provide(wire))
  )

  it.live("refuses a wrong secret, another's key, and an assertion for another audience", () =>
    Effect.gen(function* () {
      const { issuer } = yield* started()
      const { grant } = yield* TokenEndpointPort
      const wrong = { ...bySecret, clientSecret: Redacted.make("wrong") }
      const stranger = { ...bySigning("ES256"), clientId: "by-EdDSA" }
      const { client, ...rest } = requestOf(issuer, bySigning("ES256"))
      const elsewhere = { ...client, signing: { ...client.signing!, audience: "https://elsewhere.test" } }
      for (const request of [
        requestOf(issuer, wrong),
        requestOf(issuer, stranger),
        { ...rest, client: elsewhere }
      ]) {
        const error = yield* Effect.flip(grant(request))
        assert.strictEqual(error.reason._tag, "InvalidClient")
      }
    }).pipe(Effect.provide(wire))
  )

  it.live.each([false, true])("binds the tokens to a key; it wants its nonce: %s", (dpopNonces) =>
    Effect.gen(function* () {
      const { introspect, issuer, tokenRequests } = yield* started({ dpopNonces })
      const { grant } = yield* TokenEndpointPort
      const { makeKey, thumbprint } = yield* DpopProofsPort
      const dpopKey = yield* makeKey
      for (const client of [bySecret, bySigning("ES256")]) {
        const tokens = yield* grant({ ...requestOf(issuer, client), dpopKey })
        assert.strictEqual(tokens.tokenType, "dpop")
        const found = yield* Effect.promise(() =>
          introspect(Redacted.value(tokens.accessToken), "https://mcp.test/mcp")
        )
        assert.deepInclude(found, { active: true, thumbprint: yield* thumbprint(dpopKey) })
      }
      // The nonce is learnt once, and then used.
      assert.strictEqual(tokenRequests.length, dpopNonces ? 3 : 2)
      const nonces = tokenRequests.map(({ dpop }) => claimsOf(dpop)["nonce"])
      assert.isUndefined(nonces[0])
      for (const nonce of nonces.slice(1))
        assert.strictEqual(typeof nonce, dpopNonces ? "string" : "undefined")
    }).pipe(Effect.provide(wire))
  )
})

/** Gets tokens as the program does, from the real servers; `renewed` throws away those at hand. */
const core = Effect.fnUntraced(function* (
  oauth: Partial<OAuthSettings>,
  options: AuthorizationServerOptions
) {
  const { authorizationServer, mcpServer } = yield* realServers({ clients, ...options })
  const server = { ...serverNamed("real", oauth), url: mcpServer.url }
  const { get, reject } = yield* AccessTokens
  const look = Effect.fnUntraced(function* () {
    const { accessToken, dpopKey, tokenType } = yield* get({ server })
    const text = Redacted.value(accessToken)
    const found = yield* Effect.promise(() => authorizationServer.introspect(text, mcpServer.url.href))
    return { text, found, dpopKey, tokenType }
  })
  return {
    authorizationServer,
    held: look(),
    renewed: Effect.gen(function* () {
      const { accessToken } = yield* get({ server })
      yield* reject({ server }, accessToken)
      return yield* look()
    })
  }
})

describe("the program, at a certified authorization server", () => {
  it.live.each([
    ["its secret", bySecret],
    ["signing", bySigning("ES256")]
  ] as const)("gets tokens by the client's own right, and new ones, without a browser: by %s", ([, client]) =>
    Effect.gen(function* () {
      const { authorizationServer, held, renewed } = yield* core(
        {
          source: { _tag: "Discovered", client },
          grant: { _tag: "ClientCredentials" },
          scopes: ["mcp:read"]
        },
        {}
      )
      const [first, second] = [yield* held, yield* renewed]
      assert.deepInclude(first.found, { active: true, scopes: ["mcp:read"] })
      assert.deepInclude(second.found, { active: true, scopes: ["mcp:read"] })
      assert.notStrictEqual(second.text, first.text)
      const { counts } = authorizationServer
      assert.strictEqual(counts.get("token:client_credentials"), 2)
      for (const name of ["authorize", "register", "token:refresh_token"])
        assert.isUndefined(counts.get(name))
    }).pipe(Effect.provide(liveCore))
  )

  it.live.each([false, true])(
    "pushes the authorization request if the server requires it: %s",
    (requiresPush) =>
      Effect.gen(function* () {
        const { authorizationServer, held } = yield* core({ dpop: true }, { requiresPush })
        const first = yield* held
        const { thumbprint } = yield* DpopProofsPort
        const print = first.dpopKey && (yield* thumbprint(first.dpopKey))
        assert.deepInclude(first.found, { active: true, thumbprint: print })
        const [request] = authorizationServer.authorizations
        assert.strictEqual(authorizationServer.counts.get("push"), requiresPush ? 1 : undefined)
        if (!requiresPush) return assert.isTrue(request?.has("state"))
        assert.deepEqual([...(request?.keys() ?? [])], ["client_id", "request_uri"])
      }).pipe(Effect.provide(liveCore))
  )

  it.live("registers again if the server has forgotten the client that pushes", () =>
    Effect.gen(function* () {
      const { authorizationServer, held, renewed } = yield* core({}, { requiresPush: true })
      yield* held
      authorizationServer.forgetClients()
      authorizationServer.forgetTokens()
      assert.isTrue((yield* renewed).found.active)
      assert.strictEqual(authorizationServer.counts.get("register"), 2)
    }).pipe(Effect.provide(liveCore))
  )

  it.live.each([
    ["its secret", bySecret],
    ["signing", bySigning("ES256")]
  ] as const)("authenticates the client that pushes by %s", ([, client]) =>
    Effect.gen(function* () {
      const { issuer } = yield* started({ requiresPush: true })
      const { pushAuthorization } = yield* TokenEndpointPort
      const { client: requestClient } = requestOf(issuer, client)
      const push = (changes: Partial<RequestClient>) =>
        pushAuthorization({
          server: "real",
          pushedAuthorizationEndpoint: new URL("/par", issuer),
          client: { ...requestClient, ...changes },
          parameters: new URLSearchParams({ response_type: "code" })
        })
      // These clients may not use the grant, which the server says only to a client that it has authenticated.
      assert.strictEqual((yield* Effect.flip(push({}))).reason._tag, "Refused")
      const wrong =
        requestClient.signing === undefined
          ? { clientSecret: Redacted.make("wrong") }
          : { signing: { ...requestClient.signing, audience: "https://elsewhere.test" } }
      assert.strictEqual((yield* Effect.flip(push(wrong))).reason._tag, "InvalidClient")
    }).pipe(Effect.provide(wire))
  )

  it.live.each([false, true])(
    "signs in for tokens that are bound to a key, and refreshes them; nonces: %s",
    (dpopNonces) =>
      Effect.gen(function* () {
        const { authorizationServer, held, renewed } = yield* core({ dpop: true }, { dpopNonces })
        const first = yield* held
        const { thumbprint } = yield* DpopProofsPort
        const print = first.dpopKey && (yield* thumbprint(first.dpopKey))
        assert.isString(print)
        assert.strictEqual(authorizationServer.authorizations[0]?.get("dpop_jkt"), print)
        assert.deepInclude(first, { tokenType: "dpop" })
        assert.deepInclude(first.found, { active: true, thumbprint: print })
        const second = yield* renewed
        assert.notStrictEqual(second.text, first.text)
        assert.deepInclude(second.found, { active: true, thumbprint: print })
        assert.strictEqual((yield* renewed).found.thumbprint, print)
        const { counts, revokedGrants, tokenRequests } = authorizationServer
        assert.strictEqual(counts.get("token:refresh_token"), 2)
        // A code that came with a proof without the nonce is still good for the second request.
        assert.strictEqual(counts.get("token:authorization_code"), dpopNonces ? 2 : 1)
        assert.strictEqual(revokedGrants(), 0)
        assert.isTrue(tokenRequests.every(({ dpop }) => dpop !== undefined))
        const kept = yield* CredentialStore.use((store) => store.get(CredentialKey.of("real")))
        const { tokens } = Option.getOrThrow(kept)
        assert.strictEqual(
          tokens?.dpopKey && Redacted.value(tokens.dpopKey),
          first.dpopKey && Redacted.value(first.dpopKey)
        )
      }).pipe(Effect.provide(liveCore))
  )
})
