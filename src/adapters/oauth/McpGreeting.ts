import { Effect, Option } from "effect"
import type { RemoteServer } from "../../domain/Server.ts"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import { discardBody, type HttpTransport } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"
import { readJsonObject } from "./JsonAnswer.ts"
import { discoveryLimits } from "./OAuthLimits.ts"
import { followingRedirects, headersOf } from "./ResourceSearch.ts"

/** How a server answers a client that greets it without a token. */
export interface Greeting {
  readonly response: Response
  /** True if the answer is one of an MCP server, an error included. */
  readonly isMcp: boolean
}

const isStream = ({ headers, ok }: Response): boolean =>
  ok && /^\s*text\/event-stream\b/i.test(headers.get("content-type") ?? "")

/** A message, and the first event of the older SSE transport (MCP "Transports"). */
const [message, endpoint] = [/^data:.*"jsonrpc"/m, /^event: ?endpoint\b/m]

/** True if a stream brings this. One that stays open without it may be that of a slow server. */
const brings = (response: Response, event: RegExp) =>
  readBody(response, (text) => event.test(text)).pipe(
    Effect.map((text) => event.test(text)),
    Effect.catch(({ isTransient }) => Effect.succeed(isTransient))
  )

/** Ends the session that the greeting may have opened. The server also ends sessions that are idle. */
const endSession = (
  send: HttpTransport["Service"]["send"],
  url: string,
  headers: Headers,
  session: string | null
) => {
  if (session === null) return Effect.void
  const ending = new Headers([...headers, ["mcp-session-id", session]])
  return send(new Request(url, { method: "DELETE", headers: ending }), { timeout: 5000 }).pipe(
    Effect.flatMap(discardBody),
    Effect.ignore
  )
}

/**
 * Greets a server with `initialize`, or opens its stream if it may serve only the older SSE transport, to find out whether it
 * is an MCP server. A server of revision 2026-07-28 answers with a JSON-RPC error.
 */
export const greet = Effect.fn("Discovery.greet")(function* (
  { send }: HttpTransport["Service"],
  server: RemoteServer
) {
  const { name } = yield* ClientIdentity
  const options = { timeout: discoveryLimits.headTimeout }
  const sendFollowing = followingRedirects((request) => send(request, options))

  const openStream = Effect.gen(function* () {
    const { response } = yield* sendFollowing(
      new Request(server.url, { headers: headersOf(server, "text/event-stream") })
    )
    if (isStream(response)) return { response, isMcp: yield* brings(response, endpoint) }
    yield* discardBody(response)
    return { response, isMcp: false }
  })
  if (server.transport === "sse") return yield* openStream

  const headers = headersOf(server, "application/json, text/event-stream")
  headers.set("content-type", "application/json")
  const clientInfo = { name, version: "1" }
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })
  const { response, url } = yield* sendFollowing(new Request(server.url, { method: "POST", headers, body }))
  yield* endSession(send, url, headers, response.headers.get("mcp-session-id"))
  if (isStream(response)) return { response, isMcp: yield* brings(response, message) }
  const text = yield* Effect.orElseSucceed(readBody(response), () => "")
  const isMcp = Option.exists(readJsonObject(text), ({ jsonrpc }) => jsonrpc === "2.0")
  if (isMcp || ![400, 404, 405].includes(response.status)) return { response, isMcp }
  const opened = yield* openStream
  return opened.isMcp || opened.response.status === 401 ? opened : { response, isMcp }
})
