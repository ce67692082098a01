import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../../src/app/signin/SignIn.ts"
import * as SignOut from "../../../src/app/signin/SignOut.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import { defaultTokenPolicy, TokenPolicy, type TokenPolicySettings } from "../../../src/ports/TokenPolicy.ts"
import { serverNamed, world } from "../World.ts"

const server = serverNamed("notion")
const key = CredentialKey.of("notion")
const unavailable = new StorageError({
  reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
})

/** A replica of a server: its own memory over the store, the lock and the authorization server that all share. */
const startReplica = (policy: Partial<TokenPolicySettings> = { holdFor: Duration.seconds(60) }) =>
  Layer.build(
    Layer.fresh(
      Layer.merge(AccessTokens.layer, SignOut.layer).pipe(
        Layer.provideMerge(SignIn.layer),
        Layer.provideMerge(Credentials.layer),
        Layer.provide(Layer.succeed(TokenPolicy, { ...defaultTokenPolicy, ...policy }))
      )
    )
  ).pipe(
    Effect.map((services) => ({
      signIn: Context.get(services, SignIn.SignIn).signIn({ server }),
      get: Context.get(services, AccessTokens.AccessTokens).get({ server }),
      getIfKnown: Context.get(services, AccessTokens.AccessTokens).getIfKnown({ server }),
      signOut: Context.get(services, SignOut.SignOut).logout(server),
      evict: Context.get(services, Credentials.Credentials).evict(key),
      /** Reads other accounts until memory has no room for the first one. */
      loadOthers: Effect.forEach(["a", "b", "c", "d"], (account) =>
        Context.get(services, Credentials.Credentials).load(server, CredentialKey.of("notion", account))
      )
    }))
  )

/** Runs an effect that waits for retries. */
const waiting = <A, E, R>(effect: Effect.Effect<A, E, R>, time: Duration.Input = "1 second") =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

/** A store that counts its reads and can be made to fail. */
const fragileStore = () => {
  const state = { reads: 0, reading: true, writing: true }
  const layer = Layer.effect(
    CredentialStore,
    Effect.map(CredentialStore, (store) =>
      CredentialStore.of({
        ...store,
        get: (wanted) =>
          Effect.suspend(() => {
            state.reads += 1
            return state.reading ? store.get(wanted) : Effect.fail(unavailable)
          }),
        put: (wanted, credential) =>
          Effect.suspend(() => (state.writing ? store.put(wanted, credential) : Effect.fail(unavailable)))
      })
    )
  )
  const layerOf = (options: Parameters<typeof world>[0] = {}) =>
    world({ present: false, wrapStore: layer, ...options })
  return { state, layer: layerOf }
}

const signedOut = { _tag: "SignInRequired", why: "never signed in" } as const

describe("two replicas over one store", () => {
  it.effect("see a sign-out at the other one after holdFor", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* startReplica(), yield* startReplica()]
      const { tokens } = yield* a.signIn
      assert.isTrue((yield* b.get).holds(tokens.accessToken))
      yield* a.signOut
      yield* TestClock.adjust("59 seconds")
      assert.isTrue((yield* b.get).holds(tokens.accessToken))
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Effect.flip(b.get), signedOut)
    }).pipe(Effect.provide(world({ present: false })), Effect.scoped)
  )

  it.effect("see it after holdFor although the clock was set back", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const [a, b] = [yield* startReplica(), yield* startReplica()]
      yield* a.signIn
      yield* b.get
      yield* a.signOut
      yield* TestClock.setTime(0)
      assert.deepInclude(yield* Effect.flip(b.get), signedOut)
    }).pipe(Effect.provide(world({ present: false })), Effect.scoped)
  )

  it.effect("see it at once after evict", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* startReplica(), yield* startReplica()]
      yield* a.signIn
      yield* b.get
      yield* a.signOut
      yield* b.evict
      assert.deepInclude(yield* Effect.flip(b.get), signedOut)
    }).pipe(Effect.provide(world({ present: false })), Effect.scoped)
  )

  it.effect("trust memory for the life of the process by default", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* startReplica({}), yield* startReplica({})]
      const { tokens } = yield* a.signIn
      yield* b.get
      yield* a.signOut
      yield* TestClock.adjust("54 minutes")
      assert.isTrue((yield* b.get).holds(tokens.accessToken))
    }).pipe(Effect.provide(world({ present: false })), Effect.scoped)
  )

  it.effect("read the store once per holdFor, and refresh nothing", () => {
    const { layer, state } = fragileStore()
    return Effect.gen(function* () {
      const replica = yield* startReplica()
      yield* replica.signIn
      state.reads = 0
      for (const _ of [1, 2, 3]) {
        yield* TestClock.adjust("60 seconds")
        yield* replica.get
        yield* replica.get
      }
      assert.strictEqual(state.reads, 3)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.refreshes, 0)
    }).pipe(Effect.provide(layer()), Effect.scoped)
  })

  it.effect("do not hold what was read before an eviction", () => {
    // The answer of the store takes a second to arrive.
    const distant = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          get: (wanted) => Effect.tap(store.get(wanted), Effect.sleep("1 second"))
        })
      )
    )
    return Effect.gen(function* () {
      const [a, b] = [yield* startReplica(), yield* startReplica()]
      yield* waiting(a.signIn, "10 seconds")
      const reading = yield* Effect.forkChild(b.get)
      yield* TestClock.adjust("500 millis")
      yield* CredentialStore.use((store) => store.remove(key))
      yield* b.evict
      yield* TestClock.adjust("500 millis")
      assert.isDefined(reading.pollUnsafe())
      assert.deepInclude(yield* waiting(Effect.flip(b.get)), signedOut)
    }).pipe(Effect.provide(world({ present: false, wrapStore: distant })), Effect.scoped)
  })
})

