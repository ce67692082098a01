import { Context, type Effect, Schema } from "effect"
import type { LockError } from "./CredentialLock.ts"
import type { StorageError } from "./CredentialStore.ts"

/** No new password: none in the environment and nobody to ask, or an empty one. Nothing was changed. */
export class NoNewPassword extends Schema.TaggedError<NoNewPassword>()("NoNewPassword", {
  /** How often somebody was asked to choose one, and did not; absent: nobody could be asked. */
  attempts: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    if (this.attempts !== undefined) {
      return `No new password was chosen in ${this.attempts} attempts. Run it again and type the same one twice, or set MCP_CLI_NEW_ENCRYPTION_KEY. Nothing was changed.`
    }
    return "There is no new password, and an empty one is none: set MCP_CLI_NEW_ENCRYPTION_KEY, or run this in a terminal to be asked. Nothing was changed."
  }
}

/** What giving the store another password came to. */
export interface Rekeyed {
  /** How many credentials are under the new password now. */
  readonly resealed: number
  /** Files that neither password opens, which were damaged before; they are left as they are. */
  readonly damaged: ReadonlyArray<string>
}

/**
 * Gives a store that a password opens another one, and its credentials new keys: from then on the old password opens
 * nothing, not even with a copy of the store's files that was made before.
 *
 * However it ends, exactly one of the two passwords opens the store, and no credential is lost. Before the first
 * change that is the old one, after it the new one, and then doing it again, with the new one, finishes what is left.
 */
export class StorageRekey extends Context.Service<
  StorageRekey,
  { readonly rekey: Effect.Effect<Rekeyed, StorageError | LockError | NoNewPassword> }
>()("mcp-cli-oauth/ports/StorageRekey") {}
