import { Context, type Effect, type Option, Schema } from "effect"
import type { Credential } from "../domain/Credential.ts"
import type { CredentialKey } from "../domain/CredentialKey.ts"
import { explainStorage, type StorageBackend, StorageFailure } from "./StorageFailure.ts"

/** A store failed; `reason` says how, and the message what to do. Never holds what was stored. */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  reason: StorageFailure
}) {
  override get message(): string {
    return explainStorage(this.reason)
  }
}

/** Where a store keeps things, for people. */
export interface StorageDescription {
  /** The name in `tokenStorage.backend`. */
  readonly backend: StorageBackend
  /** A path, an address, or the name of a service; never a secret. */
  readonly location: string
}

/**
 * Keeps credentials, never in plain text. A write is there as a whole or not at all, and once `put` has returned
 * it survives the process and the machine stopping. Writers of one key hold its {@link CredentialLock}.
 */
export class CredentialStore extends Context.Service<
  CredentialStore,
  {
    readonly description: StorageDescription
    /**
     * Unlocks the store, or sets it up where it is new, so that a later `put` has nothing left to ask: done before
     * a user is sent to the browser.
     */
    readonly unlock: Effect.Effect<void, StorageError>
    /** The credential under a key; none where there is none. */
    readonly get: (key: CredentialKey) => Effect.Effect<Option.Option<Credential>, StorageError>
    /** Keeps a credential in place of the one under its key. */
    readonly put: (key: CredentialKey, credential: Credential) => Effect.Effect<void, StorageError>
    /** Forgets a key, readable or not; true where there was something. Needs no password. */
    readonly remove: (key: CredentialKey) => Effect.Effect<boolean, StorageError>
    /** Forgets everything, the store's own password included: the next `put` starts a new one. Needs no password. */
    readonly clear: Effect.Effect<void, StorageError>
    /** The keys kept, sorted by name. Needs no password. */
    readonly list: Effect.Effect<ReadonlyArray<CredentialKey>, StorageError>
  }
>()("mcp-cli-oauth/ports/CredentialStore") {}
