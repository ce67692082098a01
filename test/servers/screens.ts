import { Server } from "@modelcontextprotocol/server"
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio"

// A program with everything that a session can show. Nothing in it depends on time: what takes long waits until it is cancelled.

const server = new Server(
  { name: "screens", version: "1.0.0" },
  { capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} } }
)

const noArguments = { type: "object" as const }

server.setRequestHandler("tools/list", () => ({
  tools: [
    {
      name: "search",
      title: "Search",
      description:
        "Searches the workspace and the sources that are connected to it, such as Slack and Google Drive.\n\nThe newest pages come first.",
      inputSchema: {
        type: "object" as const,
        properties: {
          query: { type: "string", description: "What to look for, in the words of the page" },
          status: { enum: ["open", "in progress", "closed"], default: "open" },
          limit: { type: "integer", description: "How many pages, at most 100" },
          tags: { type: "array", items: { type: "string" } }
        },
        required: ["query"],
        additionalProperties: false
      }
    },
    {
      name: "echo",
      description: "Says it again",
      inputSchema: { type: "object" as const, properties: { text: { type: "string" } }, required: ["text"] }
    },
    { name: "copy", description: "Copies for ever, and reports progress", inputSchema: noArguments },
    { name: "wait", description: "Waits for ever, and says nothing", inputSchema: noArguments },
    { name: "draw", description: "Two pictures and a text", inputSchema: noArguments },
    {
      name: "翻訳",
      description: "取得: ページまたはデータベースの内容を取得します。",
      inputSchema: noArguments
    }
  ]
}))

const picture = (text: string) => ({
  type: "image" as const,
  mimeType: "image/png",
  data: Buffer.from(text).toString("base64")
})

server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
  switch (params.name) {
    case "echo":
      return { content: [{ type: "text", text: String(params.arguments?.["text"]) }] }
    case "search":
      return { content: [{ type: "text", text: "the index is broken" }], isError: true }
    case "draw":
      return { content: [picture("a cat"), { type: "text", text: "two cats" }, picture("another cat")] }
    case "copy": {
      const progressToken = mcpReq._meta?.progressToken ?? 0
      const progress = { progressToken, progress: 2, total: 5, message: "copying pages" }
      await mcpReq.notify({ method: "notifications/progress", params: progress })
      return new Promise<never>(() => undefined)
    }
    case "wait":
      return new Promise<never>(() => undefined)
    default:
      return { content: [{ type: "text", text: `Unknown tool: ${params.name}` }], isError: true }
  }
})

server.setRequestHandler("resources/list", () => ({
  resources: [{ uri: "screens:///readme", name: "readme", description: "About this server" }]
}))
server.setRequestHandler("resources/read", ({ params }) => ({
  contents: [{ uri: params.uri, text: "A program for screens.\nIt has two lines." }]
}))
server.setRequestHandler("prompts/list", () => ({
  prompts: [{ name: "greet", description: "A greeting", arguments: [{ name: "who", required: true }] }]
}))
server.setRequestHandler("prompts/get", ({ params }) => ({
  messages: [{ role: "user", content: { type: "text", text: `Greet ${params.arguments?.["who"]}.` } }]
}))
server.setRequestHandler("completion/complete", ({ params }) => ({
  completion: {
    values: ["Ada Lovelace", "Alan Turing", "Grace Hopper"].filter((name) =>
      name.startsWith(params.argument.value)
    )
  }
}))

await server.connect(new StdioServerTransport())
