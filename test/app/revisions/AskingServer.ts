import {
  createMcpHandler,
  fromJsonSchema,
  inputRequired,
  McpServer,
  type ServerContext
} from "@modelcontextprotocol/server"
import { Effect } from "effect"
import { listenWith } from "../../adapters/mcp/McpServers.ts"

/** A request as the server got it. */
export interface Heard {
  readonly verb: string
  readonly headers: Headers
  readonly text: string
  /** The method of JSON-RPC; empty without a body. */
  readonly method: string
}

const text = (value: unknown) => ({ content: [{ type: "text" as const, text: JSON.stringify(value) }] })

const form = inputRequired.elicit({
  message: "Which city?",
  requestedSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
})
const sampling = inputRequired.createMessage({
  messages: [{ role: "user", content: { type: "text", text: "Capital of France?" } }],
  maxTokens: 10
})

/** Questions of a tool, by its name. */
const questions: Readonly<Record<string, Parameters<typeof inputRequired>[0]>> = {
  ask: { inputRequests: { where: form }, requestState: 'é \\ "opaque" \u2028 state' },
  visit: {
    inputRequests: {
      login: inputRequired.elicitUrl({ message: "Sign in", url: "https://login.example/start" })
    }
  },
  sample: { inputRequests: { capital: sampling } },
  roots: { inputRequests: { folders: inputRequired.listRoots() } },
  all: { inputRequests: { where: form, capital: sampling, folders: inputRequired.listRoots() } }
}

const asked = (name: string, { mcpReq }: ServerContext) => {
  const spec = questions[name]
  if (spec === undefined || mcpReq.inputResponses !== undefined)
    return text({ responses: mcpReq.inputResponses, state: mcpReq.requestState() })
  return inputRequired(spec)
}

/** A server of the SDK that speaks 2026-07-28, with a tool for each thing that this revision does in its own way. */
export const askingServer = (options: { readonly legacy?: "stateless" | "reject" } = {}) =>
  Effect.gen(function* () {
    const heard: Array<Heard> = []
    /** What its tools noticed. */
    const noticed: Array<string> = []
    /** The property that a header repeats. */
    const declared = { name: "Region" }
    const handler = createMcpHandler(
      () => {
        const mcp = new McpServer(
          { name: "asking", version: "1.0.0" },
          {
            capabilities: {
              tools: { listChanged: true },
              resources: { subscribe: true },
              prompts: {},
              logging: {}
            },
            instructions: "Ask."
          }
        )
        // The SDK checks the headers of the tools that it knows.
        const tools: Readonly<Record<string, Record<string, Record<string, string>>>> = {
          ask: {},
          region: {
            region: { type: "string", "x-mcp-header": declared.name },
            count: { type: "integer", "x-mcp-header": "Count" }
          },
          invalid: { a: { type: "array", "x-mcp-header": "A" } }
        }
        for (const [name, properties] of Object.entries(tools)) {
          const inputSchema = fromJsonSchema<object>({ type: "object", properties })
          mcp.registerTool(name, { inputSchema }, () => ({ content: [] }))
        }
        const { server } = mcp
        server.setRequestHandler("tools/call", async ({ params }, context) => {
          const { mcpReq } = context
          switch (params.name) {
            case "echo":
            case "region":
              return text(params.arguments)
            case "works":
              await mcpReq.log("info", "working")
              await mcpReq.notify({
                method: "notifications/progress",
                params: { progressToken: mcpReq._meta?.progressToken ?? 0, progress: 1 }
              })
              return text("done")
            case "slow":
              noticed.push("started")
              await new Promise<void>((resolve) => mcpReq.signal.addEventListener("abort", () => resolve()))
              noticed.push("aborted")
              return text("late")
            case "again":
              noticed.push(String(mcpReq.requestState() ?? ""))
              return noticed.length < 3
                ? inputRequired({ requestState: `round ${noticed.length}` })
                : text("there")
            case "capabilities":
              return text(mcpReq.envelope)
            default:
              return asked(params.name, context)
          }
        })
        server.setRequestHandler("resources/read", ({ params }) => ({
          contents: [{ uri: params.uri, text: "contents" }]
        }))
        server.setRequestHandler("prompts/get", (_, context) => {
          if (context.mcpReq.inputResponses === undefined)
            return inputRequired({ inputRequests: { where: form } })
          return {
            messages: [
              {
                role: "user" as const,
                content: { type: "text" as const, text: JSON.stringify(context.mcpReq.inputResponses) }
              }
            ]
          }
        })
        return mcp
      },
      { legacy: options.legacy ?? "reject" }
    )
    const origin = yield* listenWith(async (request) => {
      const body = request.method === "POST" ? await request.clone().text() : ""
      const method = body === "" ? "" : String(JSON.parse(body).method ?? "")
      heard.push({ verb: request.method, headers: request.headers, text: body, method })
      return handler.fetch(request)
    })
    return {
      url: new URL("/mcp", origin),
      heard,
      noticed,
      declared,
      notify: handler.notify,
      /** The methods that arrived. */
      methods: () => heard.map(({ method, verb }) => method || verb)
    }
  })
