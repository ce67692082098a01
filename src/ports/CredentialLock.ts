import { Context, type Effect, Schema } from "effect"
import { CredentialKey } from "../domain/CredentialKey.ts"

/** Another process held the lock all the time that we waited, or the lock cannot be made at all. */
export class LockError extends Schema.TaggedError<LockError>()("LockError", {
  /** What is locked. */
  name: Schema.String,
  /** Set where the system refused; absent: another process holds it. */
  detail: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.detail === undefined
      ? `Another mcp-cli process is busy with the credential of ${this.name} and did not finish in time. Try again; if it hangs, end that process.`
      : `The credential of ${this.name} cannot be locked: ${this.detail}.`
  }
}

/**
 * What is done under a lock: a refresh or another write of the key (seconds); a sign-in (as long as a user takes); or
 * something that concerns all keys of a store at once (`store`, whose key is {@link wholeStore}).
 */
export type LockPurpose = "refresh" | "sign-in" | "store"

/** The key of the `store` lock. */
export const wholeStore: CredentialKey = CredentialKey.of("all")

/**
 * One holder at a time for a credential, across fibers and processes. A holder that dies frees it at once or within
 * seconds. The purposes of a key are as many locks.
 */
export class CredentialLock extends Context.Service<
  CredentialLock,
  {
    /** Runs an effect while holding the lock; waits for it, and fails with `LockError` when it waited too long. */
    readonly withLock: (
      key: CredentialKey,
      purpose: LockPurpose
    ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LockError, R>
  }
>()("mcp-cli-oauth/ports/CredentialLock") {}
