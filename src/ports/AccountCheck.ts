import { Context, Effect } from "effect"
import type { CredentialKey } from "../domain/CredentialKey.ts"
import type { RemoteServer } from "../domain/Server.ts"
import type { UnknownAccount } from "../domain/SignInError.ts"

/** Fails if a request for a token must not start the first sign-in to an account. */
export type CheckAccount = (server: RemoteServer, key: CredentialKey) => Effect.Effect<void, UnknownAccount>

/**
 * Runs before the first sign-in to an account that a request for a token needs, and not before one that the user requests. By
 * default every account that the program names may sign in.
 */
export const AccountCheck = Context.Reference<CheckAccount>("mcp-cli-oauth/ports/AccountCheck", {
  defaultValue: () => () => Effect.void
})
