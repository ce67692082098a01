import { Context, Effect, Layer, type Scope } from "effect"
import type { Server } from "../../domain/Server.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
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

/** @see ServerSession */
export const layer: Layer.Layer<ServerSession, never, AuthorizedHttp | McpConnector> = Layer.effect(
  ServerSession,
  Effect.gen(function* () {
    const http = yield* AuthorizedHttp
    const connector = yield* McpConnector
    const open = Effect.fn("ServerSession.open")(function* (
      server: Server,
      account?: string
    ): Effect.fn.Return<OpenSession, SessionError, Scope.Scope> {
      return server._tag === "Stdio"
        ? yield* connector.connectStdio(server)
        : yield* connector.connectHttp(server, http.sendTo(server, account))
    })
    return ServerSession.of({ open })
  })
)
