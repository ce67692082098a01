import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as ImportedSignInsLive from "../../../src/app/signin/ImportedSignIns.ts"
import { ImportedSignIns } from "../../../src/app/signin/ImportedSignIns.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { ForeignSignIn } from "../../../src/domain/foreign-tokens/ForeignSignIn.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { byHand, serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")
const key = CredentialKey.at(notion)
const hour = 3_600_000
/** The clock of a test starts here, so that times of the past are positive. */
const start = 1_800_000_000_000

const foreign = (changes: Partial<ForeignSignIn> = {}): ForeignSignIn => ({
  name: "notion",
  serverUrl: notion.url.href,
  client: { clientId: "theirs" },
  tokens: {
    accessToken: Redacted.make("at"),
    refreshToken: Redacted.make("rt"),
    expiresAt: start + hour,
    scope: "read"
  },
  ...changes
})
const tokens = (changes: Partial<NonNullable<ForeignSignIn["tokens"]>>) =>
  foreign({ tokens: { accessToken: Redacted.make("at"), refreshToken: Redacted.make("rt"), ...changes } })

const take = (
  signIn: ForeignSignIn,
  { dryRun = false, server = notion, takeOver = false } = {} as {
    readonly server?: RemoteServer
    readonly takeOver?: boolean
    readonly dryRun?: boolean
  }
) =>
  ImportedSignIns.use((imported) =>
    imported.take(server, CredentialKey.at(server), signIn, { takeOver, dryRun })
  )
const stored = CredentialStore.use((store) => Effect.map(store.get(key), Option.getOrUndefined))
const reasonOf = (outcome: ImportedSignInsLive.ImportOutcome) =>
  outcome._tag === "Skipped" ? outcome.reason : outcome._tag

const imported = (options?: Parameters<typeof world>[0]) =>
  ImportedSignInsLive.layer.pipe(Layer.provideMerge(world(options)))
const atStart = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.andThen(TestClock.setTime(start), effect)

describe("importing a sign-in", () => {
  it.effect("takes the access token alone, which is used as long as it is valid", () =>
    Effect.gen(function* () {
      const outcome = yield* take(foreign())
      assert.strictEqual(outcome._tag, "Taken")
      const credential = yield* stored
      assert.deepInclude(credential, {
        resource: "https://notion.test/mcp",
        issuer: "https://as.test",
        tokenEndpoint: "https://as.test/token",
        resourceParameter: "https://notion.test/mcp",
        grantedScopes: ["read"],
        generation: 1
      })
      assert.isTrue(credential?.isFor(notion))
      assert.isUndefined(credential?.tokens?.refreshToken)
      const used = yield* AccessTokens.use((service) => service.get({ server: notion }))
      assert.strictEqual(Redacted.value(used.accessToken), "at")
      const { counts } = yield* ScriptedAuthorizationServer
      assert.deepInclude(counts, { discoveries: 1, registrations: 0, codeExchanges: 0, refreshes: 0 })
      // Again changes nothing and asks no server.
      assert.strictEqual((yield* take(foreign()))._tag, "Unchanged")
      assert.strictEqual((yield* stored)?.generation, 1)
      assert.strictEqual(counts.discoveries, 1)
    }).pipe(atStart, Effect.provide(imported()))
  )

  it.effect("takes the refresh token on request, also later, and of a token that has expired", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* take(foreign(), { dryRun: true, takeOver: true }))._tag, "Taken")
      assert.isUndefined(yield* stored)
      yield* take(foreign())
      const outcome = yield* take(foreign(), { takeOver: true })
      assert.deepInclude(outcome, { _tag: "Taken", hasRefreshToken: true, expiresAt: start + hour })
      const refreshToken = (yield* stored)?.tokens?.refreshToken
      assert.strictEqual(refreshToken && Redacted.value(refreshToken), "rt")
      assert.strictEqual((yield* take(foreign(), { takeOver: true }))._tag, "Unchanged")
    }).pipe(atStart, Effect.provide(imported()))
  )

  it.effect("converts what it knows of the end", () =>
    Effect.gen(function* () {
      for (const [expiresAt, why] of [
        [start - 1, "has an access token that has expired"],
        [undefined, "does not say when its access token expires"]
      ] as const) {
        const signIn = tokens(expiresAt === undefined ? {} : { expiresAt })
        const outcome = yield* take(signIn)
        assert.deepStrictEqual<unknown>(outcome, { _tag: "Skipped", reason: why, needsRefreshToken: true })
      }
      const expired = yield* take(tokens({}), { takeOver: true })
      assert.deepInclude(expired, { _tag: "Taken", hasRefreshToken: true, expiresAt: undefined })
      assert.isTrue((yield* stored)?.tokens?.isExpired(start))
      yield* CredentialStore.use((store) => store.clear)
      // A program that cannot refresh keeps no end either, and its token may work for ever.
      const forever = foreign({ tokens: { accessToken: Redacted.make("at") } })
      assert.strictEqual((yield* take(forever))._tag, "Taken")
      assert.isUndefined((yield* stored)?.tokens?.expiresAt)
    }).pipe(atStart, Effect.provide(imported()))
  )

  it.effect("keeps a sign-in that works here, and replaces one that does not", () =>
    Effect.gen(function* () {
      yield* SignIn.use((service) => service.signIn({ server: notion }))
      const own = yield* stored
      for (const takeOver of [false, true]) {
        const outcome = yield* take(foreign(), { takeOver })
        assert.strictEqual(reasonOf(outcome), "would replace a sign-in that works here")
      }
      assert.deepStrictEqual(yield* stored, own)
      yield* CredentialStore.use((store) => store.clear)
      yield* take(tokens({ expiresAt: start + 10 }))
      yield* TestClock.setTime(start + hour)
      const newer = yield* take(tokens({ accessToken: Redacted.make("newer"), expiresAt: start + 2 * hour }))
      assert.strictEqual(newer._tag, "Taken")
      assert.strictEqual((yield* stored)?.generation, 2)
    }).pipe(atStart, Effect.provide(imported()))
  )

  it.effect.each<[string, ForeignSignIn, RemoteServer, string]>([
    [
      "another issuer",
      foreign({ issuer: "https://evil.test" }),
      notion,
      "was issued by https://evil.test, and the server now names https://as.test"
    ],
    [
      "another token endpoint",
      foreign({ tokenEndpoint: "https://evil.test/token" }),
      notion,
      "was issued at another token endpoint than https://as.test/token"
    ],
    [
      "no token endpoint at all",
      foreign({ tokenEndpoint: "nonsense" }),
      notion,
      "was issued at another token endpoint than https://as.test/token"
    ],
    [
      "another client than the configured one",
      foreign(),
      byHand("notion"),
      "belongs to the client theirs, and the configuration names another one"
    ],
    [
      "no client",
      { name: "notion", ...(foreign().tokens && { tokens: foreign().tokens! }) },
      notion,
      "does not say which client it belongs to"
    ],
    ["no tokens", { name: "notion", client: { clientId: "c" } }, notion, "has no tokens"],
    [
      "a token with a line break",
      tokens({ accessToken: Redacted.make("a\r\nX: y"), expiresAt: start + hour }),
      notion,
      "has tokens that are no tokens of OAuth"
    ],
    [
      "a server with a header",
      foreign(),
      { ...notion, headers: { authorization: Redacted.make("x") } },
      "would not be used: the entry has an Authorization header"
    ],
    [
      "a grant without a user",
      foreign(),
      serverNamed("notion", { grant: { _tag: "ClientCredentials" } }),
      "would not be used: the configured grant needs no user"
    ]
  ])("refuses %s", ([, signIn, server, reason]) =>
    Effect.gen(function* () {
      assert.strictEqual(reasonOf(yield* take(signIn, { server, takeOver: true })), reason)
      assert.deepStrictEqual(yield* CredentialStore.use((store) => store.list), [])
    }).pipe(atStart, Effect.provide(imported()))
  )

  it.effect("accepts the issuer with and without a slash, and the configured client", () =>
    Effect.gen(function* () {
      assert.strictEqual(reasonOf(yield* take(foreign({ issuer: "https://as.test/" }))), "Taken")
      yield* CredentialStore.use((store) => store.clear)
      const server = byHand("notion")
      const outcome = yield* take(foreign({ client: { clientId: "written" } }), { server })
      assert.strictEqual(outcome._tag, "Taken")
      if (outcome._tag !== "Taken") return
      assert.strictEqual(outcome.credential.registration._tag, "Configured")
      assert.isTrue(outcome.credential.isFor(server))
    }).pipe(atStart, Effect.provide(imported()))
  )

  it.effect("refuses plain tokens where the server wants them bound to a key", () =>
    Effect.gen(function* () {
      assert.strictEqual(reasonOf(yield* take(foreign())), "is not bound to a key, which the server requires")
    }).pipe(atStart, Effect.provide(imported({ dpopRequired: true })))
  )

  it.effect.each<[string | undefined, string]>([
    [undefined, "dynamic-1"],
    ["https://elsewhere.test/cb", "dynamic-1"],
    ["http://localhost/cb", "dynamic-1"],
    ["nonsense", "dynamic-1"],
    ["http://localhost:3335/oauth/callback", "theirs"]
  ])("lets a later sign-in use the client whose redirect URI is %s: it uses %s", ([redirectUri, clientId]) =>
    Effect.gen(function* () {
      const client = { clientId: "theirs", ...(redirectUri === undefined ? {} : { redirectUri }) }
      yield* take(foreign({ client }))
      yield* TestClock.setTime(start + 2 * hour)
      const { credential } = yield* SignIn.use((service) => service.signIn({ server: notion }))
      assert.strictEqual(credential.registration.clientId, clientId)
    }).pipe(atStart, Effect.provide(imported()))
  )

  it.effect("refreshes as the client that it took the tokens from", () =>
    Effect.gen(function* () {
      yield* take(tokens({ refreshToken: Redacted.make("rt"), expiresAt: start - 1 }), { takeOver: true })
      yield* Effect.exit(AccessTokens.use((service) => service.get({ server: notion })))
      const { counts } = yield* ScriptedAuthorizationServer
      assert.isAtLeast(counts.refreshes, 1)
    }).pipe(atStart, Effect.provide(imported()))
  )
})
