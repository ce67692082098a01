import { Effect, Layer } from "effect"
import { redirectOf } from "../../domain/Redirect.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { discardBody } from "../../ports/HttpTransport.ts"
import { McpError, type Send } from "../../ports/McpConnector.ts"
import { McpForwarder } from "../../ports/McpForwarder.ts"
import { withConfiguredHeaders } from "./ConfiguredHeaders.ts"
import { maxRedirects } from "./McpLimits.ts"
import { refusingRedirects } from "./RedirectRule.ts"

/** Follows the redirects of a server, all of which may be followed. */
const followingRedirects =
  <E, R>(server: RemoteServer, send: Send<E, R>): Send<McpError | E, R> =>
  (request, options) =>
    Effect.gen(function* () {
      let current = request
      for (let count = 0; count <= maxRedirects; count++) {
        const next = current.clone()
        const response = yield* send(current, options)
        const redirect = redirectOf(current, response)
        if (redirect === undefined) return response
        yield* discardBody(response)
        current = new Request(redirect.target, next)
      }
      return yield* new McpError({
        server: server.name,
        detail: `it redirects more than ${maxRedirects} times.`
      })
    })

/** Forwards requests by the rules of the MCP client of this program. */
export const layer: Layer.Layer<McpForwarder> = Layer.succeed(
  McpForwarder,
  McpForwarder.of({
    to: (server, send) =>
      Effect.map(withConfiguredHeaders(server, send), (configured) =>
        followingRedirects(server, refusingRedirects(server, configured))
      )
  })
)
