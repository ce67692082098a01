import { Context, type Effect, Schema } from "effect"
import type { LockError } from "./CredentialLock.ts"
import type { StorageError } from "./CredentialStore.ts"

/** No new password was given: none in the environment, and the user could not be asked or chose none. Nothing was changed. */
export class NoNewPassword extends Schema.TaggedError<NoNewPassword>()("NoNewPassword", {
  /** How often the user was asked in vain; absent: a non-interactive run. */
  attempts: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    if (this.attempts !== undefined) {
      return `No new password was chosen in ${this.attempts} attempts. Run it again and type the same one twice, or set MCP_CLI_NEW_ENCRYPTION_KEY. Nothing was changed.`
    }
    return "There is no new password, and it may not be empty: set MCP_CLI_NEW_ENCRYPTION_KEY, or run this in a terminal to be asked. Nothing was changed."
  }
}

/** The result of a password change. */
export interface Rekeyed {
  /** How many credentials are encrypted under the new password. */
  readonly resealed: number
  /** Files that neither password opens. They were damaged before, and are unchanged. */
  readonly damaged: ReadonlyArray<string>
}

/**
 * Changes the password of a store and the keys of its credentials. From then on the old password opens nothing, not
 * even with an earlier copy of the store's files.
 *
 * Exactly one of the two passwords opens the store at any moment, and no credential is lost: the old password before
 * the first change, the new one after it. If a change was interrupted, another one, with the new password, completes it.
 */
export class StorageRekey extends Context.Service<
  StorageRekey,
  { readonly rekey: Effect.Effect<Rekeyed, StorageError | LockError | NoNewPassword> }
>()("mcp-cli-oauth/ports/StorageRekey") {}
