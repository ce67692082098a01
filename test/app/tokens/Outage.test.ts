import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import { serverNamed, world } from "../World.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

const get = AccessTokens.use((tokens) => tokens.get({ server: serverNamed("notion") }))
const away = new StorageError({
  reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
})

describe("a store that is unavailable", () => {
  it.effect("does not keep any of several concurrent callers from a valid token", () => {
    let available = true
    let reads = 0
    const shaky = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          get: (key) =>
            Effect.suspend(() => {
              reads += 1
              return available ? store.get(key) : Effect.fail(away)
            })
        })
      )
    )
    return Effect.gen(function* () {
      const first = yield* get
      yield* TestClock.adjust("56 minutes")
      available = false
      const all = yield* Effect.all([get, get, get], { concurrency: "unbounded" })
      assert.isTrue(all.every((tokens) => tokens.holds(first.accessToken)))
      // The cooldown: the next request does not go to the store.
      const before = reads
      yield* get
      assert.strictEqual(reads, before)
      yield* TestClock.adjust("31 seconds")
      yield* get
      assert.isAbove(reads, before)
    }).pipe(Effect.provide(world({ wrapStore: shaky })))
  })
})
