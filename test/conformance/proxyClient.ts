import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { followRedirects } from "../servers/BrowserUser.ts"
import { argumentsOf, configuration, scenario } from "./ScenarioSetup.ts"

// The client that the official conformance suite starts to test the proxy: the client of the official SDK, which knows nothing of
// OAuth, and starts the built `mcp-cli proxy`. That signs in by a browser that follows redirects.

const home = mkdtempSync(join(tmpdir(), "mcp-cli-conformance-"))
mkdirSync(join(home, ".mcp_cli"), { mode: 0o700 })
writeFileSync(join(home, ".mcp_cli", "server_config.json"), JSON.stringify(configuration), { mode: 0o600 })

const client = new Client(
  { name: "mcp-cli", version: "conformance" },
  {
    capabilities: { elicitation: { form: { applyDefaults: true }, url: {} } },
    versionNegotiation: { mode: "auto" }
  }
)
client.setRequestHandler("elicitation/create", async ({ params }) => {
  if (params.mode !== "url") return { action: "accept", content: {} }
  void followRedirects(params.url).catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
  return { action: "accept" }
})

const useTools = async () => {
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [resolve(import.meta.dirname, "../../dist/bin/mcp-cli.cjs"), "proxy", "server", "-v"],
      env: {
        HOME: home,
        PATH: process.env["PATH"] ?? "",
        DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
        MCP_CLI_ENCRYPTION_KEY: "conformance",
        BROWSER: `${process.execPath} ${resolve(import.meta.dirname, "../servers/browser.ts")}`
      }
    })
  )
  const { tools } = await client.listTools()
  let failures = 0
  for (const { name } of tools) {
    // In some scenarios a tool's result is none by its revision, which the client of the SDK refuses; the next is called all the same.
    const result = await client.callTool({ name, arguments: argumentsOf(name) }).catch((error: unknown) => {
      process.stderr.write(`${name}: ${String(error)}\n`)
      return undefined
    })
    if (result === undefined || result.isError === true) failures += 1
  }
  return scenario.startsWith("auth/") && failures > 0 ? 1 : 0
}

try {
  process.exitCode = await useTools()
} catch (error) {
  process.stderr.write(`${String(error)}\n`)
  process.exitCode = 1
} finally {
  await client.close()
  rmSync(home, { recursive: true, force: true })
}
