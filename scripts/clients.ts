import { rm, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { startAuthorizationServer } from "../test/servers/AuthorizationServer.ts"
import { startMcpServer } from "../test/servers/McpServer.ts"
import { installed, output, packed } from "./Packed.ts"

// Runs the published package under clients that are too large for the dev dependencies (Mastra 155 MB, LangChain 89 MB). The official
// SDKs and the AI SDK are in test/live/PromiseFetch.test.ts.

const begin = `
import { createAuthorizedFetch } from "mcp-cli-oauth/fetch"
import { followRedirects } from ${JSON.stringify(resolve("test/servers/BrowserUser.ts"))}
const url = process.argv[2]
await using fetch = await createAuthorizedFetch({
  url,
  store: "memory",
  onSignIn: ({ url }) => followRedirects(url.href).then(() => undefined)
})
`

const clients = {
  "@mastra/mcp": {
    dependencies: { "@mastra/mcp": "2.0.0", "@mastra/core": "1.71.0" },
    program: `
      import { MCPClient } from "@mastra/mcp"
      ${begin}
      const client = new MCPClient({ servers: { demo: { url: new URL(url), fetch } } })
      console.log(Object.keys(await client.listTools()).join())
      await client.disconnect()
      process.exit(0)
    `
  },
  "@langchain/mcp-adapters": {
    dependencies: { "@langchain/mcp-adapters": "1.1.4", "@langchain/core": "1.4.0" },
    program: `
      import { MultiServerMCPClient } from "@langchain/mcp-adapters"
      ${begin}
      const authProvider = fetch.toOAuthClientProvider()
      const client = new MultiServerMCPClient({ mcpServers: { demo: { url, transport: "http", authProvider } } })
      console.log((await client.getTools()).map(({ name }) => "demo_" + name).join())
      await client.close()
      process.exit(0)
    `
  }
}

const tarball = await packed()
for (const [name, { dependencies, program }] of Object.entries(clients)) {
  const authorizationServer = await startAuthorizationServer({ autoApprove: true })
  const mcpServer = await startMcpServer({ authorizationServer })
  const folder = await installed({ ...dependencies, effect: "~4.1.0", "mcp-cli-oauth": `file:${tarball}` })
  await writeFile(join(folder, "main.ts"), program)
  const printed = await output(process.execPath, ["main.ts", mcpServer.url.href], folder)
  const signIns = authorizationServer.counts.get("token:authorization_code")
  if (!printed.includes("demo_echo,demo_add,demo_fail") || signIns !== 1) {
    throw new Error(`${name}: ${printed} after ${signIns} sign-ins`)
  }
  process.stdout.write(`${name}: ok\n`)
  await Promise.all([authorizationServer.close(), mcpServer.close()])
  await rm(folder, { recursive: true, force: true })
}
await rm(dirname(tarball), { recursive: true })
