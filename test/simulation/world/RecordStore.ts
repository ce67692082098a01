import { Context, Effect, Layer, Option } from "effect"
import { byResource } from "../../../src/app/storage/CredentialPlaces.ts"
import { TornRecord } from "../../../src/adapters/store/keyring/Chunks.ts"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import type { StorageBackend } from "../../../src/ports/StorageBackend.ts"
import { Corrupt, Inaccessible, Locked } from "../../../src/ports/StorageFailure.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import { accountAt } from "./Account.ts"
import type { KernelLock } from "./KernelLock.ts"
import type { Records } from "./Records.ts"
import { refreshTokenOf, type Store } from "./Store.ts"
import { isDuring, type Period, periodsOf, type World } from "./World.ts"

/** How long a store can be locked or sealed, in milliseconds. */
export const longestOutage = 600_000

/** Milliseconds from the confirmation of a lock to the change that it is for. */
const confirmedBefore = 50

/** A change that a process has begun. */
interface Begun {
  readonly at: number
  /** The refresh token that the process had last read, and when. */
  readonly read: string | undefined
  readonly readAt: number
}

/** The number of a token: a later one is higher. */
const serialOf = (token: string): number => Number(token.slice(1))

/** An access of the store. */
interface Access<A> {
  readonly what: string
  readonly run: () => A
  /** What happens of it if it fails in the middle. Absent: nothing. */
  readonly tear?: () => void
  /** It writes, and no space is reserved for that. */
  readonly needsSpace?: () => boolean
  readonly failed: (isFull: boolean) => void
}

