import { Context, type Effect, type Redacted } from "effect"
import type { StorageError } from "./CredentialStore.ts"

/** An entry that another program has in the keyring of the operating system. */
export interface ForeignSecret {
  readonly account: string
  readonly secret: Redacted.Redacted
}

/** Reads what other programs have in the keyring of the operating system. Nothing is written. */
export class ForeignKeyring extends Context.Service<
  ForeignKeyring,
  {
    /**
     * Returns the entries of a service, by its name. Fails if the keyring is locked or cannot be reached; a machine without one
     * has no entries.
     */
    readonly find: (service: string) => Effect.Effect<ReadonlyArray<ForeignSecret>, StorageError>
  }
>()("mcp-cli-oauth/ports/ForeignKeyring") {}
