import { Effect, type Layer } from "effect"
import { platformRequest } from "../../domain/BareRequest.ts"
import { contentOf } from "../../domain/ByteRequest.ts"
import { HeaderList } from "../../domain/HeaderList.ts"
import type { HttpTransport } from "../../ports/HttpTransport.ts"
import { AnswerHandler } from "./AnswerHandler.ts"
import { connectionsFreed, dispatcherFor, noteEnd } from "./Dispatching.ts"
import { acceptEncoding } from "./HttpLimits.ts"
import { type Dispatch, dispatchByFetch, layerOf } from "./FetchTransport.ts"

/** The version of undici in this Node. The handlers of older ones have other methods. */
export const hasUndici = (): boolean => Number.parseInt(process.versions["undici"] ?? "0", 10) >= 7

/**
 * Takes no answer: it ends its request before anything of it is sent. Undici then keeps the connection that it has opened for
 * it.
 */
class Unsent {
  readonly opening = Promise.withResolvers<void>()
  #isOpen = false

  onRequestStart(): never {
    this.#isOpen = true
    throw new Error("The connection is open")
  }

  onResponseStart(): void {}
  onResponseData(): void {}
  onResponseEnd(): void {}

  onResponseError(_: unknown, error: Error): void {
    noteEnd()
    if (this.#isOpen) this.opening.resolve()
    else this.opening.reject(error)
  }
}

/** Origins for which a connection was opened before the first request, and the end of that while it is not open yet. */
const openings = new Map<string, Promise<void> | undefined>()

const openConnection = async (origin: string, beforeStart: () => void): Promise<void> => {
  const dispatcher = await dispatcherFor(new URL(origin))
  if (dispatcher === undefined) return
  beforeStart()
  const unsent = new Unsent()
  dispatcher.dispatch({ origin, path: "/", method: "GET" }, unsent)
  await unsent.opening.promise
}

const connect = (origin: string, beforeStart: () => void): void => {
  if (openings.has(origin) || !hasUndici()) return
  // A request that waits for it reports the failure. A later one opens another connection.
  const opening = openConnection(origin, beforeStart).finally(() => openings.set(origin, undefined))
  opening.catch(() => undefined)
  openings.set(origin, opening)
}

const start = async (
  request: Request,
  content: Uint8Array | undefined,
  fresh: boolean,
  handler: AnswerHandler,
  beforeStart: () => void
): Promise<Response> => {
  const url = new URL(request.url)
  // An abort, which rejects the answer, ends the wait.
  if (!fresh) await Promise.race([openings.get(url.origin), handler.answer.promise])
  const dispatcher = await dispatcherFor(url, fresh)
  await connectionsFreed()
  beforeStart()
  if (dispatcher === undefined) {
    const { abort, answer } = dispatchByFetch(platformRequest(request), fresh)
    handler.onRequestStart({ abort, pause: () => undefined, resume: () => undefined })
    return answer
  }
  if (handler.isAborted) return handler.answer.promise
  const headers = new HeaderList(request.headers)
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", acceptEncoding)
  dispatcher.dispatch(
    {
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method,
      headers: [...headers].flat(),
      body: content ?? null
    },
    handler
  )
  return handler.answer.promise
}

/**
 * Sends a request of bytes ({@link contentOf}) with undici, the HTTP client below `fetch` of Node, and other requests with
 * `fetch`. Connections, proxies and errors are the same. It is for the program: in a library, what a user puts in the place of
 * `fetch` has to work.
 *
 * @param beforeFirst is called before the first request of bytes, or before the first connection
 */
export const dispatchWith = (
  beforeFirst: () => void
): { readonly dispatch: Dispatch; readonly connect: (url: URL) => void } => {
  let isFirst = true
  const beforeStart = () => {
    if (isFirst) beforeFirst()
    isFirst = false
  }
  return {
    dispatch: (request, fresh) => {
      const known = contentOf(request)
      if (known === undefined || !hasUndici()) return dispatchByFetch(platformRequest(request), fresh)
      const handler = new AnswerHandler()
      return {
        answer: start(request, known.content, fresh, handler, beforeStart),
        abort: () => handler.abort()
      }
    },
    connect: (url) => connect(url.origin, beforeStart)
  }
}

const undici = dispatchWith(() => undefined)

/** @see dispatchWith */
export const layer: Layer.Layer<HttpTransport> = layerOf(undici.dispatch, {
  connect: (url) => Effect.sync(() => undici.connect(url))
})
