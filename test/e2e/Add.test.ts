import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startWorld, type World } from "./World.ts"

let world: World
let url = ""
beforeAll(async () => {
  world = await startWorld()
  url = world.mcpServer.url.href
})
afterAll(() => world.close())

const own = () => join(world.home, ".mcp_cli", "server_config.json")
const project = () => join(world.home, "project")
const found = () => join(project(), "server_config.json")
// Under `npx vitest` this is "exec", as it is under `npx mcp-cli-oauth`.
const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  mkdirSync(project(), { recursive: true })
  return world.run(args, { cwd: project(), env: { npm_command: "", ...env } })
}
/** The sign-ins of a server: under which names, and how they are. */
const stateOf = async (server: string) => {
  const { stdout } = await run(["auth", "status", server, "--json"])
  const accounts = JSON.parse(stdout) as ReadonlyArray<{ readonly server: string; readonly state: string }>
  return accounts.map(({ server: name, state }) => ({ server: name, state }))
}

describe("the first minute", () => {
  it("leads from nothing to a signed-in server, by what the program prints", async () => {
    rmSync(own())
    for (const [args, name] of [
      [["servers"], "NAME"],
      [["tools", "demo"], "demo"],
      [["--server", "demo"], "demo"],
      [["auth", "login", "demo"], "demo"]
    ] as const) {
      const { code, stderr } = await run(args)
      assert.strictEqual(code, 2)
      assert.strictEqual(
        stderr,
        `mcp-cli: There is no configuration at ${found()} or ${own()}.\nTo add a server, run: mcp-cli add ${name} URL\n`
      )
    }

    const added = await run(["add", "demo", url, "--scope", "mcp:read"])
    assert.strictEqual(
      added.stderr,
      `Added demo to ${own()}.\nTo sign in and use it, run: mcp-cli --server demo\n`
    )
    assert.strictEqual(statSync(own()).mode & 0o777, 0o600)
    const again = await run(["add", "demo", url], { npm_command: "exec" })
    assert.strictEqual(again.code, 0)
    assert.include(again.stderr, "run: npx mcp-cli-oauth --server demo\n")

    const login = await run(["auth", "login", "demo"])
    assert.strictEqual(login.code, 0, login.stderr)
    assert.strictEqual((await run(["tools", "demo"])).code, 0)

    // The URL is another name of the same server, with the same sign-in.
    for (const args of [
      ["tools", url],
      ["auth", "token", url],
      ["auth", "doctor", url]
    ]) {
      const { code, stderr } = await run(args)
      assert.strictEqual(code, 0, `${args.join(" ")}: ${stderr}`)
    }
    assert.deepStrictEqual(await stateOf(url), [{ server: "demo", state: "signed in" }])

    const removed = await run(["remove", "demo"])
    assert.strictEqual(
      removed.stderr,
      [
        `Removed demo from ${own()}.`,
        `The file as it was before: ${own()}.bak`,
        "The sign-in to demo is still stored.",
        "To end it, run: mcp-cli auth logout demo",
        ""
      ].join("\n")
    )
    assert.strictEqual((await run(["auth", "logout", "demo"])).code, 0)
    assert.strictEqual((await run(["tools", "demo"])).code, 2)
    await run(["add", "demo", url])
    const unused = await run(["remove", "demo"])
    assert.strictEqual(
      unused.stderr,
      `Removed demo from ${own()}.\nThe file as it was before: ${own()}.bak\n`
    )
  })

  it("needs no configuration for a server that is named by its URL", async () => {
    rmSync(own(), { force: true })
    assert.strictEqual((await run(["tools", url])).code, 3)
    assert.strictEqual((await run(["auth", "login", url.replace("http:", "HTTP:")])).code, 0)
    assert.strictEqual((await run(["tools", url])).code, 0)
    assert.deepStrictEqual(await stateOf(url), [{ server: url, state: "signed in" }])
    const logout = await run(["auth", "logout", url])
    assert.strictEqual(logout.code, 0, logout.stderr)
    assert.include(logout.stderr, "revoked the tokens")
    assert.deepStrictEqual(await stateOf(url), [{ server: url, state: "signed out" }])
    for (const bad of ["http://mcp.example.com", "https://ann:secret@mcp.example.com"]) {
      const refused = await run(["tools", bad])
      assert.strictEqual(refused.code, 2)
      assert.match(refused.stderr, /must (be an https URL|not have a user name or password in it)/)
    }
  })

  it("signs out of every account of a server that is removed", async () => {
    assert.strictEqual((await run(["add", "demo", url])).code, 0)
    for (const account of ["default", "work"]) {
      assert.strictEqual((await run(["auth", "login", "demo", "--account", account])).code, 0)
    }
    const removed = await run(["remove", url, "--sign-out"])
    assert.strictEqual(removed.code, 0)
    assert.match(removed.stderr, /Signed out of demo\..*Signed out of demo \(work\)\..*Removed demo from/s)
    assert.deepStrictEqual(JSON.parse((await run(["auth", "status", "--json"])).stdout), [])
  })
})

describe("the removal of a server that is down", () => {
  it("names what removes it all the same, and tells of sign-ins to another address", async () => {
    const down = await startWorld()
    try {
      assert.strictEqual((await down.run(["auth", "login", "demo"])).code, 0)
      await down.authorizationServer.close()
      const failed = await down.run(["remove", "demo", "--sign-out"])
      assert.strictEqual(failed.code, 5)
      assert.include(
        failed.stderr,
        "To remove the server all the same, and keep the sign-in, run: mcp-cli remove demo\n"
      )
      const json = await down.run(["remove", "demo", "--sign-out", "--json"])
      assert.include(json.stderr, '"verb":"remove"')

      down.configure({ mcpServers: { demo: { url: "http://127.0.0.1:9/mcp" } } })
      const elsewhere = await down.run(["remove", "demo", "--sign-out"])
      assert.include(
        elsewhere.stderr,
        `Another sign-in is stored under the name demo, to ${down.mcpServer.url.href}`
      )
    } finally {
      await down.close()
    }
  })
})

