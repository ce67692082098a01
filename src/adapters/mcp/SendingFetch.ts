import { Cause, Effect, Exit, FiberSet, Option, type Scope } from "effect"
import { abortBody, NetworkError } from "../../ports/HttpTransport.ts"
import type { McpError, Send, SendOptions } from "../../ports/McpConnector.ts"
import { type AnswerLimit, limitAnswer, readingJson, type Used } from "./AnswerLimit.ts"
import type { Operation, Operations } from "./Operations.ts"

/** How {@link SendingFetch.fetch} sends a request. */
export interface FetchOptions extends SendOptions {
  /** True: an answer that does not come rejects the promise only, and the operation goes on. */
  readonly mayFail?: boolean
  /** True: the request is sent once more if the connection breaks before an answer starts. */
  readonly mayRepeat?: boolean
}

/** The way to a server, in the form that the transports of the SDK take. */
export interface SendingFetch {
  readonly fetch: (url: string | URL, init?: RequestInit, options?: FetchOptions) => Promise<Response>
  /** False after a request that failed, or was answered 401: the next one could start a sign-in. */
  readonly isAuthorized: () => boolean
}

/**
 * Makes a `fetch` that sends requests with `send`. An error of `send` ends the operation that the request belongs to,
 * unchanged; the `fetch` itself rejects with an error that has no details. So does an answer that is longer than `limit`. Pending requests are interrupted when the
 * scope closes.
 *
 * The head of an answer may take as long as the server may be silent in its operation.
 */
export const makeSendingFetch = Effect.fnUntraced(function* <E, R>(
  send: Send<E, R>,
  operations: Operations<McpError | E>,
  limit: AnswerLimit
): Effect.fn.Return<SendingFetch, never, R | Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<R, Response, E>()
  const usedBy = new WeakMap<Operation<McpError | E>, Used>()
  let isAuthorized = true

  const fetch: SendingFetch["fetch"] = (
    url,
    init,
    { mayFail = false, mayRepeat = false, ...options } = {}
  ) => {
    const operation = operations.current
    const signal = init?.signal ?? undefined
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (operation?.failed === true) return Promise.reject(new Error("The operation has failed already"))
    const request = new Request(url, {
      method: init?.method ?? "GET",
      headers: new Headers(init?.headers),
      body: init?.body ?? null,
      redirect: "manual",
      signal: signal ?? null
    })
    const attempt = (sent: Request) =>
      send(sent, { ...(operation === undefined ? {} : { timeout: operation.limit }), ...options })
    return new Promise((resolve, reject) => {
      const arrived = operation?.sending()
      run(
        mayRepeat
          ? Effect.catchIf(
              Effect.suspend(() => attempt(request.clone())),
              (error) => error instanceof NetworkError && error.unanswered === "broke",
              () => attempt(request)
            )
          : Effect.suspend(() => attempt(request)),
        { signal }
      ).addObserver((exit) => {
        arrived?.()
        if (Exit.isSuccess(exit)) {
          isAuthorized = exit.value.status !== 401
          const used = (operation && usedBy.get(operation)) ?? { bytes: 0, values: 0 }
          if (operation !== undefined) usedBy.set(operation, used)
          const answer = limitAnswer(exit.value, {
            limit,
            used: request.method === "GET" ? undefined : used,
            onExceeded: (error) => operations.failFor(operation, Cause.fail(error))
          })
          return resolve(readingJson(abortBody(answer, signal)))
        }
        if (signal?.aborted === true) return reject(signal.reason)
        const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
        const unanswered = error instanceof NetworkError ? error.unanswered : undefined
        if (mayFail && unanswered !== undefined) return reject(error)
        isAuthorized = false
        if (unanswered === "timeout") operation?.silent()
        else operation?.fail(exit.cause)
        return reject(new Error("The request failed"))
      })
    })
  }
  return { fetch, isAuthorized: () => isAuthorized }
})
