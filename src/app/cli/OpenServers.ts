import { Effect } from "effect"
import type { Server } from "../../domain/Server.ts"
import { withProgress } from "../../ports/ProgressDisplay.ts"
import { tellError } from "./Output.ts"
import type { SessionServer } from "./SessionServers.ts"
import { configFileOfRun } from "./Settings.ts"
import { openServer } from "./WithSession.ts"

/** A server of a session, and the account that it is used as. */
export interface OpenedServer extends SessionServer {
  readonly account: string
  /** Its entry in the configuration. */
  readonly entry: Server
  /** How many changes of its tools the session had heard of before it listed them. */
  readonly toolChanges: number
}

const listing = Effect.fnUntraced(function* (
  name: string,
  { account, server, session }: Effect.Success<ReturnType<typeof openServer>>
) {
  const toolChanges = yield* session.toolChanges ?? Effect.succeed(0)
  return {
    name,
    account,
    entry: server,
    session,
    tools: yield* session.tools,
    toolChanges,
    resources: yield* Effect.cached(Effect.orElseSucceed(session.resources, () => [])),
    prompts: yield* Effect.cached(Effect.orElseSucceed(session.prompts, () => []))
  } satisfies OpenedServer
})

const openOne = (name: string) => Effect.flatMap(openServer(name), (opened) => listing(name, opened))

/** Servers that are opened at the same time. */
const openedAtOnce = 8

/** Opens sessions with servers. One of several that fails is told, and left out. */
export const openServers = Effect.fnUntraced(function* (names: readonly [string, ...ReadonlyArray<string>]) {
  const [first, ...others] = names
  if (others.length === 0) return [yield* openOne(first)] as const
  const configFile = yield* configFileOfRun
  const unique = [...new Set(names)]
  const shown = unique.length > 3 ? `${unique.length} servers` : unique.join(", ")
  const [[one, ...rest], failures] = yield* withProgress(`Connecting to ${shown}`, () =>
    Effect.partition(unique, openOne, { concurrency: openedAtOnce })
  )
  const last = failures.at(-1)
  const told = one === undefined ? failures.slice(0, -1) : failures
  yield* Effect.forEach(told, (error) => tellError(error, configFile))
  if (one !== undefined) return [one, ...rest] as const
  return yield* last === undefined ? Effect.die(new Error("no server was named")) : Effect.fail(last)
})
