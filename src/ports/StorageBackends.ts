import { Context, type Effect } from "effect"
import type { CredentialLock } from "./CredentialLock.ts"
import type { CredentialStore, StorageError } from "./CredentialStore.ts"
import type { StorageBackend } from "./StorageBackend.ts"
import type { SealedTexts } from "./SealedTexts.ts"
import type { BackendAddress } from "./StorageChoice.ts"

/** A store, and the lock that goes with it. */
export interface OpenStorage {
  readonly store: CredentialStore["Service"]
  readonly lock: CredentialLock["Service"]
  /** Where it is, to remember with the choice. Absent: it needs no address. */
  readonly address?: BackendAddress
  /** Texts that are encrypted as the sign-ins are. Absent: the backend encrypts no files. */
  readonly sealedTexts?: SealedTexts["Service"]
}

/** The backends that `auto` chooses from on this machine. */
export interface AutomaticBackends {
  /** The backend that the configuration or the environment gives an address for; absent: none has one. */
  readonly addressed:
    | {
        readonly backend: StorageBackend
        /** True if they also say how to authenticate to it. Only then does `auto` choose it. */
        readonly hasCredentials: boolean
        /** True if a configuration that was found in the working directory gives the address, for that folder only. */
        readonly isOfFolder: boolean
      }
    | undefined
  /** The keyring of this operating system; absent: no supported one. */
  readonly keyring: StorageBackend | undefined
  /** The backend that works on every machine. */
  readonly fallback: StorageBackend
}

/** Every backend of this machine. */
export class StorageBackends extends Context.Service<
  StorageBackends,
  {
    readonly automatic: AutomaticBackends
    /**
     * Opens the backend of a name, once; the layer closes it.
     *
     * Fails with `Unavailable` for what is known without contacting the backend: an unknown name, the keyring of
     * another operating system, a Vault without an address.
     *
     * @param remembered where it was when it was chosen. An address of the configuration or the environment counts first.
     */
    readonly open: (name: string, remembered?: BackendAddress) => Effect.Effect<OpenStorage, StorageError>
  }
>()("mcp-cli-oauth/ports/StorageBackends") {}
