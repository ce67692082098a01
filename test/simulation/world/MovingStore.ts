import { Effect, Layer, Option } from "effect"
import * as ChosenStorage from "../../../src/app/storage/ChosenStorage.ts"
import * as StorageMove from "../../../src/app/storage/StorageMove.ts"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { StorageBackends } from "../../../src/ports/StorageBackends.ts"
import { type StorageChoice, StorageChoices } from "../../../src/ports/StorageChoice.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { KernelLock } from "./KernelLock.ts"
import { keyringRecords, wholeRecords } from "./Records.ts"
import { RecordStore } from "./RecordStore.ts"
import type { Store } from "./Store.ts"
import type { World } from "./World.ts"

/** The backends that sign-ins move between. */
const names = ["encrypted", "keychain"] as const
type Name = (typeof names)[number]

/** Two stores of one machine, of which the choice names the one in use. The real move and choice run over them. */
export class MovingStore implements Store {
  readonly #locks: KernelLock
  readonly #stores: Readonly<Record<Name, RecordStore>>
  #choice: StorageChoice = { backend: "encrypted", reason: "it was first", since: 0, migratingFrom: [] }

  constructor(world: World, locks: KernelLock) {
    this.#locks = locks
    const open = (name: Name) =>
      new RecordStore(world, locks, {
        backend: storageBackends[name],
        records: name === "keychain" ? keyringRecords() : wholeRecords(),
        reach: "machine"
      })
    this.#stores = { encrypted: open("encrypted"), keychain: open("keychain") }
    for (const name of names) {
      const others = names.filter((other) => other !== name)
      this.#stores[name].isOnlyPlaceOf = (key) =>
        others.every((other) => this.#stores[other].records.get(key) === undefined)
    }
  }

  get #inUse(): RecordStore {
    return this.#stores[this.#choice.backend as Name]
  }

  put(key: CredentialKey, credential: Credential): void {
    this.#inUse.put(key, credential)
  }

  peek(key: CredentialKey): Credential | undefined {
    return this.#inUse.peek(key)
  }

  layer(process: VirtualProcess) {
    const choices = StorageChoices.of({
      read: Effect.sync(() => Option.some(this.#choice)),
      write: (choice) => Effect.sync(() => void (this.#choice = choice))
    })
    const backends = Layer.effect(
      StorageBackends,
      Effect.gen({ self: this }, function* () {
        const lock = yield* CredentialLock
        const services = {
          encrypted: this.#stores.encrypted.service(process),
          keychain: this.#stores.keychain.service(process)
        }
        return StorageBackends.of({
          automatic: {
            addressed: undefined,
            keyring: storageBackends.keychain,
            fallback: storageBackends.encrypted
          },
          open: (name) => Effect.succeed({ store: services[name as Name], lock })
        })
      })
    ).pipe(Layer.provide(this.#locks.layer(process, "machine")))
    const settings = { backend: "auto" as const, password: undefined, vault: undefined }
    const given = Layer.mergeAll(
      backends,
      Layer.succeed(StorageChoices, choices),
      Layer.mock(Configuration, { tokenStorage: Effect.succeed(settings) })
    )
    return StorageMove.layer.pipe(Layer.provideMerge(Layer.orDie(ChosenStorage.layer)), Layer.provide(given))
  }

  /** The backend that is not in use. */
  get other(): Name {
    return names.find((name) => name !== this.#choice.backend) ?? "keychain"
  }
}

/** The store of a process that follows moves. */
export type MovingServices = CredentialStore | CredentialLock | StorageMove.StorageMove
