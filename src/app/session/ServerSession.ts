import { Context, Effect, Layer, type Scope } from "effect"
import type { Server } from "../../domain/Server.ts"
import { namedArguments, valueTexts } from "../../domain/ToolArgument.ts"
import type { JsonSchema } from "../../domain/ToolSchema.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import { type KnownName, KnownNames, type NameMemory } from "../../ports/KnownNames.ts"
import { McpConnector, type McpError, type McpSession } from "../../ports/McpConnector.ts"
import type { AccessTokenError } from "../tokens/AccessTokens.ts"
import { AuthorizedHttp } from "../http/AuthorizedHttp.ts"

/** The errors of a request to a server, with those of the sign-in. */
export type SessionError = McpError | AccessTokenError | NetworkError

/** An open session with a server of the configuration. */
export type OpenSession = McpSession<AccessTokenError | NetworkError>

/** Opens MCP sessions with servers of the configuration, and signs in if the server requires it. */
export class ServerSession extends Context.Service<
  ServerSession,
  {
    /** Opens a session that closes with the scope. Its token is refreshed while it is open. */
    readonly open: (server: Server, account?: string) => Effect.Effect<OpenSession, SessionError, Scope.Scope>
  }
>()("mcp-cli-oauth/app/session/ServerSession") {}

/** Values of all arguments of one tool that are remembered: a schema may list any number, of any length. */
const maxValues = 200
const maxValue = 100

/** The arguments that the schema of a tool lists, and the values that they are chosen from. */
const argumentsIn = (schema: JsonSchema): Pick<KnownName, "arguments" | "values"> => {
  const listed = namedArguments(schema)
  let left = maxValues
  const values = listed.flatMap((argument) => {
    const texts = valueTexts(schema, argument)
      .filter((text) => text.length <= maxValue)
      .slice(0, left)
    left -= texts.length
    return texts.length === 0 ? [] : [[argument.name, texts] as const]
  })
  return {
    arguments: listed.map(({ name }) => name),
    ...(values.length === 0 ? {} : { values: Object.fromEntries(values) })
  }
}

/** A session that remembers what the server lists, for completions. */
const remembering = (remember: NameMemory["remember"], server: Server, session: OpenSession): OpenSession => {
  const named =
    <A>(kind: "tools" | "resources" | "prompts", nameOf: (item: A) => KnownName) =>
    (items: ReadonlyArray<A>) =>
      remember(server, kind, items.map(nameOf))
  return {
    ...session,
    tools: Effect.tap(
      session.tools,
      named("tools", ({ description, inputSchema, name, title }) => ({
        name,
        description: description ?? title ?? "",
        ...argumentsIn(inputSchema)
      }))
    ),
    resources: Effect.tap(
      session.resources,
      named("resources", ({ description, name, uri }) => ({ name: uri, description: description ?? name }))
    ),
    prompts: Effect.tap(
      session.prompts,
      named("prompts", ({ arguments: listed, description, name }) => ({
        name,
        description: description ?? "",
        arguments: listed.map((argument) => argument.name)
      }))
    )
  }
}

/** @see ServerSession */
export const layer: Layer.Layer<ServerSession, never, AuthorizedHttp | McpConnector> = Layer.effect(
  ServerSession,
  Effect.gen(function* () {
    const http = yield* AuthorizedHttp
    const connector = yield* McpConnector
    const { remember } = yield* KnownNames
    const open = Effect.fn("ServerSession.open")(function* (
      server: Server,
      account?: string
    ): Effect.fn.Return<OpenSession, SessionError, Scope.Scope> {
      const session =
        server._tag === "Stdio"
          ? yield* connector.connectStdio(server)
          : yield* connector.connectHttp(server, http.sendTo(server, account))
      return remembering(remember, server, session)
    })
    return ServerSession.of({ open })
  })
)
