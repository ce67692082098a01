import { Context, type Effect } from "effect"
import type { CredentialLock } from "./CredentialLock.ts"
import type { CredentialStore, StorageError } from "./CredentialStore.ts"
import type { StorageBackend } from "./StorageFailure.ts"

/** A store, and the lock that goes with it. */
export interface OpenStorage {
  readonly store: CredentialStore["Service"]
  readonly lock: CredentialLock["Service"]
}

/** Every backend that can be had on this machine. */
export class StorageBackends extends Context.Service<
  StorageBackends,
  {
    /** The keyring of this operating system; absent: none that is known. */
    readonly keyring: StorageBackend | undefined
    /**
     * The backend, opened once and closed with the layer. It fails with `Unavailable` only for what can be known
     * without asking it: another system's keyring, or a Vault that nobody said the address of.
     */
    readonly open: (backend: StorageBackend) => Effect.Effect<OpenStorage, StorageError>
  }
>()("mcp-cli-oauth/ports/StorageBackends") {}
