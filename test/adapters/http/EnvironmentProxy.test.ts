import { createServer, setGlobalProxyFromEnv } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { isExcluded, layer, useProxyOfEnvironment } from "../../../src/adapters/http/EnvironmentProxy.ts"
import { Proxy } from "../../../src/ports/Proxy.ts"

type Env = Readonly<Record<string, string>>

const routeTo = (url: string, env: Env) =>
  Proxy.use((proxy) => proxy.routeTo(new URL(url))).pipe(
    Effect.provide(Layer.merge(layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
  )

/** A proxy that takes note of what it is asked for and lets nothing through, and a server beside it; both on loopback. */
const asked: Array<string> = []
const proxy = createServer().on("connect", (request, client: Socket) => {
  asked.push(request.url ?? "")
  client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n")
})
const server = createServer((_request, response) => response.end())
let proxyHost = ""
let target = new URL("http://127.0.0.1")

beforeAll(async () => {
  for (const one of [proxy, server]) await new Promise<void>((done) => one.listen(0, "127.0.0.1", done))
  proxyHost = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  target = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})
afterAll(() => {
  for (const one of [proxy, server]) {
    one.closeAllConnections()
    one.close()
  }
})

/** Whether a request of Node's own `fetch` reaches the proxy. */
const goesThrough = async (url: URL): Promise<boolean> => {
  asked.length = 0
  await fetch(url).then(
    (response) => response.body?.cancel(),
    () => undefined
  )
  return asked.length > 0
}

describe("the proxy of the environment", () => {
  it.effect("is the one for the protocol, the lower-case variable first, without its password", () =>
    Effect.gen(function* () {
      const env = {
        HTTPS_PROXY: "http://upper.test:1",
        https_proxy: "http://u:p@lower.test:3128",
        HTTP_PROXY: "http://plain.test"
      }
      assert.deepInclude(yield* routeTo("https://mcp.test/mcp", env), {
        variable: "https_proxy",
        place: "lower.test:3128"
      })
      assert.deepInclude(yield* routeTo("http://mcp.test/mcp", env), { place: "plain.test" })
      assert.isUndefined(yield* routeTo("http://mcp.test/mcp", { HTTPS_PROXY: "http://upper.test:1" }))
      assert.isUndefined(yield* routeTo("https://mcp.test/mcp", { HTTPS_PROXY: "" }))
      assert.isUndefined(yield* routeTo("https://mcp.test/mcp", { ...env, NO_PROXY: ".test" }))
      assert.deepInclude(
        yield* routeTo("https://mcp.test/mcp", { ...env, no_proxy: "other", NO_PROXY: "*" }),
        {
          variable: "https_proxy"
        }
      )
    })
  )

  it.effect("is the one for http where https has none", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* routeTo("https://mcp.test/mcp", { HTTP_PROXY: "http://plain.test" }), {
        variable: "HTTP_PROXY",
        place: "plain.test"
      })
    })
  )

  it.effect(
    "is not used where nobody has told Node, where nothing reads it, and where it is no address",
    () =>
      Effect.gen(function* () {
        const url = "https://mcp.test/mcp"
        assert.deepStrictEqual(yield* routeTo(url, { HTTPS_PROXY: "http://p.test" }), {
          variable: "HTTPS_PROXY",
          place: "p.test",
          obstacle: "runtime"
        })
        assert.isUndefined(
          (yield* routeTo(url, { HTTPS_PROXY: "http://p.test", NODE_USE_ENV_PROXY: "1" }))?.obstacle
        )
        assert.deepStrictEqual(yield* routeTo(url, { ALL_PROXY: "http://u:hidden@p.test:1" }), {
          variable: "ALL_PROXY",
          place: "p.test:1",
          obstacle: "variable"
        })
        assert.isUndefined(yield* routeTo(url, { ALL_PROXY: "http://p.test", NO_PROXY: "mcp.test" }))
        const broken = yield* routeTo(url, { HTTPS_PROXY: "ftp://u:hidden@p.test" })
        assert.deepInclude(broken, { variable: "HTTPS_PROXY", obstacle: "address" })
        assert.notInclude(JSON.stringify(broken), "hidden")
      })
  )

  it.effect("is not used for this machine", () =>
    Effect.gen(function* () {
      for (const host of ["localhost", "127.3.2.1", "[::1]", "[::ffff:127.0.0.1]", "app.localhost."]) {
        assert.deepInclude(yield* routeTo(`http://${host}:8080/mcp`, { HTTP_PROXY: "http://p.test" }), {
          obstacle: "loopback"
        })
        assert.isUndefined(yield* routeTo(`http://${host}/mcp`, { ALL_PROXY: "http://p.test" }))
      }
    })
  )

  // The real runtime is asked as well: what is said of it has to be what it does.
  it.each([
    ["", false],
    ["*", true],
    ["a.test, *", false],
    ["127.0.0.1", true],
    ["0.0.1", true],
    [".0.0.1", true],
    ["*.0.0.1", true],
    ["*.127.0.0.1", true],
    ["*0.0.1", false],
    ["27.0.0.1", false],
    ["127.0.0.0/8", false],
    ["127.0.0.1:PORT", true],
    ["0.0.1:PORT", true],
    ["127.0.0.1:1", false],
    ["a.test, 127.0.0.1 b.test", true],
    ["a.test;127.0.0.1", false]
  ])("NO_PROXY=%j leaves the server out: %s", async (pattern, expected) => {
    const noProxy = pattern.replace("PORT", target.port)
    assert.strictEqual(isExcluded(noProxy, target), expected)
    const restore = setGlobalProxyFromEnv({ http_proxy: `http://${proxyHost}`, no_proxy: noProxy })
    try {
      assert.strictEqual(await goesThrough(target), !expected)
    } finally {
      restore()
    }
  })

  it("is case-blind to names", () => {
    assert.isTrue(isExcluded("MCP.test", new URL("https://mcp.test/mcp")))
  })

  // Last, since Node cannot be told otherwise afterwards by these means.
  it("may be written without a scheme, and no address at all breaks nothing", async () => {
    // Node reads by itself what it is not told.
    vi.stubEnv("HTTP_PROXY", "none at all")
    useProxyOfEnvironment({ HTTPS_PROXY: `http://${proxyHost}`, HTTP_PROXY: "none at all" })
    assert.isFalse(await goesThrough(target))
    for (const none of [
      "http//user:hidden@nowhere",
      "ftp://nowhere",
      "http://nowhere/path",
      "http://",
      "http://user:100%@nowhere",
      "nowhere:99999",
      "socks4://nowhere",
      "socks5:///nowhere"
    ]) {
      useProxyOfEnvironment({ HTTPS_PROXY: none, HTTP_PROXY: none })
      assert.isFalse(await goesThrough(target), none)
    }
    useProxyOfEnvironment({ HTTPS_PROXY: "ftp://nowhere", HTTP_PROXY: `user:hidden@${proxyHost}` })
    try {
      assert.isTrue(await goesThrough(target))
      const route = await Effect.runPromise(
        routeTo("http://mcp.test", { HTTP_PROXY: `user:hidden@${proxyHost}` })
      )
      assert.deepStrictEqual(route, { variable: "HTTP_PROXY", place: proxyHost })
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
