import { Effect } from "effect"
import { entryOf, set } from "../../domain/Remedy.ts"
import { printable } from "../../domain/PrintableText.ts"
import { isSameOrigin } from "../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { discardBody } from "../../ports/HttpTransport.ts"
import { McpError, type Send } from "../../ports/McpConnector.ts"

/** The target of a redirect that must not be followed: to another origin, or with another method. */
const refusedTarget = (request: Request, response: Response): URL | undefined => {
  const isRedirect = [301, 302, 303, 307, 308].includes(response.status)
  const location = isRedirect ? response.headers.get("location") : null
  const target = location === null ? null : URL.parse(location, request.url)
  if (target === null) return undefined
  const keepsMethod = request.method === "GET" || response.status === 307 || response.status === 308
  return keepsMethod && isSameOrigin(target, new URL(request.url)) ? undefined : target
}

/**
 * Fails on a redirect that would send the request, and its token, to another origin, or would change its method. Other
 * redirects are returned: the SDK follows them.
 */
export const refusingRedirects =
  <E, R>(server: RemoteServer, send: Send<E, R>): Send<McpError | E, R> =>
  (request, options) =>
    Effect.tap(send(request, options), (response) => {
      const target = refusedTarget(request, response)
      if (target === undefined) return Effect.void
      const place = printable(`${target.origin}${target.pathname}`)
      const detail = isSameOrigin(target, new URL(request.url))
        ? `it redirects to ${place} in a way that loses the request (HTTP ${response.status})`
        : `it redirects to another origin, ${printable(target.origin)}, where nothing was sent`
      return Effect.andThen(
        discardBody(response),
        new McpError({
          server: server.name,
          detail: `${detail}.`,
          remedies: [set(entryOf(server.name), { url: place }, "the server is there now")]
        })
      )
    })
