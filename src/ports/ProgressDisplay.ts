import { Context, Effect } from "effect"
import type { McpCallOptions } from "./McpConnector.ts"

/** Shows a user how far work is, while it runs. */
export type ProgressDisplay = <A, E, R>(
  what: string,
  work: (onProgress: McpCallOptions["onProgress"]) => Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R>

/** By default no user watches. */
export const ProgressDisplay = Context.Reference<ProgressDisplay>("mcp-cli-oauth/ports/ProgressDisplay", {
  defaultValue: () => (_what, work) => work(undefined)
})

/** Runs work, and shows how far it is. */
export const withProgress: ProgressDisplay = (what, work) =>
  Effect.flatMap(ProgressDisplay, (display) => display(what, work))
