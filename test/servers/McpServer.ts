import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node"
import { createMcpHandler } from "@modelcontextprotocol/server"
import type { AuthorizationServer } from "./AuthorizationServer.ts"
import { makeExampleServer } from "./ExampleServer.ts"

/** How the MCP server behaves. */
export interface McpServerOptions {
  /** Who issues its tokens; absent: it wants none. */
  readonly authorizationServer?: Pick<AuthorizationServer, "issuer" | "introspect">
  /** Where its metadata can be found: named in the challenge, at its path, or at the root. */
  readonly metadata?: "header" | "path" | "root"
  /** The scope that its challenge asks for. */
  readonly scope?: string
  /** The scope that every call of a tool needs, by name; others are answered 403. */
  readonly toolScopes?: Readonly<Record<string, string>>
  /** True: it speaks no revision after 2025-11-25. */
  readonly isOlder?: boolean
  /** What answers behind the guard. Absent: the example. */
  readonly make?: typeof makeExampleServer
}

/** A running MCP server. */
export interface McpServer {
  readonly url: URL
  /** Requests to the MCP endpoint by JSON-RPC method (or HTTP method), and how many of all were answered 401. */
  readonly counts: Map<string, number>
  /** Answers 401 from now on to every token that it has seen so far. */
  readonly rejectSeenTokens: () => void
  /** Lets another authorization server issue its tokens from now on. */
  readonly moveTo: (authorizationServer: Pick<AuthorizationServer, "issuer" | "introspect">) => void
  readonly close: () => Promise<void>
}

/** The tool that a message calls; absent: it calls none. */
const toolOf = (body: string | undefined): string | undefined => {
  if (body === undefined || methodOf(body) !== "tools/call") return undefined
  const message = JSON.parse(body) as { readonly params?: { readonly name?: unknown } }
  return String(message.params?.name)
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
  const { metadata = "header" } = options
  let { authorizationServer } = options
  const seen = new Set<string>()
  const rejected = new Set<string>()

  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const url = new URL("/mcp", origin)
  const metadataPath = `/.well-known/oauth-protected-resource${metadata === "root" ? "" : "/mcp"}`

  const handler = createMcpHandler(() => (options.make ?? makeExampleServer)())
  /** The scopes of the token of a request; absent: there is no token that it takes. */
  const scopesGiven = async (request: Request): Promise<ReadonlyArray<string> | undefined> => {
    if (authorizationServer === undefined) return []
    const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1]
    if (token === undefined || rejected.has(token)) return undefined
    seen.add(token)
    const { active, scopes } = await authorizationServer.introspect(token, url.href)
    return active ? scopes : undefined
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
    const scopes = await scopesGiven(request)
    const needed = options.toolScopes?.[toolOf(body) ?? ""]
    if (scopes !== undefined && needed !== undefined && !scopes.includes(needed)) {
      count("403")
      return new Response("Not with this token", {
        status: 403,
        headers: { "www-authenticate": `Bearer error="insufficient_scope", scope="${needed}"` }
      })
    }
    if (scopes === undefined) {
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
    if (options.isOlder === true && body !== undefined && methodOf(body) === "server/discover") {
      const error = { code: -32601, message: "Method not found" }
      return Response.json({ jsonrpc: "2.0", id: null, error }, { status: 400 })
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
    moveTo: (next) => {
      authorizationServer = next
    },
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
