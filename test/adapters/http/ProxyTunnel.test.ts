import { setGlobalProxyFromEnv } from "node:http"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { proxyInUse } from "../../../src/adapters/http/EnvironmentProxy.ts"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import { byteRequest } from "../../../src/domain/ByteRequest.ts"
import { connectThrough, ProxyError } from "../../../src/adapters/http/ProxyTunnel.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"

const servers: Array<Server> = []
const sockets = new Set<Socket>()
afterEach(() => {
  vi.unstubAllEnvs()
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

/** A proxy that treats the first bytes of each connection in one way. */
const startProxy = async (answer: (client: Socket, head: string) => void) => {
  const heads: Array<string> = []
  const server = createServer((client) => {
    sockets.add(client)
    client.on("error", () => undefined)
    client.once("data", (bytes) => {
      heads.push(bytes.toString("latin1"))
      answer(client, heads.at(-1) ?? "")
    })
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  return { heads, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const through = (address: string, protocol = "https:", seconds?: number) =>
  new Promise<Socket>((resolve, reject) =>
    connectThrough({ variable: "HTTPS_PROXY", address: new URL(address) }, seconds)(
      { hostname: "mcp.test", port: "", protocol },
      (error, socket) => (socket === null ? reject(error) : resolve(socket))
    )
  )

const says = (text: string) => (client: Socket) => void client.end(text)

const refusals: Readonly<Record<string, readonly [(client: Socket) => void, string]>> = {
  "answers 407": [
    says('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="x"\r\n\r\n'),
    "answered HTTP 407 (Proxy Authentication Required)"
  ],
  "answers 403 with a page": [
    says("HTTP/1.1 403 Forbidden\r\n\r\n<h1>Blocked</h1>"),
    "answered HTTP 403 (Forbidden)"
  ],
  "answers 503 without a reason": [says("HTTP/1.0 503\r\n\r\n"), "answered HTTP 503"],
  "answers with control characters": [says("HTTP/1.1 500 \u001b[2Jno\r\n\r\n"), "answered HTTP 500 ([2Jno)"],
  redirects: [
    says("HTTP/1.1 302 Found\r\nLocation: http://block.test/page?secret\r\n\r\n"),
    "redirects to block.test (HTTP 302)"
  ],
  "closes the connection": [(client) => client.end(), "closed the connection"],
  "resets the connection": [(client) => client.resetAndDestroy(), "closed the connection"],
  "sends half a head": [says("HTTP/1.1 200"), "closed the connection"],
  "sends something else": [says("hello\r\n\r\n"), "does not answer as an HTTP proxy"],
  "sends no end of a head": [
    (client) => void client.write("x".repeat(20_000)),
    "does not answer as an HTTP proxy"
  ],
  "opens the tunnel and closes it": [
    says("HTTP/1.1 200 OK\r\n\r\n"),
    "closed the connection to the server before TLS"
  ]
}

describe("a proxy that", () => {
  for (const [what, [answer, problem]] of Object.entries(refusals)) {
    it(`${what} is what the error names`, async () => {
      const { heads, host } = await startProxy(answer)
      const error: unknown = await through(`http://me:hunter2@${host}`).catch((error: unknown) => error)
      assert.instanceOf(error, ProxyError)
      assert.strictEqual((error as Error).message, `the proxy ${host} (HTTPS_PROXY) ${problem}`)
      assert.strictEqual(heads.length, 1)
    })

    it(`${what} gets one connection for a request`, async () => {
      const { heads, host } = await startProxy(answer)
      vi.stubEnv("HTTPS_PROXY", `http://me:hunter2@${host}`)
      vi.stubEnv("NO_PROXY", "")
      const restore = setGlobalProxyFromEnv({ https_proxy: `http://${host}`, no_proxy: "" })
      const request = () =>
        byteRequest("https://mcp.test/mcp", {
          method: "POST",
          headers: new Headers(),
          content: new Uint8Array(1)
        })
      for (const layer of [FetchTransport.layer, UndiciTransport.layer]) {
        heads.splice(0)
        const error = await HttpTransport.use(({ send }) => send(request())).pipe(
          Effect.provide(layer),
          Effect.flip,
          Effect.runPromise
        )
        assert.strictEqual(
          error.message,
          `No answer from https://mcp.test: the proxy ${host} (HTTPS_PROXY) ${problem}.`
        )
        assert.isUndefined(error.unanswered)
        assert.strictEqual(heads.length, 1)
      }
      restore()
    })
  }

  it("is silent ends the wait", async () => {
    const { host } = await startProxy(() => undefined)
    const error: unknown = await through(`http://${host}`, "https:", 0.01).catch((error: unknown) => error)
    assert.include(String(error), "did not connect within 0.01 seconds")
  })

  it("is not there, or speaks no TLS, is what the error names", async () => {
    const { host } = await startProxy(says("HTTP/1.1 400 Bad Request\r\n\r\n"))
    const noTls: unknown = await through(`https://${host}`).catch((error: unknown) => error)
    assert.include(String(noTls), `the proxy ${host} (HTTPS_PROXY) cannot be reached by TLS`)
    const nobody: unknown = await through("http://127.0.0.1:1").catch((error: unknown) => error)
    assert.include(
      String(nobody),
      "the proxy 127.0.0.1:1 (HTTPS_PROXY) cannot be reached: the connection was refused"
    )
  })

  it("lets a request through gets its user and password, and hands over what came with its answer", async () => {
    const { heads, host } = await startProxy((client) => client.end("HTTP/1.1 200 OK\r\n\r\nearly"))
    const socket = await through(`http://me:p%40ss@${host}`, "http:")
    const early = await new Promise<Buffer>((done) => socket.resume().once("data", done))
    assert.strictEqual(early.toString(), "early")
    assert.strictEqual(
      heads[0],
      `CONNECT mcp.test:80 HTTP/1.1\r\nHost: mcp.test:80\r\nProxy-Authorization: Basic ${Buffer.from("me:p@ss").toString("base64")}\r\n\r\n`
    )
    socket.destroy()
  })
})

describe("the proxy of a request", () => {
  it.each([
    ["https://mcp.test/", { HTTPS_PROXY: "http://p.test" }, "HTTPS_PROXY p.test"],
    ["https://mcp.test/", { HTTP_PROXY: "p.test:8080", https_proxy: "" }, "HTTP_PROXY p.test:8080"],
    ["http://10.0.0.1/", { HTTPS_PROXY: "http://p.test" }, undefined],
    ["https://mcp.test/", { HTTPS_PROXY: "http://p.test", NO_PROXY: ".test" }, undefined],
    ["https://mcp.test/", { HTTPS_PROXY: "http://p.test", no_proxy: "other.test, mcp.test" }, undefined],
    ["https://mcp.test/", { HTTPS_PROXY: "http://p.test", NO_PROXY: "*" }, undefined],
    ["https://mcp.test/", { HTTPS_PROXY: "no address" }, undefined]
  ])("to %s with %j is %s", (url, env, expected) => {
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]) {
      vi.stubEnv(name, env[name as keyof typeof env] ?? "")
    }
    const proxy = proxyInUse(new URL(url))
    assert.strictEqual(proxy && `${proxy.variable} ${proxy.address.host}`, expected)
  })
})
