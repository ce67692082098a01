import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
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

const program = resolve(import.meta.dirname, "../../dist/bin/mcp-cli.cjs")
const env = {
  HOME: home,
  PATH: process.env["PATH"] ?? "",
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
  MCP_CLI_ENCRYPTION_KEY: "conformance",
  BROWSER: `${process.execPath} ${resolve(import.meta.dirname, "../servers/browser.ts")}`
}

let hasSignedIn = false

/** Uses the server as a user does: signs in once where an answer says how, and tries again. */
const use = async <A extends object>(request: () => Promise<A>): Promise<A | Error> => {
  const answer = await request().catch((error: unknown) => (error instanceof Error ? error : Error("?")))
  const text = answer instanceof Error ? answer.message : JSON.stringify(answer)
  if (hasSignedIn || !text.includes("Run: mcp-cli auth login server")) return answer
  hasSignedIn = true
  await promisify(execFile)(process.execPath, [program, "auth", "login", "server"], { env })
  return use(request)
}

const useTools = async () => {
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [program, "proxy", "server", "-v"],
      env
    })
  )
  const listed = await use(() => client.listTools())
  if (listed instanceof Error) throw listed
  let failures = 0
  for (const { inputSchema, name } of listed.tools) {
    // One tool echoes the schema of another one.
    const echoed =
      inputSchema.required?.includes("schema") === true ? listed.tools[0]?.inputSchema : undefined
    const given = echoed === undefined ? argumentsOf(name) : { schema: echoed }
    // In some scenarios a tool's result is none by its revision, which the client of the SDK refuses. The next one is called.
    const result = await use(() => client.callTool({ name, arguments: given }))
    if (result instanceof Error) process.stderr.write(`${name}: ${String(result)}\n`)
    if (result instanceof Error || result.isError === true) failures += 1
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
