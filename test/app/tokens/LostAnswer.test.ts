import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../../src/app/signin/SignIn.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import {
  InvalidGrant,
  TokenEndpoint,
  TokenRequestError,
  Transient,
  Unanswered
} from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../World.ts"

const server = serverNamed("notion")
const get = AccessTokens.AccessTokens.use((tokens) => tokens.get({ server }))
const counts = ScriptedAuthorizationServer.use((as) => Effect.succeed(as.counts))
const opened = ScriptedUser.use((user) => Effect.succeed(user.opened.length))
const timeout = new Unanswered({ detail: "no answer within 30 seconds", end: "timeout" })
const broken = new Unanswered({ detail: "the connection broke", end: "broke" })
/** The next requests never reach the server, and nobody knows. */
const loseRequests = (...failures: ReadonlyArray<Unanswered>) =>
  ScriptedAuthorizationServer.use((as) => as.failNext(...failures))

/** A process of its own over the store, the lock and the authorization server that all processes share. */
const startProcess = Layer.build(
  Layer.fresh(
    AccessTokens.layer.pipe(Layer.provideMerge(SignIn.layer), Layer.provideMerge(Credentials.layer))
  )
).pipe(Effect.map((services) => Context.get(services, AccessTokens.AccessTokens)))

/** A world whose authorization server answers a refresh, and the answer is lost. */
const losing = (options: Parameters<typeof world>[0] = {}) => {
  const state = { losesNext: false }
  const layer = world({
    ...options,
    wrapTokenEndpoint: Layer.effect(
      TokenEndpoint,
      Effect.map(TokenEndpoint, (service) =>
        TokenEndpoint.of({
          ...service,
          refresh: Effect.fn("losing.refresh")(function* (request) {
            const answer = yield* service.refresh(request)
            if (!state.losesNext) return answer
            state.losesNext = false
            return yield* new TokenRequestError({
              server: "notion",
              origin: "https://as.test",
              reason: timeout
            })
          })
        })
      )
    )
  })
  return { layer, state }
}

