import { Effect, Result } from "effect"
import { decodeRecord, encodeRecord } from "../../../src/adapters/store/CredentialRecord.ts"
import { chunked } from "../../../src/adapters/store/keyring/Chunks.ts"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"

/** Where a store has its records. Nothing in it takes time. */
export interface Records {
  readonly get: (key: CredentialKey) => Credential | undefined
  readonly put: (key: CredentialKey, credential: Credential) => void
  /** Begins a write that ends somewhere in its middle. */
  readonly tear: (key: CredentialKey, credential: Credential, progress: number) => void
  readonly remove: (key: CredentialKey) => boolean
  readonly keys: () => ReadonlyArray<CredentialKey>
}

/** Whole records, which a rename replaces at once: encrypted files, or a store that keeps its promises. */
export const wholeRecords = (): Records => {
  const records = new Map<string, { readonly key: CredentialKey; readonly credential: Credential }>()
  return {
    get: ({ storageName }) => records.get(storageName)?.credential,
    put: (key, credential) => void records.set(key.storageName, { key, credential }),
    // What was written before the rename is never read.
    tear: () => {},
    remove: ({ storageName }) => records.delete(storageName),
    keys: () =>
      [...records.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, { key }]) => key)
  }
}

/** The keyring's process has ended in the middle of a write. */
class Torn extends Error {}

/** Records in the entries of a keyring, by the real code that splits them. */
export const keyringRecords = (): Records => {
  const entries = new Map<string, Uint8Array>()
  const keys = new Map<string, CredentialKey>()
  let writesLeft = Infinity
  const write = (change: () => void) => {
    if (writesLeft <= 0) throw new Torn()
    writesLeft -= 1
    change()
  }
  const keyring = chunked({
    get: (account) => entries.get(account) ?? null,
    set: (account, secret) => write(() => entries.set(account, secret)),
    remove: (account) => {
      const existed = entries.has(account)
      write(() => entries.delete(account))
      return existed
    }
  })
  const put = (key: CredentialKey, credential: Credential) => {
    keys.set(key.storageName, key)
    keyring.set(key.storageName, new TextEncoder().encode(Effect.runSync(encodeRecord(key, credential))))
  }
  return {
    get: (key) => {
      const secret = keyring.get(key.storageName)
      if (secret === null) return undefined
      return Result.getOrThrow(decodeRecord(key, key.storageName, new TextDecoder().decode(secret)))
    },
    put,
    tear: (key, credential, progress) => {
      writesLeft = Math.floor(progress * 4)
      try {
        put(key, credential)
      } catch (error) {
        if (!(error instanceof Torn)) throw error
      } finally {
        writesLeft = Infinity
      }
    },
    remove: (key) => {
      keys.delete(key.storageName)
      return keyring.remove(key.storageName)
    },
    keys: () => [...keys.values()]
  }
}
