import { Effect, Layer, Option, Redacted } from "effect"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { Inaccessible } from "../../../src/ports/StorageFailure.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { KernelLock } from "./KernelLock.ts"
import type { Store } from "./Store.ts"
import type { World } from "./World.ts"

const refreshTokenOf = (credential: Credential | undefined): string | undefined =>
  credential?.tokens?.refreshToken && Redacted.value(credential.tokens.refreshToken)

/** A store and locks that keep their promises to every process, of any machine. */
export class IdealStore implements Store {
  readonly #world: World
  readonly #locks: KernelLock
  readonly #records = new Map<string, Credential>()

  constructor(world: World, locks: KernelLock) {
    this.#world = world
    this.#locks = locks
  }

  put({ storageName }: CredentialKey, credential: Credential): void {
    this.#records.set(storageName, credential)
  }

  refreshToken({ storageName }: CredentialKey): string | undefined {
    return refreshTokenOf(this.#records.get(storageName))
  }

  layer(process: VirtualProcess) {
    const { fails, simulator, tell } = this.#world
    const stream = simulator.seed.fork(`store of ${process.name}`)
    const records = this.#records
    const access = <A>(what: string, effect: () => A, failed: () => void = () => {}) =>
      Effect.callback<A, StorageError>((resume) => {
        simulator.after(stream.integer(1, 10), () => {
          // A write that has not reached the system ends with its process.
          if (process.isDead) return
          const isFailing = fails(stream, "store")
          const isDone = !isFailing || stream.chance(0.5)
          const value = isDone ? effect() : undefined
          if (isFailing) failed()
          const note = isFailing ? ` FAILS${isDone ? " (but happened)" : ""}` : ""
          simulator.trace(process.name, `${what}${note}`)
          const failure = new StorageError({
            reason: new Inaccessible({ path: "/simulated", detail: "EIO" })
          })
          simulator.after(stream.integer(1, 10), () =>
            process.post(() => resume(isFailing ? Effect.fail(failure) : Effect.succeed(value as A)))
          )
        })
      })
    const store = CredentialStore.of({
      description: { backend: storageBackends.memory, location: "the simulation" },
      unlock: Effect.void,
      get: ({ storageName }) =>
        access(
          "store.get",
          () => Option.fromNullishOr(records.get(storageName)),
          () => tell({ _tag: "ReadFailed" })
        ),
      put: ({ storageName }, credential) => {
        const token = refreshTokenOf(credential)
        return access(
          `store.put ${token ?? "no tokens"}`,
          () => {
            records.set(storageName, credential)
            if (token !== undefined) tell({ _tag: "Written", account: storageName, token })
          },
          () => tell({ _tag: "WriteFailed", token })
        )
      },
      remove: ({ storageName }) => access("store.remove", () => records.delete(storageName)),
      clear: Effect.sync(() => records.clear()),
      list: Effect.succeed([])
    })
    return Layer.merge(Layer.succeed(CredentialStore, store), this.#locks.layer(process, "all"))
  }
}
