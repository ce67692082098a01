import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, Redacted } from "effect"
import { DynamicRegistration } from "../../src/domain/ClientRegistration.ts"
import { Credential } from "../../src/domain/Credential.ts"
import { CredentialKey } from "../../src/domain/CredentialKey.ts"
import { TokenSet } from "../../src/domain/TokenSet.ts"
import { CredentialStore } from "../../src/ports/CredentialStore.ts"

/** A credential with every field set, whose tokens hold these texts. */
export const credentialWith = (accessToken: string, generation = 1): Credential =>
  new Credential({
    resource: "https://mcp.notion.com/mcp",
    issuer: "https://mcp.notion.com",
    tokenEndpoint: "https://mcp.notion.com/token",
    revocationEndpoint: "https://mcp.notion.com/revoke",
    resourceParameter: "https://mcp.notion.com/mcp",
    registration: new DynamicRegistration({
      clientId: "client",
      clientSecret: Redacted.make("the client secret"),
      authenticationMethod: "client_secret_post",
      redirectUri: "http://localhost:8080/callback",
      secretExpiresAt: 1_800_000_000_000
    }),
    tokens: new TokenSet({
      accessToken: Redacted.make(accessToken),
      tokenType: "bearer",
      obtainedAt: 1_700_000_000_000,
      expiresAt: 1_700_000_003_600,
      refreshToken: Redacted.make(`refresh of ${accessToken}`),
      scope: "read write"
    }),
    grantedScopes: ["read", "write"],
    generation
  })

const names = [
  "notion",
  "Notion",
  "no tion",
  "../../etc/passwd",
  "a/b",
  "a\\b",
  ".salt",
  "con",
  "a@b",
  "a%40b",
  "日本語 🦊",
  "x".repeat(60)
]

/** What every store does, whatever it keeps things in. The layer is built anew for each test. */
export const credentialStoreContract = <E>(name: string, layer: Layer.Layer<CredentialStore, E>): unknown =>
  describe(`the store contract on ${name}`, () => {
    const notion = CredentialKey.of("notion")
    const same = (found: Option.Option<Credential>, expected: Credential) => {
      const actual = Option.getOrThrow(found)
      assert.deepEqual({ ...actual, tokens: undefined }, { ...expected, tokens: undefined })
      assert.deepEqual(
        [actual.tokens, expected.tokens].map((tokens) => tokens && Redacted.value(tokens.accessToken)).at(0),
        expected.tokens && Redacted.value(expected.tokens.accessToken)
      )
      assert.deepEqual(actual.tokens?.refreshToken, expected.tokens?.refreshToken)
    }

    it.effect("has nothing under a key that was never kept", () =>
      Effect.gen(function* () {
        const store = yield* CredentialStore
        assert.isTrue(Option.isNone(yield* store.get(notion)))
        assert.isFalse(yield* store.remove(notion))
        assert.deepEqual(yield* store.list, [])
      }).pipe(Effect.provide(layer))
    )

    it.effect("gives back what was put, and the newest of what was put twice", () =>
      Effect.gen(function* () {
        const store = yield* CredentialStore
        yield* store.put(notion, credentialWith("first"))
        same(yield* store.get(notion), credentialWith("first"))
        yield* store.put(notion, credentialWith("second", 2))
        same(yield* store.get(notion), credentialWith("second", 2))
      }).pipe(Effect.provide(layer))
    )

    it.effect("keeps a credential without tokens, and tokens of 16 KiB in any script", () =>
      Effect.gen(function* () {
        const store = yield* CredentialStore
        const large = credentialWith("é🦊\u0000x".repeat(4096))
        yield* store.put(notion, large.withoutTokens)
        same(yield* store.get(notion), large.withoutTokens)
        yield* store.put(notion, large)
        same(yield* store.get(notion), large)
      }).pipe(Effect.provide(layer))
    )

    it.effect("keeps any two names and accounts apart, and lists them sorted", () =>
      Effect.gen(function* () {
        const store = yield* CredentialStore
        const keys = names.flatMap((server) => [CredentialKey.of(server), CredentialKey.of(server, "Work")])
        for (const key of keys) yield* store.put(key, credentialWith(`of ${key.server} ${key.account}`))
        for (const key of keys) same(yield* store.get(key), credentialWith(`of ${key.server} ${key.account}`))
        const listed = (yield* store.list).map(({ storageName }) => storageName)
        assert.deepEqual(listed, keys.map(({ storageName }) => storageName).toSorted())
      }).pipe(Effect.provide(layer))
    )

    it.effect("forgets what is removed and nothing else", () =>
      Effect.gen(function* () {
        const store = yield* CredentialStore
        const linear = CredentialKey.of("linear")
        yield* store.put(notion, credentialWith("notion"))
        yield* store.put(linear, credentialWith("linear"))
        assert.isTrue(yield* store.remove(notion))
        assert.isTrue(Option.isNone(yield* store.get(notion)))
        same(yield* store.get(linear), credentialWith("linear"))
        assert.isFalse(yield* store.remove(notion))
      }).pipe(Effect.provide(layer))
    )

    it.effect("starts anew after it was cleared", () =>
      Effect.gen(function* () {
        const store = yield* CredentialStore
        yield* store.put(notion, credentialWith("notion"))
        yield* store.clear
        assert.deepEqual(yield* store.list, [])
        assert.isTrue(Option.isNone(yield* store.get(notion)))
        yield* store.put(notion, credentialWith("again"))
        same(yield* store.get(notion), credentialWith("again"))
      }).pipe(Effect.provide(layer))
    )

    it.effect("has a whole credential after many writers at once", () =>
      Effect.gen(function* () {
        const store = yield* CredentialStore
        const writes = Array.from({ length: 20 }, (_, at) => credentialWith(`writer ${at}`, at))
        yield* Effect.forEach(writes, (credential) => store.put(notion, credential), {
          concurrency: "unbounded"
        })
        const { generation } = Option.getOrThrow(yield* store.get(notion))
        same(yield* store.get(notion), credentialWith(`writer ${generation}`, generation))
      }).pipe(Effect.provide(layer))
    )
  })
