import type { FetchLike } from "@modelcontextprotocol/client"
import { Cause, Effect, Exit, FiberSet, type Scope } from "effect"
import { abortBody } from "../../ports/HttpTransport.ts"
import type { McpError, Send } from "../../ports/McpConnector.ts"
import { type AnswerLimit, limitAnswer, type Used } from "./AnswerLimit.ts"
import type { Operation, Operations } from "./Operations.ts"

/** The way to a server, in the form that the transports of the SDK take. */
export interface SendingFetch {
  readonly fetch: FetchLike
  /** False after a request that failed, or was answered 401: the next one could start a sign-in. */
  readonly isAuthorized: () => boolean
}

/**
 * Makes a `fetch` that sends requests with `send`. An error of `send` ends the operation that the request belongs to,
 * unchanged; the `fetch` itself rejects with an error that has no details. So does an answer that is longer than `limit`. Pending requests are interrupted when the
 * scope closes.
 */
export const makeSendingFetch = Effect.fnUntraced(function* <E, R>(
  send: Send<E, R>,
  operations: Operations<McpError | E>,
  limit: AnswerLimit
): Effect.fn.Return<SendingFetch, never, R | Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<R, Response, E>()
  const usedBy = new WeakMap<Operation<McpError | E>, Used>()
  let isAuthorized = true

  const fetch: FetchLike = (url, init) => {
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
    return new Promise((resolve, reject) => {
      const arrived = operation?.sending()
      run(
        Effect.suspend(() => send(request)),
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
          return resolve(abortBody(answer, signal))
        }
        if (signal?.aborted === true) return reject(signal.reason)
        isAuthorized = false
        operation?.fail(exit.cause)
        return reject(new Error("The request failed"))
      })
    })
  }
  return { fetch, isAuthorized: () => isAuthorized }
})
