import { Context, type Effect } from "effect"
import type { CredentialKey } from "../domain/CredentialKey.ts"
import type { StorageError } from "./CredentialStore.ts"

/**
 * Decides whether a program that no user watches may open the user's browser. The processes of this user share the decision:
 * an MCP client starts several at once, and again after each failure.
 */
export class UnattendedBrowser extends Context.Service<
  UnattendedBrowser,
  {
    /** False where no browser can show a page to the user, or the user wants none. */
    readonly mayOpen: boolean
    /**
     * True if no process has opened a browser for this sign-in in the last minutes. From then on, one has. The caller holds
     * the sign-in lock of the key.
     */
    readonly claim: (key: CredentialKey) => Effect.Effect<boolean, StorageError>
    /**
     * The authorization server has refused the sign-in, or what came back was rejected: no process opens a browser for it in the
     * next minutes.
     */
    readonly exhaust: (key: CredentialKey) => Effect.Effect<void, StorageError>
    /** The sign-in has succeeded: the next one may open a browser again. */
    readonly release: (key: CredentialKey) => Effect.Effect<void, StorageError>
  }
>()("mcp-cli-oauth/ports/UnattendedBrowser") {}
