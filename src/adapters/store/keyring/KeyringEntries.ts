import { chunked } from "./Chunks.ts"
import type { Entries } from "./Entries.ts"
import { faultOf } from "./KeyringFault.ts"
import { type KeyringBackend, service } from "./KeyringName.ts"
import type { KeyringEntry, KeyringPackage } from "./KeyringPackage.ts"
import { maxHeld } from "./KeyringLimits.ts"

/**
 * The entries of a keyring. On Linux the package is pinned to the Secret Service: by default it falls back to the
 * kernel keyring, which is lost on a reboot.
 *
 * @param connected called when the keyring was reached, before each operation
 * @param collect called when cached entries are dropped: each keeps its connection until it is garbage collected
 */
export const keyringEntries = (
  backend: KeyringBackend,
  { Entry }: KeyringPackage,
  connected: () => void = () => undefined,
  collect: () => void = () => undefined
): Entries => {
  // Each entry of the Secret Service has its own connection and key agreement. They take ten times as long as an
  // operation, and the number of connections to a message bus is limited.
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
        // The keyring may have been restarted: connect again. Other faults are final.
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
      // macOS reports success for an entry that it does not let us remove.
      if (removed && backend === "keychain" && ask(account, (entry) => entry.getSecret()) !== null) {
        throw new Error("the system has denied the removal")
      }
      return removed
    }
  }
  return backend === "windows" ? chunked(entries) : entries
}
