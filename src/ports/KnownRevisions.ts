import { Context, Effect } from "effect"
import type { RemoteServer } from "../domain/Server.ts"

/** What a server speaks: no revision from 2026-07-28 on, or no revision before it. */
export type SpokenRevisions = "older" | "modern"

/** What is known about the revisions of MCP that servers speak. */
export interface RevisionMemory {
  /** What the server spoke a short time ago; undefined if that is not known, or if it speaks both. */
  readonly recall: (server: RemoteServer) => Effect.Effect<SpokenRevisions | undefined>
  /** Remembers it, or forgets what was wrong. What cannot be written is not remembered. */
  readonly remember: (server: RemoteServer, spoken: SpokenRevisions | undefined) => Effect.Effect<void>
}

/**
 * Which servers speak only revisions before 2026-07-28, or only that one, so that they need not be asked each time: that is a
 * round trip. It is a hint. A wrong one costs a request, and is forgotten. By default nothing is remembered.
 */
export const KnownRevisions = Context.Reference<RevisionMemory>("mcp-cli-oauth/ports/KnownRevisions", {
  defaultValue: () => ({ recall: () => Effect.undefined, remember: () => Effect.void })
})
