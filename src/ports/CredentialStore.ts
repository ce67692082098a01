import { Context, type Effect, type Option, Schema } from "effect"
import type { Credential } from "../domain/Credential.ts"
import type { CredentialKey } from "../domain/CredentialKey.ts"

/** Nothing to unlock the store with: no password in the configuration or the environment, and nobody to ask. */
export class NoPassword extends Schema.TaggedClass<NoPassword>()("NoPassword", {}) {}
/** The password does not open the store. Nothing was changed. */
export class WrongPassword extends Schema.TaggedClass<WrongPassword>()("WrongPassword", {}) {}
/** A record that was cut short, altered, or moved from another name. Nothing was changed. */
export class Corrupt extends Schema.TaggedClass<Corrupt>()("Corrupt", {
  path: Schema.String,
  detail: Schema.String
}) {}
/** A record that a newer version wrote. Nothing was changed. */
export class NewerVersion extends Schema.TaggedClass<NewerVersion>()("NewerVersion", {
  path: Schema.String,
  version: Schema.Finite
}) {}
/** The folder or file is open to others, or belongs to somebody else. */
export class Exposed extends Schema.TaggedClass<Exposed>()("Exposed", {
  path: Schema.String,
  detail: Schema.String
}) {}
/** The system refused to read or write. */
export class Inaccessible extends Schema.TaggedClass<Inaccessible>()("Inaccessible", {
  path: Schema.String,
  detail: Schema.String
}) {}

/** Why a store could not do what it was asked. */
export const StorageFailure = Schema.Union([
  NoPassword,
  WrongPassword,
  Corrupt,
  NewerVersion,
  Exposed,
  Inaccessible
])
/** Why a store could not do what it was asked. */
export type StorageFailure = typeof StorageFailure.Type

const explain = (reason: StorageFailure): string => {
  switch (reason._tag) {
    case "NoPassword":
      return `The token store is locked: set MCP_CLI_ENCRYPTION_KEY or "tokenStorage.password" in the configuration, or run this in a terminal to be asked.`
    case "WrongPassword":
      return "The password does not open the token store. Give the one it was made with (MCP_CLI_ENCRYPTION_KEY, tokenStorage.password, or the prompt). If it is lost, run mcp-cli auth reset --all and sign in again."
    case "Corrupt":
      return `${reason.path} is damaged (${reason.detail}). Restore it from a backup, or forget it with mcp-cli auth reset and sign in again.`
    case "NewerVersion":
      return `${reason.path} was written by a newer version of mcp-cli (format ${reason.version}). Upgrade mcp-cli; nothing was changed.`
    case "Exposed":
      return `${reason.path} ${reason.detail}.`
    case "Inaccessible":
      return `${reason.path} cannot be used: ${reason.detail}.`
  }
}

/** A store failed; `reason` says how, and the message what to do. Never holds what was stored. */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  reason: StorageFailure
}) {
  override get message(): string {
    return explain(this.reason)
  }
}

/** Where a store keeps things, for people. */
export interface StorageDescription {
  /** The name in `tokenStorage.backend`. */
  readonly backend: "encrypted" | "memory"
  /** A path or the like. */
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
     * a person is sent to the browser.
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
