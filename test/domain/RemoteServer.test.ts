import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { InvalidServer, remoteServer, type RemoteServerOptions } from "../../src/domain/RemoteServer.ts"
import { defaultOAuth } from "../../src/domain/Server.ts"

const url = "https://mcp.example.com/mcp"

const errorOf = (make: () => unknown): InvalidServer => {
  try {
    make()
  } catch (error) {
    if (error instanceof InvalidServer) return error
    throw error
  }
  return assert.fail("nothing was thrown")
}

describe("a server made from its URL", () => {
  it("has the name of its host and the default settings", () => {
    assert.deepStrictEqual(remoteServer(url), {
      _tag: "Http",
      name: "mcp.example.com",
      url: new URL(url),
      headers: {},
      transport: "auto",
      oauth: defaultOAuth
    })
    assert.strictEqual(remoteServer("http://localhost:3000/mcp").name, "localhost:3000")
  })

  it("has the settings of its options", () => {
    const clientSecret = Redacted.make("s")
    const server = remoteServer(new URL(url), {
      name: "example",
      scopes: ["read", "write"],
      client: { clientId: "id", clientSecret },
      redirectUri: "https://app.example.com/callback?step=2",
      oauth: { grant: { _tag: "ClientCredentials" }, dpop: true }
    })
    assert.strictEqual(server.name, "example")
    assert.deepStrictEqual(server.oauth, {
      ...defaultOAuth,
      scopes: ["read", "write"],
      source: { _tag: "Discovered", client: { clientId: "id", clientSecret } },
      redirectUri: new URL("https://app.example.com/callback?step=2"),
      grant: { _tag: "ClientCredentials" },
      dpop: true
    })
  })

  it("may have a public client", () => {
    const { source } = remoteServer(url, { client: { clientId: "id" } }).oauth
    assert.deepStrictEqual(source.client, { clientId: "id", clientSecret: undefined })
  })

  it("may have configured endpoints", () => {
    const source = {
      _tag: "ByHand",
      tokenEndpoint: new URL("https://as.example.com/token"),
      client: { clientId: "id", clientSecret: undefined }
    } as const
    assert.strictEqual(remoteServer(url, { oauth: { source } }).oauth.source, source)
  })

  it("does not change when the caller changes the URL", () => {
    const given = new URL(url)
    const server = remoteServer(given)
    given.hostname = "other.example.com"
    assert.strictEqual(server.url.href, url)
  })

  it.each<readonly [string, RemoteServerOptions, InvalidServer["argument"]]>([
    ["mcp.example.com", {}, "url"],
    ["http://mcp.example.com/hunter2", {}, "url"],
    ["https://user:hunter2@mcp.example.com", {}, "url"],
    [`${url}#hunter2`, {}, "url"],
    [url, { name: "" }, "name"],
    [url, { name: "hunter2".repeat(20) }, "name"],
    [url, { scopes: ["read", "hunter2 write"] }, "scopes"],
    [url, { client: { clientId: "" } }, "client"],
    [url, { redirectUri: "/hunter2" }, "redirectUri"],
    [url, { redirectUri: "http://app.example.com/hunter2" }, "redirectUri"],
    [url, { redirectUri: "hunter2:/callback" }, "redirectUri"]
  ])("may not be %s with %o", (address, options, argument) => {
    const error = errorOf(() => remoteServer(address, options))
    assert.strictEqual(error.argument, argument)
    assert.strictEqual(error.message, `${argument}: ${error.problem}`)
    assert.notInclude(error.message, "hunter2")
  })
})
