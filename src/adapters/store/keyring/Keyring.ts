import { Context, type Effect, type Option } from "effect"
import type { ForeignSecret } from "../../../ports/ForeignKeyring.ts"
import type { StorageDescription, StorageError } from "../../../ports/CredentialStore.ts"

/**
 * The keyring of the operating system: bytes per account of the service `mcp-cli-oauth`. Every call ends within its
 * timeout, in any state of the keyring.
 */
export class Keyring extends Context.Service<
  Keyring,
  {
    readonly description: StorageDescription
    /** Starts what a write needs, and does not wait for it: a write will probably follow. */
    readonly prepare: Effect.Effect<void>
    /** Returns the secret of an account, if there is one. */
    readonly get: (account: string) => Effect.Effect<Option.Option<Uint8Array>, StorageError>
    /** Replaces the secret of an account atomically. */
    readonly set: (account: string, secret: Uint8Array) => Effect.Effect<void, StorageError>
    /** Returns the entries of another program's service. */
    readonly find: (service: string) => Effect.Effect<ReadonlyArray<ForeignSecret>, StorageError>
    /** Removes an account. Returns true if there was an entry. */
    readonly remove: (account: string) => Effect.Effect<boolean, StorageError>
  }
>()("mcp-cli-oauth/adapters/store/keyring/Keyring") {}
