import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { ScriptedAuthorizationServer } from "./ScriptedAuthorizationServer.ts"

/** How a scripted MCP server behaves. */
export interface ScriptedMcpOptions {
  /** Absent: `https://mcp.test/mcp`. */
  readonly url?: string | undefined
  /** Its tools: from the arguments of a call to the text of the result. Absent: `echo`. */
  readonly tools?: Readonly<Record<string, (input: Readonly<Record<string, unknown>>) => string>> | undefined
  /** The scope that calls of a tool require. Without it they are answered 403 `insufficient_scope`. */
  readonly toolScopes?: Readonly<Record<string, string>> | undefined
}

/** An MCP server in memory, behind the port `HttpTransport`: it accepts tokens of the scripted authorization server. */
export class ScriptedMcpServer extends Context.Service<
  ScriptedMcpServer,
  {
    readonly url: URL
    /** Requests so far by JSON-RPC method (or HTTP method), and by the status of refusals (`401`, `403`). */
    readonly counts: ReadonlyMap<string, number>
    /** Answers 401 to every access token that it has accepted so far. */
    readonly rejectSeenTokens: Effect.Effect<void>
  }
>()("mcp-cli-oauth/adapters/scripted/ScriptedMcpServer") {}

const Message = Schema.fromJsonString(
  Schema.Struct({
    id: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.String])),
    method: Schema.String,
    params: Schema.optionalKey(
      Schema.Struct({
        name: Schema.optionalKey(Schema.String),
        protocolVersion: Schema.optionalKey(Schema.String),
        arguments: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
      })
    )
  })
)

const echo = (input: Readonly<Record<string, unknown>>) => String(input["text"])

/** What a call leads to, as JSON-RPC has it. */
const resultOf = (
  { method, params = {} }: typeof Message.Type,
  tools: NonNullable<ScriptedMcpOptions["tools"]>
): { readonly result: unknown } | { readonly error: unknown } => {
  switch (method) {
    case "initialize":
      return {
        result: {
          protocolVersion: params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: "scripted", version: "1" }
        }
      }
    case "ping":
      return { result: {} }
    case "tools/list":
      return {
        result: { tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: "object" } })) }
      }
    case "tools/call": {
      const tool = tools[params.name ?? ""]
      if (tool === undefined) return { error: { code: -32602, message: "Unknown tool" } }
      return { result: { content: [{ type: "text", text: tool(params.arguments ?? {}) }] } }
    }
  }
  return { error: { code: -32601, message: "Method not found" } }
}

/** A scripted MCP server, and the transport that reaches it. Every other address answers 200 with an empty body. */
export const layer = (
  options: ScriptedMcpOptions = {}
): Layer.Layer<ScriptedMcpServer | HttpTransport, never, ScriptedAuthorizationServer> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const authorizationServer = yield* ScriptedAuthorizationServer
      const url = new URL(options.url ?? "https://mcp.test/mcp")
      const tools = options.tools ?? { echo }
      const counts = new Map<string, number>()
      const seen = new Set<string>()
      const rejected = new Set<string>()
      const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)

      const refuse = (status: 401 | 403, challenge: string) => {
        count(String(status))
        return new Response(null, { status, headers: { "www-authenticate": challenge } })
      }

      const handle = Effect.fn("ScriptedMcpServer.handle")(function* (request: Request) {
        const text = request.method === "POST" ? yield* Effect.promise(() => request.text()) : undefined
        const message =
          text === undefined ? undefined : yield* Effect.orDie(Schema.decodeEffect(Message)(text))
        count(message?.method ?? request.method)
        const [, token = ""] = /^(?:Bearer|DPoP) (.+)$/.exec(request.headers.get("authorization") ?? "") ?? []
        const isAccepted = yield* authorizationServer.accepts(Redacted.make(token))
        if (!isAccepted || rejected.has(token)) return refuse(401, `Bearer realm="scripted"`)
        seen.add(token)
        if (message === undefined) {
          return new Response(null, { status: request.method === "DELETE" ? 200 : 405 })
        }
        const scope =
          message.method === "tools/call" ? options.toolScopes?.[message.params?.name ?? ""] : undefined
        if (scope !== undefined) {
          const granted = yield* authorizationServer.scopesOf(Redacted.make(token))
          if (!granted.includes(scope)) {
            return refuse(403, `Bearer error="insufficient_scope", scope="${scope}"`)
          }
        }
        if (message.id === undefined) return new Response(null, { status: 202 })
        return Response.json({ jsonrpc: "2.0", id: message.id, ...resultOf(message, tools) })
      })

      const server = ScriptedMcpServer.of({
        url,
        counts,
        rejectSeenTokens: Effect.sync(() => seen.forEach((token) => rejected.add(token)))
      })
      const transport = HttpTransport.of({
        send: (request) => (request.url === url.href ? handle(request) : Effect.sync(() => new Response()))
      })
      return Context.make(ScriptedMcpServer, server).pipe(Context.add(HttpTransport, transport))
    })
  )
