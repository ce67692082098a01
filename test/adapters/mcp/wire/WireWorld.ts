import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { text } from "node:stream/consumers"
import { Effect, Layer } from "effect"
import { layer as transport } from "../../../../src/adapters/http/UndiciTransport.ts"
import { layer } from "../../../../src/adapters/mcp/wire/ServerWire.ts"
import { ByteParts } from "../../../../src/domain/ByteParts.ts"
import { type JsonRpcMessage, readJsonRpc } from "../../../../src/domain/JsonRpcMessage.ts"
import type { RemoteServer } from "../../../../src/domain/Server.ts"
import { HttpTransport, type NetworkError } from "../../../../src/ports/HttpTransport.ts"
import type { Send } from "../../../../src/ports/McpConnector.ts"
import { McpWire, type Wire } from "../../../../src/ports/McpWire.ts"
import { listen } from "../McpServers.ts"
import { httpServer } from "../McpWorld.ts"

/** The wire, and the real way to a server. */
export const wires = Layer.merge(layer({ maxMessageMiB: 1 }), transport)

/** A `send` without authorization. */
export const plainSend: Send<NetworkError, HttpTransport> = (request, options) =>
  HttpTransport.use((transport) => transport.send(request, options))

/** Opens a wire to a server. */
export const openWire = (url: URL, rest: Partial<RemoteServer> = {}) =>
  McpWire.use((wire) => wire.open(httpServer(url, rest), plainSend))

/** A message of its text. */
export const message = (text: string | object): JsonRpcMessage => {
  const read = readJsonRpc(ByteParts.ofText(typeof text === "string" ? text : JSON.stringify(text)))
  if (read._tag !== "Message") throw new Error(`No message: ${JSON.stringify(text)}`)
  return read.message
}

/** A request of JSON-RPC. */
export const request = (method: string, params: object = {}, id: number | string = 1) =>
  message({ jsonrpc: "2.0", id, method, params })

/** The handshake of an older client. */
export const initialize = request("initialize", {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "test", version: "1" }
})
export const initialized = message({ jsonrpc: "2.0", method: "notifications/initialized" })

/** Sends a message, and gives how that ended and the texts of the messages that came. */
export const post = <E>(wire: Wire<E>, sent: JsonRpcMessage, options?: Parameters<Wire<E>["post"]>[2]) => {
  const delivered: Array<string> = []
  const deliver = (message: JsonRpcMessage) => Effect.sync(() => void delivered.push(message.bytes.text()))
  return Effect.map(wire.post(sent, deliver, options), (end) => ({ end, delivered }))
}

/** A request as a server got it. */
export interface Got {
  readonly method: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
  readonly socket: Socket
}
/** Answers a request. */
export type Answering = (response: ServerResponse, got: Got) => void

/** A server that gives one answer after the other, and the last one again. */
export const scripted = (...answers: ReadonlyArray<Answering>) => {
  const got: Array<Got> = []
  return Effect.map(
    listen(async (incoming, response) => {
      const { headers, method = "" } = incoming
      const entry = { method, headers, body: await text(incoming), socket: incoming.socket }
      const answer = answers[Math.min(got.length, answers.length - 1)]
      got.push(entry)
      answer?.(response, entry)
    }),
    (url) => ({ url, got })
  )
}

/** An answer with a status, a content type and a body. */
export const answer =
  (
    status: number,
    type: string | undefined,
    body = "",
    headers: Readonly<Record<string, string>> = {}
  ): Answering =>
  (response) =>
    void response
      .writeHead(status, { ...(type === undefined ? {} : { "content-type": type }), ...headers })
      .end(body)

/** An answer of JSON. */
export const json = (
  body: string | object,
  status = 200,
  headers: Readonly<Record<string, string>> = {}
): Answering =>
  answer(status, "application/json", typeof body === "string" ? body : JSON.stringify(body), headers)

/** The start of an event stream, which may go on. */
export const events =
  (text: string, then: (response: ServerResponse) => void = (response) => void response.end()): Answering =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(text, () => then(response))
  }

/** Breaks the connection. */
export const drop = (response: ServerResponse): void => void response.socket?.destroy()

/** An event with a message. */
export const event = (data: string | object, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

/** The response to the request with the id 1. */
export const result = { jsonrpc: "2.0", id: 1, result: {} }

/** The answer to `initialize` of a server with sessions. */
export const started = json(
  { jsonrpc: "2.0", id: 1, result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} } },
  200,
  { "mcp-session-id": "session-1" }
)
