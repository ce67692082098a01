// node examples/plain-fetch/main.ts URL
// Lists the tools of an MCP server, without Effect. It prints the address to sign in at, and forgets the sign-in when it ends.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { createAuthorizedFetch } from "mcp-cli-oauth/fetch"

const url = new URL(process.argv[2] ?? "")

const fetch = await createAuthorizedFetch({
  url,
  store: "memory",
  onSignIn: (prompt) => process.stderr.write(`Sign in at ${prompt.url.href}\n`)
})

const client = new Client({ name: "plain-fetch", version: "1.0.0" })
await client.connect(new StreamableHTTPClientTransport(url, { fetch }))
const { tools } = await client.listTools()
process.stdout.write(`${tools.map((tool) => tool.name).join("\n")}\n`)
await client.close()
await fetch.close()