describe("a refresh token whose answer was lost", () => {
  it.effect("is sent once more, when a late request would have arrived", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      yield* loseRequests(timeout)
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual((yield* counts).refreshes, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* counts).refreshes, 2)
      assert.strictEqual(yield* opened, 1)
      const { told } = yield* ScriptedUser
      assert.deepEqual(told, [
        "The answer to a token refresh of notion was lost. Trying again in 40 seconds."
      ])
    }).pipe(Effect.provide(world()))
  )

  it.effect("is sent again soon if the connection broke: no late request can arrive", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      yield* loseRequests(broken)
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* counts).refreshes, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is sent after 40 seconds at most, if the clock is set back as the wait begins", () => {
    const clock = { isSetBack: false }
    const wrapLock = Layer.effect(
      CredentialLock,
      Effect.map(CredentialLock, (real) =>
        CredentialLock.of({
          ...real,
          withLock: (key, purpose) => (effect) =>
            Effect.tap(real.withLock(key, purpose)(effect), () =>
              clock.isSetBack ? TestClock.setTime(3_600_000) : Effect.void
            )
        })
      )
    )
    return Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("3 hours")
      yield* loseRequests(timeout)
      clock.isSetBack = true
      const waiting = yield* Effect.forkChild(get)
      yield* Effect.yieldNow
      while ((yield* ScriptedUser).told.length === 0) yield* Effect.yieldNow
      clock.isSetBack = false
      yield* TestClock.adjust("40 seconds")
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* ScriptedUser).told.length, 1)
    }).pipe(Effect.provide(world({ wrapLock })))
  })

  it.effect("is not sent by another process meanwhile, which waits for the same time", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* startProcess, yield* startProcess]
      yield* one.get({ server })
      yield* TestClock.adjust("2 hours")
      yield* loseRequests(timeout)
      const first = yield* Effect.forkChild(one.get({ server }))
      yield* TestClock.adjust("10 seconds")
      const second = yield* Effect.forkChild(two.get({ server }))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual((yield* counts).refreshes, 1)
      yield* TestClock.adjust("1 second")
      const [a, b] = [yield* Fiber.join(first), yield* Fiber.join(second)]
      assert.isTrue(a.holds(b.accessToken))
      assert.deepInclude(yield* counts, { refreshes: 2, revokedFamilies: 0 })
    }).pipe(Effect.provide(world()), Effect.scoped)
  )

  it.effect("leaves its mark in the store if the caller leaves before the timeout", () => {
    const state = { loses: false }
    const layer = world({
      wrapTokenEndpoint: Layer.effect(
        TokenEndpoint,
        Effect.map(TokenEndpoint, (service) =>
          TokenEndpoint.of({
            ...service,
            refresh: (request) => {
              if (!state.loses) return service.refresh(request)
              state.loses = false
              const lost = new TokenRequestError({
                server: "notion",
                origin: "https://as.test",
                reason: timeout
              })
              return Effect.andThen(Effect.sleep("30 seconds"), lost)
            }
          })
        )
      )
    })
    return Effect.gen(function* () {
      const [one, two] = [yield* startProcess, yield* startProcess]
      yield* one.get({ server })
      yield* TestClock.adjust("2 hours")
      state.loses = true
      const first = yield* Effect.forkChild(one.get({ server }))
      yield* TestClock.adjust("1 second")
      const leaving = yield* Effect.forkChild(Fiber.interrupt(first))
      yield* TestClock.adjust("29 seconds")
      yield* Fiber.join(leaving)
      const second = yield* Effect.forkChild(two.get({ server }))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* counts).refreshes, 0)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
      assert.strictEqual((yield* counts).refreshes, 1)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("is waited for by the process that sent it, even if the store cannot say so", () => {
    const state = { canWrite: true }
    const wrapStore = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          put: (key, credential) =>
            state.canWrite
              ? store.put(key, credential)
              : new StorageError({
                  reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
                })
        })
      )
    )
    return Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      yield* loseRequests(timeout)
      state.canWrite = false
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual((yield* counts).refreshes, 1)
      state.canWrite = true
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* counts).refreshes, 2)
    }).pipe(Effect.provide(world({ wrapStore })))
  })

  it.effect("does not keep anyone from an access token that is valid", () =>
    Effect.gen(function* () {
      const first = yield* get
      yield* TestClock.adjust("56 minutes")
      yield* loseRequests(timeout)
      assert.isTrue((yield* get).holds(first.accessToken))
      yield* TestClock.adjust("39 seconds")
      assert.isTrue((yield* get).holds(first.accessToken))
      assert.strictEqual((yield* counts).refreshes, 1)
      yield* TestClock.adjust("1 second")
      assert.isFalse((yield* get).holds(first.accessToken))
      assert.strictEqual((yield* counts).refreshes, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is sent once per call and no more, and opens no browser", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      yield* loseRequests(timeout, timeout)
      const waiting = yield* Effect.forkChild(Effect.flip(get))
      yield* TestClock.adjust("2 minutes")
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error._tag, "TokenRequestError")
      assert.include(error.message, "its answer was lost")
      assert.strictEqual((yield* counts).refreshes, 2)
      yield* get
      assert.strictEqual((yield* counts).refreshes, 3)
      assert.strictEqual(yield* opened, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is repeated without a wait if the server does not rotate", () => {
    let isFirst = true
    const layer = world({
      wrapTokenEndpoint: Layer.effect(
        TokenEndpoint,
        Effect.map(TokenEndpoint, (service) =>
          TokenEndpoint.of({
            ...service,
            refresh: Effect.fn("rotating.refresh")(function* (request) {
              const reason = isFirst ? undefined : timeout
              isFirst = !isFirst
              if (reason !== undefined) {
                return yield* new TokenRequestError({ server: "notion", origin: "https://as.test", reason })
              }
              const { refreshToken: _, ...tokens } = yield* service.grant({
                ...request,
                scopes: [],
                grant: { _tag: "ClientCredentials" }
              })
              return new TokenSet(tokens)
            })
          })
        )
      )
    })
    return Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      // The server leaves the refresh token as it is, which is remembered.
      yield* get
      yield* TestClock.adjust("2 hours")
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      assert.strictEqual(yield* opened, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("leads to a sign-in if the server had rotated it, and the user is told why", () => {
    const { layer, state } = losing()
    return Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      state.losesNext = true
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("40 seconds")
      yield* Fiber.join(waiting)
      assert.strictEqual(yield* opened, 2)
      const { told } = yield* ScriptedUser
      assert.strictEqual(
        told.at(-1),
        "The answer to the last token refresh of notion was lost, and the new tokens with it. notion no longer accepts the old ones."
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("is the reason of the error if no user is present", () => {
    const { layer, state } = losing({ present: false })
    return Effect.gen(function* () {
      yield* SignIn.SignIn.use(({ signIn }) => signIn({ server }))
      yield* TestClock.adjust("2 hours")
      state.losesNext = true
      const waiting = yield* Effect.forkChild(Effect.flip(get))
      yield* TestClock.adjust("40 seconds")
      assert.deepInclude(yield* Fiber.join(waiting), { _tag: "SignInRequired", why: "answer lost" })
    }).pipe(Effect.provide(layer))
  })
})

describe("a refresh token that was refused", () => {
  it.effect("is not sent again if the read after that fails", () => {
    const state = { readsLeft: Number.POSITIVE_INFINITY }
    const wrapStore = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          get: (key) =>
            state.readsLeft-- > 0
              ? store.get(key)
              : new StorageError({
                  reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
                })
        })
      )
    )
    return Effect.gen(function* () {
      yield* SignIn.SignIn.use(({ signIn }) => signIn({ server }))
      yield* TestClock.adjust("2 hours")
      yield* ScriptedAuthorizationServer.use((as) => as.failNext(new InvalidGrant()))
      state.readsLeft = 2
      assert.strictEqual((yield* Effect.flip(get))._tag, "StorageError")
      state.readsLeft = Number.POSITIVE_INFINITY
      assert.deepInclude(yield* Effect.flip(get), { _tag: "SignInRequired", why: "revoked" })
      assert.strictEqual((yield* counts).refreshes, 1)
      const stored = yield* CredentialStore.use((store) => store.get(CredentialKey.of("notion")))
      assert.isUndefined(Option.getOrThrow(stored).tokens)
    }).pipe(Effect.provide(world({ present: false, wrapStore })))
  })
})

describe("a failure before the request was sent", () => {
  it.effect("is not retried with a refresh token that another process has replaced meanwhile", () =>
    Effect.gen(function* () {
      const store = yield* CredentialStore
      const key = CredentialKey.of("notion")
      yield* get
      yield* TestClock.adjust("2 hours")
      yield* ScriptedAuthorizationServer.use((as) =>
        as.failNext(new Transient({ detail: "HTTP 503", retryAfter: 10_000 }))
      )
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("5 seconds")
      const before = Option.getOrThrow(yield* store.get(key))
      const newer = new TokenSet({
        accessToken: Redacted.make("of another process"),
        tokenType: "bearer",
        obtainedAt: 7_200_000
      })
      yield* store.put(key, before.next({ tokens: newer }))
      yield* TestClock.adjust("10 seconds")
      assert.isTrue((yield* Fiber.join(waiting)).holds(newer.accessToken))
      assert.strictEqual((yield* counts).refreshes, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is retried as before", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      yield* ScriptedAuthorizationServer.use((as) =>
        as.failNext(new Transient({ detail: "the connection was refused" }))
      )
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* counts).refreshes, 2)
    }).pipe(Effect.provide(world()))
  )
})
