import { spawn } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { resolve } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { maxCoreRequests } from "../../../src/adapters/http/HttpLimits.ts"

// In processes of their own: this one has loaded undici long ago.

let server: ReturnType<typeof createServer>
let origin: string
let proxied: Array<string>
let sockets: Set<Socket>

beforeEach(async () => {
  proxied = []
  sockets = new Set()
  server = createServer((request, response) => {
    sockets.add(request.socket)
    if (request.url?.startsWith("http:") === true) proxied.push(request.url)
    response.end("answer")
  })
  server.on("connect", (request, client: Socket) => {
    proxied.push(request.url ?? "")
    client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n")
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
})

/** What the process says after each of its requests: how it ended, and whether undici is loaded. */
const sendMany = (url: string, count: number, env: Readonly<Record<string, string>> = {}) =>
  new Promise<ReadonlyArray<string>>((done) => {
    const file = resolve("test/adapters/http/manySender.ts")
    const child = spawn(process.execPath, [file, url, String(count)], { env: { ...process.env, ...env } })
    let printed = ""
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
    })
    child.once("close", () => done(printed.trim().split("\n")))
  })

describe("the transport of the program", () => {
  it("does not load undici for its first requests, and loads it for many", async () => {
    const said = await sendMany(origin, maxCoreRequests + 2)
    assert.deepEqual(said, [
      ...Array.from({ length: maxCoreRequests }, () => "answer without undici"),
      "answer with undici",
      "answer with undici"
    ])
    assert.strictEqual(sockets.size, 2)
  })

  it.each(["NODE_USE_ENV_PROXY", "the program"])(
    "uses the proxies of the environment, turned on by %s",
    async (by) => {
      const env = { http_proxy: origin, https_proxy: origin, no_proxy: "" }
      const turnedOn = by === "the program" ? { USE_PROXY: "1" } : { NODE_USE_ENV_PROXY: "1" }
      const [said] = await sendMany("https://mcp.test/", 1, { ...env, ...turnedOn })
      assert.match(said ?? "", /the proxy 127\.0\.0\.1.* answered HTTP 502.* with undici/)
      assert.deepEqual(proxied, ["mcp.test:443"])
    }
  )

  it("uses none for this machine", async () => {
    const env = { http_proxy: "http://127.0.0.1:1", NODE_USE_ENV_PROXY: "1" }
    assert.match((await sendMany(origin, 1, env))[0] ?? "", /^answer/)
    assert.deepEqual(proxied, [])
  })
})
