import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type Collector, startCollector } from "../../examples/telemetry/Collector.ts"
import { startVaultServer } from "../servers/VaultServer.ts"
import { startWorld, type World } from "./World.ts"

/** A proxy that notes its requests and the first bytes in its tunnels, and lets nothing through. */
const startProxy = async () => {
  const requests: Array<string> = []
  const tunnelled: Array<Buffer> = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    response.writeHead(502).end()
  })
  server.on("connect", (request, client: Socket) => {
    requests.push(`CONNECT ${request.url}`)
    client.on("error", () => undefined)
    client.once("data", (bytes: Buffer) => {
      tunnelled.push(bytes)
      client.destroy()
    })
    client.write("HTTP/1.1 200 Connection established\r\n\r\n")
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tunnelled,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

let world: World
let proxy: Awaited<ReturnType<typeof startProxy>>
let collector: Collector
beforeEach(async () => {
  world = await startWorld()
  proxy = await startProxy()
  collector = await startCollector()
})
afterEach(async () => {
  proxy.close()
  await Promise.all([world.close(), collector.close()])
})

const variables = () => ({
  HTTP_PROXY: proxy.address,
  HTTPS_PROXY: proxy.address,
  ALL_PROXY: proxy.address,
  http_proxy: proxy.address,
  NO_PROXY: ""
})

describe("a proxy of the environment", () => {
  it.each([
    ["the program turns it on", {}],
    ["Node turns it on", { NODE_USE_ENV_PROXY: "1" }]
  ])("sees nothing of a sign-in, a call and a sign-out on this machine if %s", async (_, turnedOn) => {
    const env = { ...variables(), ...turnedOn, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint }
    // The browser is a program of its own, which may use the proxy.
    const login = world.start(["auth", "login", "demo", "--no-browser"], { env })
    const [, url = ""] = await login.shows(/^(http\S+)$/m)
    const { followRedirects } = await import("../servers/BrowserUser.ts")
    await followRedirects(url)
    assert.strictEqual((await login.ended).code, 0)
    for (const args of [
      ["tools", "demo"],
      ["auth", "logout", "demo"]
    ]) {
      const ended = await world.run(args, { env })
      assert.strictEqual(ended.code, 0, ended.stderr)
    }
    assert.isNotEmpty(collector.spans())
    assert.deepEqual(proxy.requests, [])
    const report = await world.run(["auth", "doctor", "demo", "-v"], { env })
    assert.include(report.stdout, "the server is on this machine")
    assert.deepEqual(proxy.requests, [])
  })

  it("sees nothing of a Vault on this machine", async () => {
    const vault = await startVaultServer()
    const ended = await world.run(["storage"], {
      env: {
        ...variables(),
        NODE_USE_ENV_PROXY: "1",
        VAULT_ADDR: vault.url.href,
        VAULT_TOKEN: vault.rootToken
      }
    })
    await vault.close()
    assert.strictEqual(ended.code, 0, ended.stderr)
    assert.include(ended.stdout, "vault")
    assert.deepEqual(proxy.requests, [])
  })

  it("sees the name of another server, and the rest encrypted", async () => {
    world.configure({ mcpServers: { demo: { url: "https://mcp.invalid/mcp" } } })
    await world.run(["auth", "doctor", "demo"], { env: variables() })
    assert.isNotEmpty(proxy.requests)
    for (const request of proxy.requests) assert.strictEqual(request, "CONNECT mcp.invalid:443")
    // Each tunnel begins with a TLS handshake.
    assert.isNotEmpty(proxy.tunnelled)
    for (const bytes of proxy.tunnelled) assert.strictEqual(bytes[0], 22)
  })
})