describe("while the store fails", () => {
  it.effect("a replica serves what it read last, and does not read at every request", () => {
    const { layer, state } = fragileStore()
    return Effect.gen(function* () {
      const replica = yield* startReplica()
      const { tokens } = yield* replica.signIn
      yield* TestClock.adjust("61 seconds")
      state.reading = false
      state.reads = 0
      // As `AuthorizedHttp` gets it.
      assert.isTrue(Option.getOrThrow(yield* replica.getIfKnown).holds(tokens.accessToken))
      for (const _ of [1, 2]) assert.isTrue((yield* replica.get).holds(tokens.accessToken))
      assert.strictEqual(state.reads, 1)
      yield* TestClock.adjust("30 seconds")
      yield* replica.get
      assert.strictEqual(state.reads, 2)
    }).pipe(Effect.provide(layer()), Effect.scoped)
  })

  it.effect("an evicted credential is not served", () => {
    const { layer, state } = fragileStore()
    return Effect.gen(function* () {
      const replica = yield* startReplica()
      yield* replica.signIn
      yield* replica.evict
      state.reading = false
      assert.strictEqual((yield* Effect.flip(replica.get))._tag, "StorageError")
    }).pipe(Effect.provide(layer()), Effect.scoped)
  })
})

describe("an account without a sign-in", () => {
  it.effect("is looked for once per absentFor, and again then", () => {
    const { layer, state } = fragileStore()
    return Effect.gen(function* () {
      const [a, b] = [yield* startReplica(), yield* startReplica()]
      for (const _ of [1, 2, 3]) assert.isTrue(Option.isNone(yield* b.getIfKnown))
      assert.strictEqual(state.reads, 1)
      const { tokens } = yield* a.signIn
      yield* TestClock.adjust("29 seconds")
      assert.isTrue(Option.isNone(yield* b.getIfKnown))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Option.getOrThrow(yield* b.getIfKnown).holds(tokens.accessToken))
    }).pipe(Effect.provide(layer()), Effect.scoped)
  })

  it.effect.each(["get", "signIn"] as const)("is known at once after %s in the same process", (how) => {
    const { layer } = fragileStore()
    return Effect.gen(function* () {
      const [a, b] = [yield* startReplica(), yield* startReplica()]
      assert.isTrue(Option.isNone(yield* b.getIfKnown))
      if (how === "get") yield* a.signIn
      // `get` is what a request does that is answered 401.
      yield* b[how]
      assert.isTrue(Option.isSome(yield* b.getIfKnown))
    }).pipe(Effect.provide(layer()), Effect.scoped)
  })

  it.effect("is looked for although the clock was set back", () => {
    const { layer, state } = fragileStore()
    return Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const replica = yield* startReplica()
      assert.isTrue(Option.isNone(yield* replica.getIfKnown))
      yield* TestClock.setTime(0)
      assert.isTrue(Option.isNone(yield* replica.getIfKnown))
      assert.strictEqual(state.reads, 2)
    }).pipe(Effect.provide(layer()), Effect.scoped)
  })
})

describe("a credential that could not be stored", () => {
  it.effect.each<readonly [string, Partial<TokenPolicySettings>]>([
    ["evict", {}],
    ["holdFor", { holdFor: Duration.seconds(60) }],
    ["the bound of memory", { maxAccounts: 2 }]
  ])("is not lost by %s, and is stored later", ([, policy]) => {
    const { layer, state } = fragileStore()
    return Effect.gen(function* () {
      const replica = yield* startReplica(policy)
      yield* replica.signIn
      yield* TestClock.adjust("2 hours")
      state.writing = false
      const renewed = yield* waiting(replica.get)
      yield* replica.evict
      yield* replica.loadOthers
      yield* TestClock.adjust("61 seconds")
      assert.isTrue((yield* replica.get).holds(renewed.accessToken))
      state.writing = true
      yield* replica.evict
      assert.isTrue((yield* replica.get).holds(renewed.accessToken))
      const stored = Option.getOrThrow(yield* CredentialStore.use((store) => store.get(key)))
      assert.isTrue(stored.tokens?.holds(renewed.accessToken))
      const { counts } = yield* ScriptedAuthorizationServer
      assert.deepInclude(counts, { refreshes: 1, revokedFamilies: 0 })
    }).pipe(Effect.provide(layer()), Effect.scoped)
  })

  it.effect("is not lost if it is evicted during the refresh", () => {
    const { layer, state } = fragileStore()
    return Effect.gen(function* () {
      const replica = yield* startReplica({})
      yield* waiting(replica.signIn)
      yield* TestClock.adjust("2 hours")
      state.writing = false
      const refreshing = yield* Effect.forkChild(replica.get)
      yield* TestClock.adjust("10 millis")
      yield* replica.evict
      yield* TestClock.adjust("1 second")
      const renewed = yield* Fiber.join(refreshing)
      state.writing = true
      yield* replica.evict
      assert.isTrue((yield* replica.get).holds(renewed.accessToken))
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.refreshes, 1)
    }).pipe(Effect.provide(layer({ latency: "30 millis" })), Effect.scoped)
  })
})
