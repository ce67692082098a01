import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../../src/app/signin/SignIn.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { Discovery } from "../../../src/ports/Discovery.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { serverNamed, world } from "../World.ts"

const server = serverNamed("notion")

/** A process of its own over the store, the lock and the authorization server that all processes share. */
const startProcess = Layer.build(
  Layer.fresh(
    AccessTokens.layer.pipe(Layer.provideMerge(SignIn.layer), Layer.provideMerge(Credentials.layer))
  )
).pipe(Effect.map((services) => Context.get(services, AccessTokens.AccessTokens)))

const within = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

describe("two processes", () => {
  it.effect("share one refresh: the second adopts what the first has stored", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* startProcess, yield* startProcess]
      yield* within(one.get({ server }))
      yield* within(two.get({ server }))
      yield* TestClock.adjust("2 hours")
      const [first, second] = yield* within(
        Effect.all([one.get({ server }), two.get({ server })], { concurrency: "unbounded" })
      )
      assert.isTrue(first.holds(second.accessToken))
      const { counts } = yield* ScriptedAuthorizationServer
      assert.deepInclude(counts, { refreshes: 1, revokedFamilies: 0 })
    }).pipe(Effect.provide(world({ latency: "30 millis" })), Effect.scoped)
  )

  it.effect("share one sign-in: the second adopts the tokens that it waited for", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* startProcess, yield* startProcess]
      const [first, second] = yield* within(
        Effect.all([one.get({ server }), two.get({ server })], { concurrency: "unbounded" })
      )
      assert.isTrue(first.holds(second.accessToken))
      assert.strictEqual((yield* ScriptedUser).opened.length, 1)
    }).pipe(Effect.provide(world({ latency: "30 millis" })), Effect.scoped)
  )

  it.effect.each([
    { outcome: "is found after a slow end of the lock", atEnd: 20, discovery: 0, opened: 1 },
    { outcome: "is found after a slow discovery", atEnd: 0, discovery: 20, opened: 1 },
    { outcome: "opens a browser if there is none", atEnd: 0, discovery: 0, opened: 2 }
  ])("sign in on two machines at once: the sign-in of the other $outcome", ({ atEnd, discovery, opened }) =>
    Effect.gen(function* () {
      const key = CredentialKey.of("notion")
      const store = yield* CredentialStore
      const one = yield* startProcess
      yield* one.get({ server })
      const signedIn = Option.getOrThrow(yield* store.get(key))
      yield* store.put(key, signedIn.withoutTokens)
      const [lock, real] = [yield* CredentialLock, yield* Discovery]
      let isSlow = true
      const slowly = (seconds: number) =>
        Effect.suspend(() => {
          const wait = isSlow ? seconds : 0
          isSlow &&= seconds === 0
          return Effect.sleep(`${wait} seconds`)
        })
      const two = yield* startProcess.pipe(
        Effect.provideService(CredentialLock, {
          withLock: (name, purpose) => (effect) =>
            lock
              .withLock(
                name,
                purpose
              )(effect)
              .pipe(Effect.tap(purpose === "refresh" ? slowly(atEnd) : slowly(0)))
        }),
        Effect.provideService(Discovery, {
          ...real,
          discover: (...request) => Effect.tap(real.discover(...request), slowly(discovery))
        })
      )
      const waiting = yield* Effect.forkChild(two.get({ server }))
      yield* TestClock.adjust("10 seconds")
      const isWaiting = waiting.pollUnsafe() === undefined
      if (isWaiting) yield* store.put(key, signedIn)
      yield* TestClock.adjust("20 seconds")
      const tokens = yield* Fiber.join(waiting)
      assert.strictEqual(tokens.holds(signedIn.tokens!.accessToken), isWaiting)
      assert.strictEqual((yield* ScriptedUser).opened.length, opened)
    }).pipe(Effect.provide(world()), Effect.scoped)
  )

  it.effect.each([
    { outcome: "is renewed without a second one", isRevoked: false, sum: { opened: 1, refreshes: 1 } },
    { outcome: "leads to a second one if it was revoked", isRevoked: true, sum: { opened: 2, refreshes: 1 } }
  ])("share a sign-in whose token needs a refresh: it $outcome", ({ isRevoked, sum }) =>
    Effect.gen(function* () {
      const store = yield* CredentialStore
      const key = CredentialKey.of("notion")
      const [one, two] = [yield* startProcess, yield* startProcess]
      yield* one.get({ server })
      const signedIn = Option.getOrThrow(yield* store.get(key))
      yield* store.remove(key)
      const lock = yield* CredentialLock
      const signingIn = yield* Effect.forkChild(lock.withLock(key, "sign-in")(Effect.sleep("3 minutes")))
      yield* Effect.yieldNow
      const waiting = yield* Effect.forkChild(two.get({ server }))
      yield* TestClock.adjust("1 minute")
      yield* store.put(key, signedIn)
      const authorizationServer = yield* ScriptedAuthorizationServer
      if (isRevoked) yield* authorizationServer.revokeAll
      yield* TestClock.adjust("3 minutes")
      yield* Fiber.join(signingIn)
      const tokens = yield* Fiber.join(waiting)
      assert.isTrue(yield* authorizationServer.accepts(tokens.accessToken))
      const opened = (yield* ScriptedUser).opened.length
      assert.deepEqual({ opened, refreshes: authorizationServer.counts.refreshes }, sum)
    }).pipe(Effect.provide(world({ lifetime: "2 minutes" })), Effect.scoped)
  )

  it.effect("learn from the store that a refresh token was refused", () =>
    Effect.gen(function* () {
      yield* SignIn.SignIn.use(({ signIn }) => signIn({ server }))
      yield* TestClock.adjust("2 hours")
      const { counts, revokeAll } = yield* ScriptedAuthorizationServer
      yield* revokeAll
      for (const process of [yield* startProcess, yield* startProcess]) {
        assert.deepInclude(yield* Effect.flip(process.get({ server })), {
          _tag: "SignInRequired",
          why: "revoked"
        })
      }
      assert.strictEqual(counts.refreshes, 1)
    }).pipe(Effect.provide(world({ present: false })), Effect.scoped)
  )

  it.effect("do not wait for each other's discovery: it runs before the lock is taken", () =>
    Effect.gen(function* () {
      const tokens = yield* startProcess
      const { accessToken } = yield* within(tokens.get({ server }))
      yield* tokens.reject({ server }, accessToken)
      const { counts } = yield* ScriptedAuthorizationServer
      const before = counts.discoveries
      const lock = yield* CredentialLock
      const challenge = { error: "invalid_token", resourceMetadata: undefined, scope: undefined }
      const held = lock.withLock(CredentialKey.of("notion"), "refresh")
      const holding = yield* Effect.forkChild(held(Effect.sleep("10 seconds")))
      const waiting = yield* Effect.forkChild(tokens.get({ server, challenge }))
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(counts, { refreshes: 0, discoveries: before + 1 })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(holding)
      assert.isFalse((yield* Fiber.join(waiting)).holds(accessToken))
    }).pipe(Effect.provide(world({ latency: "30 millis" })), Effect.scoped)
  )
})
