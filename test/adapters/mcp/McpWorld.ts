import { Effect, Layer, Schema } from "effect"
import { layer as transport } from "../../../src/adapters/http/UndiciTransport.ts"
import { layer } from "../../../src/adapters/mcp/McpConnector.ts"
import { defaultOAuth, type RemoteServer } from "../../../src/domain/Server.ts"
import { HttpTransport, type NetworkError } from "../../../src/ports/HttpTransport.ts"
import { McpConnector, type Send } from "../../../src/ports/McpConnector.ts"

/** What the way to a server fails with in these tests. */
export class Down extends Schema.TaggedError<Down>()("Down", { why: Schema.String }) {
  readonly remedies = []
}

/** The adapter, with a version to recognize, and the real way to a server. */
export const connector = Layer.merge(layer({ version: "9.8.7" }), transport)

/** A server that is configured by its URL. */
export const httpServer = (url: URL, rest: Partial<RemoteServer> = {}): RemoteServer => ({
  _tag: "Http",
  name: "example",
  url,
  headers: {},
  transport: "auto",
  oauth: defaultOAuth,
  ...rest
})

/** A session with a server by a `send`. */
export const connect = <E, R>(server: RemoteServer, send: Send<E, R>) =>
  McpConnector.use((connector) => connector.connectHttp(server, send))

/** A `send` that remembers, and does another thing than to send where a test says so. */
export interface Way {
  readonly send: Send<Down | NetworkError, HttpTransport>
  /** What was sent: the method of JSON-RPC, or of HTTP where there is none. */
  readonly sent: Array<string>
  readonly requests: Array<Request>
  /** What is done in place of sending, by the name in `sent`. */
  readonly instead: Map<string, (request: Request) => Effect.Effect<Response, Down>>
}

/** @see Way */
export const way = (): Way => {
  const sent: Array<string> = []
  const requests: Array<Request> = []
  const instead: Way["instead"] = new Map()
  const send: Way["send"] = Effect.fnUntraced(function* (request, options) {
    const body = yield* Effect.promise(() => request.clone().text())
    const name = body === "" ? request.method : String(JSON.parse(body).method)
    sent.push(name)
    requests.push(request.clone())
    const other = instead.get(name)
    return yield* other === undefined
      ? HttpTransport.use((transport) => transport.send(request, options))
      : other(request)
  })
  return { send, sent, requests, instead }
}
