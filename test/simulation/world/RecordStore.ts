import { Effect, Layer, Option } from "effect"
import { TornRecord } from "../../../src/adapters/store/keyring/Chunks.ts"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import type { StorageBackend } from "../../../src/ports/StorageBackend.ts"
import { Corrupt, Inaccessible, Locked } from "../../../src/ports/StorageFailure.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { KernelLock } from "./KernelLock.ts"
import type { Records } from "./Records.ts"
import { refreshTokenOf, type Store } from "./Store.ts"
import { isDuring, type Period, periodsOf, type World } from "./World.ts"

/** How long a store can be locked or sealed, in milliseconds. */
export const longestOutage = 600_000

/** An access of the store. */
interface Access<A> {
  readonly what: string
  readonly run: () => A
  /** What happens of it if it fails in the middle. Absent: nothing. */
  readonly tear?: () => void
  readonly failed: () => void
}

/** A store of whole records, as encrypted files and keyrings are. */
export class RecordStore implements Store {
  readonly #world: World
  readonly #locks: KernelLock
  readonly #reach: "all" | "machine"
  readonly #backend: StorageBackend
  readonly #outages: ReadonlyArray<Period>
  readonly records: Records
  /** True while no other place has a record: then its removal ends the sign-in. */
  isOnlyPlaceOf: (key: CredentialKey) => boolean = () => true

  constructor(
    world: World,
    locks: KernelLock,
    options: {
      readonly backend: StorageBackend
      readonly records: Records
      readonly reach: "all" | "machine"
    }
  ) {
    this.#world = world
    this.#locks = locks
    this.#reach = options.reach
    this.#backend = options.backend
    this.records = options.records
    this.#outages = periodsOf(world, "storeOutage", longestOutage)
  }

  /** @param read the refresh token that the writer last read; absent: it is a program that ignores the lock */
  put(key: CredentialKey, credential: Credential, read?: { readonly token: string | undefined }): void {
    const token = refreshTokenOf(credential)
    const { scenario, tell } = this.#world
    if (scenario.faults.foreign > 0 && token !== undefined && read !== undefined) {
      const before = this.peek(key)
      // A note about an older token replaces what a program without the lock has written since it was read.
      const isOlder = (before?.tokens?.obtainedAt ?? 0) > (credential.tokens?.obtainedAt ?? 0)
      if (isOlder && refreshTokenOf(before) !== read.token)
        tell({ _tag: "Overwritten", account: key.storageName, by: "foreign program" })
    }
    this.records.put(key, credential)
    if (token !== undefined) this.#world.tell({ _tag: "Written", account: key.storageName, token })
  }

  peek(key: CredentialKey): Credential | undefined {
    return Effect.runSync(
      Effect.orElseSucceed(
        this.#read(() => this.records.get(key)),
        () => undefined
      )
    )
  }

  /** Runs an access. Fails as the adapter of the keyring does if a record is damaged. */
  #read<A>(run: () => A): Effect.Effect<A, StorageError> {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (!(error instanceof TornRecord)) throw error
      const reason = new Corrupt({ path: this.#backend.label, detail: error.message })
      return Effect.fail(new StorageError({ reason }))
    }
  }

  /** Runs an access after a while, or fails it. One that has not begun ends with its process. */
  readonly #accessOf = (process: VirtualProcess) => {
    const { count, fails, simulator } = this.#world
    const stream = simulator.seed.fork(`${this.#backend.name} of ${process.name}`)
    const inaccessible = new StorageError({
      reason: new Inaccessible({ path: "/simulated", detail: "EIO" })
    })
    const locked = new StorageError({
      reason: new Locked({ backend: this.#backend, detail: "it is locked" })
    })
    const latency = () => (fails(stream, "slowStore") ? stream.integer(500, 15_000) : stream.integer(1, 10))
    return <A>({ failed, run, tear, what }: Access<A>) =>
      Effect.callback<A, StorageError>((resume) => {
        const end = (result: Effect.Effect<A, StorageError>) =>
          simulator.after(latency(), () => process.post(() => resume(result)))
        simulator.after(latency(), () => {
          if (process.isDead) return
          if (isDuring(this.#outages, simulator.now)) {
            count("storeOutage")
            failed()
            simulator.trace(process.name, `${what}: LOCKED`)
            end(Effect.fail(locked))
            return
          }
          if (!fails(stream, "store")) {
            const result = this.#read(run)
            simulator.trace(process.name, what)
            end(result)
            return
          }
          const happened = stream.chance(0.5)
          if (happened) Effect.runSync(Effect.ignore(this.#read(run)))
          else tear?.()
          failed()
          simulator.trace(process.name, `${what} FAILS${happened ? " (but happened)" : ""}`)
          end(Effect.fail(inaccessible))
        })
      })
  }

  service(process: VirtualProcess): CredentialStore["Service"] {
    const { simulator, tell } = this.#world
    const { records } = this
    const access = this.#accessOf(process)
    const { name } = this.#backend
    const readFailed = () => tell({ _tag: "ReadFailed", process })
    const lastRead = new Map<string, string | undefined>()
    const tear = simulator.seed.fork(`tears of ${process.name}`)
    const remove = (key: CredentialKey) =>
      access({
        what: `${name}.remove ${key.storageName}`,
        run: () => {
          const isEnd = this.isOnlyPlaceOf(key)
          const existed = records.remove(key)
          if (isEnd) tell({ _tag: "Removed", account: key.storageName })
          return existed
        },
        failed: () => tell({ _tag: "WriteFailed", token: undefined })
      })
    return CredentialStore.of({
      description: { backend: this.#backend, location: "the simulation" },
      unlock: access({ what: `${name}.unlock`, run: () => {}, failed: readFailed }),
      get: (key) =>
        access({
          what: `${name}.get ${key.storageName}`,
          run: () => {
            const found = Option.fromNullishOr(records.get(key))
            lastRead.set(key.storageName, refreshTokenOf(Option.getOrUndefined(found)))
            tell({ _tag: "Read", account: key.storageName, process })
            return found
          },
          failed: readFailed
        }),
      put: (key, credential) => {
        const token = refreshTokenOf(credential)
        return access({
          what: `${name}.put ${key.storageName} ${token ?? "without tokens"}`,
          run: () => this.put(key, credential, { token: lastRead.get(key.storageName) }),
          tear: () => records.tear(key, credential, tear.next()),
          failed: () => tell({ _tag: "WriteFailed", token })
        })
      },
      remove,
      clear: Effect.suspend(() => Effect.forEach(records.keys(), remove, { discard: true })),
      list: access({ what: `${name}.list`, run: () => records.keys(), failed: readFailed })
    })
  }

  layer(process: VirtualProcess) {
    return Layer.merge(
      Layer.sync(CredentialStore, () => this.service(process)),
      this.#locks.layer(process, this.#reach)
    )
  }
}
