import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ChosenStorage } from "../../../src/app/storage/ChosenStorage.ts"
import { StorageMove } from "../../../src/app/storage/StorageMove.ts"
import { advice } from "../../../src/domain/Remedy.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import type { StorageBackend } from "../../../src/ports/StorageBackend.ts"
import { BackendError, Locked } from "../../../src/ports/StorageFailure.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import { Machine, machine, program } from "../StorageWorld.ts"

const notion = CredentialKey.of("notion")

const redis: StorageBackend = {
  name: "redis",
  label: "Redis",
  lockScope: "shared",
  lasting: true,
  hints: { unavailable: [advice("Set REDIS_URL.")], locked: [advice("Check its ACL, then try again.")] }
}

const on = <A, E>(effect: Effect.Effect<A, E, CredentialStore | ChosenStorage | StorageMove | Machine>) =>
  effect.pipe(Effect.provide(Layer.provideMerge(program, machine({ outside: [redis] }))))

describe("a backend from outside the project", () => {
  it.effect("is chosen, described and named like one of ours", () =>
    Effect.gen(function* () {
      const store = yield* CredentialStore
      yield* store.put(notion, credentialWith("first"))
      assert.strictEqual((yield* ChosenStorage.use((chosen) => chosen.inUse)).backend, "redis")
      assert.strictEqual(store.description.backend.label, "Redis")
      const { said } = yield* Machine
      assert.match(said[0] ?? "", /stored in Redis from now on/)
    }).pipe(on)
  )

  it("has its own name and hints in errors", () => {
    const failed = new StorageError({ reason: new BackendError({ backend: redis, detail: "no route" }) })
    assert.match(failed.message, /^Redis failed: no route/)
    const locked = new StorageError({ reason: new Locked({ backend: redis, detail: "NOAUTH" }) })
    assert.deepEqual(locked.remedies, [advice("Check its ACL, then try again.")])
  })

  it.effect("is moved out of under its own lock, which other machines see", () =>
    Effect.gen(function* () {
      const store = yield* CredentialStore
      yield* store.put(notion, credentialWith("first"))
      const moved = yield* StorageMove.use((service) => service.move("encrypted"))
      assert.deepStrictEqual(moved.from, ["redis"])
      assert.strictEqual(moved.to.label, "encrypted files")
      const { locked } = yield* Machine
      // The lock of the move itself, then one per record and phase.
      assert.deepStrictEqual(locked, ["encrypted", "redis", "redis"])
    }).pipe(on)
  )
})
