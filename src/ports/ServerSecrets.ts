import { Context, type Effect, type Option, type Redacted } from "effect"
import type { SecretName } from "../domain/CredentialKey.ts"
import type { LockError } from "./CredentialLock.ts"
import type { StorageError } from "./CredentialStore.ts"

/** A secret of a server, and the only place that it is sent to. */
export interface ServerSecret {
  readonly destination: string
  readonly value: Redacted.Redacted
}

/** The secrets that entries of servers refer to. */
export class ServerSecrets extends Context.Service<
  ServerSecrets,
  {
    readonly find: (secret: SecretName) => Effect.Effect<Option.Option<ServerSecret>, StorageError>
    /** The secrets that are stored. Needs no password. */
    readonly names: Effect.Effect<ReadonlyArray<SecretName>, StorageError>
    /** Replaces a secret. */
    readonly put: (secret: SecretName, stored: ServerSecret) => Effect.Effect<void, StorageError | LockError>
    /** Returns true if there was a secret. */
    readonly remove: (secret: SecretName) => Effect.Effect<boolean, StorageError | LockError>
    /** The values that this run has read: a log must not show them. */
    readonly read: Effect.Effect<ReadonlyArray<Redacted.Redacted>>
  }
>()("mcp-cli-oauth/ports/ServerSecrets") {}
