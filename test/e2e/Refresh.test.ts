import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { freePort, startWorld, type World } from "./World.ts"

let world: World
const refreshes = () => world.authorizationServer.counts.get("token:refresh_token") ?? 0
const token = async () => (await world.run(["auth", "token", "demo"])).stdout.trim()

beforeEach(async () => {
  world = await startWorld()
  // A sign-in registers again if the port of the one before is taken, and other tests may have the usual one.
  const redirect_uri = `http://localhost:${await freePort()}/callback`
  world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href, oauth: { redirect_uri } } } })
  assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
  assert.strictEqual((await world.run(["ping", "demo"])).code, 0)
})
afterEach(() => world.close())

describe("a token that the server no longer takes", () => {
  it("is refreshed without a browser, once, and the request goes through", async () => {
    const before = await token()
    world.mcpServer.rejectSeenTokens()
    const call = await world.run(["call", "demo", "add", "a=19", "b=23"])
    assert.strictEqual(call.stdout, "42\n", call.stderr)
    assert.strictEqual(refreshes(), 1)
    assert.strictEqual(world.browsersOpened(), 1)
    assert.notStrictEqual(await token(), before)
  })

  it("is refreshed under an open session", async () => {
    const session = world.start(["--server", "demo"], {
      stdin: "/call echo text=one\n/call echo text=two\n/quit\n"
    })
    await session.shows(/3 tools: echo, add, fail/)
    world.mcpServer.rejectSeenTokens()
    const ended = await session.ended
    assert.strictEqual(ended.code, 0, ended.stderr)
    assert.strictEqual(ended.stdout, "one\ntwo\n")
    assert.strictEqual(world.browsersOpened(), 1)
  })

  it("asks for a sign-in, with the command for it, once the refresh token is worthless too", async () => {
    world.authorizationServer.forgetTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 3)
    assert.include(tools.stderr, "Run: mcp-cli auth login demo")
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    assert.strictEqual(world.authorizationServer.counts.get("register"), 1)
    assert.strictEqual((await world.run(["tools", "demo"])).code, 0)
  })
})

describe("a refresh whose answer is lost", () => {
  it("is repeated once after a moment, and the sign-in is over if the server has rotated", async () => {
    world.authorizationServer.failNext({ kind: "lose the answer" })
    world.mcpServer.rejectSeenTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 3)
    assert.include(tools.stderr, "The answer to the last token refresh of demo was lost")
    assert.include(tools.stderr, "Run: mcp-cli auth login demo")
    assert.strictEqual(refreshes(), 2)
  })

  it("goes on as if nothing had happened if the request was lost", async () => {
    world.authorizationServer.failNext({ kind: "hang up" })
    world.mcpServer.rejectSeenTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.strictEqual(world.browsersOpened(), 1)
  })
})

describe("an authorization server that is away", () => {
  it("is asked again, and opens no browser", async () => {
    world.authorizationServer.failNext({ kind: "status", status: 503 }, { kind: "hang up" })
    world.mcpServer.rejectSeenTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.strictEqual(world.browsersOpened(), 1)
  })

  it("is said to be away, and nothing is lost", async () => {
    world.authorizationServer.failNext({ kind: "status", status: 429, retryAfter: 3600 })
    world.mcpServer.rejectSeenTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 5)
    assert.include(tools.stderr, "HTTP 429")
    assert.strictEqual((await world.run(["tools", "demo"])).code, 0)
    assert.strictEqual(world.browsersOpened(), 1)
  })
})

describe("many processes", () => {
  it("make one refresh between twenty of them that need a token at the same moment", async () => {
    world.mcpServer.rejectSeenTokens()
    const ended = await Promise.all(Array.from({ length: 20 }, () => world.run(["tools", "demo"])))
    for (const { code, stderr } of ended) assert.strictEqual(code, 0, stderr)
    assert.strictEqual(refreshes(), 1)
    assert.strictEqual(world.authorizationServer.revokedGrants(), 0)
  })
})
