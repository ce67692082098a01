import { createHash } from "node:crypto"
import { Clock, Duration, Effect, type Fiber, Option, Result, Semaphore } from "effect"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import type { Fields, Found, KeyValue } from "./KeyValue.ts"
import type { Change, RecordWrites, Snapshot, Written } from "./RecordWrites.ts"
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
  /** The content that this process goes on from. A process without the lease may have replaced it since. */
  base: string | undefined
  /** Until when no other process can take it, by the local clock, in milliseconds since the epoch. */
  until: number
  /** True if another process has taken it since. */
  isLost: boolean
  /** The record under the lease of another process, as it was found. Absent: none was found. */
  successor: Found | undefined
  /**
   * As `until`, if a write over `version` has arrived whose answer has not: the record is then at the next version. Absent:
   * `version` is the newest one that a write of this process can have led to.
   */
  perhapsUntil: number | undefined
  /** The heartbeat under way. A write interrupts it: a new token is more urgent. */
  beat: Fiber.Fiber<unknown> | undefined
}

/** Whether one record may take the place of another without the loss of a token. */
export type HasSameContent = (name: string, one: string | undefined, other: string | undefined) => boolean

/** Writes of records that may carry a lease, by check-and-set on their versions. */
export interface LeaseWrites {
  /** Takes a record over at a version; none if another write was first. */
  readonly takeOver: (
    name: string,
    fields: Fields | undefined,
    over: number,
    holder: Pick<Lease, "owner" | "place">
  ) => Effect.Effect<Option.Option<Lease>, StorageError>
  /** Replaces a record together with any lease on it; none if another write was first. */
  readonly seize: (
    name: string,
    found: Snapshot,
    holder: Pick<Lease, "owner" | "place">
  ) => Effect.Effect<Option.Option<Lease>, StorageError>
  /**
   * Writes a record under its lease. False if the lease is lost, or the record under it has changed.
   *
   * @param isUrgent while the lease perhaps lasts, this is written before anything is read: an answer may never come, and a
   *   write needs none. For new tokens, which have no other copy, and for removals. Anything else could replace the new tokens
   *   of another process in this way
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
  readonly writeLost: (name: string, lease: Lease, change: Change) => Effect.Effect<boolean, StorageError>
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
  base: at.fields["record"],
  until,
  isLost: false,
  successor: undefined,
  perhapsUntil: undefined,
  beat: undefined
})

/**
 * Takes a newer version for that of this process if it carries the lease: a write whose answer was lost. None: it shows nothing
 * new, since it is of a replica that is behind. False if it carries another lease.
 */
const adopt = (lease: Lease, found: Found): boolean | undefined => {
  if (found.version < lease.version) return undefined
  if (leaseOf(found.fields)?.owner !== lease.owner) {
    Object.assign(lease, { isLost: true, successor: found })
    return false
  }
  if (found.version === lease.version) return undefined
  Object.assign(lease, { version: found.version, fields: found.fields, perhapsUntil: undefined })
  return true
}

/** The writes of one key-value engine. */
export const makeLeaseWrites = (
  engine: KeyValue,
  { pastLease, replace, writeOver }: RecordWrites,
  hasSameContent: HasSameContent
): LeaseWrites => {
  const takeOver: LeaseWrites["takeOver"] = Effect.fnUntraced(function* (name, fields, over, holder) {
    const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(leaseTime)
    const written = yield* writeOver(name, withLease(fields, holder), over)
    return Option.map(written, (at) => leaseAt(holder, at, until))
  })

  /** Reads a record until a replica shows at least the version that this process has written. False if the lease is lost. */
  const recognize = Effect.fnUntraced(function* (name: string, lease: Lease) {
    for (let attempt = 1; attempt <= replicaAttempts; attempt++) {
      const found = yield* engine.read(name)
      const isMine = adopt(lease, found)
      if (isMine !== undefined || found.version === lease.version) return isMine !== false
      yield* Effect.sleep(replicaPause)
    }
    // The count of versions has started over: the record was removed.
    lease.isLost = true
    return false
  })

  const seize: LeaseWrites["seize"] = Effect.fnUntraced(function* (name, found, holder) {
    const over = yield* pastLease(name, found)
    return Option.isNone(over) ? Option.none() : yield* takeOver(name, {}, over.value, holder)
  })

  const writeHeld: LeaseWrites["writeHeld"] = Effect.fnUntraced(function* (
    name,
    lease,
    change,
    isUrgent = false
  ) {
    let isFound = false
    for (let attempt = 1; attempt <= replicaAttempts && !lease.isLost; attempt++) {
      const now = yield* Clock.currentTimeMillis
      const until = Math.max(lease.until, isUrgent ? (lease.perhapsUntil ?? 0) : 0)
      // The lease may have expired. The version alone is no proof: after a removal, versions start over.
      const mayBeLost = attempt > 1 ? !isFound : now + leaseMargin >= until
      if (mayBeLost && !(yield* recognize(name, lease))) return false
      const next = change(lease.fields)
      const found = lease.fields["record"]
      if (found !== next["record"] && !hasSameContent(name, found, lease.base)) return false
      const { perhapsUntil, version } = lease
      // The next version is that write, or else the lease of another process, which has changed nothing else.
      const unread = isUrgent && perhapsUntil !== undefined ? [version + 1] : []
      lease.perhapsUntil = now + Duration.toMillis(leaseTime)
      const written = yield* replace(name, next, [...unread, version])
      if (Result.isSuccess(written)) {
        lease.version = written.success.version
        lease.fields = written.success.fields
        if (found !== next["record"]) lease.base = next["record"]
        lease.until = now + Duration.toMillis(leaseTime)
        // The write over the next version may arrive as well.
        if (unread.length === 0 || lease.version > version + 1) lease.perhapsUntil = undefined
        return true
      }
      isFound = adopt(lease, written.failure) === true
      // Refused by a replica that was behind, unless the record tells otherwise.
      if (!isFound && !lease.isLost) yield* Effect.sleep(replicaPause)
    }
    return false
  })

  const writeLost: LeaseWrites["writeLost"] = Effect.fnUntraced(function* (name, lease, change) {
    let found = lease.successor
    for (let attempt = 1; attempt <= replicaAttempts; attempt++) {
      const { fields, version } = found ?? (yield* engine.read(name))
      // The write had succeeded, and its answer was lost. Later holders of the lease went on from there.
      if (hasStored(fields, change(fields ?? {})["record"])) return true
      if (!hasSameContent(name, fields?.["record"], lease.base)) return false
      const written = yield* replace(name, change(fields ?? {}), [version])
      if (Result.isSuccess(written)) return true
      found = written.failure.version > version ? written.failure : undefined
      if (found === undefined) yield* Effect.sleep(replicaPause)
    }
    return false
  })

  return { takeOver, seize, writeHeld, writeLost }
}
