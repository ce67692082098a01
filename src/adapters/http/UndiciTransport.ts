import { Effect, type Layer } from "effect"
import { contentOf } from "../../domain/ByteRequest.ts"
import { type HttpTransport, withBody } from "../../ports/HttpTransport.ts"
import { nodeModule } from "../platform/NodeModule.ts"
import { connectionsFreed, dispatcherFor, noteEnd } from "./Dispatching.ts"
import { type Dispatch, dispatchByFetch, layerOf } from "./FetchTransport.ts"

/** The connection of a request, as undici gives it to a handler. */
interface Control {
  readonly pause: () => void
  readonly resume: () => void
  readonly abort: (reason: Error) => void
}

type Fields = Readonly<Record<string, string | ReadonlyArray<string>>>

const headersOf = (fields: Fields): Headers => {
  const headers = new Headers()
  for (const [name, values] of Object.entries(fields))
    for (const value of typeof values === "string" ? [values] : values) headers.append(name, value)
  return headers
}

const aborted = () => new Error("The request was aborted")

/** Codings of one body that are decoded, as in `fetch`. */
const maxCodings = 5

/** Bytes of an answer that wait for their reader, before the server has to wait. */
const maxWaiting = 65_536

const hasBody = (status: number): boolean => ![204, 205, 304].includes(status)

/** Decodes a body with the coding of its header. Flushed at each part, since a stream may pause after it. */
const decoded = (body: ReadableStream<Uint8Array>, coding: string): ReadableStream<Uint8Array> => {
  const [zlib, stream] = [nodeModule("node:zlib"), nodeModule("node:stream")]
  if (zlib === undefined || stream === undefined) return body
  const { BROTLI_OPERATION_FLUSH, Z_SYNC_FLUSH } = zlib.constants
  const flushed = (flush: number) => ({ flush, finishFlush: flush })
  const decoder = /^(x-)?gzip$|^deflate$/.test(coding)
    ? zlib.createUnzip(flushed(Z_SYNC_FLUSH))
    : coding === "br"
      ? zlib.createBrotliDecompress(flushed(BROTLI_OPERATION_FLUSH))
      : undefined
  if (decoder === undefined) return body
  return body.pipeThrough(stream.Duplex.toWeb(decoder) as ReadableWritablePair<Uint8Array, Uint8Array>)
}

/** A response of what a server answered, which may have a status or a reason that `Response` does not accept. */
const responseOf = (
  status: number,
  statusText: string,
  headers: Headers,
  body: ReadableStream<Uint8Array> | null
): Response => {
  if (status <= 599 && /^[\t\x20-\x7e]*$/.test(statusText))
    return new Response(body, { status, statusText, headers })
  const ok = status >= 200 && status <= 299
  return withBody({ headers, ok, status, statusText, url: "" } as Response, body)
}

/** The version of undici in this Node. The handlers of older ones have other methods. */
const hasUndici = (): boolean => Number.parseInt(process.versions["undici"] ?? "0", 10) >= 7

/** Takes the answer to one request from undici. */
class AnswerHandler {
  readonly answer = Promise.withResolvers<Response>()
  #control: Control | undefined
  #isAborted = false
  #body: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor() {
    // An abort may come before there is a listener.
    this.answer.promise.catch(() => undefined)
  }

  abort(): void {
    this.#isAborted = true
    this.#control?.abort(aborted())
    this.answer.reject(aborted())
  }

  get isAborted(): boolean {
    return this.#isAborted
  }

  onRequestStart(control: Control): void {
    this.#control = control
    if (this.#isAborted) control.abort(aborted())
  }

  onResponseStart(control: Control, status: number, fields: Fields, statusText = ""): void {
    if (status < 200) return
    const headers = headersOf(fields)
    if (!hasBody(status)) return this.answer.resolve(responseOf(status, statusText, headers, null))
    let body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = controller
        },
        pull: () => control.resume(),
        cancel: () => control.abort(aborted())
      },
      { highWaterMark: maxWaiting, size: ({ length }) => length }
    )
    const codings = headers.get("content-encoding")?.toLowerCase().split(",").slice(0, maxCodings) ?? []
    for (const coding of codings.toReversed()) body = decoded(body, coding.trim())
    this.answer.resolve(responseOf(status, statusText, headers, body))
  }

  onResponseData(control: Control, part: Uint8Array): void {
    this.#body?.enqueue(part)
    if ((this.#body?.desiredSize ?? 1) <= 0) control.pause()
  }

  onResponseEnd(): void {
    noteEnd()
    this.#body?.close()
  }

  onResponseError(_: Control | undefined, error: Error): void {
    this.#body?.error(error)
    this.answer.reject(error)
  }
}

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

  onResponseError(_: Control | undefined, error: Error): void {
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
    const { abort, answer } = dispatchByFetch(request, fresh)
    handler.onRequestStart({ abort, pause: () => undefined, resume: () => undefined })
    return answer
  }
  if (handler.isAborted) return handler.answer.promise
  const headers = new Headers(request.headers)
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "gzip, br")
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

const dispatchWith =
  (beforeStart: () => void): Dispatch =>
  (request, fresh) => {
    const known = contentOf(request)
    if (known === undefined || !hasUndici()) return dispatchByFetch(request, fresh)
    const handler = new AnswerHandler()
    return {
      answer: start(request, known.content, fresh, handler, beforeStart),
      abort: () => handler.abort()
    }
  }

/**
 * Sends a request of bytes ({@link contentOf}) with undici, the HTTP client below `fetch` of Node, and other requests with
 * `fetch`. Connections, proxies and errors are the same. It is for the program: in a library, what a user puts in the place of
 * `fetch` has to work.
 *
 * @param beforeFirst is called before the first request of bytes, when the HTTP client of Node is loaded, or before the first connection
 */
export const layerWith = (beforeFirst: () => void): Layer.Layer<HttpTransport> => {
  let isFirst = true
  const beforeStart = () => {
    if (isFirst) beforeFirst()
    isFirst = false
  }
  return layerOf(dispatchWith(beforeStart), {
    connect: (url) => Effect.sync(() => connect(url.origin, beforeStart))
  })
}

/** @see layerWith */
export const layer: Layer.Layer<HttpTransport> = layerWith(() => undefined)
