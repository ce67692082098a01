import { Context, type Effect, type Option } from "effect"
import type { StorageError } from "./CredentialStore.ts"

/** Where a backend is that needs an address. Nothing secret. */
export interface BackendAddress {
  /** Several nodes of one cluster are divided by commas. */
  readonly url: string
  readonly namespace?: string
  /** True if the environment named it. Only then is it used without being named again. */
  readonly isFromEnvironment: boolean
}

/** True if two addresses name the same place: they have a node in common. */
export const isSameAddress = (one: BackendAddress, other: BackendAddress): boolean => {
  const nodes = other.url.split(",")
  return one.namespace === other.namespace && one.url.split(",").some((node) => nodes.includes(node))
}

/** The backend that this machine stores its sign-ins in, once that is decided. */
export interface StorageChoice {
  /** The name of the backend. */
  readonly backend: string
  /** Completes "chosen because" in messages. */
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly since: number
  /** Names of backends that may still hold copies because a move out of them was interrupted. */
  readonly migratingFrom: ReadonlyArray<string>
  /** The move out of these is under way, or was interrupted: they may have newer records. Absent: what they hold cannot be read. */
  readonly isMoving?: boolean
  /** Names of other backends that hold copies because a move to them was not completed. Absent: none. */
  readonly copiedTo?: ReadonlyArray<string>
  /** Where the backend was when it was chosen. Absent: it needs no address, or an older version chose it. */
  readonly address?: BackendAddress
}

/**
 * Remembers the choice, so that a keyring which is unavailable today does not scatter sign-ins over two backends.
 * It holds no secret.
 */
export class StorageChoices extends Context.Service<
  StorageChoices,
  {
    /** The current choice; none before the first one. */
    readonly read: Effect.Effect<Option.Option<StorageChoice>, StorageError>
    /** Replaces the choice atomically. Every process sees the new one from then on. */
    readonly write: (choice: StorageChoice) => Effect.Effect<void, StorageError>
  }
>()("mcp-cli-oauth/ports/StorageChoices") {}
