// node examples/effect-app/main.ts URL [NAME]
// Lists the tools of an MCP server. With the NAME that server_config.json has for it, it uses the sign-in of mcp-cli.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Console, Effect } from "effect"
import { remoteServer } from "mcp-cli-oauth"
import { authorizedFetch } from "mcp-cli-oauth/http"
import { McpAuth } from "mcp-cli-oauth/node"

const [url = "", name] = process.argv.slice(2)
const server = remoteServer(url, { name })

const program = Effect.gen(function* () {
  const fetch = yield* authorizedFetch(server)
  const client = new Client({ name: "effect-app", version: "1.0.0" })
  yield* Effect.tryPromise(() => client.connect(new StreamableHTTPClientTransport(server.url, { fetch })))
  const { tools } = yield* Effect.tryPromise(() => client.listTools())
  yield* Console.log(tools.map((tool) => tool.name).join("\n"))
  yield* Effect.promise(() => client.close())
})

await Effect.runPromise(program.pipe(Effect.provide(McpAuth.layer())))
