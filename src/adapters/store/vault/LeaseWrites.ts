import { createHash, randomUUID } from "node:crypto"
import { Clock, Duration, Effect, type Fiber, Option, Semaphore } from "effect"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import type { Fields, KeyValue } from "./KeyValue.ts"
import { leaseMargin, leaseTime, replicaAttempts, replicaPause } from "./VaultLimits.ts"

/** A lease that this process holds on a record. */
export interface Lease {
  readonly owner: string
  /** Identifies the local lock under which the lease was taken. Absent: none. */
  readonly place: string | undefined
  readonly turn: Semaphore.Semaphore
  /** The record as this process last wrote or found it. */
  fields: Fields
  version: number
  /** Until when no other process can take it, by the local clock, in milliseconds since the epoch. */
  until: number
  /** True if another process has taken it since. */
  isLost: boolean
  /**
   * As `until`, if a write over `version` has arrived whose answer has not: the record is then at the next version. Absent:
   * every write was answered.
   */
  perhapsUntil: number | undefined
  /** The heartbeat under way. A write interrupts it: a new token is more urgent. */
  beat: Fiber.Fiber<unknown> | undefined
}

/** A record as it was written. */
export interface Written {
  readonly version: number
  readonly fields: Fields
}

/** Changes a record. */
export type Change = (fields: Fields) => Fields

/** Whether one record may take the place of another without the loss of a token. */
export type HasSameContent = (name: string, one: string | undefined, other: string | undefined) => boolean

/** Writes of records that may carry a lease, by check-and-set on their versions. */
export interface LeaseWrites {
  /** Replaces a record at the first of these versions that it is at; none if it is at another one by now. */
  readonly writeOver: (
    name: string,
    fields: Fields,
    ...over: ReadonlyArray<number>
  ) => Effect.Effect<Option.Option<Written>, StorageError>
  /** Takes a record over at a version; none if another write was first. */
  readonly takeOver: (
    name: string,
    fields: Fields | undefined,
    over: number,
    holder: Pick<Lease, "owner" | "place">
  ) => Effect.Effect<Option.Option<Lease>, StorageError>
  /**
   * Writes a record under its lease. False if the lease is lost, or the record under it has changed.
   *
   * @param isUrgent tokens have no other copy. While the lease perhaps lasts, they are written before anything is read: an
   *   answer may never come, and a write needs none
   */
  readonly writeHeld: (
    name: string,
    lease: Lease,
    change: Change,
    isUrgent?: boolean
  ) => Effect.Effect<boolean, StorageError>
  /**
   * Writes over the lease of another process, if that has changed nothing but the lease. True as well if the record has been
   * stored before, and other processes have replaced it since.
   */
  readonly writeLost: (
    name: string,
    lease: Pick<Lease, "fields">,
    change: Change
  ) => Effect.Effect<boolean, StorageError>
}

/** The lease on a record: its owner, how many seconds it holds, and where it was taken. Absent: none. */
export const leaseOf = (
  fields: Fields | undefined
): { readonly owner: string; readonly seconds: number; readonly place: string | undefined } | undefined => {
  const [owner, seconds, place] = (fields?.["lease"] ?? "").split(" ")
  return owner === undefined || owner === "" ? undefined : { owner, seconds: Number(seconds), place }
}

/**
 * The record under a lease. One that may be removed names no place: a removal without an answer may still be under way, so that
 * even a process under the same local lock has to wait until the lease ends.
 */
const withLease = (fields: Fields | undefined, { owner, place }: Pick<Lease, "owner" | "place">): Fields => {
  const places = place === undefined || fields?.["record"] === undefined ? [] : [place]
  return { ...fields, lease: [owner, Duration.toSeconds(leaseTime), ...places].join(" ") }
}

/** The record without a lease. */
export const withoutLease = ({ lease: _, ...rest }: Fields): Fields => rest

/** Takes the content out of a record. A lease of another process stays. */
export const withoutRecord =
  (lease: Pick<Lease, "owner" | "place">): Change =>
  ({ record: _, ...rest }) =>
    leaseOf(rest)?.owner === lease.owner ? withLease(rest, lease) : rest

/** How many stored records a record names: far more than are stored while one write is repeated. */
const namedRecords = 8

const digestOf = (record: string): string =>
  createHash("sha256").update(record).digest("base64url").slice(0, 16)

const namesOf = (fields: Fields | undefined): ReadonlyArray<string> =>
  (fields?.["stored"] ?? "").split(" ").filter((name) => name !== "")

/** Stores a record, and names it, so that its writer recognizes it after later ones: the answer to the write may be lost. */
export const withRecord = (fields: Fields | undefined, record: string): Fields => ({
  ...fields,
  record,
  stored: [...new Set([digestOf(record), ...namesOf(fields)])].slice(0, namedRecords).join(" ")
})

