import { Context, type Effect, type Option, type Redacted } from "effect"
import type { LockError } from "./CredentialLock.ts"
import type { StorageError } from "./CredentialStore.ts"

/** The keys of providers of models that the user has stored. Each is for one origin, and is sent nowhere else. */
export class ModelKeys extends Context.Service<
  ModelKeys,
  {
    /** The key of a provider for an origin. */
    readonly find: (
      provider: string,
      origin: string
    ) => Effect.Effect<Option.Option<Redacted.Redacted>, StorageError>
    /** The providers that have a key. Needs no password. */
    readonly providers: Effect.Effect<ReadonlyArray<string>, StorageError>
    /** Replaces the key of a provider. */
    readonly put: (
      provider: string,
      origin: string,
      key: Redacted.Redacted
    ) => Effect.Effect<void, StorageError | LockError>
    /** Returns true if there was a key. */
    readonly remove: (provider: string) => Effect.Effect<boolean, StorageError | LockError>
  }
>()("mcp-cli-oauth/ports/ModelKeys") {}
