import { BareResponse } from "../../domain/BareResponse.ts"
import { HeaderList } from "../../domain/HeaderList.ts"
import { nodeModule } from "../platform/NodeModule.ts"
import { noteEnd } from "./Dispatching.ts"

/** The connection of a request, as undici gives it to a handler. */
export interface Control {
  readonly pause: () => void
  readonly resume: () => void
  readonly abort: (reason: Error) => void
}

/** The header fields of an answer: one value, or those of each line. */
export type Fields = Readonly<Record<string, string | ReadonlyArray<string>>>

const headersOf = (fields: Fields): HeaderList => {
  const headers = new HeaderList()
  for (const [name, values] of Object.entries(fields))
    for (const value of typeof values === "string" ? [values] : values) headers.append(name, value)
  return headers
}

/** The reason of a request that its caller has given up. */
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

/** Takes the answer to one request, in the way of a handler of undici. */
export class AnswerHandler {
  readonly answer = Promise.withResolvers<Response>()
  #control: Control | undefined
  #isAborted = false
  /** The body until its end. Its methods throw after that, and parts and ends may still come: `node:http` has them in a buffer. */
  #body: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor() {
    // An abort may come before there is a listener.
    this.answer.promise.catch(() => undefined)
  }

  abort(): void {
    this.#isAborted = true
    this.#control?.abort(aborted())
    this.onResponseError(undefined, aborted())
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
    if (!hasBody(status)) return this.answer.resolve(new BareResponse(null, { status, statusText, headers }))
    let body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = controller
        },
        pull: () => control.resume(),
        cancel: () => {
          this.#body = undefined
          control.abort(aborted())
        }
      },
      { highWaterMark: maxWaiting, size: ({ length }) => length }
    )
    const codings = headers.get("content-encoding")?.toLowerCase().split(",").slice(0, maxCodings) ?? []
    for (const coding of codings.toReversed()) body = decoded(body, coding.trim())
    this.answer.resolve(new BareResponse(body, { status, statusText, headers }))
  }

  onResponseData(control: Control, part: Uint8Array): void {
    this.#body?.enqueue(part)
    if ((this.#body?.desiredSize ?? 1) <= 0) control.pause()
  }

  onResponseEnd(): void {
    noteEnd()
    this.#body?.close()
    this.#body = undefined
  }

  onResponseError(_: Control | undefined, error: Error): void {
    this.#body?.error(error)
    this.#body = undefined
    this.answer.reject(error)
  }
}