/** True if a record was stored, and perhaps replaced since. */
export const hasStored = (fields: Fields | undefined, record: string | undefined): boolean =>
  record !== undefined && namesOf(fields).includes(digestOf(record))

/** A lease on a record that this process has written. */
const leaseAt = ({ owner, place }: Pick<Lease, "owner" | "place">, at: Written, until: number): Lease => ({
  owner,
  place,
  turn: Semaphore.makeUnsafe(1),
  ...at,
  until,
  isLost: false,
  perhapsUntil: undefined,
  beat: undefined
})

/** The writes of one key-value engine. */
export const makeLeaseWrites = (engine: KeyValue, hasSameContent: HasSameContent): LeaseWrites => {
  // A lost response may have been a success: the name of the write, in the record itself, tells.
  const writeOver: LeaseWrites["writeOver"] = Effect.fnUntraced(function* (name, fields, ...over) {
    const named: Fields = { ...fields, write: randomUUID() }
    for (const version of over) {
      const written = yield* engine.write(name, named, version)
      if (Option.isSome(written)) return Option.some({ version: written.value, fields: named })
    }
    const found = yield* engine.read(name)
    return found.fields?.["write"] === named["write"]
      ? Option.some({ version: found.version, fields: named })
      : Option.none()
  })

  const takeOver: LeaseWrites["takeOver"] = Effect.fnUntraced(function* (name, fields, over, holder) {
    const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(leaseTime)
    const written = yield* writeOver(name, withLease(fields, holder), over)
    return Option.map(written, (at) => leaseAt(holder, at, until))
  })

  const isOn = (fields: Fields | undefined, lease: Lease) => leaseOf(fields)?.owner === lease.owner

  /**
   * Reads a record until a replica shows at least the version that this process has written, and takes what it finds for its
   * own if it carries the lease: a write whose response was lost. False if it carries another lease.
   */
  const recognize = Effect.fnUntraced(function* (name: string, lease: Lease) {
    for (let attempt = 1; attempt <= replicaAttempts; attempt++) {
      const found = yield* engine.read(name)
      if (found.version >= lease.version) {
        if (!isOn(found.fields, lease)) return false
        lease.version = found.version
        lease.fields = found.fields ?? {}
        lease.perhapsUntil = undefined
        return true
      }
      yield* Effect.sleep(replicaPause)
    }
    // The count of versions has started over: the record was removed.
    return false
  })

  const writeHeld: LeaseWrites["writeHeld"] = Effect.fnUntraced(function* (
    name,
    lease,
    change,
    isUrgent = false
  ) {
    const { record } = lease.fields
    for (let attempt = 1; attempt <= replicaAttempts && !lease.isLost; attempt++) {
      const now = yield* Clock.currentTimeMillis
      const perhapsUntil = isUrgent ? lease.perhapsUntil : undefined
      // The lease may have expired. The version alone is no proof: after a removal, versions start over.
      const mayBeLost = attempt > 1 || now + leaseMargin >= Math.max(lease.until, perhapsUntil ?? 0)
      if (mayBeLost && !(yield* recognize(name, lease))) {
        lease.isLost = true
        return false
      }
      const next = change(lease.fields)
      const found = lease.fields["record"]
      if (found !== next["record"] && !hasSameContent(name, found, record)) return false
      // The next version is that write, or else the lease of another process, which has changed nothing else.
      const unread = mayBeLost || perhapsUntil === undefined ? [] : [lease.version + 1]
      lease.perhapsUntil = now + Duration.toMillis(leaseTime)
      const written = yield* writeOver(name, next, ...unread, lease.version)
      lease.perhapsUntil = undefined
      if (Option.isSome(written)) {
        lease.version = written.value.version
        lease.fields = written.value.fields
        lease.until = now + Duration.toMillis(leaseTime)
        return true
      }
      // Refused by a replica that was behind, unless the record tells otherwise.
      yield* Effect.sleep(replicaPause)
    }
    return false
  })

  const writeLost: LeaseWrites["writeLost"] = Effect.fnUntraced(function* (
    name,
    { fields: { record } },
    change
  ) {
    for (let attempt = 1; attempt <= replicaAttempts; attempt++) {
      const { fields, version } = yield* engine.read(name)
      // The write had succeeded, and its answer was lost. Later holders of the lease went on from there.
      if (hasStored(fields, change(fields ?? {})["record"])) return true
      if (!hasSameContent(name, fields?.["record"], record)) return false
      if (Option.isSome(yield* writeOver(name, change(fields ?? {}), version))) return true
      yield* Effect.sleep(replicaPause)
    }
    return false
  })

  return { writeOver, takeOver, writeHeld, writeLost }
}
