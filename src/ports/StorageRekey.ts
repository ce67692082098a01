import { Context, type Effect, Schema } from "effect"
import * as Remedy from "../domain/Remedy.ts"
import type { LockError } from "./CredentialLock.ts"
import type { StorageError } from "./CredentialStore.ts"

/** No new password: none in the environment and no user to ask, or an empty one. Nothing was changed. */
export class NoNewPassword extends Schema.TaggedError<NoNewPassword>()("NoNewPassword", {
  /** How often a user was asked to choose one, without success; absent: no user could be asked. */
  attempts: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const problem =
      this.attempts === undefined
        ? "No new password was given."
        : `No new password was chosen in ${this.attempts} attempts.`
    return `${problem} Nothing was changed.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.advice(
        this.attempts === undefined
          ? "Set MCP_CLI_NEW_ENCRYPTION_KEY, or MCP_CLI_NEW_ENCRYPTION_KEY_FILE to the path of a file with the new password, or run this in a terminal to be asked."
          : "Run it again and type the same password twice, of 8 characters or more, or set MCP_CLI_NEW_ENCRYPTION_KEY."
      )
    ]
  }
}

/** The result of a change of password. */
export interface Rekeyed {
  /** How many credentials the new password protects. */
  readonly resealed: number
  /** Files that neither password opens, which were damaged before. They are left as they are. */
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
