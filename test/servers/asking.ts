import { Server } from "@modelcontextprotocol/server"
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio"

// A program whose tools ask the user, or the model of the user, and tell what they were answered.

const server = new Server({ name: "asking", version: "1.0.0" }, { capabilities: { tools: {} } })

const inputSchema = { type: "object" as const }
const names = ["form", "page", "model", "long"] as const

server.setRequestHandler("tools/list", () => ({
  tools: names.map((name) => ({ name, description: `Asks by a ${name}`, inputSchema }))
}))

server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
  const answer = async () => {
    switch (params.name) {
      case "form":
        return mcpReq.elicitInput({
          mode: "form",
          message: "Where should the page go?\u001b[2J\nAnd how?",
          requestedSchema: {
            type: "object",
            properties: {
              folder: { type: "string", description: "Its name", minLength: 2 },
              copies: { type: "integer", minimum: 1, maximum: 9 },
              kind: { type: "string", enum: ["draft", "final"], default: "draft" },
              notify: { type: "boolean" }
            },
            required: ["folder", "copies"]
          }
        })
      case "page":
        return mcpReq.elicitInput({
          mode: "url",
          elicitationId: "1",
          message: "Connect your drive.",
          url: `https://drive.test/connect?user=1&state=${"s".repeat(100)}`
        })
      default:
        return mcpReq.requestSampling({
          messages: [
            {
              role: "user",
              content: {
                type: "text",
                text: `Sum up: ${params.name === "long" ? `${"pages ".repeat(1666)} the end.` : "two pages."}`
              }
            }
          ],
          systemPrompt: "You are brief.",
          maxTokens: 50
        })
    }
  }
  const text = await answer().then(JSON.stringify, (error: unknown) => `It failed: ${String(error)}`)
  return { content: [{ type: "text", text: String(text) }] }
})

await server.connect(new StdioServerTransport())
