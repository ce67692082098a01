import { ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server"

/** An MCP server with a few tools, a resource and a prompt, over any transport. */
export const makeExampleServer = (): Server => {
  const server = new Server(
    { name: "example", version: "1.0.0" },
    { capabilities: { tools: {}, resources: {}, prompts: {} }, instructions: "Ask echo." }
  )
  server.setRequestHandler("tools/list", () => ({
    tools: [
      {
        name: "echo",
        description: "Says it again",
        inputSchema: { type: "object" as const, properties: { text: { type: "string" } }, required: ["text"] }
      },
      {
        name: "add",
        description: "Adds two numbers",
        inputSchema: {
          type: "object" as const,
          properties: { a: { type: "number" }, b: { type: "number" } },
          required: ["a", "b"]
        }
      },
      { name: "fail", description: "Reports an error", inputSchema: { type: "object" as const } }
    ]
  }))
  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
    const given = params.arguments ?? {}
    switch (params.name) {
      case "echo":
        return { content: [{ type: "text", text: String(given["text"]) }] }
      case "add":
        return { content: [{ type: "text", text: String(Number(given["a"]) + Number(given["b"])) }] }
      case "fail":
        return { content: [{ type: "text", text: "the disk is full" }], isError: true }
      // Not in the list, as all below.
      case "copy": {
        const progressToken = mcpReq._meta?.progressToken ?? 0
        const message =
          "copying the pages of the handbook: chapter 12 of 30, \u53d6\u5f97 of pictures, part one of two"
        const params = { progressToken, progress: 2, total: 5, message }
        await mcpReq.notify({ method: "notifications/progress", params })
        return new Promise<never>(() => undefined)
      }
      case "wait":
        return new Promise<never>(() => undefined)
      default:
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Tool ${params.name} not found`)
    }
  })
  server.setRequestHandler("resources/list", () => ({
    resources: [{ uri: "example:///readme", name: "readme", description: "About this server" }]
  }))
  server.setRequestHandler("resources/read", ({ params }) => ({
    contents: [{ uri: params.uri, text: "An example of an MCP server." }]
  }))
  server.setRequestHandler("prompts/list", () => ({
    prompts: [{ name: "greet", description: "A greeting", arguments: [{ name: "who", required: true }] }]
  }))
  return server
}
