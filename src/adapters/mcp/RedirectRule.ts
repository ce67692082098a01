import { Effect } from "effect"
import { entryOf, set } from "../../domain/Remedy.ts"
import { printable } from "../../domain/PrintableText.ts"
import { redirectOf } from "../../domain/Redirect.ts"
import { isSameOrigin } from "../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { discardBody } from "../../ports/HttpTransport.ts"
import { McpError, type Send } from "../../ports/McpConnector.ts"

/**
 * Fails on a redirect that would send the request, and its token, to another origin, or would change its method. Other
 * redirects are returned: the SDK follows them.
 */
export const refusingRedirects =
  <E, R>(server: RemoteServer, send: Send<E, R>): Send<McpError | E, R> =>
  (request, options) =>
    Effect.tap(send(request, options), (response) => {
      const { mayFollow = true, target } = redirectOf(request, response) ?? {}
      if (target === undefined || mayFollow) return Effect.void
      const place = printable(`${target.origin}${target.pathname}`)
      const detail = isSameOrigin(target, new URL(request.url))
        ? `it redirects to ${place} in a way that loses the request (HTTP ${response.status})`
        : `it redirects to another origin, ${printable(target.origin)}, where nothing was sent`
      return Effect.andThen(
        discardBody(response),
        new McpError({
          server: server.name,
          detail: `${detail}.`,
          status: response.status,
          remedies: [set(entryOf(server.name), { url: place }, "the server is there now")]
        })
      )
    })