/** A store of whole records, as encrypted files and keyrings are. */
export class RecordStore implements Store {
  readonly #world: World
  readonly #locks: KernelLock
  readonly #reach: "all" | "machine"
  readonly #backend: StorageBackend
  readonly #outages: ReadonlyArray<Period>
  readonly #fullDisk: ReadonlyArray<Period>
  readonly records: Records
  /** Whose the last change of a record was, if it was made without a lock that excludes others. */
  readonly #lastChange = new Map<string, "foreign program" | "lock removed" | undefined>()
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
    this.#fullDisk = periodsOf(world, "fullDisk", longestOutage)
  }

  /** Where the record of an account is. */
  #placeOf(key: CredentialKey): CredentialKey {
    const { resource } = key
    const first = this.#whole(key.first)
    if (resource === undefined || first?.resource === resource) return key.first
    const beside = key.beside(resource)
    return first !== undefined || this.#whole(beside) !== undefined ? beside : key.first
  }

  /** The account of a record. Absent: nothing tells, since there is no record, and several could have this place. */
  #accountOf(key: CredentialKey, credential: Credential | undefined): string | undefined {
    if (credential !== undefined) return accountAt(credential.resource)
    return this.#world.scenario.isOneName === true ? undefined : key.first.storageName
  }

  put(key: CredentialKey, credential: Credential): void {
    const at = this.#placeOf(key)
    this.#lastChange.set(at.storageName, "foreign program")
    this.records.put(at, credential)
    this.#written(credential)
  }

  #written(credential: Credential, by?: VirtualProcess): void {
    const token = refreshTokenOf(credential)
    const account = accountAt(credential.resource)
    if (token !== undefined) this.#world.tell({ _tag: "Written", account, token, by })
  }

  /**
   * Notes whether a change of a process excludes those of others: its lock was removed after it made sure of it, or, for the
   * answer to a refresh, before it last read the record.
   */
  #change(process: VirtualProcess, key: CredentialKey, begun: Begun, token?: string): void {
    const lostAt = this.#locks.lostAt(process, key) ?? Number.NaN
    const isNew = token !== undefined && token !== begun.read
    // The first token of a sign-in can be stored under another lock.
    const isRenewed = isNew && this.#world.families.ofRefreshToken(token)?.previous !== ""
    const isUnlocked = lostAt >= begun.at - confirmedBefore || (isRenewed && lostAt <= begun.readAt)
    this.#lastChange.set(key.storageName, isUnlocked ? "lock removed" : undefined)
  }

  /** A process writes. */
  #putBy(process: VirtualProcess, key: CredentialKey, credential: Credential, begun: Begun): void {
    const replaced = refreshTokenOf(this.#whole(key))
    const token = refreshTokenOf(credential)
    const last = this.#lastChange.get(key.storageName)
    this.#change(process, key, begun, token)
    const isUnlocked = [last, this.#lastChange.get(key.storageName)].includes("lock removed")
    // A program that ignores the lock explains only what is replaced by something older.
    const isOlder = token !== undefined && replaced !== undefined && serialOf(token) < serialOf(replaced)
    const by = last === "foreign program" && isOlder ? last : isUnlocked ? "lock removed" : undefined
    if (token !== undefined && replaced !== begun.read && by !== undefined) {
      this.#world.tell({ _tag: "Overwritten", account: accountAt(credential.resource), by, token })
    }
    this.records.put(key, credential)
    this.#written(credential, process)
  }

  peek(key: CredentialKey): Credential | undefined {
    return this.#whole(this.#placeOf(key))
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

  #whole(key: CredentialKey): Credential | undefined {
    return Effect.runSync(
      Effect.orElseSucceed(
        this.#read(() => this.records.get(key)),
        () => undefined
      )
    )
  }

  #isFull(): boolean {
    const isFull = isDuring(this.#fullDisk, this.#world.simulator.now)
    if (isFull) this.#world.count("fullDisk")
    return isFull
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
    const full = new StorageError({ reason: new Inaccessible({ path: "/simulated", detail: "ENOSPC" }) })
    const latency = () => (fails(stream, "slowStore") ? stream.integer(500, 15_000) : stream.integer(1, 10))
    return <A>({ failed, needsSpace, run, tear, what }: Access<A>) =>
      Effect.callback<A, StorageError>((resume) => {
        const end = (result: Effect.Effect<A, StorageError>) =>
          simulator.after(latency(), () => process.post(() => resume(result)))
        simulator.after(latency(), () => {
          if (process.isDead) return
          if (isDuring(this.#outages, simulator.now)) {
            count("storeOutage")
            failed(false)
            simulator.trace(process.name, `${what}: LOCKED`)
            end(Effect.fail(locked))
            return
          }
          if (needsSpace?.() === true && this.#isFull()) {
            failed(true)
            simulator.trace(process.name, `${what}: the disk is FULL`)
            end(Effect.fail(full))
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
          failed(false)
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
    const lastRead = new Map<string, Pick<Begun, "read" | "readAt">>()
    const begin = ({ storageName }: CredentialKey): Begun => ({
      ...(lastRead.get(storageName) ?? { read: undefined, readAt: -Infinity }),
      at: simulator.now
    })
    const reserved = new Set<string>()
    const tear = simulator.seed.fork(`tears of ${process.name}`)
    const remove = (key: CredentialKey) => Effect.suspend(() => removeBegun(key, begin(key)))
    const removeBegun = (key: CredentialKey, begun: Begun) =>
      access({
        what: `${name}.remove ${key.storageName}`,
        run: () => {
          this.#change(process, key, begun)
          const account = this.isOnlyPlaceOf(key) ? this.#accountOf(key, this.#whole(key)) : undefined
          const existed = records.remove(key)
          if (account !== undefined) tell({ _tag: "Removed", account })
          return existed
        },
        failed: () => tell({ _tag: "WriteFailed", process, token: undefined })
      })
    return CredentialStore.of({
      description: { backend: this.#backend, location: "the simulation" },
      unlock: access({ what: `${name}.unlock`, run: () => {}, failed: readFailed }),
      get: (key) =>
        access({
          what: `${name}.get ${key.storageName}`,
          run: () => {
            const found = records.get(key)
            lastRead.set(key.storageName, { read: refreshTokenOf(found), readAt: simulator.now })
            const account = this.#accountOf(key, found)
            if (account !== undefined) tell({ _tag: "Read", account, process })
            return Option.fromNullishOr(found)
          },
          failed: readFailed
        }),
      put: (key, credential) =>
        Effect.suspend(() => {
          const token = refreshTokenOf(credential)
          const begun = begin(key)
          return access({
            what: `${name}.put ${key.storageName} ${token ?? "without tokens"}`,
            run: () => this.#putBy(process, key, credential, begun),
            tear: () => records.tear(key, credential, tear.next()),
            needsSpace: () => !reserved.has(key.storageName),
            failed: (isFull) => tell({ _tag: "WriteFailed", process, token, isFull })
          })
        }),
      // As long as a process holds its space, a full disk is no obstacle.
      reserve: ({ storageName }) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (this.#isFull()) {
              simulator.trace(process.name, `${name}.reserve ${storageName}: the disk is FULL`)
              const reason = new Inaccessible({ path: "/simulated", detail: "ENOSPC" })
              return Effect.fail(new StorageError({ reason }))
            }
            reserved.add(storageName)
            return Effect.void
          }),
          () => Effect.sync(() => reserved.delete(storageName))
        ),
      remove,
      clear: Effect.suspend(() => Effect.forEach(records.keys(), remove, { discard: true })),
      list: access({ what: `${name}.list`, run: () => records.keys(), failed: readFailed })
    })
  }

  layer(process: VirtualProcess) {
    const plain = Layer.merge(
      Layer.sync(CredentialStore, () => this.service(process)),
      this.#locks.layer(process, this.#reach)
    )
    return this.#world.scenario.isOneName === true ? Layer.provide(this.#placed(process), plain) : plain
  }

  /** The store and the lock of a process whose configuration gives one name to several servers. */
  #placed(process: VirtualProcess) {
    const { tell } = this.#world
    return Layer.effectContext(
      Effect.gen(function* () {
        const { lock, store } = byResource({ store: yield* CredentialStore, lock: yield* CredentialLock })
        const confirm: typeof lock.confirm = (key, purpose) =>
          Effect.tap(lock.confirm?.(key, purpose) ?? Effect.void, () =>
            Effect.sync(() => {
              if (key.resource !== undefined)
                tell({ _tag: "Confirmed", process, account: accountAt(key.resource) })
            })
          )
        return Context.make(CredentialStore, CredentialStore.of(store)).pipe(
          Context.add(CredentialLock, CredentialLock.of({ ...lock, confirm }))
        )
      })
    )
  }
}
