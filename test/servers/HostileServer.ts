import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node"
import { createMcpHandler, Server } from "@modelcontextprotocol/server"

/** What a line of the program would look like. No line of its output may start like this. */
export const fake = "mcp-cli: FAKE"

/**
 * Everything that a terminal acts on or hides: styles, a new title, a link, the clipboard, C1, DEL, other line ends, the
 * direction of text, invisible characters and tags; and lines that look like ours.
 */
export const poison =
  `p\u001b[1m\u001b[8mo\u001b[2J\u001b]0;title\u0007\u001b]8;;http://evil.test\u001b\\i\u001b]52;c;QUFB\u0007` +
  `s\u009b31m\u009d8;;\u009c\u0085\u007f\b\0o\r${fake}\n${fake}\r\n${fake}\u2028${fake}\u2029${fake}` +
  `\u202en\u2066\u200f\u061c\u200b\u2060\ufeff\u00ad\u{e0041}\u{e007f}\ufff9.`

/** The part of {@link poison} that Node lets a header carry. */
const headerPoison = "p\u009b31m\u0085\u00ado"

const makeServer = (): Server => {
  const server = new Server(
    { name: poison, title: poison, version: poison },
    { capabilities: { tools: {}, resources: {}, prompts: {} }, instructions: poison }
  )
  const schema = {
    type: "object" as const,
    properties: { [poison]: { type: "number" } },
    required: [poison]
  }
  server.setRequestHandler("tools/list", () => ({
    tools: [
      { name: poison, title: poison, description: poison, inputSchema: schema },
      { name: "plain", description: `\n${poison}`, inputSchema: { type: "object" as const } },
      {
        name: `excluded ${poison}`,
        inputSchema: { type: "object", properties: { a: { type: "string", "x-mcp-header": poison } } }
      }
    ]
  }))
  server.setRequestHandler("tools/call", ({ params }) => {
    if (params.name === "error") throw new Error(poison)
    return {
      content: [
        { type: "text", text: poison },
        { type: "image", data: "AAAA", mimeType: poison },
        { type: "resource_link", uri: poison, name: poison }
      ],
      structuredContent: { [poison]: poison },
      isError: params.name === "fails"
    }
  })
  server.setRequestHandler("resources/list", () => ({
    resources: [
      { uri: poison, name: poison, description: poison, mimeType: poison },
      { uri: "plain:///", name: poison }
    ]
  }))
  server.setRequestHandler("resources/read", () => ({
    contents: [{ uri: poison, text: poison, mimeType: poison }]
  }))
  server.setRequestHandler("prompts/list", () => ({
    prompts: [{ name: poison, description: poison, arguments: [{ name: poison, description: poison }] }]
  }))
  return server
}

/** What goes wrong at a hostile server. */
export type Trouble =
  | "registration"
  | "authorization"
  | "token"
  | "device"
  | "revocation"
  | "metadata"
  | "mcp"
  | "scope"

/** A server whose every text is {@link poison}, as an MCP server and as its own authorization server. */
export interface HostileServer {
  readonly url: URL
  /** What is refused from now on, in words that are poison. */
  readonly refuse: (...troubles: ReadonlyArray<Trouble>) => void
  readonly close: () => Promise<void>
}

const bodyOf = async (request: IncomingMessage): Promise<URLSearchParams> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return new URLSearchParams(Buffer.concat(chunks).toString())
}

/** Starts a hostile server on loopback. */
export const startHostileServer = async (): Promise<HostileServer> => {
  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const refused = new Set<Trouble>()
  const mcp = toNodeHandler({ fetch: createMcpHandler(makeServer).fetch })

  const json = (response: ServerResponse, status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" })
    response.end(JSON.stringify(body))
  }
  const error = { error: poison, error_description: poison, error_uri: poison, message: poison }
  const refusal = { ...error, error: "invalid_request" }

  const answerMcp = (request: IncomingMessage, response: ServerResponse) => {
    const { authorization = "" } = request.headers
    if (refused.has("mcp")) {
      response.writeHead(500, headerPoison, { "content-type": "text/plain" })
      return void response.end(poison)
    }
    if (!authorization.startsWith("Bearer ")) {
      const metadata = `${origin}/.well-known/oauth-protected-resource/mcp`
      const challenge = `Bearer resource_metadata="${metadata}", scope="read ${headerPoison}"`
      return void response.writeHead(401, { "www-authenticate": challenge }).end(poison)
    }
    if (refused.has("scope")) {
      const challenge = `Bearer error="insufficient_scope", scope="write ${headerPoison}", error_description="${headerPoison}"`
      return void response.writeHead(403, { "www-authenticate": challenge }).end(poison)
    }
    return void mcp(request as NodeIncomingMessageLike, response)
  }

  const metadata = () => ({
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    revocation_endpoint: `${origin}/revoke`,
    device_authorization_endpoint: `${origin}/device`,
    response_types_supported: ["code", poison],
    grant_types_supported: [
      "authorization_code",
      "refresh_token",
      "urn:ietf:params:oauth:grant-type:device_code"
    ],
    code_challenge_methods_supported: ["S256", poison],
    token_endpoint_auth_methods_supported: ["none", poison],
    scopes_supported: ["read", poison],
    service_documentation: poison,
    op_policy_uri: poison
  })

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", origin)
    switch (pathname) {
      case "/mcp":
        return answerMcp(request, response)
      case "/.well-known/oauth-protected-resource/mcp":
        return json(response, 200, {
          resource: `${origin}/mcp`,
          resource_name: poison,
          authorization_servers: refused.has("metadata") ? [poison, `https://${poison}`] : [origin],
          scopes_supported: ["read", poison]
        })
      case "/.well-known/oauth-authorization-server":
        return json(response, 200, metadata())
      case "/register": {
        await bodyOf(request)
        if (refused.has("registration")) return json(response, 400, refusal)
        return json(response, 201, {
          client_id: "the-client",
          client_name: poison,
          redirect_uris: [`http://localhost:8080/callback`, poison],
          token_endpoint_auth_method: "none",
          scope: `read ${poison}`,
          software_id: poison
        })
      }
      case "/authorize": {
        const back = new URL(searchParams.get("redirect_uri") ?? origin)
        back.searchParams.set("state", searchParams.get("state") ?? "")
        if (refused.has("authorization")) {
          back.searchParams.set("error", poison)
          back.searchParams.set("error_description", poison)
        } else back.searchParams.set("code", "the-code")
        return void response.writeHead(302, { location: back.href }).end()
      }
      case "/device":
        await bodyOf(request)
        if (refused.has("device")) return json(response, 400, refusal)
        return json(response, 200, {
          device_code: "the-device-code",
          user_code: poison,
          verification_uri: `${origin}/enter?${poison}`,
          expires_in: 60
        })
      case "/token":
        await bodyOf(request)
        if (refused.has("token")) return json(response, 400, refusal)
        return json(response, 200, {
          access_token: "the-access-token",
          token_type: "Bearer",
          expires_in: 3600,
          refresh_token: "the-refresh-token",
          scope: `read ${poison}`,
          extra: poison
        })
      case "/revoke":
        await bodyOf(request)
        return refused.has("revocation") ? json(response, 400, refusal) : json(response, 200, {})
      default:
        return void response.writeHead(404, headerPoison).end(poison)
    }
  }
  http.on("request", (request, response) => void answer(request, response))

  return {
    url: new URL("/mcp", origin),
    refuse: (...troubles) => {
      refused.clear()
      for (const trouble of troubles) refused.add(trouble)
    },
    close: async () => {
      http.closeAllConnections()
      await new Promise((done) => http.close(done))
    }
  }
}
