import { Cause, Effect, Exit, type Redacted, Schema } from "effect"
import { bareRequest } from "../../domain/BareRequest.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { abortBody, discardBody, HttpTransport, UserAgent, withBody } from "../../ports/HttpTransport.ts"
import { maxAnswer, maxEvent, maxList } from "./ModelLimits.ts"

/** A request was not sent, or its answer is not read: a whole sentence about the server. */
export class ModelHttpError extends Schema.TaggedError<ModelHttpError>()("ModelHttpError", {
  problem: Schema.Literals(["plain-http", "redirect", "too-long", "no-stream"]),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** Ends a body that is too long. `maxLine`: bytes without a line end. */
const bounded = (response: Response, maxBytes: number, maxLine: number): Response => {
  if (response.body === null) return response
  let total = 0
  let line = 0
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      total += chunk.byteLength
      const end = chunk.lastIndexOf(10)
      line = end < 0 ? line + chunk.byteLength : chunk.byteLength - end - 1
      if (total <= maxBytes && line <= maxLine) return controller.enqueue(chunk)
      const size =
        total > maxBytes ? `over ${maxBytes / 2 ** 20} MiB` : `an event of over ${maxLine / 2 ** 20} MiB`
      controller.error(new ModelHttpError({ problem: "too-long", detail: `its answer has ${size}.` }))
    }
  })
  return withBody(response, response.body.pipeThrough(limit))
}

const pairsOf = (headers: HeadersInit = {}): Iterable<readonly [name: string, value: string]> =>
  Symbol.iterator in headers
    ? Array.from(headers, ([name = "", value = ""]) => [name, value] as const)
    : Object.entries(headers)

/** The request that a package of a provider makes. They send texts, so that no HTTP client has to be loaded for it. */
const requestOf = (input: RequestInfo | URL, init: RequestInit = {}): Request => {
  const { body = null, headers, method = "GET" } = init
  if ((typeof input !== "string" && !(input instanceof URL)) || (body !== null && typeof body !== "string"))
    return new Request(input, init)
  const content = body === null ? undefined : new TextEncoder().encode(body)
  return bareRequest(input, { method, headers: pairsOf(headers), content })
}

/** True if requests to a provider carry a key, or a header that may hold one. */
export const hasSecret = ({
  headers,
  key
}: {
  readonly key: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
}): boolean =>
  key !== undefined || Object.keys(headers).some((name) => /auth|key|token|secret|cookie/i.test(name))

/** How requests of one provider are sent. */
export interface ModelHttpOptions {
  /** The requests carry a key: they must not go over plain http, except on this machine. */
  readonly hasSecret: boolean
  /** Milliseconds until the head of the answer. */
  readonly timeout: number
  /** Changes the body of a stream. */
  readonly repair?: (body: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>
}

/**
 * A `fetch` for the providers of models, over the transport of the program.
 *
 * **Details**
 *
 * - A key, or a header that the configuration sets, is sent over https or to this machine only.
 * - No redirect is followed: the request has the conversation and the key in it.
 * - Bodies are limited, and so is one event of a stream.
 * - The signal ends the body, too: the packages of the providers only stop to read it.
 *
 * It rejects with {@link ModelHttpError} or a `NetworkError`.
 */
export const modelFetch = Effect.fnUntraced(function* (options: ModelHttpOptions) {
  const transport = yield* HttpTransport
  const userAgent = yield* UserAgent
  const context = yield* Effect.context()
  const send = Effect.fnUntraced(function* (request: Request) {
    const url = new URL(request.url)
    if (options.hasSecret && !isSecureUrl(url)) {
      return yield* new ModelHttpError({
        problem: "plain-http",
        detail: `its address ${url.origin} has http, over which no key is sent. Use https.`
      })
    }
    // The packages of the providers name themselves.
    request.headers.set("user-agent", userAgent)
    const response = yield* transport.send(request, { timeout: options.timeout })
    if (response.status >= 300 && response.status < 400) {
      yield* discardBody(response)
      const to = URL.parse(response.headers.get("location") ?? "", request.url)
      const place = to === null || !/^https?:$/.test(to.protocol) ? "another address" : to.origin
      return yield* new ModelHttpError({
        problem: "redirect",
        detail: `it redirects to ${place} (HTTP ${response.status}), which is not followed. Change its base URL if that is right.`
      })
    }
    const type = response.headers.get("content-type") ?? ""
    if (response.ok && request.method === "POST" && /html/i.test(type)) {
      yield* discardBody(response)
      return yield* new ModelHttpError({
        problem: "no-stream",
        detail: "it answered with a page of HTML. Check its base URL."
      })
    }
    if (!/event-stream/i.test(type)) return bounded(response, maxList, maxList)
    const stream = bounded(response, maxAnswer, maxEvent)
    return options.repair === undefined || stream.body === null
      ? stream
      : withBody(stream, options.repair(stream.body))
  })
  return async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = requestOf(input, init)
    const signal = init?.signal ?? undefined
    const exit = await Effect.runPromiseExitWith(context)(
      send(request),
      signal === undefined ? undefined : { signal }
    )
    if (Exit.isSuccess(exit)) return abortBody(exit.value, signal)
    throw Cause.squash(exit.cause)
  }
})
