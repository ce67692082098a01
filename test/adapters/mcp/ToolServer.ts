import { ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server"

/** What an example server offers. */
export interface ToolServerSettings {
  /** How many pages its list of tools has; absent: one. */
  readonly pages?: number
  /** Only tools: no resources, no prompts. */
  readonly toolsOnly?: boolean
}

/** A pixel, as base64 of five bytes. */
const image = Buffer.from([1, 2, 3, 4, 5]).toString("base64")

/** A server with tools that do what a test asks for, over any transport. */
export const makeToolServer = (settings: ToolServerSettings = {}): Server => {
  const pages = settings.pages ?? 1
  const server = new Server(
    { name: "example", version: "1.2.3" },
    {
      capabilities: settings.toolsOnly === true ? { tools: {} } : { tools: {}, resources: {}, prompts: {} },
      instructions: "Use echo."
    }
  )
  server.setRequestHandler("tools/list", ({ params }) => {
    const page = Number(params?.cursor ?? "1")
    const echo = {
      name: "echo",
      title: "Echo",
      description: "Says it again",
      inputSchema: { type: "object" as const, properties: { text: { type: "string" } } }
    }
    return {
      tools: [page === 1 ? echo : { name: `tool-${page}`, inputSchema: { type: "object" as const } }],
      ...(page < pages ? { nextCursor: String(page + 1) } : {})
    }
  })
  server.setRequestHandler("tools/call", async ({ params }) => {
    const text = String(params.arguments?.["text"] ?? "")
    switch (params.name) {
      case "echo":
        return { content: [{ type: "text", text }], structuredContent: { text } }
      case "fails":
        return { content: [{ type: "text", text: "the disk is full" }], isError: true }
      case "everything":
        return {
          content: [
            { type: "image", data: image, mimeType: "image/png" },
            { type: "resource", resource: { uri: "test:///a", text: "inner" } },
            { type: "resource", resource: { uri: "test:///b", blob: image } },
            { type: "resource_link", uri: "test:///c", name: "c" }
          ]
        }
      case "environment":
        return { content: [], structuredContent: { ...process.env } }
      case "folder":
        return { content: [], structuredContent: { folder: process.cwd() } }
      case "exits":
        process.stderr.write("goodbye\n")
        return process.exit(7)
      default:
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Tool ${params.name} not found`)
    }
  })
  if (settings.toolsOnly !== true) {
    server.setRequestHandler("resources/list", () => ({
      resources: [{ uri: "test:///a", name: "a", mimeType: "text/plain" }]
    }))
    server.setRequestHandler("resources/read", ({ params }) => ({
      contents: [
        { uri: params.uri, text: `contents of ${params.uri}` },
        { uri: params.uri, blob: image, mimeType: "image/png" }
      ]
    }))
    server.setRequestHandler("prompts/list", () => ({
      prompts: [{ name: "greet", arguments: [{ name: "who", required: true }, { name: "how" }] }]
    }))
  }
  return server
}
