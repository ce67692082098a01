import { Server } from "@modelcontextprotocol/server"

/** An MCP server with pages, over any transport. */
export const makePagesServer = (): Server => {
  const pages = ["Roadmap", "Meeting notes"]
  const server = new Server(
    { name: "Pages", version: "1.0.0" },
    { capabilities: { tools: {}, resources: {} } }
  )
  server.setRequestHandler("tools/list", () => ({
    tools: [
      {
        name: "list_pages",
        description: "Lists the pages of the workspace",
        inputSchema: { type: "object" as const },
        annotations: { readOnlyHint: true, openWorldHint: false }
      },
      {
        name: "create_page",
        description: "Creates a new page",
        inputSchema: {
          type: "object" as const,
          properties: { title: { type: "string" } },
          required: ["title"]
        },
        annotations: { readOnlyHint: false, destructiveHint: false }
      }
    ]
  }))
  server.setRequestHandler("tools/call", ({ params }) => {
    if (params.name === "create_page") pages.push(String(params.arguments?.["title"]))
    return { content: [{ type: "text", text: pages.map((page) => `- ${page}`).join("\n") }] }
  })
  server.setRequestHandler("resources/list", () => ({
    resources: [{ uri: "page:///roadmap", name: "Roadmap" }]
  }))
  server.setRequestHandler("resources/read", ({ params }) => ({
    contents: [{ uri: params.uri, text: "First the chat, then the rest." }]
  }))
  return server
}
