import { Effect, Predicate } from "effect"
import { byteRequest, type ByteRequestInit, type MakeByteRequest } from "../../../domain/ByteRequest.ts"
import { HeaderList } from "../../../domain/HeaderList.ts"
import type { JsonRpcMessage } from "../../../domain/JsonRpcMessage.ts"
import { redirectOf } from "../../../domain/Redirect.ts"
import type { RemoteServer } from "../../../domain/Server.ts"
import type { Send, SendOptions } from "../../../ports/McpConnector.ts"
import type { PostOptions, WireSession } from "../../../ports/McpWire.ts"
import { maxRedirects } from "../McpLimits.ts"
import { readBriefly } from "./AnswerBody.ts"

/** Options of a wire. */
export interface McpWireOptions {
  /** Maximum of one message in MiB, after decompression; absent: 256. `maxAnswerMiB` of a server's entry wins. */
  readonly maxMessageMiB?: number
  /** Makes its requests; absent: requests of the platform, which any `send` can send. */
  readonly makeRequest?: MakeByteRequest
}

/** One HTTP request of a wire. */
export interface WireRequest {
  readonly method: "POST" | "GET" | "DELETE"
  readonly headers: ByteRequestInit["headers"]
  readonly body: Uint8Array | undefined
}

/** The protocol version that `initialize` led to, if a header can carry it. */
export const versionIn = (answer: JsonRpcMessage): string | undefined => {
  const result = answer.value("result")
  const version = Predicate.hasProperty(result, "protocolVersion") ? result.protocolVersion : undefined
  return typeof version === "string" && /^[\x21-\x7e]{1,64}$/.test(version) ? version : undefined
}

const sessionHeaders = (session: WireSession | undefined): HeaderList => {
  const headers = new HeaderList()
  if (session?.id !== undefined) headers.set("mcp-session-id", session.id)
  if (session?.protocolVersion !== undefined) headers.set("mcp-protocol-version", session.protocolVersion)
  return headers
}

/** The request that carries a message. */
export const postOf = (
  message: JsonRpcMessage,
  session: WireSession | undefined,
  options: PostOptions
): WireRequest => {
  const headers = sessionHeaders(session)
  headers.set("accept", "application/json, text/event-stream")
  headers.set("content-type", "application/json")
  for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value)
  return { method: "POST", headers, body: message.bytes.joined() }
}

/** The request that opens the standing stream, or goes on with a stream after an event. */
export const streamOf = (session: WireSession | undefined, lastEventId: string | undefined): WireRequest => {
  const headers = sessionHeaders(session)
  headers.set("accept", "text/event-stream")
  if (lastEventId !== undefined) headers.set("last-event-id", lastEventId)
  return { method: "GET", headers, body: undefined }
}

/** The request that ends a session. */
export const endOf = (session: WireSession): WireRequest => ({
  method: "DELETE",
  headers: sessionHeaders(session),
  body: undefined
})

/**
 * Sends a request and follows redirects.
 *
 * @param makeRequest for a `send` that does not need requests of the platform
 */
export const exchange = Effect.fnUntraced(function* <E, R>(
  server: RemoteServer,
  send: Send<E, R>,
  { body, headers, method }: WireRequest,
  options: SendOptions = {},
  makeRequest: MakeByteRequest = byteRequest
): Effect.fn.Return<Response, E, R> {
  let { url } = server
  for (let redirects = 0; ; redirects++) {
    const request = makeRequest(url, { method, headers, content: body })
    const response = yield* send(request, options)
    const redirect = redirects < maxRedirects ? redirectOf(request, response) : undefined
    if (redirect?.mayFollow !== true) return response
    yield* readBriefly(response)
    url = redirect.target
  }
})
