import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import { defaultTokenPolicy, TokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import { serverNamed, world } from "../World.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

const key = CredentialKey.of("notion")
const get = AccessTokens.use((tokens) => tokens.get({ server: serverNamed("notion") }))
const away = new StorageError({
  reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
})

/** A store that can be taken away, and the real one behind it. */
const shaky = () => {
  const state = { puts: true, all: true }
  let real: CredentialStore["Service"] | undefined
  const layer = Layer.effect(
    CredentialStore,
    Effect.map(CredentialStore, (store) => {
      real = store
      return CredentialStore.of({
        ...store,
        get: (wanted) => (state.all ? store.get(wanted) : Effect.fail(away)),
        put: (wanted, credential) =>
          state.all && state.puts ? store.put(wanted, credential) : Effect.fail(away)
      })
    })
  )
  return {
    state,
    layer,
    behind: Effect.sync(() => real ?? assert.fail())
  }
}

/** Refreshes while nothing can be stored, and lets `meanwhile` happen in the store before it can again. */
const unsaved = (
  meanwhile: (store: CredentialStore["Service"], before: Credential) => Effect.Effect<unknown, StorageError>
) => {
  const { behind, layer, state } = shaky()
  return Effect.gen(function* () {
    yield* get
    const store = yield* behind
    const before = Option.getOrThrow(yield* store.get(key))
    yield* TestClock.adjust("2 hours")
    state.puts = false
    const asking = yield* Effect.forkChild(get)
    yield* TestClock.adjust("1 second")
    while (asking.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
    yield* meanwhile(store, before)
    state.puts = true
    yield* TestClock.adjust("2 hours")
    yield* AccessTokens.use((tokens) => tokens.getIfKnown({ server: serverNamed("notion") }))
    return { before, after: Option.getOrUndefined(yield* store.get(key)) }
  }).pipe(Effect.provide(world({ wrapStore: layer })))
}

describe("a store that is away", () => {
  it.effect("does not keep anybody from a token that works", () => {
    const { layer, state } = shaky()
    return Effect.gen(function* () {
      const first = yield* get
      yield* TestClock.adjust("56 minutes")
      state.all = false
      assert.isTrue((yield* get).holds(first.accessToken))
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Effect.flip(get))._tag, "StorageError")
    }).pipe(Effect.provide(world({ wrapStore: layer })))
  })
})

const newer = (before: Credential) =>
  new Credential({
    ...before,
    tokens: new TokenSet({
      accessToken: Redacted.make("of-a-new-sign-in"),
      tokenType: "bearer",
      obtainedAt: 7_200_000,
      refreshToken: Redacted.make("of-a-new-sign-in")
    }),
    generation: before.generation + 5
  })

describe("tokens that could not be stored", () => {
  it.effect("do not go over a sign-in that was made meanwhile", () =>
    Effect.gen(function* () {
      const { after } = yield* unsavedAfterSignIn
      assert.strictEqual(after?.tokens && Redacted.value(after.tokens.accessToken), "of-a-new-sign-in")
    })
  )

  it.effect("do not bring back a sign-in that was forgotten meanwhile", () =>
    Effect.gen(function* () {
      // What is there is of the sign-in that this took: the first of its own.
      assert.strictEqual((yield* unsavedAfterReset).after?.generation, 1)
    })
  )
})

describe("tokens that could not be stored at first", () => {
  it.effect("are stored over what another process gave up, which had only the old ones", () =>
    Effect.gen(function* () {
      const { after } = yield* unsaved((store, before) => store.put(key, before.withoutTokens))
      assert.strictEqual(
        after?.tokens?.refreshToken && Redacted.value(after.tokens.refreshToken),
        "refresh-4"
      )
    })
  )
})

describe("a process that could not store its tokens", () => {
  it.effect.each([
    ["at the next look into the store", "2 minutes"],
    ["at the next refresh", "2 hours"]
  ] as const)("stores them %s, and never without the lock", ([, later]) => {
    const { behind, layer, state } = shaky()
    let [isLocked, unlocked] = [false, 0]
    const wrapLock = Layer.effect(
      CredentialLock,
      Effect.map(CredentialLock, (real) =>
        CredentialLock.of({
          withLock: (wanted, purpose) => (effect) => {
            const mark = (value: boolean) => Effect.sync(() => void (isLocked = value))
            const marked = Effect.andThen(mark(true), Effect.ensuring(effect, mark(false)))
            return real.withLock(wanted, purpose)(purpose === "refresh" ? marked : effect)
          }
        })
      )
    )
    const watched = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          put: (wanted, credential) => {
            if (!isLocked) unlocked += 1
            return store.put(wanted, credential)
          }
        })
      )
    )
    const policy = Layer.succeed(TokenPolicy, { ...defaultTokenPolicy, holdFor: Duration.minutes(1) })
    return Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("2 hours")
      state.puts = false
      const getting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("10 seconds")
      const renewed = yield* Fiber.join(getting)
      state.puts = true
      yield* TestClock.adjust(later)
      yield* get
      const stored = Option.getOrThrow(yield* (yield* behind).get(key))
      assert.strictEqual(stored.tokens?.holds(renewed.accessToken), later === "2 minutes")
      assert.strictEqual(unlocked, 0)
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(counts.revokedFamilies, 0)
    }).pipe(
      Effect.provide(
        world({ wrapStore: Layer.provideMerge(watched, layer), wrapLock }).pipe(Layer.provide(policy))
      )
    )
  })
})

const unsavedAfterSignIn = unsaved((store, before) => store.put(key, newer(before)))
const unsavedAfterReset = unsaved((store) => store.remove(key))
