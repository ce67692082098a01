import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as StorageCheck from "../../../src/app/storage/StorageCheck.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { exampleCredential } from "../../../src/testing/Contract.ts"
import { Locked } from "../../../src/ports/StorageFailure.ts"
import { Machine, machine, type MachineOptions, program, someVault } from "../StorageWorld.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

const check = StorageCheck.StorageCheck.use((service) => service.check)
const on = (options: MachineOptions) =>
  StorageCheck.layer.pipe(Layer.provide(program), Layer.provideMerge(machine(options)))

describe("testing the store", () => {
  it.effect("finds one that works, and leaves nothing in it", () =>
    Effect.gen(function* () {
      const { choice, store } = yield* Machine
      assert.strictEqual((yield* check)._tag, "Works")
      assert.deepStrictEqual(yield* store("vault").list, [])
      yield* store("vault").put(CredentialKey.of("notion"), exampleCredential("stored"))
      assert.strictEqual((yield* check)._tag, "Works")
      assert.lengthOf(yield* store("vault").list, 1)
      assert.isUndefined(yield* choice)
    }).pipe(Effect.provide(on({ vault: someVault })))
  )

  it.effect("makes no choice and sets nothing up where nothing is stored yet", () => {
    const done: Array<string> = []
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* check, { _tag: "New" })
      assert.isUndefined(yield* Machine.use(({ choice }) => choice))
      assert.deepStrictEqual(done, ["encrypted list", "encrypted isNew"])
    }).pipe(
      Effect.provide(
        on({ isNew: "encrypted", before: (operation) => Effect.sync(() => done.push(operation)) })
      )
    )
  })

  it.effect("finds one that does not give back what it takes", () =>
    Effect.gen(function* () {
      const { store } = yield* Machine
      yield* store("vault").put(CredentialKey.of("notion"), exampleCredential("stored"))
      assert.strictEqual((yield* Effect.flip(check)).reason._tag, "BackendError")
    }).pipe(Effect.provide(on({ vault: someVault, forgetful: "vault" })))
  )

  it.effect("finds one that cannot be written, and says why", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(check)).reason._tag, "Locked")
    }).pipe(
      Effect.provide(
        on({
          keyring: "secretservice",
          broken: {
            backend: "secretservice",
            reason: new Locked({ backend: storageBackends.secretservice, detail: "nobody has unlocked it" }),
            onlyWrites: true
          }
        })
      )
    )
  )
})
