import { randomUUID } from "node:crypto"
import { type Cause, Clock, Data, Duration, Effect, Fiber, Option, type Scope } from "effect"
import type { CredentialKey } from "../../../domain/CredentialKey.ts"
import { LockError } from "../../../ports/CredentialLock.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import type { Fields, Found, KeyValue } from "./KeyValue.ts"
import {
  type HasSameContent,
  type Lease,
  leaseOf,
  makeLeaseWrites,
  withoutLease,
  withoutRecord
} from "./LeaseWrites.ts"
import { makeRecordWrites, type RecordWrites, type Snapshot } from "./RecordWrites.ts"
import {
  beatPause,
  beatTimeout,
  checkedFor,
  clockGrain,
  extensions,
  heartbeat,
  leasePolling,
  leaseTime,
  maxForeignLease,
  removalTime,
  removalTimeout
} from "./VaultLimits.ts"
import { PatientUntil } from "./VaultRetry.ts"
import { type Tell, tellIfSlow } from "./WaitNotice.ts"

/** Leases on records, by check-and-set on their versions: they exclude other machines as well. */
export interface Leases {
  /**
   * Holds the lease of a key until the scope closes. Waits while another process holds it.
   *
   * @param place identifies the local lock that the caller holds: a lease that was taken under it has no holder any more
   */
  readonly acquire: (
    key: CredentialKey,
    place: string | undefined
  ) => Effect.Effect<void, LockError, Scope.Scope>
  /** The lease that this process holds on a record; absent: none. */
  readonly heldOn: (name: string) => Lease | undefined
  /**
   * The record under a lease, which no other process has changed or will change for a while: the lease was just written. A
   * second read could come from a replica that is behind. A lease that was lost is taken again.
   */
  readonly current: (key: CredentialKey, lease: Lease) => Effect.Effect<Fields, StorageError | LockError>
  /** Replaces a record together with any lease on it; none if another write was first. */
  readonly seize: (name: string, found: Snapshot) => Effect.Effect<Option.Option<Lease>, StorageError>
  /**
   * Writes a record under its lease, or under the lease of another process that has taken it and changed nothing else. False
   * if the record has changed, unless it was written before the change: then only the answer was lost.
   *
   * @param isUrgent true for new tokens, which have no other copy, and for a removal that the user waits for
   */
  readonly write: (
    name: string,
    lease: Lease,
    change: (fields: Fields) => Fields,
    isUrgent: boolean
  ) => Effect.Effect<boolean, StorageError>
  /** Takes the content out of a record under its lease, so that `remove` may follow. False if the lease is lost. */
  readonly empty: (name: string, lease: Lease) => Effect.Effect<boolean, StorageError>
  /**
   * Removes an empty record together with its lease, within the time of the lease: no version guards a removal. False if too
   * little of that is left: a request may arrive long after its sender has given up.
   */
  readonly remove: (name: string, lease: Lease) => Effect.Effect<boolean, StorageError | Cause.TimeoutError>
  readonly writeBeside: RecordWrites["writeBeside"]
  readonly writeOver: RecordWrites["writeOver"]
}

/** Another process holds the lease. */
class Taken extends Data.TaggedError("Taken") {}

/** The lock error for a store that fails while a lock is requested. */
export const cannotLock = (key: CredentialKey, error: StorageError): LockError =>
  new LockError({ name: key.server, detail: error.message.replace(/\.$/, ""), fixes: error.remedies })

const tooSlow = ({ server: name }: CredentialKey) =>
  new LockError({ name, detail: "Vault takes longer to extend its lease than the lease lasts" })

/** Repeats failed requests until the lease ends: no other process can go on before that. */
const patiently = (lease: Lease) => Effect.provideService(PatientUntil, lease.until)

type Holder = Pick<Lease, "owner" | "place">

/** How many milliseconds another holder's lease holds. Anything but a number comes from another program. */
const lifeOf = ({ seconds }: { readonly seconds: number }): number =>
  1000 * (seconds <= maxForeignLease ? seconds : maxForeignLease)

/**
 * True if a record can be taken: without a lease, under one that has expired, or under one whose holder has ended. One of our own
 * is written once more: the response to its write was lost, and a replica may be behind.
 */
const isFree = ({ age, fields }: Found, holder: Holder): boolean => {
  const other = leaseOf(fields)
  if (other === undefined || other.owner === holder.owner) return true
  return (other.place !== undefined && other.place === holder.place) || age > lifeOf(other) + clockGrain
}

/** The time until the next heartbeat. One that is late, or got no answer, is repeated soon: it has to arrive in what is left. */
const untilBeat = ({ until }: Lease) =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Duration.clamp(
      Duration.millis(until - Duration.toMillis(leaseTime) + Duration.toMillis(heartbeat) - now),
      { minimum: beatPause, maximum: heartbeat }
    )
  )

/** Ends the heartbeat under way. If Vault has got it, the next write recognizes that. */
const urgently =
  (lease: Lease) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => (lease.beat === undefined ? Effect.void : Fiber.interrupt(lease.beat))).pipe(
      Effect.andThen(lease.turn.withPermit(effect))
    )

