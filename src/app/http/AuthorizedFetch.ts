import { type Context, Effect } from "effect"
import type { RemoteServer } from "../../domain/Server.ts"
import { abortBody } from "../../ports/HttpTransport.ts"
import { AuthorizedHttp } from "./AuthorizedHttp.ts"

/** The part of `fetch` that MCP clients take as an option. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Keeps the request of the caller alive as long as the body of its answer: otherwise its signal stops working. */
const requestOfBody = new WeakMap<ReadableStream, Request>()

/**
 * Runs an effect as a promise that rejects with `signal.reason` as soon as the signal aborts. The fiber is interrupted,
 * but not waited for: a refresh that has started runs to its end.
 */
const runAbortable = async <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<R>,
  signal: AbortSignal | undefined
): Promise<A> => {
  const run = Effect.runPromiseWith(context)
  if (signal === undefined) return run(effect)
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener("abort", abort, { once: true })
  try {
    return await Promise.race([run(effect, { signal }), aborted.promise])
  } finally {
    signal.removeEventListener("abort", abort)
  }
}

/**
 * Makes a `fetch` that sends the access token of a server, refreshes it, and signs in if a user is present. It is for the
 * `fetch` option of an MCP client without its own authorization.
 *
 * It rejects with the errors of {@link AuthorizedHttp}, or with `signal.reason` if the request is aborted.
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
    return async (input, init) => {
      const request = new Request(input, init)
      const own = input instanceof Request ? input : undefined
      const signal = (init?.signal === undefined ? own?.signal : init.signal) ?? undefined
      const response = await runAbortable(send(request), context, signal)
      const answer = abortBody(response, signal)
      if (answer.body !== null && own !== undefined) requestOfBody.set(answer.body, own)
      return answer
    }
  })
