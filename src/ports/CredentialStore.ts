import { Context, type Effect, type Option, Schema, type Scope } from "effect"
import type { Credential } from "../domain/Credential.ts"
import type { CredentialKey } from "../domain/CredentialKey.ts"
import * as Remedy from "../domain/Remedy.ts"
import type { StorageBackend } from "./StorageBackend.ts"
import type { StorageFailure } from "./StorageFailure.ts"

/** Without the classes, most of which are about stores that a browser does not have: it would load them. */
const Reason = Schema.declare(
  (value): value is StorageFailure => value instanceof Error && "_tag" in value && "remedies" in value
)

/** A store failed; `reason` says how. Never holds what was stored. */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  reason: Reason,
  /** A change that has begun and must be finished with the new password. Absent: nothing was changed. */
  unfinished: Schema.optionalKey(Schema.Literal("rekey"))
}) {
  override get message(): string {
    return this.unfinished === undefined
      ? this.reason.message
      : `${this.reason.message} The new password is in force already, and nothing is lost.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.unfinished === undefined
      ? this.reason.remedies
      : [
          ...this.reason.remedies,
          Remedy.command("storage rekey", { purpose: "finish after that, with the new password" })
        ]
  }
}

/** Which store this is, for messages. */
export interface StorageDescription {
  readonly backend: StorageBackend
  /** A path, an address, or the name of a service; never a secret. */
  readonly location: string
  /** What the store cannot protect from in this place, one sentence each. Absent: nothing. */
  readonly cautions?: Effect.Effect<ReadonlyArray<string>, StorageError>
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
    /**
     * True if there is no store yet, so that `unlock` or the first `put` sets one up for good, such as a folder and its
     * password. Absent: they leave nothing behind. Changes nothing.
     */
    readonly isNew?: Effect.Effect<boolean, StorageError>
    /** Returns the credential of a key, if there is one. */
    readonly get: (key: CredentialKey) => Effect.Effect<Option.Option<Credential>, StorageError>
    /** Replaces the credential of a key. */
    readonly put: (key: CredentialKey, credential: Credential) => Effect.Effect<void, StorageError>
    /**
     * Reserves what the next `put` of a key needs, until the scope closes, so that a full disk is found before a refresh
     * token is used up. The new credential may be somewhat larger than this one. Absent: the store has no means for that.
     */
    readonly reserve?: (
      key: CredentialKey,
      credential: Credential
    ) => Effect.Effect<void, StorageError, Scope.Scope>
    /** Removes a key, even if its record is unreadable. Returns true if there was a record. Needs no password. */
    readonly remove: (key: CredentialKey) => Effect.Effect<boolean, StorageError>
    /** Removes everything, including the store's own password. The next `put` sets up a new store. Needs no password. */
    readonly clear: Effect.Effect<void, StorageError>
    /**
     * Changes that need no lock, since the store compares and writes in one step. Absent: it has no such step. False: the
     * comparison failed, or is not possible, and nothing was changed.
     */
    readonly atomic?: {
      /** Stores the first credential of a key. */
      readonly create: (key: CredentialKey, credential: Credential) => Effect.Effect<boolean, StorageError>
      /** Removes a key if this is its credential, and no process holds its lock. */
      readonly removeSame: (
        key: CredentialKey,
        credential: Credential
      ) => Effect.Effect<boolean, StorageError>
    }
    /** Returns the stored keys, sorted by storage name. Needs no password. */
    readonly list: Effect.Effect<ReadonlyArray<CredentialKey>, StorageError>
  }
>()("mcp-cli-oauth/ports/CredentialStore") {}
