import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as StorageCheck from "../../../src/app/storage/StorageCheck.ts"
import { Locked } from "../../../src/ports/StorageFailure.ts"
import { Machine, machine, type MachineOptions, program, someVault } from "../StorageWorld.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

const check = StorageCheck.StorageCheck.use((service) => service.check)
const on = (options: MachineOptions) =>
  StorageCheck.layer.pipe(Layer.provide(program), Layer.provideMerge(machine(options)))

describe("testing the store", () => {
  it.effect("finds one that works, and leaves nothing in it", () =>
    Effect.gen(function* () {
      assert.isAtLeast(yield* check, 0)
      assert.deepStrictEqual(yield* Machine.use(({ store }) => store("vault").list), [])
    }).pipe(Effect.provide(on({ vault: someVault })))
  )

  it.effect("finds one that does not give back what it takes", () =>
    Effect.gen(function* () {
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
