import { Effect, Layer } from "effect"
import { redirectOf } from "../../domain/Redirect.ts"
import { McpError } from "../../ports/McpConnector.ts"
import { McpForwarder } from "../../ports/McpForwarder.ts"
import { withConfiguredHeaders } from "./ConfiguredHeaders.ts"
import { maxRedirects } from "./McpLimits.ts"
import { refusingRedirects } from "./RedirectRule.ts"
import { exchange } from "./wire/WireRequests.ts"

/** Forwards requests by the rules of the MCP client of this program. */
export const layer: Layer.Layer<McpForwarder> = Layer.succeed(
  McpForwarder,
  McpForwarder.of({
    to: (server, send) =>
      Effect.map(withConfiguredHeaders(server, send), (configured) => {
        const refusing = refusingRedirects(server, configured)
        return (request, options) =>
          Effect.filterOrElse(
            exchange(server, refusing, request, options),
            (response) => redirectOf(new Request(server.url), response) === undefined,
            () =>
              new McpError({ server: server.name, detail: `it redirects more than ${maxRedirects} times.` })
          )
      })
  })
)
