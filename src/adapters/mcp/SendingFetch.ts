import type { FetchLike } from "@modelcontextprotocol/client"
import { Effect, Exit, FiberSet, Redacted, type Scope } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { isSameOrigin } from "../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { abortBody, discardBody } from "../../ports/HttpTransport.ts"
import { McpError, type Send } from "../../ports/McpConnector.ts"
import type { Flights } from "./Flights.ts"

/** The way to a server, as the SDK's transports want it. */
export interface SendingFetch {
  readonly fetch: FetchLike
  /**
   * False once the last request failed on its way or was answered 401: nothing that is merely polite is sent then,
   * since it could start a sign-in.
   */
  readonly welcome: () => boolean
}

const misconfigured = (server: RemoteServer, detail: string) => new McpError({ server: server.name, detail })

const configuredHeaders = (server: RemoteServer): Effect.Effect<Headers, McpError> =>
  Effect.gen(function* () {
    if (server.url.username !== "" || server.url.password !== "") {
      return yield* misconfigured(
        server,
        `its "url" holds a user name or password. Put them into an Authorization header under "headers".`
      )
    }
    const headers = new Headers()
    for (const [name, value] of Object.entries(server.headers)) {
      yield* Effect.try({
        try: () => headers.set(name, Redacted.value(value)),
        catch: () =>
          misconfigured(
            server,
            `its header "${printable(name)}" has a name or value that HTTP does not allow.`
          )
      })
    }
    return headers
  })

/** Where a redirect points that must not be followed: another origin, or another method than it was sent with. */
const refusedRedirect = (request: Request, response: Response): URL | undefined => {
  const location = [301, 302, 303, 307, 308].includes(response.status)
    ? response.headers.get("location")
    : null
  const target = location === null ? null : URL.parse(location, request.url)
  if (target === null) return undefined
  const sameMethod = request.method === "GET" || response.status === 307 || response.status === 308
  return sameMethod && isSameOrigin(target, new URL(request.url)) ? undefined : target
}

const refuseRedirect = (
  server: RemoteServer,
  request: Request,
  response: Response
): Effect.Effect<void, McpError> => {
  const target = refusedRedirect(request, response)
  if (target === undefined) return Effect.void
  const place = printable(`${target.origin}${target.pathname}`)
  const detail = isSameOrigin(target, new URL(request.url))
    ? `it redirects to ${place} in a way that loses the request (HTTP ${response.status})`
    : `it redirects to another origin, ${printable(target.origin)}, where nothing was sent`
  return discardBody(response).pipe(
    Effect.andThen(
      new McpError({
        server: server.name,
        detail: `${detail}. If that is where the server is now, set its "url" to ${place}.`
      })
    )
  )
}

/**
 * Makes a `fetch` that sends by `send`. Each request carries the server's configured headers besides its own, which
 * win; `send` adds the authorization. A redirect within the origin is left to the SDK, which follows it; any other one
 * fails. What `send` fails with ends the operation that the request was for, as it is; the `fetch` itself rejects with
 * an error that says nothing. Requests under way are interrupted when the scope closes.
 */
export const makeSendingFetch = Effect.fnUntraced(function* <E, R>(
  server: RemoteServer,
  send: Send<E, R>,
  flights: Flights<McpError | E>
): Effect.fn.Return<SendingFetch, McpError, R | Scope.Scope> {
  const configured = yield* configuredHeaders(server)
  const run = yield* FiberSet.makeRuntime<R, Response, McpError | E>()
  let welcome = true

  const fetch: FetchLike = (url, init) => {
    const flight = flights.current
    const signal = init?.signal ?? undefined
    if (flight?.failed === true) return Promise.reject(new Error("The operation has failed already"))
    const headers = new Headers(configured)
    for (const [name, value] of new Headers(init?.headers)) headers.set(name, value)
    const request = new Request(url, {
      method: init?.method ?? "GET",
      headers,
      body: init?.body ?? null,
      redirect: "manual",
      signal: signal ?? null
    })
    const sent = Effect.suspend(() => send(request)).pipe(
      Effect.tap((response) => refuseRedirect(server, request, response))
    )
    return new Promise((resolve, reject) => {
      const arrived = flight?.sending()
      run(sent, { signal }).addObserver((exit) => {
        arrived?.()
        if (Exit.isSuccess(exit)) {
          welcome = exit.value.status !== 401
          return resolve(abortBody(exit.value, signal))
        }
        if (signal?.aborted !== true) {
          welcome = false
          flight?.fail(exit.cause)
        }
        return reject(new Error("The request failed"))
      })
    })
  }
  return { fetch, welcome: () => welcome }
})
