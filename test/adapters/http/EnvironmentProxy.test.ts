import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { isLeftOut, layer } from "../../../src/adapters/http/EnvironmentProxy.ts"
import { Proxy } from "../../../src/ports/Proxy.ts"

const routeTo = (url: string, env: Readonly<Record<string, string>>) =>
  Proxy.use((proxy) => proxy.routeTo(new URL(url))).pipe(
    Effect.provide([layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))])
  )

describe("the proxy of the environment", () => {
  it.effect("is the one for the protocol, the lower-case variable first, without its password", () =>
    Effect.gen(function* () {
      const env = {
        HTTPS_PROXY: "http://upper.test:1",
        https_proxy: "http://u:p@lower.test:3128",
        HTTP_PROXY: "http://plain.test"
      }
      assert.deepStrictEqual(yield* routeTo("https://mcp.test/mcp", env), {
        variable: "https_proxy",
        place: "lower.test:3128",
        used: true
      })
      assert.deepInclude(yield* routeTo("http://mcp.test/mcp", env), { place: "plain.test" })
      assert.isUndefined(yield* routeTo("https://mcp.test/mcp", { HTTP_PROXY: "http://plain.test" }))
      assert.isUndefined(yield* routeTo("https://mcp.test/mcp", { HTTPS_PROXY: "" }))
      assert.isUndefined(yield* routeTo("https://mcp.test/mcp", { ...env, NO_PROXY: ".test" }))
    })
  )

  it.each([
    ["mcp.test", "https://mcp.test/mcp", true],
    ["mcp.test", "https://other.mcp.test/mcp", false],
    [".mcp.test", "https://other.mcp.test/mcp", true],
    ["*.mcp.test", "https://other.mcp.test/mcp", true],
    ["*", "https://mcp.test", true],
    ["mcp.test:443", "https://mcp.test", true],
    ["mcp.test:8443", "https://mcp.test", false],
    ["a.test, MCP.test b.test", "https://mcp.test", true],
    ["evilmcp.test", "https://mcp.test", false],
    ["", "https://mcp.test", false]
  ])("left out by %j: %s, %s", (noProxy, url, expected) => {
    assert.strictEqual(isLeftOut(noProxy, new URL(url)), expected)
  })
})
