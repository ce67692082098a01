import { Effect } from "effect"
import type { RemoteServer } from "../../domain/Server.ts"
import { AuthorizedHttp } from "./AuthorizedHttp.ts"

/** The part of the platform's `fetch` that MCP clients take as an option. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/**
 * A `fetch` that carries the token of a server, renews it, and signs in where somebody is there for it: for the
 * `fetch` option of an MCP client that has no authorization of its own. It rejects with the errors of
 * {@link AuthorizedHttp}.
 *
 * @example
 * const fetch = yield* authorizedFetch(server)
 * const transport = new StreamableHTTPClientTransport(server.url, { fetch })
 */
export const authorizedFetch = (
  server: RemoteServer,
  account?: string
): Effect.Effect<Fetch, never, AuthorizedHttp> =>
  Effect.gen(function* () {
    const http = yield* AuthorizedHttp
    const context = yield* Effect.context()
    const send = http.sendTo(server, account)
    return (input, init) => {
      const request = new Request(input, init)
      return Effect.runPromiseWith(context)(send(request), { signal: request.signal })
    }
  })
