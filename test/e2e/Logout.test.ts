import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import type { AuthorizationServerOptions } from "../servers/AuthorizationServer.ts"
import { blocksIn, shellLinesOf } from "../Documents.ts"
import { startMcpServer } from "../servers/McpServer.ts"
import { freePort, startWorld, type World } from "./World.ts"

let world: World
afterEach(() => world.close())

const start = async (options?: AuthorizationServerOptions) => {
  world = await startWorld(options)
}
const run = async (...args: ReadonlyArray<string>) => {
  const ended = await world.run(args)
  assert.strictEqual(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`)
  return ended
}
const login = (...args: ReadonlyArray<string>) => run("auth", "login", "demo", ...args)
const token = async (...args: ReadonlyArray<string>) =>
  (await run("auth", "token", "demo", ...args)).stdout.trim()
const isActive = async (accessToken: string) =>
  (await world.authorizationServer.introspect(accessToken, world.mcpServer.url.href)).active

/** What the authorization server answers to a refresh token that it once gave to this client. */
const refresh = async (parameters: Readonly<Record<string, string>>) => {
  const answer = await fetch(`${world.authorizationServer.issuer}/token`, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "refresh_token", ...parameters })
  })
  return { status: answer.status, body: (await answer.json()) as { readonly error?: string } }
}

describe("auth logout", () => {
  it("ends the sign-in at the authorization server and on this machine, without a browser", async () => {
    await start()
    await login()
    const accessToken = await token()
    assert.isTrue(await isActive(accessToken))

    const { stderr, stdout } = await run("auth", "logout", "demo")
    assert.include(stderr, `Signed out of demo. ${world.authorizationServer.issuer} revoked the tokens`)
    assert.strictEqual(stdout, "")
    assert.strictEqual(world.browsersOpened(), 1)

    const [first, second] = world.authorizationServer.revocations.map(({ parameters }) => parameters)
    assert.strictEqual(first?.get("token_type_hint"), "refresh_token")
    assert.strictEqual(second?.get("token_type_hint"), "access_token")
    assert.strictEqual(second?.get("token"), accessToken)
    const refreshed = await refresh({
      refresh_token: first?.get("token") ?? "",
      client_id: first?.get("client_id") ?? "",
      resource: world.mcpServer.url.href
    })
    assert.deepInclude(refreshed.body, { error: "invalid_grant" })
    assert.isFalse(await isActive(accessToken))

    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 3)
    assert.include(tools.stderr, "Not signed in to demo.\nRun: mcp-cli auth login demo")
    assert.include(
      (await run("auth", "logout", "demo")).stderr,
      "Not signed in to demo: nothing was revoked."
    )
    await login()
    await run("tools", "demo")
  })

  it("says to programs what it did", async () => {
    await start()
    await login("--account", "work")
    const logout = async () =>
      JSON.parse((await run("auth", "logout", "demo", "--account", "work", "--json")).stdout) as object
    const said = { server: "demo", account: "work" }
    assert.deepEqual(await logout(), { ...said, revoked: true, forgotten: true })
    assert.deepEqual(await logout(), { ...said, revoked: false, forgotten: false })
  })

  it("ends every sign-in with --all, and those that it can if one cannot be ended", async () => {
    await start()
    await login()
    await login("--account", "work")
    const tokens = [await token(), await token("--account", "work")]
    const unasked = await world.run(["auth", "logout", "--all"])
    assert.strictEqual(unasked.code, 2)
    assert.include(unasked.stderr, "Add --yes to confirm.")
    const both = await world.run(["auth", "logout", "demo", "--all"])
    assert.strictEqual(both.code, 2)

    world.authorizationServer.failNext({ kind: "status", status: 503, retryAfter: 3600 })
    const partly = await world.run(["auth", "logout", "--all", "--yes", "--json"])
    assert.strictEqual(partly.code, 5)
    assert.include(partly.stderr, "HTTP 503")
    const rows = JSON.parse(partly.stdout) as ReadonlyArray<Readonly<Record<string, unknown>>>
    const [failed, ended] = rows
    assert.deepInclude(failed, { server: "demo", revoked: false, forgotten: false })
    assert.include(failed?.["problem"], "HTTP 503")
    assert.deepInclude(ended, { server: "demo", revoked: true, forgotten: true, problem: null })
    assert.sameMembers(
      rows.map(({ account }) => account),
      ["default", "work"]
    )

    const rest = await run("auth", "logout", "--all", "--yes")
    assert.include(rest.stderr, "revoked the tokens, and they are forgotten here.")
    for (const accessToken of tokens) assert.isFalse(await isActive(accessToken))
    const none = await run("auth", "logout", "--all")
    assert.strictEqual(none.stderr, "Not signed in anywhere: nothing was revoked.\n")
  })

  it("tries again while the authorization server is away", async () => {
    await start()
    await login()
    world.authorizationServer.failNext({ kind: "hang up" }, { kind: "status", status: 503 })
    await run("auth", "logout", "demo")
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 3)
  })

  it("forgets nothing where revoking fails, and says what can be done", async () => {
    await start()
    await login()
    const accessToken = await token()
    world.authorizationServer.failNext({ kind: "status", status: 503, retryAfter: 3600 })
    const failed = await world.run(["auth", "logout", "demo"])
    assert.strictEqual(failed.code, 5)
    assert.include(failed.stderr, "HTTP 503")
    assert.include(failed.stderr, "To try again, run: mcp-cli auth logout demo\n")
    assert.include(failed.stderr, "To forget it on this machine only, run: mcp-cli auth reset demo\n")
    assert.notInclude(failed.stderr, accessToken)
    assert.strictEqual(await token(), accessToken)
    assert.isTrue(await isActive(accessToken))
  })

  it("needs the password, and changes nothing without it", async () => {
    await start()
    await login()
    const locked = await world.run(["auth", "logout", "demo"], { env: { MCP_CLI_ENCRYPTION_KEY: "wrong" } })
    assert.strictEqual(locked.code, 4)
    assert.strictEqual(world.authorizationServer.revocations.length, 0)
    assert.isTrue(await isActive(await token()))
    // A locked store is told once, not once for each sign-in.
    await login("--account", "work")
    const all = await world.run(["auth", "logout", "--all", "--yes"], {
      env: { MCP_CLI_ENCRYPTION_KEY: "wrong" }
    })
    assert.strictEqual(all.code, 4)
    assert.strictEqual(all.stderr, locked.stderr)
    assert.strictEqual(world.authorizationServer.revocations.length, 0)
  })

  it("only forgets where the authorization server revokes nothing, and says so", async () => {
    await start({ revocation: false })
    await login()
    const accessToken = await token()
    const { stderr } = await run("auth", "logout", "demo")
    assert.include(stderr, "Forgot the sign-in to demo on this machine.")
    assert.include(stderr, "Nothing was revoked")
    assert.isTrue(await isActive(accessToken))
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 3)
    await login()
    assert.deepInclude(JSON.parse((await run("auth", "logout", "demo", "--json")).stdout), {
      revoked: false,
      forgotten: true
    })
  })

  it("uses revocation_url and the configured client, as its secret is sent at the token endpoint", async () => {
    const port = await freePort()
    const redirect_uri = `http://localhost:${port}/callback`
    await start({
      clients: [
        {
          client_id: "written",
          client_secret: "a written secret",
          redirect_uris: [redirect_uri],
          token_endpoint_auth_method: "client_secret_basic",
          grant_types: ["authorization_code", "refresh_token"]
        }
      ]
    })
    const { issuer } = world.authorizationServer
    const configure = (revocation_url?: string) =>
      world.configure({
        mcpServers: {
          demo: {
            url: world.mcpServer.url.href,
            oauth: {
              authorization_url: `${issuer}/authorize`,
              token_url: `${issuer}/token`,
              client_id: "written",
              client_secret: "a written secret",
              redirect_uri,
              scopes: ["mcp:read"],
              ...(revocation_url === undefined ? {} : { revocation_url })
            }
          }
        }
      })
    configure()
    await login()
    assert.include((await run("auth", "logout", "demo")).stderr, '"revocation_url" in the oauth block')
    configure(`${issuer}/revoke`)
    await login()
    const accessToken = await token()
    await run("auth", "logout", "demo")
    const [first] = world.authorizationServer.revocations
    assert.strictEqual(
      first?.authorization,
      `Basic ${Buffer.from("written:a%20written%20secret").toString("base64")}`
    )
    assert.isFalse((await world.authorizationServer.introspect(accessToken, `${issuer}/default`)).active)
  })
})