/** The leases of this process in a key-value engine of version 2. */
export const makeLeases = (engine: KeyValue, hasSameContent: HasSameContent, tell?: Tell): Leases => {
  const held = new Map<string, Lease>()

  const writes = makeRecordWrites(engine)
  const { seize, takeOver, writeHeld, writeLost } = makeLeaseWrites(engine, writes, hasSameContent)

  const write: Leases["write"] = (name, lease, change, isUrgent) =>
    Effect.gen(function* () {
      lease.successor = undefined
      return (yield* writeHeld(name, lease, change, isUrgent)) || (yield* writeLost(name, lease, change))
    }).pipe(patiently(lease), urgently(lease))

  const remove: Leases["remove"] = (name, lease) =>
    Effect.gen(function* () {
      const left = lease.until - (yield* Clock.currentTimeMillis)
      if (lease.isLost) return true
      if (left < Duration.toMillis(removalTime)) return false
      lease.isLost = true
      yield* engine.remove(name, true).pipe(Effect.interruptible, Effect.timeout(removalTimeout))
      return true
    }).pipe(urgently(lease))

  const take = Effect.fn("VaultStore.take")(function* (name: string, holder: Holder) {
    const found: Found = yield* engine.read(name)
    if (!isFree(found, holder)) return yield* new Taken()
    const taken = yield* takeOver(name, found.fields, found.version, holder)
    return Option.isNone(taken) ? yield* new Taken() : taken.value
  })

  /** Waits while another process holds the lease. */
  const takeInTurn = (key: CredentialKey, holder: Holder) =>
    tellIfSlow(
      tell,
      () => `Waiting for a process on another machine that uses the sign-in to ${key.server}.`
    )(() =>
      take(key.storageName, holder).pipe(
        Effect.retry({ schedule: leasePolling, while: (error) => error._tag === "Taken" }),
        Effect.catchTag("Taken", () => new LockError({ name: key.server }))
      )
    )

  /** Extends a lease until the scope closes. */
  const keepAlive = Effect.fnUntraced(function* (name: string, lease: Lease) {
    const beat = writeHeld(name, lease, (fields) => fields).pipe(
      lease.turn.withPermit,
      Effect.timeout(beatTimeout),
      Effect.ignore({ log: "Debug" }),
      Effect.interruptible
    )
    yield* Effect.gen(function* () {
      yield* Effect.sleep(yield* untilBeat(lease))
      lease.beat = yield* Effect.forkChild(beat)
      yield* Fiber.await(lease.beat)
      lease.beat = undefined
    }).pipe(Effect.forever, Effect.interruptible, Effect.forkScoped)
  })

  const current: Leases["current"] = (key, lease) =>
    Effect.gen(function* () {
      for (let written = 0; written <= extensions; written++) {
        const left = lease.until - (yield* Clock.currentTimeMillis)
        const age = Duration.toMillis(leaseTime) - left
        // A write that was slow may end after the lease that it has written, or too late for the answer to be stored under it.
        const isHeld = written === 0 ? age <= checkedFor : left > age
        if (!lease.isLost && age >= 0 && isHeld) return lease.fields
        if (written < extensions && !(yield* writeHeld(key.storageName, lease, (fields) => fields))) {
          const { fields, until, version } = yield* takeInTurn(key, lease)
          const none = { successor: undefined, perhapsUntil: undefined }
          Object.assign(lease, { fields, until, version, isLost: false, ...none })
        }
      }
      return yield* tooSlow(key)
    }).pipe(
      Effect.tap(({ record }) => Effect.sync(() => void (lease.base = record))),
      patiently(lease),
      urgently(lease)
    )

  /** Gives a lease back. If that fails, the lease expires. */
  const giveBack = Effect.fn("VaultStore.giveBack")(
    function* (name: string, lease: Lease) {
      held.delete(name)
      const isRemoved = lease.fields["record"] === undefined && (yield* remove(name, lease))
      if (!isRemoved) yield* urgently(lease)(writeHeld(name, lease, withoutLease))
      lease.isLost = true
    },
    // The tokens are stored, so the user does not wait for a cluster without a leader.
    Effect.provideService(PatientUntil, 0),
    Effect.ignore({ log: "Debug" })
  )

  return {
    // Only the wait is interruptible: a lease that is taken is always given back.
    acquire: (key, place) =>
      Effect.acquireRelease(
        Effect.gen(function* () {
          const lease = yield* Effect.catchTag(
            takeInTurn(key, { owner: randomUUID(), place }),
            "StorageError",
            (error) => cannotLock(key, error)
          )
          held.set(key.storageName, lease)
          yield* keepAlive(key.storageName, lease)
          return lease
        }),
        (lease) => giveBack(key.storageName, lease),
        { interruptible: true }
      ),
    heldOn: (name) => held.get(name),
    current,
    // Not under the local lock, so that its holder does not take it for its own.
    seize: (name, found) => seize(name, found, { owner: randomUUID(), place: undefined }),
    write,
    empty: (name, lease) => write(name, lease, withoutRecord(lease), true),
    remove,
    writeBeside: writes.writeBeside,
    writeOver: writes.writeOver
  }
}