describe("the file that is edited", () => {
  it("is the one in the working directory if that is approved, and it stays approved", async () => {
    const text = '{ "mcpServers": { /* ours */ } }\n'
    mkdirSync(project(), { recursive: true })
    writeFileSync(found(), text, { mode: 0o644 })
    for (const args of [
      ["add", "demo", url],
      ["remove", "demo"],
      ["remove", url, "--sign-out"]
    ]) {
      const { code, stderr } = await run(args)
      assert.strictEqual(code, 2)
      assert.include(stderr, "you have not approved it")
      assert.include(stderr, "run: mcp-cli trust\n")
    }
    assert.strictEqual(readFileSync(found(), "utf8"), text)
    assert.isFalse(existsSync(`${found()}.bak`))

    assert.strictEqual((await run(["trust"])).code, 0)
    const { code, stderr } = await run(["add", "demo", url])
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, `Added demo to ${found()}.`)
    assert.include(readFileSync(found(), "utf8"), "/* ours */")
    assert.strictEqual(statSync(found()).mode & 0o777, 0o644)
    assert.include((await run(["servers"])).stdout, url)

    const named = await run(["add", "demo", url, "--config-file", own()])
    assert.include(named.stderr, `${own()}`)
    assert.include(named.stderr, `run: mcp-cli --server demo --config-file ${own()}`)
    rmSync(found())
  })

  it("holds no secret, and what is wrong with a command line is said in one error", async () => {
    rmSync(own(), { force: true })
    const variable = "${ACME_SECRET}"
    const token = "ghp_0123456789abcdef"
    for (const [args, problem] of [
      [
        ["add", "demo", "mcp.example.com/mcp"],
        /has no https:\/\/ in front\.\nRun: mcp-cli add demo https:\/\/mcp\.example\.com\/mcp\n$/
      ],
      [["add", "demo", "localhost:3000"], /\nRun: mcp-cli add demo http:\/\/localhost:3000\n$/],
      [["add", "mcp.example.com/mcp"], /\nRun: mcp-cli add example https:\/\/mcp\.example\.com\/mcp\n$/],
      [["add", `${url}?api_key=abc`], /The value of api_key would be stored in plain text/],
      [
        ["add", "https://mcp.example.com/mcp", "ex"],
        /\nRun: mcp-cli add ex https:\/\/mcp\.example\.com\/mcp\n$/
      ],
      [["add", "demo", "npx"], /write -- before it: mcp-cli add demo -- npx\.?\n$/],
      [["add", "demo", "npx", "server"], /write -- before it: mcp-cli add demo -- npx \.\.\.\.?\n$/],
      [["add", "demo"], /The URL of demo is missing/],
      [["add", "demo", url, "--header", "Authorization: Bearer abc"], /stored in plain text/],
      [["add", "demo", "--env", "API_KEY=abc", "--", "server"], /stored in plain text/],
      [["add", "demo", `${url}?api_key=abc`], /The value of api_key would be stored in plain text/],
      [["add", "demo", url, "--header", `X-Who: Bearer ${token}`], /The value of X-Who would be/],
      [["add", "demo", `https://mcp.example.com/${token}/mcp`], /The secret in this URL would be/],
      [["add", "demo", "--", "server", "--key", token], /The secret in argument 2 of the program would be/],
      [
        ["add", "demo", url, "--client-id", "c", "--client-secret-variable", "s3cr-et"],
        /not the secret itself/
      ],
      [["add", "demo", "http://mcp.example.com"], /must be an https URL/]
    ] as const) {
      const { code, stderr } = await run(args)
      assert.strictEqual(code, 2, args.join(" "))
      assert.match(stderr, problem)
      assert.notMatch(stderr, /Bearer abc|=abc|s3cr-et|ghp_/)
    }
    assert.isFalse(existsSync(own()))

    const added = await run([
      "add",
      "acme",
      "https://mcp.acme.com",
      "--client-id",
      "c",
      "--client-secret-variable",
      "ACME_SECRET",
      "--header",
      `X-Api-Key: ${variable}`
    ])
    assert.strictEqual(added.code, 0, added.stderr)
    const program = await run([
      "add",
      "files",
      "--env",
      `TOKEN=${variable}`,
      "--",
      "npx",
      "-y",
      "files",
      "--json"
    ])
    assert.include(program.stderr, "To see its tools, run: mcp-cli tools files\n")
    assert.deepInclude(JSON.parse(readFileSync(own(), "utf8")), {
      mcpServers: {
        acme: {
          url: "https://mcp.acme.com",
          headers: { "X-Api-Key": variable },
          oauth: { client_id: "c", client_secret: variable }
        },
        files: { command: "npx", args: ["-y", "files", "--json"], env: { TOKEN: variable } }
      }
    })
    const json = await run(["remove", "files", "--json"])
    assert.deepStrictEqual(JSON.parse(json.stdout), {
      server: "files",
      file: own(),
      signedOut: false,
      backup: `${own()}.bak`
    })
    for (const result of ["added", "unchanged"] as const) {
      const { stdout } = await run(["add", "https://mcp.example.com/mcp", "--json"])
      assert.deepInclude(JSON.parse(stdout), { server: "example", result })
    }
    const guess = await run(["acme"])
    assert.strictEqual(guess.code, 2)
    assert.include(guess.stderr, "Unknown command acme of mcp-cli.\nDid you mean: mcp-cli --server acme\n")
  })
})
