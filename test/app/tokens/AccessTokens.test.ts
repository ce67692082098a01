import { assert, describe, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { Inaccessible } from "../../../src/ports/StorageFailure.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  Transient,
  Refused
} from "../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")
const key = CredentialKey.of("notion")

const token = (server = notion) =>
  AccessTokens.use((tokens) => tokens.get({ server })).pipe(
    Effect.map(({ accessToken }) => Redacted.value(accessToken))
  )
/** Waits for an effect that takes some time of the test's clock. */
const within = <A, E, R>(time: Duration.Input, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

const away = new Transient({ detail: "HTTP 503" })

describe("an access token that is asked for", () => {
  it.effect("opens the browser the first time and not again while it is fresh", () =>
    Effect.gen(function* () {
      const first = yield* token()
      const second = yield* token()
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(second, first)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
      assert.deepInclude(counts, { codeExchanges: 1, refreshes: 0, registrations: 1 })
    }).pipe(Effect.provide(world()))
  )

  it.effect("is refreshed without a browser once less than five minutes are left", () =>
    Effect.gen(function* () {
      const first = yield* token()
      yield* TestClock.adjust("54 minutes")
      assert.strictEqual(yield* token(), first)
      yield* TestClock.adjust("90 seconds")
      const second = yield* token()
      assert.notStrictEqual(second, first)
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(counts.refreshes, 1)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is used for half of its life where that is shorter than the buffer", () =>
    Effect.gen(function* () {
      const first = yield* token()
      yield* TestClock.adjust("1900 millis")
      assert.strictEqual(yield* token(), first)
      yield* TestClock.adjust("200 millis")
      assert.notStrictEqual(yield* token(), first)
    }).pipe(Effect.provide(world({ lifetime: "4 seconds" })))
  )

  it.effect("costs one refresh for a thousand fibers, and gives all of them the answer", () =>
    Effect.gen(function* () {
      yield* within("1 second", token())
      yield* TestClock.adjust("2 hours")
      const answers = yield* within(
        "1 second",
        Effect.forEach(Array.from({ length: 1000 }), () => token(), { concurrency: "unbounded" })
      )
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(answers.length, 1000)
      assert.strictEqual(new Set(answers).size, 1)
      assert.strictEqual(counts.refreshes, 1)
      assert.strictEqual(counts.revokedFamilies, 0)
    }).pipe(Effect.provide(world({ latency: "30 millis" })))
  )

  it.effect("gives a thousand fibers the same failure without asking a thousand times", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(away, away, away, away)
      const errors = yield* within(
        "1 minute",
        Effect.forEach(Array.from({ length: 1000 }), () => Effect.flip(token()), { concurrency: "unbounded" })
      )
      assert.isTrue(errors.every(({ _tag }) => _tag === "TokenRequestError"))
      assert.strictEqual(server.counts.refreshes, 4)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("survives the interruption of the fiber that asked first", () =>
    Effect.gen(function* () {
      yield* within("1 second", token())
      yield* TestClock.adjust("2 hours")
      const first = yield* Effect.forkChild(token())
      const second = yield* Effect.forkChild(token())
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("30 millis")
      assert.isString(yield* Fiber.join(second))
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.refreshes, 1)
    }).pipe(Effect.provide(world({ latency: "30 millis" })))
  )

  it.effect("stores the new tokens even when everybody who asked is interrupted during the request", () =>
    Effect.gen(function* () {
      const before = yield* within("1 second", token())
      yield* TestClock.adjust("2 hours")
      const asking = yield* Effect.forkChild(token())
      yield* TestClock.adjust("10 millis")
      const migratingFrom = yield* Effect.forkChild(Fiber.interrupt(asking))
      yield* TestClock.adjust("30 millis")
      yield* Fiber.join(migratingFrom)
      const stored = yield* CredentialStore.use((store) => store.get(key))
      const kept = Option.flatMapNullishOr(stored, ({ tokens }) => tokens)
      assert.isTrue(Option.exists(kept, ({ accessToken }) => Redacted.value(accessToken) !== before))
      assert.isString(yield* token())
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.refreshes, 1)
    }).pipe(Effect.provide(world({ latency: "30 millis" })))
  )
})

describe("a refresh that fails in passing", () => {
  it.effect("is tried again, and opens no browser", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(away, away)
      yield* within("10 seconds", token())
      assert.strictEqual(server.counts.refreshes, 3)
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("waits as long as Retry-After says", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(new Transient({ detail: "HTTP 429", retryAfter: 15_000 }))
      const asking = yield* Effect.forkChild(token())
      yield* TestClock.adjust("14 seconds")
      assert.strictEqual(server.counts.refreshes, 1)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(asking)
      assert.strictEqual(server.counts.refreshes, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("does not wait for an hour because Retry-After says so", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(new Transient({ detail: "HTTP 429", retryAfter: 3_600_000 }))
      const error = yield* Effect.flip(token())
      assert.strictEqual(error._tag, "TokenRequestError")
    }).pipe(Effect.provide(world()))
  )

  it.effect("deletes nothing: the next one works", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(away, away, away, away)
      const error = yield* within("1 minute", Effect.flip(token()))
      assert.include(error.message, "not available now")
      assert.isString(yield* token())
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("goes unnoticed while the token at hand still works, and is not tried at every request", () =>
    Effect.gen(function* () {
      const first = yield* token()
      yield* TestClock.adjust("56 minutes")
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(away)
      assert.strictEqual(yield* token(), first)
      assert.strictEqual(yield* token(), first)
      assert.strictEqual(server.counts.refreshes, 1)
      yield* TestClock.adjust("31 seconds")
      assert.notStrictEqual(yield* token(), first)
    }).pipe(Effect.provide(world()))
  )
})

describe("a refresh that is refused for good", () => {
  it.effect("falls back to the browser", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      const server = yield* ScriptedAuthorizationServer
      yield* server.revokeAll
      assert.isString(yield* token())
      assert.strictEqual((yield* ScriptedUser).opened.length, 2)
      assert.strictEqual(server.counts.refreshes, 1)
      // The client is still registered: nobody registers a new one for each sign-in.
      assert.strictEqual(server.counts.registrations, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("adopts what another process has rotated to meanwhile", () =>
    Effect.gen(function* () {
      yield* within("1 second", token())
      yield* TestClock.adjust("2 hours")
      const store = yield* CredentialStore
      const server = yield* ScriptedAuthorizationServer
      yield* server.failNext(new InvalidGrant())
      const before = Option.getOrThrow(yield* store.get(key))
      // A program that does not know our lock has refreshed; its write becomes visible after our refusal.
      const obtainedAt = yield* Clock.currentTimeMillis
      const rotated = before.next({
        tokens: new TokenSet({
          accessToken: Redacted.make("rotated elsewhere"),
          refreshToken: Redacted.make("rotated refresh"),
          tokenType: "bearer",
          obtainedAt,
          expiresAt: obtainedAt + 3_600_000
        })
      })
      const asking = yield* Effect.forkChild(token())
      yield* TestClock.adjust("10 millis")
      yield* store.put(key, rotated)
      yield* TestClock.adjust("30 millis")
      assert.strictEqual(yield* Fiber.join(asking), "rotated elsewhere")
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world({ latency: "30 millis" })))
  )

  it.effect("adopts it where nobody is there to sign in, too", () =>
    Effect.gen(function* () {
      const store = yield* CredentialStore
      const kept = (accessToken: string, expiresAt: number, generation: number) =>
        new Credential({
          resource: "https://notion.test/mcp",
          issuer: "https://as.test",
          tokenEndpoint: "https://as.test/token",
          registration: new DynamicRegistration({
            clientId: "client",
            authenticationMethod: "none",
            redirectUri: "http://localhost:8080/callback"
          }),
          tokens: new TokenSet({
            accessToken: Redacted.make(accessToken),
            refreshToken: Redacted.make(`refresh of ${accessToken}`),
            tokenType: "bearer",
            obtainedAt: 0,
            expiresAt
          }),
          grantedScopes: [],
          generation
        })
      yield* store.put(key, kept("old", 1000, 1))
      yield* TestClock.adjust("2 seconds")
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(new InvalidGrant()))
      const asking = yield* Effect.forkChild(token())
      yield* TestClock.adjust("10 millis")
      yield* store.put(key, kept("rotated elsewhere", 3_600_000, 2))
      yield* TestClock.adjust("30 millis")
      assert.strictEqual(yield* Fiber.join(asking), "rotated elsewhere")
    }).pipe(Effect.provide(world({ present: false, latency: "30 millis" })))
  )

  it.effect("keeps the user at the terminal out of it where nobody is there", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(token())
      assert.deepInclude(error, { _tag: "SignInRequired", server: "notion", why: "never signed in" })
      assert.include(errorText(error), "mcp-cli auth login notion")
      assert.strictEqual((yield* ScriptedUser).opened.length, 0)
    }).pipe(Effect.provide(world({ present: false })))
  )

  it.effect("says that the stored sign-in is for other endpoints than the configuration names now", () =>
    Effect.gen(function* () {
      const { oauth } = byHand("notion")
      if (oauth.source._tag !== "ByHand") return assert.fail("the endpoints are written by hand")
      const source = { ...oauth.source, tokenEndpoint: new URL("https://other.test/token") }
      yield* SignIn.use((service) => service.signIn({ server: byHand("notion") }))
      const tokens = yield* AccessTokens
      yield* tokens.get({ server: byHand("notion") })
      const error = yield* Effect.flip(tokens.get({ server: byHand("notion", { source }) }))
      assert.deepInclude(error, { _tag: "SignInRequired", why: "configured otherwise" })
      assert.include(error.message, "The stored sign-in to notion is for another client, grant or endpoint")
    }).pipe(Effect.provide(world({ present: false })))
  )

  it.effect("registers a forgotten dynamic client anew, once", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      const server = yield* ScriptedAuthorizationServer
      yield* server.forgetClients
      assert.isString(yield* token())
      assert.strictEqual(server.counts.registrations, 2)
      assert.strictEqual((yield* ScriptedUser).opened.length, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("names the configured client where that is what the server does not know", () =>
    Effect.gen(function* () {
      const server = byHand("notion")
      yield* token(server)
      yield* TestClock.adjust("2 hours")
      const refusals = Array.from({ length: 3 }, () => new InvalidClient())
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(...refusals))
      const error = yield* Effect.flip(token(server))
      assert.strictEqual(error._tag, "ClientRejected")
      assert.include(errorText(error), '"client_id"')
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("asks the user after any other refusal", () =>
    Effect.gen(function* () {
      yield* token()
      yield* TestClock.adjust("2 hours")
      yield* ScriptedAuthorizationServer.use(({ failNext }) =>
        failNext(new Refused({ error: "unauthorized_client" }))
      )
      assert.isString(yield* token())
      assert.strictEqual((yield* ScriptedUser).opened.length, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("reports an answer that is none, and how to sign in, if the user is not present", () =>
    Effect.gen(function* () {
      yield* SignIn.use(({ signIn }) => signIn({ server: notion }))
      yield* TestClock.adjust("2 hours")
      yield* ScriptedAuthorizationServer.use(({ failNext }) =>
        failNext(new Malformed({ detail: "HTTP 200, text/html" }))
      )
      const error = yield* Effect.flip(token())
      assert.strictEqual(error._tag, "TokenRequestError")
      assert.include(errorText(error), "mcp-cli auth login notion")
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world({ present: false })))
  )
})

describe("a token that the server answers 401 to", () => {
  it.effect("is replaced, although its time is not over", () =>
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const first = yield* tokens.get({ server: notion })
      yield* tokens.reject({ server: notion }, first.accessToken)
      const second = yield* tokens.get({ server: notion })
      assert.isFalse(second.holds(first.accessToken))
      // A late 401 to the old token does not touch the new one.
      yield* tokens.reject({ server: notion }, first.accessToken)
      const third = yield* tokens.get({ server: notion })
      assert.isTrue(third.holds(second.accessToken))
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.refreshes, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("stays rejected after a late 401 to an older token", () =>
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const first = yield* tokens.get({ server: notion })
      yield* tokens.reject({ server: notion }, first.accessToken)
      const second = yield* tokens.get({ server: notion })
      yield* tokens.reject({ server: notion }, second.accessToken)
      yield* tokens.reject({ server: notion }, first.accessToken)
      const third = yield* tokens.get({ server: notion })
      assert.isFalse(third.holds(second.accessToken))
    }).pipe(Effect.provide(world()))
  )
})

describe("tokens that cannot be stored", () => {
  it.effect("live on in memory, are said to be unsaved, and are stored later", () => {
    let broken = false
    const failing = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          put: (into, credential) =>
            broken
              ? new StorageError({ reason: new Inaccessible({ path: "/tokens", detail: "no space left" }) })
              : store.put(into, credential)
        })
      )
    )
    return Effect.gen(function* () {
      const stored = CredentialStore.use((store) => store.get(key)).pipe(
        Effect.map(Option.flatMapNullishOr(({ tokens }) => tokens)),
        Effect.map(Option.map(({ accessToken }) => Redacted.value(accessToken)))
      )
      const first = yield* token()
      yield* TestClock.adjust("2 hours")
      broken = true
      const second = yield* within("5 seconds", token())
      assert.notStrictEqual(second, first)
      assert.deepStrictEqual(yield* stored, Option.some(first))
      const { told } = yield* ScriptedUser
      assert.isTrue(
        told.some((line) => line.includes("could not be stored") && line.includes("no space left"))
      )
      assert.strictEqual(yield* token(), second)
      yield* TestClock.adjust("2 hours")
      assert.notStrictEqual(yield* within("5 seconds", token()), second)
      assert.deepStrictEqual(yield* stored, Option.some(first))
      broken = false
      yield* TestClock.adjust("2 hours")
      const third = yield* token()
      assert.deepStrictEqual(yield* stored, Option.some(third))
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(counts.revokedFamilies, 0)
    }).pipe(Effect.provide(world({ wrapStore: failing })))
  })
})

describe("a server that names another authorization server than before", () => {
  const challenge = { error: "invalid_token", resourceMetadata: undefined, scope: undefined }
  const refused = Effect.fnUntraced(function* (server = notion) {
    const tokens = yield* AccessTokens
    const { accessToken } = yield* tokens.get({ server })
    yield* tokens.reject({ server }, accessToken)
    return tokens.get({ server, challenge })
  })
  const clientIds = Effect.map(ScriptedUser, ({ opened }) =>
    opened.map((url) => [url.origin, url.searchParams.get("client_id")])
  )

  it.effect("gets a new sign-in with a client of its own, and nothing of the old one", () =>
    Effect.gen(function* () {
      const renewed = yield* refused()
      const server = yield* ScriptedAuthorizationServer
      yield* server.moveTo("https://new-as.test")
      assert.isTrue(yield* server.accepts((yield* renewed).accessToken))
      assert.deepInclude(server.counts, { refreshes: 0, registrations: 2, codeExchanges: 2 })
      assert.deepEqual(yield* clientIds, [
        ["https://as.test", "dynamic-1"],
        ["https://new-as.test", "dynamic-2"]
      ])
      const kept = Option.getOrThrow(yield* CredentialStore.use((store) => store.get(key)))
      assert.strictEqual(kept.issuer, "https://new-as.test")
    }).pipe(Effect.provide(world()))
  )

  it.effect("is asked which one it names, and refreshed where it is the same", () =>
    Effect.gen(function* () {
      const renewed = yield* refused()
      const server = yield* ScriptedAuthorizationServer
      const before = server.counts.discoveries
      yield* renewed
      assert.deepInclude(server.counts, { refreshes: 1, discoveries: before + 1, registrations: 1 })
    }).pipe(Effect.provide(world()))
  )

  const configured = (issuer: string) => {
    const client = { clientId: "written", clientSecret: Redacted.make("written-secret") }
    return serverNamed("notion", { source: { _tag: "Discovered", client }, issuer })
  }
  const spellings = ["https://as.test", "https://as.test/"] as const

  it.effect.each([spellings, spellings.toReversed()])(
    "is refreshed where the name differs by the slash of an origin: %s, then %s",
    ([before = "", after = ""]) =>
      Effect.gen(function* () {
        const server = yield* ScriptedAuthorizationServer
        for (const of of [notion, configured(before)]) {
          yield* server.moveTo(before)
          yield* SignIn.use((service) => service.signIn({ server: of }))
          const { codeExchanges, refreshes, registrations } = server.counts
          const renewed = yield* refused(of)
          yield* server.moveTo(after)
          yield* renewed
          // The configuration may use either spelling for what is stored.
          const other = of === notion ? of : configured(after)
          const { accessToken } = yield* AccessTokens.use((tokens) => tokens.get({ server: other }))
          assert.isTrue(yield* server.accepts(accessToken))
          assert.deepInclude(server.counts, { codeExchanges, registrations, refreshes: refreshes + 1 })
        }
      }).pipe(Effect.provide(world()))
  )

  it.effect.each([spellings, spellings.toReversed()])(
    "keeps its client for the next sign-in if only that slash differs: %s, then %s",
    ([before = "", after = ""]) =>
      Effect.gen(function* () {
        const server = yield* ScriptedAuthorizationServer
        const stepUp = SignIn.use((service) => service.signIn({ server: notion, moreScopes: [] }))
        yield* server.moveTo(before)
        yield* stepUp
        yield* server.moveTo(after)
        yield* stepUp
        assert.strictEqual(server.counts.registrations, 1)
      }).pipe(Effect.provide(world({ revocation: false })))
  )

  it.effect("does not get a configured client, which may not be meant for it", () =>
    Effect.gen(function* () {
      const client = { clientId: "written", clientSecret: Redacted.make("written-secret") }
      const configured = serverNamed("notion", { source: { _tag: "Discovered", client } })
      const renewed = yield* refused(configured)
      const server = yield* ScriptedAuthorizationServer
      yield* server.moveTo("https://new-as.test")
      const error = yield* Effect.flip(renewed)
      assert.deepInclude(error, { _tag: "AuthorizationServerChanged", now: "https://new-as.test" })
      assert.include(errorText(error), '"issuer": "https://new-as.test"')
      assert.deepInclude(server.counts, { refreshes: 0, codeExchanges: 1 })
      // Once somebody has written the new issuer down, the client is meant for it.
      const written = { ...configured, oauth: { ...configured.oauth, issuer: "https://new-as.test" } }
      yield* AccessTokens.use((tokens) => tokens.get({ server: written }))
      assert.deepEqual(yield* clientIds, [
        ["https://as.test", "written"],
        ["https://new-as.test", "written"]
      ])
    }).pipe(Effect.provide(world()))
  )

  it.effect("is said to have moved where nobody is there, and what is kept stays", () =>
    Effect.gen(function* () {
      yield* SignIn.use((service) => service.signIn({ server: notion }))
      const renewed = yield* refused()
      const server = yield* ScriptedAuthorizationServer
      yield* server.moveTo("https://new-as.test")
      const error = yield* Effect.flip(renewed)
      assert.deepInclude(error, { _tag: "SignInRequired", why: "moved" })
      assert.include(errorText(error), "mcp-cli auth login notion")
      assert.strictEqual(server.counts.refreshes, 0)
      const kept = yield* CredentialStore.use((store) => store.get(key))
      assert.isDefined(Option.getOrThrow(kept).tokens)
    }).pipe(Effect.provide(world({ present: false })))
  )
})