describe("two accounts of one server", () => {
  it("are signed in side by side, and signed out one by one", async () => {
    await start()
    const work = ["--account", "work"]
    await login()
    assert.include((await login(...work)).stderr, "Signed in to demo (work).")
    const [first, second] = [await token(), await token(...work)]
    assert.notStrictEqual(first, second)
    assert.strictEqual(world.browsersOpened(), 2)

    // Commands with a session carry the token of the account that they name.
    await run("tools", "demo", ...work)
    world.mcpServer.rejectSeenTokens()
    await run("tools", "demo")
    assert.strictEqual(await token(), first)
    await run("ping", "demo", ...work)
    const refreshed = await token(...work)
    assert.notStrictEqual(refreshed, second)
    assert.strictEqual(world.browsersOpened(), 2)

    const status = async (...args: ReadonlyArray<string>) =>
      (
        JSON.parse((await run("auth", "status", "--json", ...args)).stdout) as ReadonlyArray<{
          readonly account: string
          readonly state: string
        }>
      ).map(({ account, state }) => `${account}: ${state}`)
    assert.deepEqual(await status(), ["default: signed in", "work: signed in"])
    assert.deepEqual(await status(...work), ["work: signed in"])
    const home = await world.run(["auth", "status", "demo", "--account", "home"])
    assert.strictEqual(home.code, 3)
    assert.include(home.stderr, "Not signed in to demo (home).\nRun: mcp-cli auth login demo --account home")
    assert.include((await run("auth", "status")).stdout, "demo (work)")

    await run("auth", "logout", "demo", ...work)
    assert.isFalse(await isActive(refreshed))
    assert.isTrue(await isActive(first))
    const gone = await world.run(["tools", "demo", ...work])
    assert.strictEqual(gone.code, 3)
    const unknown =
      "No account work of demo is stored. Stored: default.\nTo sign in to work, run: mcp-cli auth login demo --account work"
    assert.include(gone.stderr, unknown)
    await run("tools", "demo")
  })

  it("are forgotten one by one, and what is kept is named", async () => {
    await start()
    await login()
    await login("--account", "my work")
    const reset = await run("auth", "reset", "demo")
    assert.include(reset.stderr, "Forgot the sign-in to demo.\n")
    assert.include(
      reset.stderr,
      'Still stored: demo (my work).\nTo forget it, run: mcp-cli auth reset demo --account "my work"'
    )
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 3)
    await token("--account", "my work")
    const other = await run("auth", "reset", "demo", "--account", "my work")
    assert.strictEqual(other.stderr, "Forgot the sign-in to demo (my work).\n")
    assert.strictEqual((await world.run(["auth", "token", "demo", "--account", "my work"])).code, 3)
    assert.strictEqual(world.authorizationServer.revocations.length, 0)
    await login("--account", "home")
    assert.deepEqual(JSON.parse((await run("auth", "reset", "demo", "--account", "home", "--json")).stdout), {
      forgotten: ["demo"],
      accounts: [{ server: "demo", account: "home" }]
    })
  })

  it("need a name, and a server that has accounts", async () => {
    await start()
    for (const args of [
      ["tools", "demo", "--account", ""],
      ["auth", "reset", "--all", "--account", "work"]
    ]) {
      const { code, stderr } = await world.run(args)
      assert.strictEqual(code, 2, args.join(" "))
      assert.include(stderr, "account")
    }
    world.configure({ mcpServers: { local: { command: process.execPath, args: ["-e", ""] } } })
    const local = await world.run(["tools", "local", "--account", "work"])
    assert.strictEqual(local.code, 2)
    assert.include(local.stderr, "which has no accounts")
  })
})

