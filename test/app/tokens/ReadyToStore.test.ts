import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialLock, LockError } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { Inaccessible } from "../../../src/ports/StorageFailure.ts"
import { serverNamed, world } from "../World.ts"

const get = AccessTokens.use((tokens) => tokens.get({ server: serverNamed("notion") }))
const refreshes = Effect.map(ScriptedAuthorizationServer, ({ counts }) => counts.refreshes)

/** A store without space, and a lock that was lost, while the state says so. */
const unready = () => {
  const state = { isFull: false, isLost: false }
  const store = Layer.effect(
    CredentialStore,
    Effect.map(CredentialStore, (real) =>
      CredentialStore.of({
        ...real,
        reserve: () =>
          state.isFull
            ? new StorageError({ reason: new Inaccessible({ path: "/tokens", detail: "no space left" }) })
            : Effect.void
      })
    )
  )
  const lock = Layer.effect(
    CredentialLock,
    Effect.map(CredentialLock, (real) =>
      CredentialLock.of({
        ...real,
        confirm: ({ server }, purpose) => {
          assert.strictEqual(purpose, "refresh")
          return state.isLost ? new LockError({ name: server, detail: "its file was removed" }) : Effect.void
        }
      })
    )
  )
  return { state, stack: world({ wrapStore: store, wrapLock: lock }) }
}

const cases = [
  ["the new tokens could not be stored", "isFull", "StorageError"],
  ["the lock was lost", "isLost", "LockError"]
] as const

describe("a refresh token", () => {
  it.effect.each(cases)("is not sent if %s, and is used later", ([, problem, tag]) => {
    const { stack, state } = unready()
    return Effect.gen(function* () {
      const first = yield* get
      state[problem] = true
      yield* TestClock.adjust("56 minutes")
      assert.isTrue((yield* get).holds(first.accessToken))
      yield* TestClock.adjust("2 hours")
      assert.strictEqual((yield* Effect.flip(get))._tag, tag)
      assert.strictEqual(yield* refreshes, 0)
      state[problem] = false
      assert.isFalse((yield* get).holds(first.accessToken))
      assert.strictEqual(yield* refreshes, 1)
    }).pipe(Effect.provide(stack))
  })
})
