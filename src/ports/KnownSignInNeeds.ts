import { Context, Effect } from "effect"
import type { RemoteServer } from "../domain/Server.ts"

/** What a server has shown: it answers without a token, or it has required one after such an answer. */
export type SignInNeed = "none" | "later"

/** What is known about servers that answer without a token. */
export interface SignInNeedMemory {
  /** Undefined: the server has not answered without a token, as far as is known. */
  readonly recall: (server: RemoteServer) => Effect.Effect<SignInNeed | undefined>
  /**
   * Takes note of an answer to a request without a token. `later` changes what was `none`, and stays: a server may require a
   * token for some requests only. One that has always required one is not remembered. What cannot be written is not, either.
   */
  readonly note: (server: RemoteServer, need: SignInNeed) => Effect.Effect<void>
}

/**
 * Which servers have answered without a token, so that no user is told to sign in to a server without OAuth. It is a hint for what is
 * shown; requests do not depend on it. By default nothing is remembered.
 */
export const KnownSignInNeeds = Context.Reference<SignInNeedMemory>("mcp-cli-oauth/ports/KnownSignInNeeds", {
  defaultValue: () => ({ recall: () => Effect.undefined, note: () => Effect.void })
})