describe("one name in two projects", () => {
  const elsewhere = async () => {
    const other = await startMcpServer({ authorizationServer: world.authorizationServer })
    const here = { mcpServers: { demo: { url: world.mcpServer.url.href } } }
    const there = { mcpServers: { demo: { url: other.url.href } } }
    return { other, useHere: () => world.configure(here), useThere: () => world.configure(there) }
  }
  interface Row {
    readonly state: string
    readonly resource: string
    readonly needsSignIn: boolean
  }
  const status = async () =>
    JSON.parse((await world.run(["auth", "status", "--json"])).stdout) as ReadonlyArray<Row>

  it("is two sign-ins: neither replaces the other, and each is shown with its server", async () => {
    await start()
    const { other, useHere, useThere } = await elsewhere()
    await login()
    const first = await token()
    useThere()
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 3)
    const before = await world.run(["auth", "status"])
    assert.strictEqual(before.code, 3)
    assert.match(before.stdout, /demo +signed out.*SERVER|SERVER/s)
    assert.include(before.stderr, `mcp-cli auth logout demo --url ${world.mcpServer.url.href}`)
    assert.deepStrictEqual(
      (await status()).map(({ needsSignIn, resource, state }) => [resource, state, needsSignIn]).toSorted(),
      [
        [world.mcpServer.url.href, "signed in", false],
        [other.url.href, "signed out", true]
      ].toSorted()
    )
    const signedIn = await login()
    assert.include(signedIn.stderr, `mcp-cli auth logout demo --url ${world.mcpServer.url.href}`)
    const second = await token()
    assert.notStrictEqual(first, second)
    assert.isTrue(await isActive(first))
    assert.deepStrictEqual(
      (await status()).map(({ state }) => state),
      ["signed in", "signed in"]
    )
    useHere()
    assert.strictEqual(await token(), first)
    await other.close()
  })

  it("is signed out one by one: the configured one, by its address, and by name alone", async () => {
    await start()
    const { other, useHere, useThere } = await elsewhere()
    await login()
    const first = await token()
    useThere()
    await login()
    const out = await run("auth", "logout", "demo")
    assert.include(out.stderr, "Signed out of demo.")
    assert.include(out.stderr, `mcp-cli auth logout demo --url ${world.mcpServer.url.href}`)
    assert.isTrue(await isActive(first))
    assert.include((await run("auth", "reset", "demo")).stderr, "nothing to forget")
    // The address that no configuration names any more.
    const byAddress = await run("auth", "logout", "demo", "--url", world.mcpServer.url.href)
    assert.include(byAddress.stderr, "revoked the tokens")
    assert.isFalse(await isActive(first))
    // Without the password nothing tells what the record is for: it is the one of the name.
    await login()
    const reset = await world.run(["auth", "reset", "demo"], { env: { MCP_CLI_ENCRYPTION_KEY: "" } })
    assert.include(reset.stderr, "Forgot the sign-in to demo.")
    useHere()
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 3)
    await login()
    const again = await token()
    world.configure({ mcpServers: {} })
    assert.include((await run("auth", "status")).stdout, "demo")
    assert.include((await run("auth", "logout", "demo")).stderr, "revoked the tokens")
    assert.isFalse(await isActive(again))
    assert.strictEqual((await world.run(["auth", "logout", "demo"])).code, 2)
    await other.close()
  })
})

