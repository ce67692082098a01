import { chunked } from "./Chunks.ts"
import type { Entries } from "./Entries.ts"
import { type KeyringBackend, service } from "./KeyringName.ts"
import type { KeyringPackage } from "./KeyringPackage.ts"

/**
 * The entries of a keyring through the package. On Linux it is pinned to the Secret Service: left alone, the package
 * falls back to the kernel's keyring, which forgets on a reboot.
 *
 * @param connected called once the keyring has been reached, before it is asked for anything
 */
export const keyringEntries = (
  backend: KeyringBackend,
  { Entry }: KeyringPackage,
  connected: () => void = () => undefined
): Entries => {
  const entry = (account: string) => {
    const reached =
      backend === "secretservice"
        ? new Entry(service, account, { linux: { store: "secret-service" } })
        : new Entry(service, account)
    connected()
    return reached
  }
  const entries: Entries = {
    get: (account) => {
      const secret = entry(account).getSecret()
      return secret === null ? null : Uint8Array.from(secret)
    },
    set: (account, secret) => entry(account).setSecret(secret),
    remove: (account) => {
      const removed = entry(account).deleteCredential()
      // macOS says that it has removed what it has not, where the entry may not be changed by us.
      if (removed && backend === "keychain" && entry(account).getSecret() !== null) {
        throw new Error("the system has denied the removal")
      }
      return removed
    }
  }
  return backend === "windows" ? chunked(entries) : entries
}
