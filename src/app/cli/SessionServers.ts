import { Effect } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { advice } from "../../domain/Remedy.ts"
import type { ChosenModel, ModelUnavailable } from "../../ports/ChatModels.ts"
import type { McpPrompt, McpResource, McpTool } from "../../ports/McpConnector.ts"
import type { ChatSession } from "../chat/Chat.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { listed } from "./RemedyText.ts"
import { UsageError } from "./UsageError.ts"

/** A server of a session, and what it lists. */
export interface SessionServer {
  /** Its name in the configuration. */
  readonly name: string
  readonly session: OpenSession
  readonly tools: ReadonlyArray<McpTool>
  /** Empty if they cannot be listed. */
  readonly resources: Effect.Effect<ReadonlyArray<McpResource>>
  readonly prompts: Effect.Effect<ReadonlyArray<McpPrompt>>
}

/** The conversation of a session with a model. */
export interface SessionChat {
  readonly session: ChatSession
  readonly chooseModel: (name: string) => Effect.Effect<ChosenModel, ModelUnavailable>
}

/** The servers of a session, at least one, and its conversation if a model takes part. */
export interface SessionContext {
  readonly servers: readonly [SessionServer, ...ReadonlyArray<SessionServer>]
  readonly chat?: SessionChat
  /** False: the lines are those of a script. */
  readonly isInteractive: boolean
}

/** The server that a word names before a colon, and the rest of the word. A URI may have a name of a server as its scheme. */
export const prefixed = (servers: SessionContext["servers"], word: string) => {
  const server = servers.find(({ name }) => word.startsWith(`${name}:`) && !word.startsWith(`${name}://`))
  return server === undefined ? undefined : { server, rest: word.slice(server.name.length + 1) }
}

/** The server that a word is about: the one that it names, the only one, or the only one that lists it. */
export const serverOf = Effect.fnUntraced(function* (
  servers: SessionContext["servers"],
  word: string,
  what: string,
  names: (server: SessionServer) => Effect.Effect<ReadonlyArray<string>>
) {
  const named = prefixed(servers, word)
  if (named !== undefined) return named
  if (servers.length === 1) return { server: servers[0], rest: word }
  const found: Array<SessionServer> = []
  for (const server of servers) if ((yield* names(server)).includes(word)) found.push(server)
  const [first, second] = found
  if (first !== undefined && second === undefined) return { server: first, rest: word }
  return yield* new UsageError({
    problem:
      first === undefined
        ? `No server lists the ${what} ${printable(word)}.`
        : `${listed(found.map(({ name }) => name))} have a ${what} ${printable(word)}.`,
    remedies: [
      advice(`Write the name of its server before it: ${(first ?? servers[0]).name}:${printable(word)}`)
    ]
  })
})

/** What {@link serverOf} finds a server by. */
export const toolNames = ({ tools }: SessionServer) => Effect.succeed(tools.map(({ name }) => name))
export const promptNames = ({ prompts }: SessionServer) =>
  Effect.map(prompts, (all) => all.map(({ name }) => name))
export const resourceUris = ({ resources }: SessionServer) =>
  Effect.map(resources, (all) => all.map(({ uri }) => uri))