describe("removing everything, as the documentation says", () => {
  it("leaves nothing behind, and says on the way what is still stored", async () => {
    await start()
    const file = join(world.home, ".mcp_cli")
    await login("--account", "work")
    assert.include(readdirSync(join(file, "names")), "demo@work.account")
    world.configure({
      mcpServers: { demo: { url: world.mcpServer.url.href, headers: { "X-Key": "${secret:KEY}" } } }
    })
    const set = await world.run(["secret", "set", "demo", "KEY"], { stdin: "hunter2hunter2" })
    assert.strictEqual(set.code, 0, set.stderr)
    mkdirSync(join(world.home, ".cursor"))
    await run("install", "demo", "--client", "cursor", "--yes")
    assert.match((await run("storage")).stdout, /^Stored +1 sign-in and 1 secret$/m)

    const block = blocksIn("sh", ["docs/storage.md"]).find(({ section }) => section === "Remove everything")
    const [logout, reset, uninstall, folders, program] = shellLinesOf({ text: block?.text ?? "" })
    const take = (line = "") =>
      run(...line.replace("mcp-cli ", "").replace("NAME", "demo").split(" "), "--yes")
    assert.include(
      (await take(logout)).stderr,
      "Still stored in encrypted files: 1 secret. To forget everything there, run: mcp-cli auth reset --all\n"
    )
    assert.notInclude(readdirSync(join(file, "names")), "demo@work.account")
    const left = JSON.parse((await run("storage", "--json")).stdout) as object
    assert.deepInclude(left, { kept: 0, secrets: 1, modelKeys: 0 })
    assert.include((await take(reset)).stderr, "Forgot the stored secrets of servers, too (1).")
    assert.match((await run("storage")).stdout, /^Stored +0 sign-ins$/m)
    await take(uninstall)
    assert.notInclude(readFileSync(join(world.home, ".cursor", "mcp.json"), "utf8"), "demo")
    assert.strictEqual(program, "npm uninstall --global mcp-cli-oauth")
    execFileSync("sh", ["-c", folders ?? "false"], { env: { PATH: process.env["PATH"], HOME: world.home } })
    assert.sameMembers(readdirSync(world.home), [".cursor", "browser.log"])
  })
})
