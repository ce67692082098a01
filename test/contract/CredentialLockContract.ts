import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Layer } from "effect"
import { CredentialKey } from "../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../src/ports/CredentialLock.ts"

/** What every lock does among the fibers of one process. */
export const credentialLockContract = <E>(name: string, layer: Layer.Layer<CredentialLock, E>): unknown =>
  describe(`the lock contract on ${name}`, () => {
    const key = CredentialKey.of("notion")

    it.live("lets one in at a time", () =>
      Effect.gen(function* () {
        const lock = yield* CredentialLock
        let inside = 0
        let most = 0
        const visit = Effect.gen(function* () {
          inside += 1
          most = Math.max(most, inside)
          yield* Effect.yieldNow
          yield* Effect.yieldNow
          inside -= 1
        })
        yield* Effect.forEach(Array.from({ length: 20 }), () => lock.withLock(key, "refresh")(visit), {
          concurrency: "unbounded"
        })
        assert.strictEqual(most, 1)
      }).pipe(Effect.provide(layer))
    )

    it.live("does not keep other keys or purposes waiting", () =>
      Effect.gen(function* () {
        const lock = yield* CredentialLock
        const nested = lock.withLock(CredentialKey.of("linear"), "refresh")(Effect.succeed("in"))
        const held = lock.withLock(key, "refresh")(lock.withLock(key, "sign-in")(nested))
        assert.strictEqual(yield* held, "in")
      }).pipe(Effect.provide(layer))
    )

    it.live("is free again after a failure and after an interruption", () =>
      Effect.gen(function* () {
        const lock = yield* CredentialLock
        const locked = lock.withLock(key, "refresh")
        assert.strictEqual(yield* Effect.flip(locked(Effect.fail("no"))), "no")
        const entered = yield* Deferred.make<void>()
        const holder = yield* Effect.forkChild(
          locked(Effect.andThen(Deferred.succeed(entered, undefined), Effect.never))
        )
        yield* Deferred.await(entered)
        yield* Fiber.interrupt(holder)
        assert.strictEqual(yield* locked(Effect.succeed("in")), "in")
      }).pipe(Effect.provide(layer))
    )
  })
