import { readdirSync, readFileSync, statSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { freePort, startWorld, type World } from "./World.ts"

let world: World
const begin = async (...options: Parameters<typeof startWorld>) => {
  world = await startWorld(...options)
}
afterEach(() => world.close())

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

describe("signing in to a server that is known by its URL alone", () => {
  beforeEach(() => begin())

  it("opens the browser once, and never again while tokens work", async () => {
    const login = await world.run(["auth", "login", "demo"])
    assert.strictEqual(login.code, 0, login.stderr)
    assert.include(login.stderr, "Authentication required for demo")
    assert.include(login.stderr, `${world.authorizationServer.issuer}/authorize?`)
    assert.include(login.stderr, "Signed in to demo.")
    const tools = await world.run(["tools", "demo", "--json"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.deepEqual(
      (JSON.parse(tools.stdout) as ReadonlyArray<{ name: string }>).map(({ name }) => name),
      ["echo", "add", "fail"]
    )
    assert.strictEqual(world.browsersOpened(), 1)
  })

  it.each([
    ["", {}],
    [" in a browser that is still signed in", { BROWSER_COOKIES: "cookies.json" }]
  ])("revokes the sign-in that a second one%s replaces, and goes on with the new one", async (_, env) => {
    await world.run(["auth", "login", "demo"], { env })
    const first = (await world.run(["auth", "token", "demo"])).stdout.trim()
    assert.lengthOf(world.authorizationServer.revocations, 0)
    assert.strictEqual((await world.run(["auth", "login", "demo"], { env })).code, 0)
    const hints = world.authorizationServer.revocations.map(({ parameters }) =>
      parameters.get("token_type_hint")
    )
    assert.deepEqual(hints, ["refresh_token", "access_token"])
    const isActive = async (token: string) =>
      (await world.authorizationServer.introspect(token, world.mcpServer.url.href)).active
    assert.isFalse(await isActive(first))
    assert.isTrue(await isActive((await world.run(["auth", "token", "demo"])).stdout.trim()))
    // The refresh token is valid, too.
    world.mcpServer.rejectSeenTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.strictEqual(world.browsersOpened(), 2)
  })

  it("sends state, PKCE S256 and the resource, and the resource with the code again", async () => {
    await world.run(["auth", "login", "demo"])
    const [asked] = world.authorizationServer.authorizations
    assert.strictEqual(asked?.get("code_challenge_method"), "S256")
    assert.isAtLeast(asked?.get("state")?.length ?? 0, 43)
    assert.strictEqual(asked?.get("resource"), world.mcpServer.url.href)
    assert.strictEqual(asked?.get("scope"), "mcp:read offline_access")
    const [exchange] = world.authorizationServer.tokenRequests
    assert.strictEqual(exchange?.parameters.get("resource"), world.mcpServer.url.href)
    assert.isNotNull(exchange?.parameters.get("code_verifier"))
  })

  it("keeps no token, code or password in plain text anywhere in the home", async () => {
    await world.run(["auth", "login", "demo", "-v"])
    const token = (await world.run(["auth", "token", "demo"])).stdout.trim()
    const refreshed = [...world.authorizationServer.tokenRequests].map(
      ({ parameters }) => parameters.get("code") ?? ""
    )
    assert.isAbove(token.length, 20)
    const files = filesBelow(join(world.home, ".mcp_cli"))
    assert.isAbove(files.length, 2)
    for (const file of files) {
      const content = readFileSync(file, "utf8")
      for (const secret of [token, ...refreshed, "correct horse"]) assert.notInclude(content, secret, file)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600, file)
    }
    assert.strictEqual(statSync(join(world.home, ".mcp_cli", "tokens")).mode & 0o777, 0o700)
  })

  it("says nothing secret in its log", async () => {
    const login = await world.run(["auth", "login", "demo", "-v"])
    assert.include(login.stderr, "POST")
    const used = world.authorizationServer.tokenRequests.flatMap(({ parameters }) => [
      parameters.get("code") ?? "",
      parameters.get("code_verifier") ?? ""
    ])
    const token = (await world.run(["auth", "token", "demo"])).stdout.trim()
    for (const secret of [...used, token]) assert.notInclude(login.stdout + login.stderr, secret)
  })

  it("opens no browser where nobody is there to see it", async () => {
    for (const args of [
      ["tools", "demo"],
      ["auth", "token", "demo"],
      ["--server", "demo"]
    ]) {
      const ended = await world.run(args)
      assert.strictEqual(ended.code, 3, ended.stderr)
      assert.strictEqual(ended.stdout, "")
      assert.include(ended.stderr, "mcp-cli auth login demo")
    }
    assert.strictEqual(world.browsersOpened(), 0)
  })

  it("waits for the browser with --no-browser, and takes the answer whoever opens the address", async () => {
    const login = world.start(["auth", "login", "demo", "--no-browser"])
    const [, url = ""] = await login.shows(/^(http\S+)$/m)
    const { followRedirects } = await import("../servers/BrowserUser.ts")
    const page = await followRedirects(url)
    assert.strictEqual(page.status, 200)
    assert.include(page.body, "Signed in to demo")
    assert.strictEqual((await login.ended).code, 0)
    assert.strictEqual(world.browsersOpened(), 0)
  })

  it("ends by itself when nobody answers in time", async () => {
    const login = await world.run(["auth", "login", "demo", "--no-browser", "--callback-timeout", "1"])
    assert.strictEqual(login.code, 3)
    assert.include(login.stderr, "within 1 second")
  })

  it("ends with 130 on Ctrl-C, and lets go of the port", async () => {
    const login = world.start(["auth", "login", "demo", "--no-browser"])
    await login.shows(/Waiting up to/)
    login.child.kill("SIGINT")
    assert.strictEqual((await login.ended).code, 130)
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
  })

  it("moves to another port where the configured one is taken", async () => {
    const squatter = createServer()
    await new Promise<void>((done) => squatter.listen(0, "127.0.0.1", done))
    const { port } = squatter.address() as AddressInfo
    world.configure({
      mcpServers: {
        demo: { url: world.mcpServer.url.href, oauth: { redirect_uri: `http://localhost:${port}/callback` } }
      }
    })
    const login = await world.run(["auth", "login", "demo"])
    squatter.close()
    assert.strictEqual(login.code, 0, login.stderr)
    assert.notInclude(login.stderr, `localhost%3A${port}`)
  })
})

describe("signing in with a client of the configuration", () => {
  let redirectUri: string
  beforeEach(async () => {
    redirectUri = `http://localhost:${await freePort()}/callback`
  })
  const client = () => ({
    client_id: "known",
    client_secret: "the secret of known",
    redirect_uris: [redirectUri],
    application_type: "native",
    grant_types: ["authorization_code", "refresh_token"]
  })
  const endpoints = () => ({
    authorization_url: `${world.authorizationServer.issuer}/authorize`,
    token_url: `${world.authorizationServer.issuer}/token`,
    client_id: "known",
    redirect_uri: redirectUri
  })
  const configure = (oauth: object) =>
    world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href, oauth } } })

  it("needs no discovery, and takes its secret from the environment", async () => {
    await begin({
      registration: false,
      clients: [{ ...client(), token_endpoint_auth_method: "client_secret_basic" }]
    })
    configure({
      ...endpoints(),
      client_secret: "${KNOWN_SECRET}",
      scopes: ["mcp:read"],
      extra_auth_params: { owner: "user" }
    })
    const unset = await world.run(["auth", "login", "demo"])
    assert.strictEqual(unset.code, 2)
    assert.include(
      unset.stderr,
      "mcpServers.demo.oauth.client_secret: the environment variable KNOWN_SECRET is not set"
    )
    const login = await world.run(["auth", "login", "demo"], { env: { KNOWN_SECRET: "the secret of known" } })
    assert.strictEqual(login.code, 0, login.stderr)
    assert.isUndefined(world.authorizationServer.counts.get("metadata"))
    assert.strictEqual(world.authorizationServer.authorizations[0]?.get("owner"), "user")
    assert.match(world.authorizationServer.tokenRequests[0]?.authorization ?? "", /^Basic /)
    const tools = await world.run(["tools", "demo"], { env: { KNOWN_SECRET: "the secret of known" } })
    assert.strictEqual(tools.code, 0, tools.stderr)
  })

  it("tries client_secret_post once where Basic is refused, and remembers what worked", async () => {
    await begin({
      refusesBasic: true,
      registration: false,
      clients: [{ ...client(), token_endpoint_auth_method: "client_secret_post" }]
    })
    configure({ ...endpoints(), client_secret: "the secret of known", scopes: ["mcp:read"] })
    const login = await world.run(["auth", "login", "demo"])
    assert.strictEqual(login.code, 0, login.stderr)
    const methods = () =>
      world.authorizationServer.tokenRequests.map(({ authorization }) => authorization !== undefined)
    assert.deepEqual(methods(), [true, false])
    assert.strictEqual((await world.run(["ping", "demo"])).code, 0)
    world.mcpServer.rejectSeenTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.deepEqual(methods(), [true, false, false])
  })

  it("waits for another sign-in at the redirect URI that the client is registered for", async () => {
    await begin({
      registration: false,
      clients: [{ ...client(), token_endpoint_auth_method: "client_secret_basic" }]
    })
    configure({ ...endpoints(), client_secret: "the secret of known" })
    const first = world.start(["auth", "login", "demo", "--no-browser"])
    await first.shows(/Waiting up to/)
    world.configure({
      mcpServers: {
        other: {
          url: world.mcpServer.url.href,
          oauth: { ...endpoints(), client_secret: "the secret of known" }
        }
      }
    })
    const second = world.start(["auth", "login", "other", "--no-browser"])
    await second.shows(/Another sign-in waits for its browser at http:\/\/localhost:\d+\/callback/)
    first.child.kill("SIGINT")
    await first.ended
    await second.shows(/Waiting up to/)
    second.child.kill("SIGINT")
    assert.strictEqual((await second.ended).code, 130)
  })

  it("names client_id and client_secret where the server does not accept them", async () => {
    await begin({
      registration: false,
      clients: [{ ...client(), token_endpoint_auth_method: "client_secret_basic" }]
    })
    configure({ ...endpoints(), client_secret: "not the secret", scopes: ["mcp:read"] })
    const login = await world.run(["auth", "login", "demo"])
    assert.strictEqual(login.code, 2, login.stderr)
    assert.include(login.stderr, '"client_secret"')
    assert.notInclude(login.stderr, "not the secret")
  })
})

describe("finding the authorization server", () => {
  for (const metadata of ["header", "path", "root"] as const) {
    it(`by resource metadata at: ${metadata}`, async () => {
      await begin({ mcp: { metadata } })
      const login = await world.run(["auth", "login", "demo"])
      assert.strictEqual(login.code, 0, login.stderr)
    })
  }

  it("asks for the scope of the challenge before that of the metadata", async () => {
    await begin({ mcp: { scope: "mcp:read mcp:write" } })
    await world.run(["auth", "login", "demo"])
    assert.strictEqual(
      world.authorizationServer.authorizations[0]?.get("scope"),
      "mcp:read mcp:write offline_access"
    )
  })
})
