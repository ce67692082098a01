import { Context, type Effect, Schema } from "effect"
import { CredentialKey } from "../domain/CredentialKey.ts"
import * as Remedy from "../domain/Remedy.ts"

/** The lock was not acquired: another process held it until the timeout, or the system refused it. */
export class LockError extends Schema.TaggedError<LockError>()("LockError", {
  /** What is locked. */
  name: Schema.String,
  /** Why the system refused; absent: another process holds the lock. */
  detail: Schema.optionalKey(Schema.String),
  /** What fixes that. */
  fixes: Schema.optionalKey(Schema.Array(Remedy.Remedy))
}) {
  override get message(): string {
    return this.detail === undefined
      ? `Another mcp-cli process is using the credential of ${this.name} and did not finish in time.`
      : `The credential of ${this.name} cannot be locked: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return this.detail === undefined
      ? [Remedy.advice("Try again. If that process hangs, end it.")]
      : (this.fixes ?? [])
  }
}

/**
 * What the holder does, and how long:
 *
 * - `refresh`: a refresh or another write of the key, for seconds.
 * - `sign-in`: as long as a user takes.
 * - `store`: a change of all keys of a store at once. Its key is {@link wholeStore}.
 */
export type LockPurpose = "refresh" | "sign-in" | "store"

/** The key of the `store` lock. */
export const wholeStore: CredentialKey = CredentialKey.of("all")

/**
 * A mutex per key and purpose, across fibers and processes.
 *
 * If the holder dies, the lock is free immediately or within seconds. Locks of one key with different purposes are
 * independent. A lock is not re-entrant.
 */
export class CredentialLock extends Context.Service<
  CredentialLock,
  {
    /** Runs an effect while holding the lock. Waits for the lock, and fails with `LockError` after a timeout. */
    readonly withLock: (
      key: CredentialKey,
      purpose: LockPurpose
    ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LockError, R>
    /**
     * Fails with `LockError` if the lock that the caller holds no longer excludes others: its file was removed, for example.
     * The holder calls it right before a step that only one may do. Absent: the lock cannot be lost.
     */
    readonly confirm?: (key: CredentialKey, purpose: LockPurpose) => Effect.Effect<void, LockError>
    /**
     * Identifies the lock that the caller holds, across machines: who holds it knows that every earlier holder with this
     * identity has ended, or given it back. Absent, or undefined: it cannot be identified.
     */
    readonly identify?: (key: CredentialKey, purpose: LockPurpose) => string | undefined
  }
>()("mcp-cli-oauth/ports/CredentialLock") {}
