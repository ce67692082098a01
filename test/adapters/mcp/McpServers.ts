import { createServer, type RequestListener } from "node:http"
import { randomUUID } from "node:crypto"
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js"
import { Server as OlderServer } from "@modelcontextprotocol/sdk/server/index.js"
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node"
import { createMcpHandler, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server"
import { Effect, type Scope } from "effect"
import { type ToolServerSettings, makeToolServer } from "./ToolServer.ts"

type Answer = (request: Request) => Promise<Response>

/** Serves on a free port of loopback until the scope closes; gives the origin. */
export const listen = (listener: RequestListener): Effect.Effect<URL, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: URL; readonly close: Effect.Effect<void> }>((resume) => {
      const server = createServer(listener)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = Effect.callback<void>((done) => {
          server.close(() => done(Effect.void))
          server.closeAllConnections()
        })
        resume(Effect.succeed({ url: new URL(`http://127.0.0.1:${port}`), close }))
      })
    }),
    ({ close }) => close
  ).pipe(Effect.map(({ url }) => url))

/** Answers of the web's kind, for Node's server. */
export const nodeHandler = (answer: Answer): RequestListener => {
  const handler = toNodeHandler({ fetch: answer })
  return (request, response) => void handler(request as NodeIncomingMessageLike, response)
}

/** Serves answers of the web's kind. */
export const listenWith = (answer: Answer): Effect.Effect<URL, never, Scope.Scope> =>
  listen(nodeHandler(answer))

/** A server of revision 2026-07-28 and no other. */
export const modernServer = (settings: ToolServerSettings = {}): Effect.Effect<URL, never, Scope.Scope> => {
  const handler = createMcpHandler(() => makeToolServer(settings), { legacy: "reject" })
  return Effect.map(listenWith(handler.fetch), (origin) => new URL("/mcp", origin))
}

/** A server of revision 2025-11-25 with sessions, which it can forget. */
export interface LegacyServer {
  readonly url: URL
  /** The sessions that are open. */
  readonly sessions: ReadonlyMap<string, unknown>
  /** Forgets every session, as a restart does. */
  readonly forget: () => void
}

/** @see LegacyServer */
export const legacyServer = (
  settings: ToolServerSettings = {}
): Effect.Effect<LegacyServer, never, Scope.Scope> => {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()
  const answer: Answer = async (request) => {
    const id = request.headers.get("mcp-session-id")
    if (id !== null) {
      const known = sessions.get(id)
      return known === undefined
        ? new Response("No such session", { status: 404 })
        : known.handleRequest(request)
    }
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id)
    })
    await makeToolServer(settings).connect(transport)
    return transport.handleRequest(request)
  }
  return Effect.map(listenWith(answer), (origin) => ({
    url: new URL("/mcp", origin),
    sessions,
    forget: () => sessions.clear()
  }))
}

/** A server of the HTTP+SSE transport only, by the SDK's first line. */
export interface SseServer {
  readonly url: URL
  /** Ends every stream. */
  readonly hangUp: () => Promise<void>
}

/** @see SseServer */
export const sseServer: Effect.Effect<SseServer, never, Scope.Scope> = Effect.suspend(() => {
  const sessions = new Map<string, SSEServerTransport>()
  const listener: RequestListener = (request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1")
    if (request.method === "GET" && url.pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response)
      sessions.set(transport.sessionId, transport)
      const server = new OlderServer({ name: "older", version: "1.0.0" }, { capabilities: { tools: {} } })
      server.setRequestHandler(ListToolsRequestSchema, () => ({
        tools: [{ name: "echo", inputSchema: { type: "object" } }]
      }))
      return void server.connect(transport)
    }
    const transport = sessions.get(url.searchParams.get("sessionId") ?? "")
    if (request.method === "POST" && url.pathname === "/messages" && transport !== undefined) {
      return void transport.handlePostMessage(request, response)
    }
    response.writeHead(request.method === "POST" && url.pathname === "/sse" ? 405 : 404).end()
  }
  return Effect.map(listen(listener), (origin) => ({
    url: new URL("/sse", origin),
    hangUp: async () => {
      const ended = [...sessions.values()]
      // A message that arrives meanwhile is one of a session that is gone.
      sessions.clear()
      for (const transport of ended) await transport.close()
    }
  }))
})
