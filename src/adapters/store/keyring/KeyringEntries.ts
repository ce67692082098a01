import { chunked } from "./Chunks.ts"
import type { Entries, ExpectingEntries } from "./Entries.ts"
import { faultOf } from "./KeyringFault.ts"
import { type KeyringBackend, service } from "./KeyringName.ts"
import type { KeyringEntry, KeyringPackage } from "./KeyringPackage.ts"

/** How many entries of the Secret Service are held on to. */
const maxHeld = 16

/**
 * The entries of a keyring through the package. On Linux it is pinned to the Secret Service: left alone, the package
 * falls back to the kernel's keyring, which forgets on a reboot.
 *
 * @param connected called once the keyring has been reached, before it is asked for anything
 * @param collect called when entries that were held are let go: each keeps its connection until it is collected
 */
export const keyringEntries = (
  backend: KeyringBackend,
  { Entry }: KeyringPackage,
  connected: () => void = () => undefined,
  collect: () => void = () => undefined
): ExpectingEntries => {
  // With the Secret Service each entry has a connection, and a key agreement, of its own: they take ten times as long
  // as what is asked over them, and a message bus has only so many.
  const held = new Map<string, KeyringEntry>()

  const make = (account: string): KeyringEntry => {
    if (backend !== "secretservice") return new Entry(service, account)
    if (held.size >= maxHeld) {
      held.clear()
      collect()
    }
    const entry = new Entry(service, account, { linux: { store: "secret-service" } })
    held.set(account, entry)
    return entry
  }

  const ask = <A>(account: string, call: (entry: KeyringEntry) => A): A => {
    const before = held.get(account)
    if (before !== undefined) {
      connected()
      try {
        return call(before)
      } catch (error) {
        held.delete(account)
        // The keyring may have been started anew since; what it says of itself is final.
        if (!["BackendError", "Unavailable"].includes(faultOf(error).tag)) throw error
      }
    }
    const entry = make(account)
    connected()
    return call(entry)
  }

  const entries: Entries = {
    get: (account) => {
      const secret = ask(account, (entry) => entry.getSecret())
      return secret === null ? null : Uint8Array.from(secret)
    },
    set: (account, secret) => ask(account, (entry) => entry.setSecret(secret)),
    remove: (account) => {
      const removed = ask(account, (entry) => entry.deleteCredential())
      // macOS says that it has removed what it has not, where the entry may not be changed by us.
      if (removed && backend === "keychain" && ask(account, (entry) => entry.getSecret()) !== null) {
        throw new Error("the system has denied the removal")
      }
      return removed
    }
  }
  return {
    ...(backend === "windows" ? chunked(entries) : entries),
    expect: (account) => {
      if (backend !== "secretservice") return
      try {
        make(account)
      } catch {
        // Whoever asks for it is told.
      }
    }
  }
}
