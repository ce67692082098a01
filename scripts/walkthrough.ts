import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import packageJson from "../package.json" with { type: "json" }
import { steps, take } from "../test/e2e/Walkthrough.ts"
import { startAuthorizationServer } from "../test/servers/AuthorizationServer.ts"
import { startMcpServer } from "../test/servers/McpServer.ts"
import { packed } from "./Packed.ts"

// Walks through the README on an empty home, word by word, with the real npm and npx: a registry on this machine has the package of this
// checkout as if it was published, and leads to the real registry for everything else. Prints what each step took.

const registryOf = async (tarball: string) => {
  const upstream = execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim()
  const content = readFileSync(tarball)
  const integrity = `sha512-${createHash("sha512").update(content).digest("base64")}`
  const server = createServer((request, response) => {
    const { url = "/" } = request
    if (url.endsWith(".tgz") && url.startsWith("/mcp-cli-oauth/")) return response.end(content)
    if (url !== "/mcp-cli-oauth") {
      return response.writeHead(302, { location: new URL(url.slice(1), upstream).href }).end()
    }
    const { port } = server.address() as AddressInfo
    const dist = { tarball: `http://127.0.0.1:${port}/mcp-cli-oauth/-/mcp-cli-oauth.tgz`, integrity }
    const { bin, dependencies, engines, name, peerDependencies, version } = packageJson
    return response.setHeader("content-type", "application/json").end(
      JSON.stringify({
        name,
        "dist-tags": { latest: version },
        versions: { [version]: { name, version, bin, dependencies, engines, peerDependencies, dist } }
      })
    )
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() }
}

const tarball = await packed()
const registry = await registryOf(tarball)
const authorizationServer = await startAuthorizationServer({ autoApprove: true })
const mcpServer = await startMcpServer({ authorizationServer })
const home = mkdtempSync(join(tmpdir(), "mcp-cli-walk-"))
const cache = execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim()
mkdirSync(join(home, "npm", "bin"), { recursive: true })
writeFileSync(join(home, "browser.log"), "")
const inherited = Object.keys(process.env).filter((name) => name.toLowerCase().startsWith("npm_"))
const env = {
  ...Object.fromEntries(inherited.map((name) => [name, undefined])),
  PATH: [join(home, "npm", "bin"), dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
  npm_config_prefix: join(home, "npm"),
  npm_config_registry: registry.url,
  npm_config_cache: cache,
  npm_config_yes: "true",
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
  MCP_CLI_ENCRYPTION_KEY: "the password of a walk",
  BROWSER: `${process.execPath} ${resolve("test/servers/browser.ts")}`,
  BROWSER_LOG: join(home, "browser.log")
}

let failed = 0
try {
  for (const step of steps) {
    const started = performance.now()
    const problem = await take(step, { home, url: mcpServer.url.href, env }).then(
      ({ expected, output }) =>
        expected.test(output) ? undefined : `it did not show ${expected}: ${output}`,
      (error: unknown) => String(error)
    )
    if (problem !== undefined) failed += 1
    const took = ((performance.now() - started) / 1000).toFixed(1)
    process.stdout.write(
      `${problem === undefined ? "ok    " : "FAILED"} ${took.padStart(5)} s  ${step.line}\n`
    )
    if (problem !== undefined) process.stdout.write(`${problem}\n`)
  }
} finally {
  registry.close()
  await Promise.all([authorizationServer.close(), mcpServer.close()])
  rmSync(home, { recursive: true, force: true })
  rmSync(dirname(tarball), { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1
