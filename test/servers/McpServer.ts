import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node"
import { createMcpHandler } from "@modelcontextprotocol/server"
import type { AuthorizationServer } from "./AuthorizationServer.ts"
import { makeExampleServer } from "./ExampleServer.ts"

/** How the MCP server behaves. */
export interface McpServerOptions {
  /** Who issues its tokens; absent: it wants none. */
  readonly authorizationServer?: AuthorizationServer
  /** Where its metadata can be found: named in the challenge, at its path, or at the root. */
  readonly metadata?: "header" | "path" | "root"
  /** The scope that its challenge asks for. */
  readonly scope?: string
}

/** A running MCP server. */
export interface McpServer {
  readonly url: URL
  /** Requests to the MCP endpoint by JSON-RPC method (or HTTP method), and how many of all were answered 401. */
  readonly counts: Map<string, number>
  /** Answers 401 from now on to every token that it has seen so far. */
  readonly rejectSeenTokens: () => void
  readonly close: () => Promise<void>
}

const methodOf = (body: string): string | undefined => {
  try {
    const message: unknown = JSON.parse(body)
    return typeof message === "object" && message !== null && "method" in message
      ? String(message.method)
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Starts a real MCP server on loopback: streamable HTTP of revision 2026-07-28 and the older ones, guarded by tokens of
 * the authorization server that are for it and nobody else.
 */
export const startMcpServer = async (options: McpServerOptions = {}): Promise<McpServer> => {
  const counts = new Map<string, number>()
  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  const { authorizationServer, metadata = "header" } = options
  const seen = new Set<string>()
  const rejected = new Set<string>()

  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const url = new URL("/mcp", origin)
  const metadataPath = `/.well-known/oauth-protected-resource${metadata === "root" ? "" : "/mcp"}`

  const handler = createMcpHandler(() => makeExampleServer())
  const isAllowed = async (request: Request): Promise<boolean> => {
    if (authorizationServer === undefined) return true
    const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1]
    if (token === undefined || rejected.has(token)) return false
    seen.add(token)
    return (await authorizationServer.introspect(token, url.href)).active
  }

  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (pathname === metadataPath && authorizationServer !== undefined) {
      return Response.json({
        resource: url.href,
        authorization_servers: [authorizationServer.issuer],
        scopes_supported: ["mcp:read"]
      })
    }
    if (pathname !== "/mcp") return new Response("Not found", { status: 404 })
    const body = request.method === "POST" ? await request.text() : undefined
    count((body === undefined ? undefined : methodOf(body)) ?? request.method)
    if (!(await isAllowed(request))) {
      count("401")
      const parts = [
        ...(metadata === "header" ? [`resource_metadata="${origin}${metadataPath}"`] : []),
        ...(options.scope === undefined ? [] : [`scope="${options.scope}"`])
      ]
      return new Response("Sign in first", {
        status: 401,
        headers: {
          "www-authenticate": `Bearer ${parts.length === 0 ? 'error="invalid_token"' : parts.join(", ")}`
        }
      })
    }
    return handler.fetch(
      new Request(request.url, {
        method: request.method,
        headers: request.headers,
        ...(body === undefined ? {} : { body })
      })
    )
  }

  const listener: RequestListener = (request, response) =>
    void toNodeHandler({ fetch: answer })(request as NodeIncomingMessageLike, response)
  http.on("request", listener)

  return {
    url,
    counts,
    rejectSeenTokens: () => {
      for (const token of seen) rejected.add(token)
    },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      })
  }
}
