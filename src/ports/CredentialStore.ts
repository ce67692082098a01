import { Context, type Effect, type Option, Schema } from "effect"
import type { Credential } from "../domain/Credential.ts"
import type { CredentialKey } from "../domain/CredentialKey.ts"
import type { StorageBackend } from "./StorageBackend.ts"
import { explainStorage, StorageFailure } from "./StorageFailure.ts"

/** A store failed. `reason` says how, `message` what to do. Neither contains stored data. */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  reason: StorageFailure
}) {
  override get message(): string {
    return explainStorage(this.reason)
  }
}

/** Which store this is, for messages. */
export interface StorageDescription {
  readonly backend: StorageBackend
  /** A path, an address, or the name of a service; never a secret. */
  readonly location: string
}

/**
 * Stores credentials, never in plain text.
 *
 * A write is atomic, and durable once `put` has returned: it survives the end of the process and of the machine.
 * Writers of a key hold its {@link CredentialLock}.
 */
export class CredentialStore extends Context.Service<
  CredentialStore,
  {
    readonly description: StorageDescription
    /**
     * Unlocks the store, or sets up a new one, so that a later `put` needs no user. Callers unlock it before they
     * open a browser.
     */
    readonly unlock: Effect.Effect<void, StorageError>
    /** Returns the credential of a key, if there is one. */
    readonly get: (key: CredentialKey) => Effect.Effect<Option.Option<Credential>, StorageError>
    /** Replaces the credential of a key. */
    readonly put: (key: CredentialKey, credential: Credential) => Effect.Effect<void, StorageError>
    /** Removes a key, even if its record is unreadable. Returns true if there was a record. Needs no password. */
    readonly remove: (key: CredentialKey) => Effect.Effect<boolean, StorageError>
    /** Removes everything, including the store's own password. The next `put` sets up a new store. Needs no password. */
    readonly clear: Effect.Effect<void, StorageError>
    /** Returns the stored keys, sorted by storage name. Needs no password. */
    readonly list: Effect.Effect<ReadonlyArray<CredentialKey>, StorageError>
  }
>()("mcp-cli-oauth/ports/CredentialStore") {}
