import { execFile } from "node:child_process"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { createMCPClient } from "@ai-sdk/mcp"
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import { hasPackages } from "../servers/PythonServer.ts"
import { serverCache } from "../servers/ServerCache.ts"
import { freePort, password, startWorld, type World } from "./World.ts"

// Programs of others that start `mcp-cli proxy` over stdio, at a server that wants a sign-in.

let world: World
let parameters: { command: string; args: Array<string>; env: Record<string, string> }
beforeAll(async () => {
  world = await startWorld()
  const redirect_uri = `http://localhost:${await freePort()}/callback`
  world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href, oauth: { redirect_uri } } } })
  assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
  parameters = {
    command: process.execPath,
    args: [resolve("dist/bin/mcp-cli.cjs"), "proxy", "demo"],
    env: {
      HOME: world.home,
      PATH: process.env["PATH"] ?? "",
      DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
      MCP_CLI_ENCRYPTION_KEY: password
    }
  }
})
afterAll(() => world.close())

/** How a client of another project sees the server. */
interface Seen {
  readonly tools: ReadonlyArray<string>
  readonly text: string
}
const expected: Seen = { tools: ["echo", "add", "fail"], text: "hi" }

/** The part of a client that both versions of the official SDK have. */
interface SdkClient {
  listTools(): Promise<{ readonly tools: ReadonlyArray<{ readonly name: string }> }>
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<object>
  close(): Promise<void>
}

const use = async (client: SdkClient): Promise<Seen> => {
  const { tools } = await client.listTools()
  const result = await client.callTool({ name: "echo", arguments: { text: "hi" } })
  await client.close()
  const { content } = result as { readonly content: ReadonlyArray<{ readonly text: string }> }
  return { tools: tools.map(({ name }) => name), text: content[0]?.text ?? "" }
}

describe("mcp-cli proxy, started by a client of another project,", () => {
  afterEach(() => {
    // The sign-in before was enough.
    assert.strictEqual(world.browsersOpened(), 1)
    assert.strictEqual(world.authorizationServer.counts.get("token:authorization_code"), 1)
  })

  for (const version of ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]) {
    it(`serves version 2 of the official SDK in revision ${version}`, async () => {
      const client = new Client(
        { name: "new", version: "2" },
        { supportedProtocolVersions: [version], versionNegotiation: { mode: "legacy" } }
      )
      await client.connect(new StdioClientTransport(parameters))
      assert.strictEqual(client.getNegotiatedProtocolVersion(), version)
      assert.deepEqual(await use(client), expected)
    })

    it(`serves version 1 of the official SDK in revision ${version}`, async () => {
      const client = new OlderClient({ name: "old", version: "1" })
      const transport = new OlderTransport(parameters)
      const send = transport.send.bind(transport)
      // This version always offers its latest revision.
      transport.send = (message) => {
        if ("method" in message && message.method === "initialize")
          Object.assign(message.params ?? {}, { protocolVersion: version })
        return send(message)
      }
      let negotiated: string | undefined
      Object.assign(transport, { setProtocolVersion: (chosen: string) => void (negotiated = chosen) })
      await client.connect(transport as never)
      assert.strictEqual(negotiated, version)
      assert.deepEqual(await use(client), expected)
    })
  }

  it("serves version 2 of the official SDK in the revision that it finds", async () => {
    const client = new Client({ name: "new", version: "2" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StdioClientTransport(parameters))
    assert.deepEqual(await use(client), expected)
  })

  it("serves the AI SDK", async () => {
    const client = await createMCPClient({
      transport: new StdioMCPTransport(parameters)
    })
    const tools = await client.tools()
    assert.deepEqual(Object.keys(tools), [...expected.tools])
    const options = { toolCallId: "1", messages: [], context: {} }
    const result = await tools["echo"]?.execute({ text: "hi" }, options)
    assert.deepInclude(result as object, { content: [{ type: "text", text: "hi" }] })
    await client.close()
  })

  for (const packages of ["mcp-1", "mcp-2"] as const) {
    it.skipIf(!hasPackages(packages))(
      `serves the official Python SDK, ${packages} (needs scripts/test-servers.sh)`,
      async () => {
        const { stdout } = await promisify(execFile)(
          join(serverCache, packages, "bin", "python"),
          [resolve("test/servers/python/sdk_client.py"), parameters.command, ...parameters.args],
          { env: { ...parameters.env, PYTHONDONTWRITEBYTECODE: "1" } }
        )
        const seen = stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Seen)
        // Its second version connects with the handshake of the older revisions, and by the probe of the newest.
        assert.deepEqual(seen, packages === "mcp-1" ? [expected] : [expected, expected])
      }
    )
  }
})
