import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { CredentialLock } from "../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../src/ports/CredentialStore.ts"
import { credentialLockContract, credentialStoreContract, MemoryStore } from "../../src/testing.ts"

/** The cases that a store breaks which differs from one in memory in this. */
const brokenBy = (change: (store: CredentialStore["Service"]) => Partial<CredentialStore["Service"]>) => {
  const layer = Layer.effect(
    CredentialStore,
    Effect.map(CredentialStore, (store) => ({ ...store, ...change(store) }))
  ).pipe(Layer.provide(Layer.fresh(MemoryStore.layer)))
  return Effect.filter(credentialStoreContract, ({ run }) =>
    Effect.match(run.pipe(Effect.provide(layer)), { onFailure: () => true, onSuccess: () => false })
  ).pipe(Effect.map((cases) => cases.map(({ name }) => name)))
}

describe("the contract of stores", () => {
  it.effect.each<readonly [string, Parameters<typeof brokenBy>[0], string]>([
    ["loses what is put", () => ({ put: () => Effect.void }), "returns what was put, and the newest of two"],
    [
      "drops the refresh token",
      (store) => ({
        get: (key) =>
          Effect.map(
            store.get(key),
            Option.map((found) => found.withoutTokens)
          )
      }),
      "stores a credential without tokens, and tokens of 16 KiB in any script"
    ],
    [
      "lists in reverse",
      (store) => ({ list: Effect.map(store.list, (keys) => keys.toReversed()) }),
      "does not confuse two names or accounts, and lists them sorted"
    ],
    [
      "says it removed what was not there",
      () => ({ remove: () => Effect.succeed(true) }),
      "has nothing under a key that was never stored"
    ],
    ["clears nothing", () => ({ clear: Effect.void }), "starts over after it was cleared"]
  ])("is broken by a store that %s", ([, change, name]) =>
    Effect.gen(function* () {
      assert.include(yield* brokenBy(change), name)
    })
  )
})

describe("the contract of locks", () => {
  it.live("is broken by a lock that locks nothing", () =>
    Effect.gen(function* () {
      const none = Layer.succeed(CredentialLock, { withLock: () => (effect) => effect })
      const [exclusion] = credentialLockContract
      const error = yield* Effect.flip(exclusion!.run.pipe(Effect.provide(none)))
      assert.include(error.message, "one holder at a time")
    })
  )
})
