import { Context, type Effect } from "effect"
import type { RemoteServer } from "../domain/Server.ts"
import type { McpError, Send } from "./McpConnector.ts"

/** Forwards the HTTP requests of MCP clients as they are. */
export class McpForwarder extends Context.Service<
  McpForwarder,
  {
    /**
     * A `send` that adds the configured headers of the server. It fails with `McpError` on a redirect to another origin, or
     * one that loses the request; others are returned. Fails itself if the configuration has headers that cannot be sent.
     */
    readonly to: <E, R>(
      server: RemoteServer,
      send: Send<E, R>
    ) => Effect.Effect<Send<McpError | E, R>, McpError>
  }
>()("mcp-cli-oauth/ports/McpForwarder") {}
