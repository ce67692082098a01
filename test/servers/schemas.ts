import { Server } from "@modelcontextprotocol/server"
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio"
import { toolSchemas } from "./toolSchemas.ts"

// An MCP server with one tool for each schema.

const server = new Server({ name: "schemas", version: "1.0.0" }, { capabilities: { tools: {} } })
server.setRequestHandler("tools/list", () => ({
  tools: Object.entries(toolSchemas).map(([name, inputSchema]) => ({
    name,
    inputSchema: { ...inputSchema, type: "object" as const }
  }))
}))
server.setRequestHandler("tools/call", ({ params }) => ({
  content: [{ type: "text", text: JSON.stringify(params.arguments) }]
}))
await server.connect(new StdioServerTransport())
