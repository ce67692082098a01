import { Context, type Effect } from "effect"
import type { RemoteServer } from "../domain/Server.ts"
import type { McpError, Send } from "./McpConnector.ts"

/** Forwards the HTTP requests of MCP clients as they are. */
export class McpForwarder extends Context.Service<
  McpForwarder,
  {
    /**
     * A `send` that adds the configured headers of the server, and follows its redirects where they keep method and origin.
     * It fails with `McpError` on any other redirect. Fails itself if the configuration has headers that cannot be sent.
     */
    readonly to: <E, R>(
      server: RemoteServer,
      send: Send<E, R>
    ) => Effect.Effect<Send<McpError | E, R>, McpError>
  }
>()("mcp-cli-oauth/ports/McpForwarder") {}
