import { AsyncLocalStorage } from "node:async_hooks"
import type {
  FetchLike,
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCRequest,
  StreamableHTTPClientTransport
} from "@modelcontextprotocol/client"
import { connectionEnded, noAnswer, type Sdk } from "./ErrorOfClient.ts"
import { probeTimeout } from "./McpLimits.ts"
import type { SendingFetch } from "./SendingFetch.ts"

/** An error in place of an answer. */
type MadeUpError = JSONRPCErrorResponse["error"]

type SuperSend = StreamableHTTPClientTransport["send"]

/** Options of {@link makeAnsweringTransport}. */
export interface AnsweringTransportOptions {
  readonly sdk: Sdk
  readonly url: URL
  readonly fetch: SendingFetch["fetch"]
  /** False: a 401 to the probe does not renew the token. */
  readonly renew: boolean
  /** Runs `act` after some milliseconds, unless the connection closes before. */
  readonly after: (milliseconds: number, act: () => void) => void
}

/** A streamable HTTP transport that answers each request. */
export interface AnsweringTransport extends StreamableHTTPClientTransport {
  /** True if the server answered the probe 401 although a token was sent, or signing in did not help. */
  readonly isProbeRefused: () => boolean
  /** Ends the handshake: a 401 renews the token from now on. */
  readonly endHandshake: () => void
  /** Resolves when every cancellation has been sent. */
  readonly cancelled: () => Promise<unknown>
}

/**
 * Answers the GET for the standing stream of an older server with 405, which means that the server has no such stream. The
 * SDK opens it for requests of the server, and this client supports none of them.
 */
const isStandingStream = (init: RequestInit | undefined): boolean =>
  (init?.method ?? "GET") === "GET" && !new Headers(init?.headers).has("last-event-id")

/** The probe of the SDK before the handshake. Its ids are strings, those of other requests are numbers. */
const isProbe = ({ id, method }: JSONRPCRequest): boolean =>
  method === "server/discover" && typeof id === "string"

/**
 * Makes a transport that answers every request, where the SDK would wait forever: after a stream that ends without an answer,
 * and after a response without one.
 *
 * An answer to the probe that is no answer of revision 2026-07-28 counts as "method not found", so that `initialize` follows
 * (MCP 2026-07-28 "Versioning"): any HTTP error, another content, a connection that breaks, and silence.
 *
 * A request whose connection breaks before an answer starts is sent once more. A tool call is not: the tool may have run.
 *
 * A request that is cancelled ends its HTTP request too, after the notification.
 */
export const makeAnsweringTransport = (options: AnsweringTransportOptions): AnsweringTransport => {
  const { sdk } = options
  const sends = new AsyncLocalStorage<{ isStream: boolean; readonly mayRepeat: boolean }>()
  const inFlight = new Map<unknown, AbortController>()
  const cancellations = new Set<Promise<void>>()
  let isProbing = false
  let isHandshake = true
  let isProbeRefused = false
  let onHead = () => {}

  const fetch: FetchLike = async (url, init) => {
    if (isStandingStream(init)) return new Response(null, { status: 405 })
    const probing = isProbing
    const renew = probing ? options.renew : !(isHandshake && isProbeRefused)
    const send = sends.getStore()
    const response = await options.fetch(url, init, {
      renew,
      mayRepeat: send?.mayRepeat === true,
      ...(probing ? { timeout: probeTimeout, mayFail: true } : {})
    })
    if (probing) {
      isProbeRefused = response.status === 401
      onHead()
    }
    if (send !== undefined) {
      send.isStream = /^\s*text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")
    }
    return response
  }

  class Transport extends sdk.StreamableHTTPClientTransport implements AnsweringTransport {
    readonly isProbeRefused = () => isProbeRefused
    readonly endHandshake = () => {
      isHandshake = false
    }
    readonly cancelled = () => Promise.allSettled(cancellations)

    override async send(
      message: JSONRPCMessage | Array<JSONRPCMessage>,
      sendOptions?: Parameters<SuperSend>[1]
    ): Promise<void> {
      if (Array.isArray(message)) return super.send(message, sendOptions)
      if (sdk.isJSONRPCRequest(message)) {
        return isProbe(message)
          ? this.#probe(message, sendOptions)
          : this.#request(message, sendOptions, connectionEnded)
      }
      const sent = super.send(message, sendOptions)
      if (!("method" in message) || message.method !== "notifications/cancelled") return sent
      const end = sent.finally(() => inFlight.get(message.params?.["requestId"])?.abort())
      cancellations.add(end)
      return end.finally(() => cancellations.delete(end))
    }

    /** Sends a request. If there was an answer before the one that is made up here, the SDK ignores this one. */
    async #request(
      message: JSONRPCRequest,
      sendOptions: Parameters<SuperSend>[1],
      ended: MadeUpError
    ): Promise<void> {
      const { id } = message
      const controller = new AbortController()
      inFlight.set(id, controller)
      const { requestSignal, onRequestStreamEnd } = sendOptions ?? {}
      const signals = requestSignal === undefined ? [] : [requestSignal]
      const answer = (error: MadeUpError) => {
        inFlight.delete(id)
        this.onmessage?.({ jsonrpc: "2.0", id, error })
      }
      const send = { isStream: false, mayRepeat: message.method !== "tools/call" }
      await sends.run(send, () =>
        super.send(message, {
          ...sendOptions,
          requestSignal: AbortSignal.any([controller.signal, ...signals]),
          onRequestStreamEnd: () => {
            onRequestStreamEnd?.()
            answer(ended)
          }
        })
      )
      if (!send.isStream) answer(ended === connectionEnded ? noAnswer : ended)
    }

    async #probe(message: JSONRPCRequest, sendOptions: Parameters<SuperSend>[1]): Promise<void> {
      const unknown = { code: sdk.ProtocolErrorCode.MethodNotFound, message: "Method not found" }
      isProbing = true
      onHead = () =>
        options.after(probeTimeout, () => {
          this.onmessage?.({ jsonrpc: "2.0", id: message.id, error: unknown })
          inFlight.get(message.id)?.abort()
        })
      try {
        await this.#request(message, sendOptions, unknown)
      } catch (error) {
        if (!(error instanceof sdk.SdkHttpError)) {
          return this.onmessage?.({ jsonrpc: "2.0", id: message.id, error: unknown })
        }
        // The SDK gives up at other statuses. It looks for an error of revision 2026-07-28 in the body of a 400.
        const { text } = error.data
        throw new sdk.SdkHttpError(error.code, error.message, { status: 400, text })
      } finally {
        isProbing = false
      }
    }
  }
  return new Transport(options.url, { fetch })
}
