import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryStore from "../../../src/adapters/store/memory/MemoryStore.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { resourceOf } from "../../../src/domain/Server.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialLock, LockError } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { Inaccessible } from "../../../src/ports/StorageFailure.ts"
import { defaultTokenPolicy, TokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import { serverNamed } from "../World.ts"

const server = serverNamed("notion")
const key = CredentialKey.at(server)

const credential = (generation: number, token: string) =>
  new Credential({
    resource: resourceOf(server),
    issuer: "https://as.test",
    tokenEndpoint: "https://as.test/token",
    registration: new DynamicRegistration({
      clientId: "c",
      authenticationMethod: "none",
      redirectUri: "http://localhost:8080/callback"
    }),
    tokens: new TokenSet({
      accessToken: Redacted.make(`access of ${token}`),
      tokenType: "bearer",
      obtainedAt: generation,
      refreshToken: Redacted.make(token)
    }),
    grantedScopes: [],
    generation
  })
const before = credential(4, "before")
const renewed = credential(5, "renewed")
const ofAnother = credential(5, "of another process")

const tokenOf = (found: Option.Option<Credential>) =>
  Option.map(found, ({ tokens }) => tokens?.refreshToken && Redacted.value(tokens.refreshToken)).pipe(
    Option.getOrUndefined
  )

/** A process whose store and lock fail while the state says so. */
const process = () => {
  const state = { cannot: new Set<"get" | "put" | "remove">(), isLockLost: false, afterGet: Effect.void }
  const fail = new StorageError({ reason: new Inaccessible({ path: "/tokens", detail: "EIO" }) })
  const store = Layer.effect(
    CredentialStore,
    Effect.map(CredentialStore, (real) => {
      const unless = <A>(what: "get" | "put" | "remove", run: Effect.Effect<A, StorageError>) =>
        Effect.suspend(() => (state.cannot.has(what) ? fail : run))
      return CredentialStore.of({
        ...real,
        get: (wanted) =>
          unless(
            "get",
            Effect.tap(real.get(wanted), () => state.afterGet)
          ),
        put: (wanted, value) => unless("put", real.put(wanted, value)),
        remove: (wanted) => unless("remove", real.remove(wanted))
      })
    })
  )
  const lock = Layer.succeed(
    CredentialLock,
    CredentialLock.of({
      withLock: () => (effect) => effect,
      confirm: ({ server: name }) =>
        Effect.suspend(() => (state.isLockLost ? new LockError({ name, detail: "removed" }) : Effect.void))
    })
  )
  const layer = Credentials.layer.pipe(
    Layer.provideMerge(lock),
    Layer.provideMerge(store),
    Layer.provideMerge(MemoryStore.layer)
  )
  return { state, layer }
}

/** Another process changes the store, without a look at the state of this one. */
const stored = Effect.flatMap(CredentialStore, ({ get }) => get(key))
const store = (value: Credential) => CredentialStore.use(({ put }) => put(key, value))

/** Renews what is stored, while the store takes no writes. */
const renewUnsaved = Effect.fnUntraced(function* ({ cannot }: ReturnType<typeof process>["state"]) {
  const credentials = yield* Credentials.Credentials
  yield* store(before)
  yield* credentials.load(server, key)
  cannot.add("put")
  const saving = yield* Effect.forkChild(credentials.save(key, renewed))
  yield* TestClock.adjust("10 seconds")
  yield* Fiber.join(saving)
  return credentials
})

describe("tokens that could not be stored", () => {
  it.effect.each<[string, CredentialKey, (state: ReturnType<typeof process>["state"]) => void]>([
    ["the store removes nothing", key, ({ cannot }) => cannot.add("remove")],
    ["no resource is named", CredentialKey.of("notion"), ({ cannot }) => cannot.add("remove")],
    ["the lock was lost", key, (state) => (state.isLockLost = true)]
  ])("outlive a sign-out that fails: %s", ([, forgotten, breakOff]) => {
    const { layer, state } = process()
    return Effect.gen(function* () {
      const credentials = yield* renewUnsaved(state)
      breakOff(state)
      yield* Effect.flip(credentials.forget(forgotten))
      state.cannot.clear()
      state.isLockLost = false
      assert.strictEqual(tokenOf(yield* credentials.load(server, key)), "renewed")
      assert.strictEqual(tokenOf(yield* stored), "renewed")
    }).pipe(Effect.provide(layer))
  })

  it.effect("are gone after a sign-out", () => {
    const { layer, state } = process()
    return Effect.gen(function* () {
      const credentials = yield* renewUnsaved(state)
      yield* credentials.forget(key)
      state.cannot.clear()
      assert.isUndefined(tokenOf(yield* credentials.load(server, key)))
      assert.isFalse(credentials.isUnsaved(server, key))
    }).pipe(Effect.provide(layer))
  })

  it.effect("are not used before the store was read, since the write may have happened", () => {
    const { layer, state } = process()
    return Effect.gen(function* () {
      const credentials = yield* renewUnsaved(state)
      state.cannot.add("get")
      assert.strictEqual((yield* Effect.flip(credentials.load(server, key)))._tag, "StorageError")
      assert.strictEqual((yield* Effect.flip(credentials.look(server, key)))._tag, "StorageError")
      assert.strictEqual(tokenOf(credentials.lastRead(server, key)), "renewed")
      state.cannot.clear()
      // The write had happened, and another process has refreshed since.
      yield* store(credential(6, "of another process"))
      assert.strictEqual(tokenOf(yield* credentials.load(server, key)), "of another process")
    }).pipe(Effect.provide(layer))
  })

  it.effect("are stored by a process that holds the lock, and by no other", () => {
    const { layer, state } = process()
    return Effect.gen(function* () {
      const credentials = yield* renewUnsaved(state)
      state.cannot.clear()
      assert.strictEqual(tokenOf(yield* credentials.look(server, key)), "renewed")
      assert.strictEqual(tokenOf(yield* stored), "before")
      state.isLockLost = true
      assert.strictEqual(tokenOf(yield* credentials.load(server, key)), "renewed")
      assert.strictEqual(tokenOf(yield* stored), "before")
      state.isLockLost = false
      assert.strictEqual(tokenOf(yield* credentials.load(server, key)), "renewed")
      assert.strictEqual(tokenOf(yield* stored), "renewed")
    }).pipe(Effect.provide(layer))
  })
})

describe("the memory of a process", () => {
  it.effect.each([
    ["for its time", [59], true],
    ["no longer", [61], false],
    ["no longer, although the clock was set back by all of it", [61, -61], false],
    ["no longer, although the clock was set back within that time", [30, -40, 50], false],
    [
      "no longer, although the clock was set back by an hour and has come as far again",
      [500, -3600, 3101],
      false
    ],
    ["at no time before it was read", [30, -31], false]
  ] as const)("is trusted %s: %j", ([, seconds, expected]) =>
    Effect.gen(function* () {
      const test = yield* Clock.Clock
      let [wall, elapsed] = [3_600_000, 0]
      const clock: Clock.Clock = Object.assign(Object.create(test) as Clock.Clock, {
        currentTimeMillis: Effect.sync(() => wall),
        monotonicTimeNanosUnsafe: () => BigInt(elapsed) * 1_000_000n
      })
      yield* Effect.gen(function* () {
        const credentials = yield* Credentials.Credentials
        yield* credentials.save(key, before)
        for (const step of seconds) {
          wall += step * 1000
          // A clock that is set takes no time.
          if (step > 0) elapsed += step * 1000
        }
        assert.strictEqual(Option.isSome(credentials.inMemory(server, key, wall)), expected)
      }).pipe(
        Effect.provide(process().layer),
        Effect.provideService(TokenPolicy, { ...defaultTokenPolicy, holdFor: Duration.minutes(1) }),
        Effect.provideService(Clock.Clock, clock)
      )
    })
  )
})

describe("a read that another one has overtaken", () => {
  it.effect.each<[string, Effect.Effect<unknown, StorageError, Credentials.Credentials>, string | undefined]>(
    [
      ["nothing, and counts", Effect.void, "of another process"],
      ["a failed read, and counts", Effect.void, "of another process"],
      ["a write, which is newer", Credentials.Credentials.use(({ save }) => save(key, renewed)), "renewed"],
      ["an eviction, which is newer", Credentials.Credentials.use(({ evict }) => evict(key)), undefined]
    ]
  )("meets %s", ([name, meanwhile, expected]) => {
    const { layer, state } = process()
    return Effect.gen(function* () {
      const credentials = yield* Credentials.Credentials
      yield* store(before)
      yield* credentials.look(server, key)
      yield* store(ofAnother)
      const answer = yield* Deferred.make<void>()
      state.afterGet = Deferred.await(answer)
      const reading = yield* Effect.forkChild(credentials.look(server, key), { startImmediately: true })
      state.afterGet = Effect.void
      if (name.startsWith("a failed read")) {
        state.cannot.add("get")
        yield* Effect.flip(credentials.look(server, key))
      }
      yield* meanwhile
      yield* Deferred.succeed(answer, undefined)
      assert.strictEqual(tokenOf(yield* Fiber.join(reading)), "of another process")
      assert.strictEqual(tokenOf(credentials.lastRead(server, key)), expected)
    }).pipe(Effect.provide(layer))
  })
})

describe("a process whose lock was removed", () => {
  it.effect.each<[string, Effect.Effect<unknown, StorageError, CredentialStore>, string | undefined]>([
    ["the tokens that it has renewed", Effect.void, "renewed"],
    ["newer tokens of another process", store(ofAnother), "of another process"],
    ["a record that another process gave up", store(before.withoutTokens), "renewed"],
    ["nothing, after a sign-out", CredentialStore.use(({ remove }) => remove(key)), undefined]
  ])("stores renewed tokens unless the store holds something newer: %s", ([, meanwhile, expected]) => {
    const { layer, state } = process()
    return Effect.gen(function* () {
      const credentials = yield* Credentials.Credentials
      yield* store(before)
      yield* credentials.load(server, key)
      state.isLockLost = true
      yield* meanwhile
      const { tokens } = yield* credentials.save(key, renewed)
      assert.strictEqual(tokens?.refreshToken && Redacted.value(tokens.refreshToken), expected)
      assert.strictEqual(tokenOf(yield* stored), expected)
    }).pipe(Effect.provide(layer))
  })

  it.effect("notes nothing about tokens, and removes none", () => {
    const { layer, state } = process()
    return Effect.gen(function* () {
      const credentials = yield* Credentials.Credentials
      yield* store(before)
      yield* credentials.load(server, key)
      state.isLockLost = true
      yield* credentials.annotate(key, before.next({ tokens: before.tokens!.unanswered(1) }))
      assert.strictEqual(Option.getOrThrow(yield* stored).generation, before.generation)
      assert.strictEqual((yield* Effect.flip(credentials.forget(key)))._tag, "LockError")
      assert.strictEqual(tokenOf(yield* stored), "before")
    }).pipe(Effect.provide(layer))
  })
})
