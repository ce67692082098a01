import { afterEach, assert, describe, it } from "vitest"
import { type AuthorizationServer, startAuthorizationServer } from "../servers/AuthorizationServer.ts"
import { freePort, startWorld, type World } from "./World.ts"

let world: World
const begin = async (...options: Parameters<typeof startWorld>) => {
  world = await startWorld(...options)
}
afterEach(() => world.close())

const scopesAsked = () => world.authorizationServer.authorizations.map((asked) => asked.get("scope"))

describe("a tool that needs a scope of its own", () => {
  it("is called once the user has signed in with the command of the error", async () => {
    await begin({ mcp: { scope: "mcp:read", toolScopes: { add: "mcp:write" } } })
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    const refused = await world.run(["call", "demo", "add", "a=19", "b=23"])
    assert.strictEqual(refused.code, 3, refused.stderr)
    const command = /Run: mcp-cli (auth login demo) --scope "([^"]+)"/.exec(refused.stderr)
    assert.isNotNull(command, refused.stderr)
    const scope = command?.[2] ?? ""
    assert.sameMembers(scope.split(" "), ["mcp:read", "mcp:write", "offline_access"])
    assert.strictEqual((await world.run(["auth", "login", "demo", "--scope", scope])).code, 0)
    const called = await world.run(["call", "demo", "add", "a=19", "b=23"])
    assert.strictEqual(called.stdout, "42\n", called.stderr)
    assert.strictEqual(world.browsersOpened(), 2)
    assert.strictEqual(world.mcpServer.counts.get("403"), 1)
  })

  it("is refused as before where the scope was not what was missing in the sign-in", async () => {
    await begin({ mcp: { scope: "mcp:read", toolScopes: { add: "mcp:never" } }, scopes: ["mcp:read"] })
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    assert.strictEqual((await world.run(["call", "demo", "add", "a=19", "b=23"])).code, 3)
    assert.strictEqual((await world.run(["call", "demo", "echo", "text=still"])).stdout, "still\n")
    assert.strictEqual(world.browsersOpened(), 1)
  })
})

describe("the scopes of a sign-in", () => {
  it("are those of the flag, and repeat", async () => {
    await begin()
    await world.run(["auth", "login", "demo", "--scope", "mcp:write", "--scope", "mcp:read"])
    assert.deepEqual(new Set(scopesAsked()), new Set(["mcp:write mcp:read"]))
  })
})

describe("a server that moves to another authorization server", () => {
  let other: AuthorizationServer

  it("gets a new sign-in there, and nothing of the old one", async () => {
    await begin()
    other = await startAuthorizationServer({ autoApprove: true })
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    assert.strictEqual((await world.run(["ping", "demo"])).code, 0)
    world.mcpServer.moveTo(other)
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 3, tools.stderr)
    assert.include(tools.stderr, "another authorization server")
    assert.isUndefined(world.authorizationServer.counts.get("token:refresh_token"))
    assert.isUndefined(other.counts.get("register"))
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    assert.strictEqual(other.counts.get("register"), 1)
    assert.strictEqual((await world.run(["tools", "demo"])).code, 0)
    const before = world.authorizationServer.authorizations[0]?.get("client_id")
    assert.notInclude(
      other.authorizations.map((asked) => asked.get("client_id")),
      before
    )
    await other.close()
  })
})

describe("the document about this client", () => {
  it("is printed for the address that it is published at", async () => {
    await begin()
    const url = "https://example.com/mcp-cli.json"
    const redirect_uri = `http://localhost:${await freePort()}/callback`
    world.configure({
      mcpServers: {
        demo: { url: world.mcpServer.url.href, oauth: { client_metadata_url: url, redirect_uri } }
      }
    })
    const printed = await world.run(["auth", "client-metadata", "demo"])
    assert.strictEqual(printed.code, 0, printed.stderr)
    assert.deepEqual(JSON.parse(printed.stdout), {
      client_id: url,
      client_name: "mcp-cli",
      redirect_uris: [redirect_uri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      application_type: "native",
      token_endpoint_auth_method: "none"
    })
    const given = await world.run(["auth", "client-metadata", "--url", `${url}?v=2`])
    assert.include(JSON.parse(given.stdout), {
      client_id: `${url}?v=2`
    })
  })

  it("is not printed without an address, nor for one that no server takes", async () => {
    await begin()
    for (const args of [[], ["demo"], ["--url", "http://example.com/x"], ["--url", "https://example.com"]]) {
      const ended = await world.run(["auth", "client-metadata", ...args])
      assert.strictEqual(ended.code, 2, ended.stderr)
      assert.strictEqual(ended.stdout, "")
    }
  })
})
