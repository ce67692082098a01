import { Effect } from "effect"
import type { Server } from "../../domain/Server.ts"
import { withProgress } from "../../ports/ProgressDisplay.ts"
import { tellError } from "./Output.ts"
import type { SessionServer } from "./SessionCommands.ts"
import { configFileOfRun } from "./Settings.ts"
import { openServer } from "./WithSession.ts"

/** A server of a session, and the account that it is used as. */
export interface OpenedServer extends SessionServer {
  readonly account: string
  /** Its entry in the configuration. */
  readonly entry: Server
}

const listing = Effect.fnUntraced(function* (
  name: string,
  { account, server, session }: Effect.Success<ReturnType<typeof openServer>>
) {
  return {
    name,
    account,
    entry: server,
    session,
    tools: yield* session.tools,
    resources: yield* Effect.cached(Effect.orElseSucceed(session.resources, () => [])),
    prompts: yield* Effect.cached(Effect.orElseSucceed(session.prompts, () => []))
  } satisfies OpenedServer
})

const openOne = (name: string) => Effect.flatMap(openServer(name), (opened) => listing(name, opened))

/**
 * Opens sessions with servers, one after the other: a sign-in has the terminal for itself. One of several that fails is told,
 * and left out.
 */
export const openServers = Effect.fnUntraced(function* (names: readonly [string, ...ReadonlyArray<string>]) {
  const [first, ...others] = names
  if (others.length === 0) return [yield* openOne(first)] as const
  const configFile = yield* configFileOfRun
  const opened: Array<OpenedServer> = []
  const failures: Array<Effect.Error<ReturnType<typeof openOne>>> = []
  for (const name of new Set(names)) {
    yield* withProgress(`Connecting to ${name}`, () => openOne(name)).pipe(
      Effect.match({
        onFailure: (error) => void failures.push(error),
        onSuccess: (server) => void opened.push(server)
      })
    )
  }
  const [one, ...rest] = opened
  const last = failures.at(-1)
  const told = one === undefined ? failures.slice(0, -1) : failures
  yield* Effect.forEach(told, (error) => tellError(error, configFile))
  if (one !== undefined) return [one, ...rest] as const
  return yield* last === undefined ? Effect.die(new Error("no server was named")) : Effect.fail(last)
})
