import { randomUUID } from "node:crypto"
import { type Cause, Clock, Data, Duration, Effect, Option, type Scope, Semaphore } from "effect"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import { LockError } from "../../../ports/CredentialLock.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import type { Fields, Found, KeyValue } from "./KeyValue.ts"
import { clockGrain, heartbeat, leaseMargin, leasePolling, leaseTime } from "./VaultLimits.ts"

/** A lease that this process holds on a record. */
export interface Lease {
  readonly owner: string
  readonly turn: Semaphore.Semaphore
  /** The record as this process last wrote it. */
  fields: Fields
  version: number
  /** Until when no other process can take it, by the local clock, in milliseconds since the epoch. */
  until: number
  /** True if another process has written since. */
  isLost: boolean
}

/** Leases on records, by check-and-set on their versions: they exclude other machines as well. */
export interface Leases {
  /** Holds the lease of a key until the scope closes. Waits while another process holds it. */
  readonly acquire: (key: CredentialKey) => Effect.Effect<void, LockError, Scope.Scope>
  /** The lease that this process holds on a record; absent: none. */
  readonly heldOn: (name: string) => Lease | undefined
  /** True if a record carries this lease. */
  readonly isOn: (fields: Fields | undefined, lease: Lease) => boolean
  /** Replaces a record together with any lease on it; none if another write was first. */
  readonly seize: (name: string, over: number) => Effect.Effect<Option.Option<Lease>, StorageError>
  /** Writes a record under its lease; false if the lease is lost. */
  readonly write: (
    name: string,
    lease: Lease,
    change: (fields: Fields) => Fields
  ) => Effect.Effect<boolean, StorageError>
  /** Removes a record together with its lease, within the time of the lease: no version guards a removal. */
  readonly remove: (name: string, lease: Lease) => Effect.Effect<void, StorageError | Cause.TimeoutError>
  /** Replaces a version of a record; none if the record is at another version by now. */
  readonly writeOver: (
    name: string,
    fields: Fields,
    over: number
  ) => Effect.Effect<Option.Option<{ readonly version: number; readonly fields: Fields }>, StorageError>
}

const leaseOf = (
  fields: Fields | undefined
): { readonly owner: string; readonly seconds: number } | undefined => {
  const [owner, seconds] = (fields?.["lease"] ?? "").split(" ")
  return owner === undefined || owner === "" ? undefined : { owner, seconds: Number(seconds) }
}

const withLease = (fields: Fields | undefined, owner: string): Fields => ({
  ...fields,
  lease: `${owner} ${Duration.toSeconds(leaseTime)}`
})

const withoutLease = ({ lease: _, ...rest }: Fields): Fields => rest

/** Another process holds the lease. */
class Taken extends Data.TaggedError("Taken") {}

/** The lock error for a store that fails while a lock is requested. */
export const cannotLock = (key: CredentialKey, error: StorageError): LockError =>
  new LockError({ name: key.server, detail: error.message.replace(/\.$/, ""), fixes: error.remedies })

/** The leases of this process in a key-value engine of version 2. */
export const makeLeases = (engine: KeyValue): Leases => {
  const held = new Map<string, Lease>()

  // A lost response may have been a success: the name of the write, in the record itself, tells.
  const writeOver: Leases["writeOver"] = Effect.fnUntraced(function* (name, fields, over) {
    const named: Fields = { ...fields, write: randomUUID() }
    const written = yield* engine.write(name, named, over)
    if (Option.isSome(written)) return Option.some({ version: written.value, fields: named })
    const found = yield* engine.read(name)
    return found.fields?.["write"] === named["write"]
      ? Option.some({ version: found.version, fields: named })
      : Option.none()
  })

  /** Takes a record over at a version; none if another write was first. */
  const takeOver = Effect.fnUntraced(function* (name: string, fields: Fields | undefined, over: number) {
    const owner = randomUUID()
    const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(leaseTime)
    const written = yield* writeOver(name, withLease(fields, owner), over)
    return Option.map(written, (at): Lease => ({
      owner,
      turn: Semaphore.makeUnsafe(1),
      ...at,
      until,
      isLost: false
    }))
  })

  const write: Leases["write"] = (name, lease, change) =>
    Effect.gen(function* () {
      if (lease.isLost) return false
      const now = yield* Clock.currentTimeMillis
      if (now + leaseMargin >= lease.until) {
        // The lease may have expired. The version alone is no proof: after a removal, versions start over.
        const found = yield* engine.read(name)
        if (found.version !== lease.version || !isOn(found.fields, lease)) {
          lease.isLost = true
          return false
        }
      }
      const written = yield* writeOver(name, change(lease.fields), lease.version)
      if (Option.isNone(written)) {
        lease.isLost = true
        return false
      }
      lease.version = written.value.version
      lease.fields = written.value.fields
      lease.until = now + Duration.toMillis(leaseTime)
      return true
    }).pipe(lease.turn.withPermit)

  const isOn: Leases["isOn"] = (fields, lease) => leaseOf(fields)?.owner === lease.owner

  const remove: Leases["remove"] = (name, lease) =>
    Effect.gen(function* () {
      const left = lease.until - leaseMargin - (yield* Clock.currentTimeMillis)
      if (lease.isLost || left <= 0) return
      lease.isLost = true
      yield* engine.remove(name).pipe(Effect.interruptible, Effect.timeout(left))
    }).pipe(lease.turn.withPermit)

  const take = Effect.fn("VaultStore.take")(function* (key: CredentialKey) {
    const name = key.storageName
    const found: Found = yield* engine.read(name)
    const other = leaseOf(found.fields)
    if (other !== undefined && found.age <= other.seconds * 1000 + clockGrain) {
      return yield* new Taken()
    }
    const taken = yield* takeOver(name, found.fields, found.version)
    if (Option.isNone(taken)) return yield* new Taken()
    const lease = taken.value
    held.set(name, lease)
    yield* write(name, lease, (fields) => fields).pipe(
      Effect.ignore({ log: "Debug" }),
      Effect.delay(heartbeat),
      Effect.forever,
      Effect.interruptible,
      Effect.forkScoped
    )
    return lease
  })

  /** Gives a lease back. If that fails, the lease expires. */
  const giveBack = Effect.fn("VaultStore.giveBack")(
    function* (name: string, lease: Lease) {
      held.delete(name)
      yield* lease.fields["record"] === undefined ? remove(name, lease) : write(name, lease, withoutLease)
    },
    Effect.ignore({ log: "Debug" })
  )

  return {
    // Only the wait is interruptible: a lease that is taken is always given back.
    acquire: (key) =>
      Effect.acquireRelease(
        take(key).pipe(
          Effect.retry({ schedule: leasePolling, while: (error) => error._tag === "Taken" }),
          Effect.catchTags({
            Taken: () => new LockError({ name: key.server }),
            StorageError: (error) => cannotLock(key, error)
          })
        ),
        (lease) => giveBack(key.storageName, lease),
        { interruptible: true }
      ),
    heldOn: (name) => held.get(name),
    isOn,
    seize: (name, over) => takeOver(name, {}, over),
    write,
    remove,
    writeOver
  }
}
