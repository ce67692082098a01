import { Context, type Effect } from "effect"

/**
 * Runs a part of a request to a server in which its user is waited for, such as a sign-in, so that a caller can leave that
 * out of the time of the request. By default it only runs it.
 */
export const UserWait = Context.Reference<
  <A, E, R>(server: string, waiting: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
>("mcp-cli-oauth/ports/UserWait", { defaultValue: () => (_, waiting) => waiting })
