import { Context, type Effect, type Option } from "effect"
import type { StorageDescription, StorageError } from "../../../ports/CredentialStore.ts"

/**
 * The keyring of the operating system: bytes under an account of the service `mcp-cli-oauth`. Every call ends within its
 * time limit, whatever state the keyring is in.
 */
export class Keyring extends Context.Service<
  Keyring,
  {
    readonly description: StorageDescription
    /** The secret of an account; none where there is none. */
    readonly get: (account: string) => Effect.Effect<Option.Option<Uint8Array>, StorageError>
    /** Keeps a secret in place of the one of the account, as a whole or not at all. */
    readonly set: (account: string, secret: Uint8Array) => Effect.Effect<void, StorageError>
    /** Forgets an account; true where there was something. */
    readonly remove: (account: string) => Effect.Effect<boolean, StorageError>
  }
>()("mcp-cli-oauth/adapters/store/keyring/Keyring") {}
