import { Context, Effect, Layer, type Scope } from "effect"
import type { Server } from "../../domain/Server.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import { McpConnector, type McpError, type McpSession } from "../../ports/McpConnector.ts"
import type { AccessTokenError } from "../tokens/AccessTokens.ts"
import { AuthorizedHttp } from "../http/AuthorizedHttp.ts"

/** Every way in which a request to a server can fail, the sign-in included. */
export type SessionError = McpError | AccessTokenError | NetworkError

/** A session with any server of the configuration. */
export type OpenSession = McpSession<AccessTokenError | NetworkError>

/** Opens MCP sessions with servers of the configuration, signing in where the server asks for it. */
export class ServerSession extends Context.Service<
  ServerSession,
  {
    /** A session that closes with the scope. Its token is renewed under it as long as it is open. */
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
