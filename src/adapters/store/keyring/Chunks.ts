import { createHash, randomBytes } from "node:crypto"
import type { Entries } from "./Entries.ts"
import { maxChunks, windowsLimit } from "./KeyringLimits.ts"

// This module does not import Effect: the keyring process loads it, and has to start fast.

/** A record that exists but cannot be read. The message says what is wrong with it, and contains no data. */
export class TornRecord extends Error {
  override readonly name = "TornRecord"
}

// The first byte of an entry at an account tells its layout.
const whole = 1
const headed = 2

type Slot = "a" | "b"
const slots: ReadonlyArray<Slot> = ["a", "b"]

/** The header of a record that does not fit in one entry. */
interface Header {
  readonly slot: Slot
  readonly count: number
  /** Length of the record in bytes. */
  readonly total: number
  readonly digest: Buffer
}

// marker (1), slot (1), count (1), total (4, big-endian), random number of this write (8), SHA-256 of the record (32)
const headerLength = 47

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest()

const chunkCount = (total: number): number => Math.ceil(total / windowsLimit)

const headerOf = (secret: Uint8Array, slot: Slot): Uint8Array => {
  const header = Buffer.alloc(headerLength)
  header[0] = headed
  header[1] = slots.indexOf(slot)
  header[2] = chunkCount(secret.length)
  header.writeUInt32BE(secret.length, 3)
  // Without it, a reader that misses a chunk could not tell a header that was written again from the one it has read.
  randomBytes(8).copy(header, 7)
  sha256(secret).copy(header, 15)
  return header
}

/** The header in an entry; absent: the entry is something else, or damaged. */
const headerIn = (raw: Uint8Array): Header | undefined => {
  if (raw[0] !== headed || raw.length !== headerLength) return undefined
  const header = Buffer.from(raw)
  const slot = slots[header.readUInt8(1)]
  const count = header.readUInt8(2)
  const total = header.readUInt32BE(3)
  return slot === undefined || count !== chunkCount(total)
    ? undefined
    : { slot, count, total, digest: header.subarray(15) }
}

const same = (one: Uint8Array | null, other: Uint8Array | null): boolean =>
  one === null || other === null ? one === other : Buffer.compare(one, other) === 0

/**
 * Stores records of any size in entries of the Windows Credential Manager, which hold 2,560 bytes each
 * ({@link windowsLimit}).
 *
 * **Details**
 *
 * A record that fits is one entry, after a marker byte. A larger one is split into the accounts `account#a.0`,
 * `account#a.1` and so on, with a header at the account itself that is written last. The next write uses the slot `b`,
 * which this header does not name: the old record is complete until the one call that replaces the header, and the new
 * one after it. Stale chunks are removed from the last one, so that after a crash the rest starts at chunk 0, where the
 * next write or removal finds it. There may be one writer at a time, and any number of readers.
 *
 * `get` throws {@link TornRecord} if a record is damaged. `set` throws a `RangeError` before it writes anything if a
 * record has more than 64 chunks, and an `Error` if the keyring returns other data than was stored; the old record
 * then remains. No account may be another account followed by `#`.
 */
export const chunked = (entries: Entries): Entries => {
  const chunkAccount = (account: string, slot: Slot, at: number) => `${account}#${slot}.${at}`

  /** Removes the chunks of a slot from one on, starting with the last. */
  const sweep = (account: string, slot: Slot, from = 0) => {
    let end = from
    while (end < maxChunks && entries.get(chunkAccount(account, slot, end)) !== null) end++
    while (end > from) entries.remove(chunkAccount(account, slot, --end))
  }

  /** The record of a header, or what is wrong with it. */
  const assembled = (account: string, { count, digest, slot, total }: Header): Uint8Array | string => {
    const chunks: Array<Uint8Array> = []
    for (let at = 0; at < count; at++) {
      const chunk = entries.get(chunkAccount(account, slot, at))
      if (chunk === null) return `part ${at + 1} of ${count} is missing`
      chunks.push(chunk)
    }
    const secret = Buffer.concat(chunks)
    if (secret.length !== total) return `its parts are ${secret.length} bytes in place of ${total}`
    return same(sha256(secret), digest) ? Uint8Array.from(secret) : "its parts are not those of one write"
  }

  const get = (account: string): Uint8Array | null => {
    let raw = entries.get(account)
    for (let attempt = 1; ; attempt++) {
      if (raw === null) return null
      if (raw[0] === whole) return raw.slice(1)
      const header = headerIn(raw)
      if (header === undefined) {
        throw new TornRecord(
          raw[0] === headed ? "its header is damaged" : "it is in no format that this version knows"
        )
      }
      const record = assembled(account, header)
      if (typeof record !== "string") return record
      // A writer replaces the header before it sweeps: if the header is unchanged, no writer came in between.
      const now = entries.get(account)
      if (same(raw, now)) throw new TornRecord(record)
      if (attempt === 3) throw new Error("other processes wrote the entry each time it was read: try again")
      raw = now
    }
  }

  /** Replaces an entry. Restores the old one if the new one does not read back as it was written. */
  const replace = (account: string, old: Uint8Array | null, raw: Uint8Array) => {
    entries.set(account, raw)
    if (same(entries.get(account), raw)) return
    if (old === null) entries.remove(account)
    else entries.set(account, old)
    throw new Error("the keyring did not store what was written: the record is unchanged")
  }

  const set = (account: string, secret: Uint8Array): void => {
    if (chunkCount(secret.length) > maxChunks) {
      throw new RangeError(
        `it is ${secret.length} bytes, and a record of the Credential Manager is at most ` +
          `${maxChunks * windowsLimit} bytes (${maxChunks} entries of ${windowsLimit})`
      )
    }
    const old = entries.get(account)
    if (secret.length < windowsLimit) {
      replace(account, old, Uint8Array.of(whole, ...secret))
      for (const slot of slots) sweep(account, slot)
      return
    }
    const used = old === null ? undefined : headerIn(old)?.slot
    const [slot, stale]: readonly [Slot, Slot] = used === "a" ? ["b", "a"] : ["a", "b"]
    const chunks = Array.from({ length: chunkCount(secret.length) }, (_, at) =>
      secret.subarray(at * windowsLimit, (at + 1) * windowsLimit)
    )
    for (const [at, chunk] of chunks.entries()) entries.set(chunkAccount(account, slot, at), chunk)
    // Checked after all are written, so that a chunk that replaced another one is found, too.
    for (const [at, chunk] of chunks.entries()) {
      if (!same(entries.get(chunkAccount(account, slot, at)), chunk)) {
        throw new Error("the keyring did not store what was written: the record is unchanged")
      }
    }
    replace(account, old, headerOf(secret, slot))
    sweep(account, slot, chunks.length)
    sweep(account, stale)
  }

  const remove = (account: string): boolean => {
    const removed = entries.remove(account)
    for (const slot of slots) sweep(account, slot)
    return removed
  }

  return { get, set, remove }
}
