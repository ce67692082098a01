import { Context, Effect } from "effect"
import type { RemoteServer } from "../domain/Server.ts"

/** What is known about the revision of MCP that a server speaks. */
export interface RevisionMemory {
  /** True if the server did not speak revision 2026-07-28 in the last day. */
  readonly isOlder: (server: RemoteServer) => Effect.Effect<boolean>
  /** Remembers whether it does. What cannot be written is not remembered. */
  readonly remember: (server: RemoteServer, isOlder: boolean) => Effect.Effect<void>
}

/**
 * Which servers speak only revisions before 2026-07-28, so that they need not be asked each time: that is a round trip. It is
 * a hint. A wrong one costs a request, and is forgotten. By default nothing is remembered.
 */
export const KnownRevisions = Context.Reference<RevisionMemory>("mcp-cli-oauth/ports/KnownRevisions", {
  defaultValue: () => ({ isOlder: () => Effect.succeed(false), remember: () => Effect.void })
})
