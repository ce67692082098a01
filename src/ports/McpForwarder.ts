import { Context, type Effect } from "effect"
import type { RemoteServer } from "../domain/Server.ts"
import type { McpError, Send, SendOptions } from "./McpConnector.ts"

/** An HTTP request of an MCP client, for whichever server. */
export interface ForwardedRequest {
  readonly method: "POST" | "GET" | "DELETE"
  readonly headers: Headers
  /** Absent: none. */
  readonly body: Uint8Array | undefined
}

/** Sends a request to one server. */
export type Forward<E, R> = (
  request: ForwardedRequest,
  options?: SendOptions
) => Effect.Effect<Response, E, R>

/** Forwards the HTTP requests of MCP clients as they are. */
export class McpForwarder extends Context.Service<
  McpForwarder,
  {
    /**
     * Adds the configured headers of the server, and follows its redirects where they keep method and origin. Any other
     * redirect is an `McpError`. Fails itself if the configuration has headers that cannot be sent.
     */
    readonly to: <E, R>(
      server: RemoteServer,
      send: Send<E, R>
    ) => Effect.Effect<Forward<McpError | E, R>, McpError>
  }
>()("mcp-cli-oauth/ports/McpForwarder") {}
