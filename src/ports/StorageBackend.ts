import { Schema } from "effect"
import * as Remedy from "../domain/Remedy.ts"

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
  /** What the user can do. */
  hints: Schema.Struct({
    /** The backend does not exist here. */
    unavailable: Schema.Array(Remedy.Remedy),
    /** The backend is locked or does not answer. */
    locked: Schema.Array(Remedy.Remedy)
  })
})
/** A place that stores credentials. */
export type StorageBackend = typeof StorageBackend.Type

const useEncrypted = { backend: "encrypted" }
const nameAnother = Remedy.set(Remedy.tokenStorage, { backend: null })
const onOtherSystem = [nameAnother, Remedy.command("storage", { purpose: "see the backend in use" })]

/** The memory of the process. A program in a browser has only this one, and a bundler leaves out the others. */
export const memoryBackend = {
  name: "memory",
  label: "memory",
  lockScope: "machine",
  lasting: false,
  hints: { unavailable: [nameAnother], locked: [Remedy.advice("Try again.")] }
} as const satisfies StorageBackend

/** The backends of mcp-cli by name. */
export const storageBackends = {
  keychain: {
    name: "keychain",
    label: "the macOS Keychain",
    lockScope: "machine",
    lasting: true,
    hints: {
      unavailable: onOtherSystem,
      locked: [Remedy.advice("Run security unlock-keychain, or log in at the screen, then try again.")]
    }
  },
  windows: {
    name: "windows",
    label: "the Windows Credential Manager",
    lockScope: "machine",
    lasting: true,
    hints: {
      unavailable: onOtherSystem,
      locked: [Remedy.advice("Log in to Windows with your password, then try again.")]
    }
  },
  secretservice: {
    name: "secretservice",
    label: "the Secret Service (the keyring of this desktop)",
    lockScope: "machine",
    lasting: true,
    hints: {
      unavailable: [
        Remedy.advice("Start it, then try again."),
        Remedy.set(Remedy.tokenStorage, useEncrypted, "this machine has no desktop")
      ],
      locked: [
        Remedy.advice("Unlock it (log in at the screen, or open its manager), then try again."),
        Remedy.set(Remedy.tokenStorage, useEncrypted, "this machine has no desktop")
      ]
    }
  },
  vault: {
    name: "vault",
    label: "Vault",
    lockScope: "shared",
    lasting: true,
    hints: {
      unavailable: [Remedy.advice("Set VAULT_ADDR and VAULT_TOKEN, or name another backend.")],
      locked: [Remedy.advice("Unseal it, then try again.")]
    }
  },
  encrypted: {
    name: "encrypted",
    label: "encrypted files",
    lockScope: "machine",
    lasting: true,
    hints: { unavailable: [nameAnother], locked: [Remedy.advice("Give its password, then try again.")] }
  },
  memory: memoryBackend
} as const satisfies Readonly<Record<string, StorageBackend>>

/** The name of a backend of mcp-cli. */
export type StorageBackendName = keyof typeof storageBackends

/** Stands for the keyring of the system in a move: its name differs between systems. */
export const anyKeyring = "keyring"

/** The names that `tokenStorage.backend` accepts besides `auto`. */
export const storageBackendNames = Object.keys(storageBackends) as ReadonlyArray<StorageBackendName>
