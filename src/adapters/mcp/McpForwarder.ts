import { Effect, Layer } from "effect"
import { McpForwarder } from "../../ports/McpForwarder.ts"
import { withConfiguredHeaders } from "./ConfiguredHeaders.ts"
import { refusingRedirects } from "./RedirectRule.ts"

/** Forwards requests by the rules of the MCP client of this program. */
export const layer: Layer.Layer<McpForwarder> = Layer.succeed(
  McpForwarder,
  McpForwarder.of({
    to: (server, send) =>
      Effect.map(withConfiguredHeaders(server, send), (configured) => refusingRedirects(server, configured))
  })
)
