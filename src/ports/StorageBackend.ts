import { Schema } from "effect"

/**
 * A place that stores credentials: its name in the configuration, and what messages say about it.
 *
 * A store from outside this project describes itself with one of these in its `description`.
 */
export const StorageBackend = Schema.Struct({
  /** The name in `tokenStorage.backend`, on the command line and in JSON output. */
  name: Schema.NonEmptyString,
  /** The name in a sentence, with its article: "the macOS Keychain". */
  label: Schema.NonEmptyString,
  /** Which processes its lock keeps out: those of this machine, or those of every machine that uses the store. */
  lockScope: Schema.Literals(["machine", "shared"]),
  /** True if credentials outlive the process. */
  lasting: Schema.Boolean,
  /** What the user can do, in whole sentences. */
  hints: Schema.Struct({
    /** The backend does not exist here. */
    unavailable: Schema.String,
    /** The backend is locked or does not answer. */
    locked: Schema.String
  })
})
/** A place that stores credentials. */
export type StorageBackend = typeof StorageBackend.Type

const ofOtherSystem = "Name a backend that this system has: mcp-cli storage shows the one in use."

/** The backends of mcp-cli by name. */
export const storageBackends = {
  keychain: {
    name: "keychain",
    label: "the macOS Keychain",
    lockScope: "machine",
    lasting: true,
    hints: {
      unavailable: ofOtherSystem,
      locked: "Run security unlock-keychain, or log in at the screen, then try again."
    }
  },
  windows: {
    name: "windows",
    label: "the Windows Credential Manager",
    lockScope: "machine",
    lasting: true,
    hints: {
      unavailable: ofOtherSystem,
      locked: "Log in to Windows with your password, then try again."
    }
  },
  secretservice: {
    name: "secretservice",
    label: "the Secret Service (the keyring of this desktop)",
    lockScope: "machine",
    lasting: true,
    hints: {
      unavailable: 'Start it, or set "tokenStorage.backend" to "encrypted".',
      locked:
        'Unlock it (log in at the screen, or open its manager), then try again. Without a desktop set "tokenStorage.backend" to "encrypted".'
    }
  },
  vault: {
    name: "vault",
    label: "Vault",
    lockScope: "shared",
    lasting: true,
    hints: {
      unavailable: "Set VAULT_ADDR and VAULT_TOKEN, or name another backend.",
      locked: "Unseal it, then try again."
    }
  },
  encrypted: {
    name: "encrypted",
    label: "encrypted files",
    lockScope: "machine",
    lasting: true,
    hints: { unavailable: "Name another backend.", locked: "Give its password, then try again." }
  },
  memory: {
    name: "memory",
    label: "memory",
    lockScope: "machine",
    lasting: false,
    hints: { unavailable: "Name another backend.", locked: "Try again." }
  }
} as const satisfies Readonly<Record<string, StorageBackend>>

/** The name of a backend of mcp-cli. */
export type StorageBackendName = keyof typeof storageBackends

/** The names that `tokenStorage.backend` accepts besides `auto`. */
export const storageBackendNames = Object.keys(storageBackends) as ReadonlyArray<StorageBackendName>
