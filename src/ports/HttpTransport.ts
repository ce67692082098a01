import { Context, Effect, Schema } from "effect"
import type { BareResponse } from "../domain/BareResponse.ts"
import { advice, type Remedy } from "../domain/Remedy.ts"

/**
 * No answer: no network, no such host, TLS, a broken connection, or a timeout; or the status of a server that is unavailable.
 * Transient unless it says otherwise.
 */
export class NetworkError extends Schema.TaggedError<NetworkError>()("NetworkError", {
  /** Origin of the request; never its path or query, which may hold secrets. */
  origin: Schema.String,
  detail: Schema.String,
  /** The status of the answer, which says that the server is unavailable. Absent: there was no answer. */
  status: Schema.optionalKey(Schema.Finite),
  /**
   * The request was sent: the connection `broke`, or the `timeout` passed, after which it may still arrive. Absent: nothing
   * was sent, or the request may be repeated.
   */
  unanswered: Schema.optionalKey(Schema.Literals(["broke", "timeout"])),
  /** True: a repetition fails in the same way, such as at a blocked port, or with a certificate that is not trusted. */
  isLasting: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    return this.status === undefined
      ? `No answer from ${this.origin}: ${this.detail}.`
      : `${this.origin} is not available now (${this.detail}).`
  }

  get remedies(): ReadonlyArray<Remedy> {
    if (this.status !== undefined) return [advice("Try again later, or tell its provider.")]
    return [advice("Check the address, the network and the proxy settings, then try again.")]
  }
}

/**
 * The `User-Agent` of requests that have none (RFC 9110 §10.1.5), such as `mcp-cli/1.0.0`. It tells an operator which
 * program a log entry is about.
 */
export const UserAgent = Context.Reference<string>("mcp-cli-oauth/ports/UserAgent", {
  defaultValue: () => "mcp-cli-oauth"
})

/** Sends one HTTP request and returns its answer: no redirect is followed, no status is an error, nothing is retried. */
export class HttpTransport extends Context.Service<
  HttpTransport,
  {
    readonly send: (
      request: Request,
      options?: {
        /** Milliseconds until the head of the answer; absent: 30 seconds. Aborts the request even in an uninterruptible fiber. */
        readonly timeout?: number
        /**
         * True: a new connection. After a long pause the server may close the old one just when the request is on its way,
         * and whether the request arrived is unknown then.
         */
        readonly fresh?: boolean
      }
    ) => Effect.Effect<Response, NetworkError>
    /**
     * Starts to open a connection for the first request to the origin of a URL, and sends nothing. That request reports a
     * failure. Absent: a request opens its connection.
     */
    readonly connect?: (url: URL) => Effect.Effect<void>
  }
>()("mcp-cli-oauth/ports/HttpTransport") {}

/** Cancels a body that is not read, which frees its connection. A body that failed already has none. */
export const discardBody = ({ body }: Response): Effect.Effect<void> =>
  body === null ? Effect.void : Effect.promise(() => body.cancel().catch(() => undefined))

/**
 * The same response with another body. `Response` itself throws for a status, and for a reason phrase, that HTTP allows and a
 * server may send.
 */
export const withBody = (response: Response, body: ReadableStream<Uint8Array> | null): Response => {
  // Its class is for programs: no library has to load it.
  const { rebodied }: Response & Partial<Pick<BareResponse, "rebodied">> = response
  if (rebodied !== undefined) return rebodied(body)
  const { headers, ok, status, statusText, url } = response
  const fields = Object.entries({ ok, status, statusText, url }).map(([name, value]) => [name, { value }])
  return Object.defineProperties(new Response(body, { headers }), Object.fromEntries(fields))
}

/**
 * The same response with a body that fails with `signal.reason` when the signal aborts, and cancels the original then.
 *
 * The signal of the request is not enough: Node.js loses the signal of a `Request`, and of its clones, once that object
 * is garbage-collected.
 */
export const abortBody = (response: Response, signal: AbortSignal | undefined): Response => {
  if (response.body === null || signal === undefined) return response
  const body = response.body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>(), { signal })
  return withBody(response, body)
}
