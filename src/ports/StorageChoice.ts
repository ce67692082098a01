import { Context, type Effect, type Option } from "effect"
import type { StorageError } from "./CredentialStore.ts"
import type { StorageBackend } from "./StorageFailure.ts"

/** Which backend this machine keeps its sign-ins in, once that has been decided. */
export interface StorageChoice {
  readonly backend: StorageBackend
  /** Why, for people: completes "chosen because". */
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly since: number
  /** Backends that sign-ins were moved out of, and that may still hold copies: a move that was interrupted. */
  readonly migratingFrom: ReadonlyArray<StorageBackend>
}

/**
 * Remembers the choice, so that a keyring which cannot be reached today does not scatter sign-ins over two backends.
 * It holds no secret.
 */
export class StorageChoices extends Context.Service<
  StorageChoices,
  {
    /** None where nothing was chosen yet. */
    readonly read: Effect.Effect<Option.Option<StorageChoice>, StorageError>
    /** Takes the place of the former choice, as a whole or not at all, and is seen by every process from then on. */
    readonly write: (choice: StorageChoice) => Effect.Effect<void, StorageError>
  }
>()("mcp-cli-oauth/ports/StorageChoices") {}
