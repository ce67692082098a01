import { Context, type Effect } from "effect"
import type { Opening } from "../domain/BrowserElection.ts"
import type { CredentialKey } from "../domain/CredentialKey.ts"
import type { StorageError } from "./CredentialStore.ts"

/**
 * The browsers that processes of this user have opened for sign-ins that no user asked for. `elect` decides by them whether
 * another one may open.
 */
export class BrowserOpenings extends Context.Service<
  BrowserOpenings,
  {
    /** False where no browser can show a page to the user, or the user wants none. */
    readonly mayOpen: boolean
    /** This process. */
    readonly pid: number
    /** True if a process of this machine runs, of another user too. */
    readonly isRunning: (pid: number) => boolean
    /** The openings for a sign-in, the oldest first. Those that cannot be understood are left out. */
    readonly read: (key: CredentialKey) => Effect.Effect<ReadonlyArray<Opening>, StorageError>
    /** Replaces them. The caller holds the sign-in lock of the key since it has read them. */
    readonly replace: (
      key: CredentialKey,
      openings: ReadonlyArray<Opening>
    ) => Effect.Effect<void, StorageError>
  }
>()("mcp-cli-oauth/ports/BrowserOpenings") {}
