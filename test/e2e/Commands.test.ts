import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { startMcpServer } from "../servers/McpServer.ts"
import { startWorld, type World } from "./World.ts"

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const login = async () => assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)

describe("the program", () => {
  it("shows help with examples everywhere, on stdout", async () => {
    const commands = [
      [],
      ["auth"],
      ["auth", "login"],
      ["auth", "token"],
      ["auth", "status"],
      ["auth", "logout"],
      ["auth", "reset"],
      ["storage"],
      ["storage", "move"],
      ["storage", "rekey"],
      ["tools"],
      ["resources"],
      ["prompts"],
      ["call"],
      ["ping"],
      ["servers"]
    ]
    for (const command of commands) {
      const { code, stdout } = await world.run([...command, "--help"])
      assert.strictEqual(code, 0)
      assert.include(stdout, "EXAMPLES", command.join(" "))
      assert.notInclude(stdout, "\u001b")
    }
    assert.match((await world.run(["--version"])).stdout, /\d+\.\d+\.\d+/)
    assert.include((await world.run(["completions", "bash"])).stdout, "mcp-cli")
  })

  it("says which Node it needs to one that is too old", async () => {
    const preload = join(world.home, "old.cjs")
    writeFileSync(preload, `Object.defineProperty(process.versions, "node", { value: "22.18.0" })`)
    const { code, stderr, stdout } = await world.run(["servers"], {
      env: { NODE_OPTIONS: `--require=${preload}` }
    })
    const { engines } = JSON.parse(readFileSync("package.json", "utf8")) as { engines: { node: string } }
    assert.strictEqual(code, 2)
    assert.strictEqual(stdout, "")
    assert.include(stderr, `needs ${engines.node.replace(">=", "")} or newer`)
  })

  it("keeps compiled code only where no other user can write: it is run", async () => {
    const caches = join(world.home, "caches")
    const env = { XDG_CACHE_HOME: caches }
    const files = () =>
      readdirSync(caches, { recursive: true, withFileTypes: true }).filter((at) => at.isFile())
    await world.run(["--version"], { env })
    assert.isAbove(files().length, 0)
    for (const folder of ["mcp-cli", join("mcp-cli", "code"), join("mcp-cli", "code", "other")])
      assert.strictEqual(statSync(join(caches, folder)).mode & 0o777, 0o700, folder)

    const before = files().length
    const open = join(caches, "mcp-cli", "code", "session")
    mkdirSync(open)
    chmodSync(open, 0o777)
    await world.run(["ping", "--help"], { env })
    assert.lengthOf(files(), before)

    const nowhere = join(world.home, "a file")
    writeFileSync(nowhere, "")
    assert.strictEqual((await world.run(["--version"], { env: { XDG_CACHE_HOME: nowhere } })).code, 0)
  })

  it("ends with 2, and one line on what is wrong, after a wrong command line", async () => {
    for (const args of [
      ["tols"],
      ["tools"],
      ["tools", "demo", "--nope"],
      ["auth", "reset"],
      ["tools", "nix"],
      ["call", "demo", "add", "x"]
    ]) {
      const { code, stderr, stdout } = await world.run(args)
      assert.include([2, 3], code, args.join(" "))
      assert.strictEqual(stdout, "", args.join(" "))
      assert.match(stderr, /^mcp-cli: /)
    }
  })

  it("shows every error of the configuration at once, with its place and without values", async () => {
    world.configure({
      mcpServers: {
        a: {
          url: "https://a.test/mcp",
          oauth: { token_url: "https://a.test/token", client_secret: "a secret value" }
        },
        b: { url: 7 }
      }
    })
    const { code, stderr } = await world.run(["servers"])
    assert.strictEqual(code, 2)
    for (const path of [
      "mcpServers.a.oauth.authorization_url",
      "mcpServers.a.oauth.client_id",
      "mcpServers.b.url"
    ]) {
      assert.include(stderr, path)
    }
    assert.notInclude(stderr, "a secret value")
  })

  it("is not stopped by a broken entry of another server", async () => {
    world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href }, b: { url: 7 } } })
    const listed = await world.run(["servers"])
    assert.strictEqual(listed.code, 2)
    assert.include(listed.stdout, world.mcpServer.url.href)
    assert.include(listed.stderr, "mcpServers.b.url")
    await login()
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 0)
    assert.strictEqual((await world.run(["auth", "status", "demo"])).code, 0)
    const status = await world.run(["auth", "status"])
    assert.strictEqual(status.code, 2)
    assert.match(status.stdout, /demo +signed in/)
    assert.include(status.stderr, "mcpServers.b.url")
    assert.strictEqual((await world.run(["auth", "token", "b"])).code, 2)
  })

  it("names what was probably meant, once", async () => {
    for (const [args, meant] of [
      [["auth", "logn"], /^mcp-cli: Unknown command logn of mcp-cli auth\.\nDid you mean login\?\nUsage: /],
      [
        ["auth", "login", "demo", "--sope", "a"],
        /^mcp-cli: Unknown flag --sope of mcp-cli auth login\.\nDid you mean --scope\?\nUsage: /
      ],
      [["tools", "demp"], /server_config\.json has no server "demp"\.\nDid you mean "demo"\?\n$/],
      [["auth", "status", "demp"], /server_config\.json has no server "demp"\.\nDid you mean "demo"\?\n$/],
      [["auth", "reset", "demp"], /server_config\.json has no server "demp"\.\nDid you mean "demo"\?\n$/]
    ] as const) {
      const { code, stderr } = await world.run(args)
      assert.strictEqual(code, 2)
      assert.match(stderr, meant)
    }
  })

  it("refuses a name that is empty, hides something, or is too long for a file", async () => {
    for (const args of [
      ["auth", "logout", ""],
      ["auth", "doctor", ""],
      ["auth", "reset", "demo", "--account", "x".repeat(101)],
      ["tools", "demo", "--account", "a\u200bb"]
    ]) {
      const { code, stderr } = await world.run(args)
      assert.strictEqual(code, 2)
      assert.match(stderr, /^mcp-cli: Invalid value for .* Expected the name of (a server|an account)/)
    }
  })

  it("says a problem that several fields have in one line", async () => {
    const oauth = { client_id: "a", client_secret: "a secret value" }
    world.configure({
      mcpServers: {
        a: { url: "https://a.test/mcp", oauth, note: "" },
        b: { url: "https://b.test/mcp", oauth, note: "" }
      }
    })
    chmodSync(join(world.home, ".mcp_cli", "server_config.json"), 0o644)
    const { stderr } = await world.run(["servers"])
    assert.match(
      stderr,
      /^mcp-cli: warning: mcpServers\.a\.note is not a field of mcp-cli\nThe same is true of mcpServers\.b\.note\.\n\//
    )
    // Of the server in use alone.
    const used = await world.run(["auth", "client-metadata", "b"])
    assert.deepStrictEqual(used.stderr.match(/\S+ is in plain text/g), [
      "mcpServers.b.oauth.client_secret is in plain text"
    ])
  })

  it("says errors as JSON to programs, those of the command line too", async () => {
    const wrong = await world.run(["auth", "token", "demo", "--json", "--nope"])
    assert.strictEqual(wrong.code, 2)
    assert.deepStrictEqual(JSON.parse(wrong.stderr), {
      error: { code: "UsageError", message: "Unknown flag --nope of mcp-cli auth token.", remedies: [] }
    })
    const { code, stderr } = await world.run(["auth", "token", "demo", "--json"])
    assert.strictEqual(code, 3)
    assert.strictEqual((JSON.parse(stderr) as { error: { code: string } }).error.code, "SignInRequired")
  })

  it("calls tools by name and by JSON, out of a pipe too, and ends with 5 where a tool fails", async () => {
    await login()
    assert.strictEqual((await world.run(["call", "demo", "add", "a=1", "b=2"])).stdout, "3\n")
    assert.strictEqual((await world.run(["call", "demo", "add", "--args", '{"a":1,"b":4}'])).stdout, "5\n")
    const piped = await world.run(["call", "demo", "echo", "--args", "-"], { stdin: '{"text":"piped"}' })
    assert.strictEqual(piped.stdout, "piped\n")
    const failing = await world.run(["call", "demo", "fail"])
    assert.deepEqual([failing.code, failing.stdout], [5, "the disk is full\n"])
    const unknown = await world.run(["call", "demo", "nothing"])
    assert.strictEqual(unknown.code, 5)
    assert.include(unknown.stderr, "nothing")
  })

  it("lists resources and prompts, and pings", async () => {
    await login()
    assert.include((await world.run(["resources", "demo"])).stdout, "example:///readme")
    assert.include((await world.run(["prompts", "demo"])).stdout, "greet")
    assert.match(
      (await world.run(["ping", "demo"])).stdout,
      /^demo answers in \d+ ms: example 1\.0\.0, MCP 2026-07-28\n$/
    )
  })

  it("connects to a server that is a program on this machine", async () => {
    world.configure({
      mcpServers: { local: { command: process.execPath, args: [resolve("test/servers/stdio.ts")] } }
    })
    const { code, stderr, stdout } = await world.run(["call", "local", "add", "a=2", "b=2"])
    assert.deepEqual([code, stdout], [0, "4\n"], stderr)
    const token = await world.run(["auth", "token", "local"])
    assert.strictEqual(token.code, 2)
  })

  it("opens a session that takes commands, and ends a script at an error", async () => {
    await login()
    const { code, stderr, stdout } = await world.run(["--server", "demo"], {
      stdin: "/call add a=1 b=1\n/read example:///readme\n/quit\n/call add a=9 b=9\n"
    })
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "2\nAn example of an MCP server.\n")
    const failed = await world.run(["--server", "demo"], {
      stdin: "/call add a=1 b=1\n/nonsense\n/call add a=9 b=9\n"
    })
    assert.deepEqual([failed.code, failed.stdout], [2, "2\n"])
    assert.include(failed.stderr, "/help lists the commands")
  })
})

describe("a sign-in that nobody is there for", () => {
  it("is not begun, whoever asks for it", async () => {
    for (const [args, env] of [
      [["auth", "login", "demo", "--no-interactive"], {}],
      [["auth", "login", "demo"], { CI: "1" }]
    ] as const) {
      const before = world.browsersOpened()
      const { code, stderr } = await world.run(args, { env })
      assert.strictEqual(code, 3, stderr)
      // No command signs in under CI.
      if ("CI" in env) assert.notInclude(stderr, "mcp-cli auth login")
      else assert.include(stderr, "mcp-cli auth login demo")
      assert.strictEqual(world.browsersOpened(), before)
    }
  })

  it("is replaced in CI by what works there", async () => {
    const { url } = world.mcpServer
    const file = join(world.home, "ci.json")
    writeFileSync(file, JSON.stringify({ mcpServers: { other: { url: url.href } } }))
    for (const args of [
      ["ping", "other"],
      ["auth", "status", "other"],
      ["auth", "login", "other"]
    ]) {
      const run = await world.run([...args, "--config-file", file], { env: { CI: "true" } })
      assert.strictEqual(run.code, 3, run.stderr)
      assert.include(run.stderr, "machine with a browser")
      assert.include(run.stderr, '"grant_type"')
      assert.notInclude(run.stderr, "auth login")
    }
  })

  it("is named with the configuration that it belongs to", async () => {
    const file = join(world.home, "team conf.json")
    writeFileSync(file, JSON.stringify({ mcpServers: { other: { url: world.mcpServer.url.href } } }))
    const { code, stderr } = await world.run(["ping", "other", "--config-file", file])
    assert.strictEqual(code, 3)
    assert.include(stderr, `Run: mcp-cli auth login other --config-file "${file}"`)
  })
})

describe("a server without OAuth", () => {
  for (const command of [
    ["tools", "open"],
    ["auth", "login", "open"]
  ]) {
    it(`is not shown as one that needs a sign-in after ${command.join(" ")}`, async () => {
      const server = await startMcpServer({})
      try {
        world.configure({ mcpServers: { open: { url: server.url.href } } })
        assert.strictEqual((await world.run(["auth", "status"])).code, 3)
        await world.run(command)
        const status = await world.run(["auth", "status"])
        assert.strictEqual(status.code, 0, status.stderr)
        assert.match(status.stdout, /open +needs no sign-in so far/)
        const json = await world.run(["auth", "status", "open", "--json"])
        assert.include(JSON.parse(json.stdout)[0], { state: "signed out", needsSignIn: false })
        const doctor = (await world.run(["auth", "doctor", "open"])).stdout
        assert.include(doctor, "sign-in: not needed: open can be used as it is.")
        assert.include(doctor, "not needed: provider, issuer,")
      } finally {
        await server.close()
      }
    })
  }
})

describe("the store", () => {
  it("is told of by auth status, without any network, and forgotten by auth reset", async () => {
    await login()
    const before = [...world.authorizationServer.counts.values(), ...world.mcpServer.counts.values()]
    const status = JSON.parse(
      (await world.run(["auth", "status", "demo", "--json"])).stdout
    ) as ReadonlyArray<object>
    assert.strictEqual(status.length, 1)
    assert.deepInclude(status[0], {
      server: "demo",
      account: "default",
      state: "signed in",
      scopes: ["mcp:read"]
    })
    assert.deepEqual(
      [...world.authorizationServer.counts.values(), ...world.mcpServer.counts.values()],
      before
    )
    assert.include((await world.run(["auth", "reset", "demo"])).stderr, "Forgot the sign-in to demo.")
    assert.include((await world.run(["auth", "reset", "demo"])).stderr, "nothing to forget")
    assert.strictEqual((await world.run(["auth", "token", "demo"])).code, 3)
  })

  it("that is locked ends with 4, changes nothing, and is still listed", async () => {
    await login()
    const file = join(world.home, ".mcp_cli", "tokens", "demo.enc")
    const before = readFileSync(file)
    const wrong = { env: { MCP_CLI_ENCRYPTION_KEY: "wrong" } }
    const token = await world.run(["auth", "token", "demo"], wrong)
    assert.strictEqual(token.code, 4)
    assert.include(token.stderr, "The password does not open the token store")
    const none = await world.run(["auth", "token", "demo"], { env: { MCP_CLI_ENCRYPTION_KEY: "" } })
    assert.strictEqual(none.code, 4)
    assert.include(none.stderr, "MCP_CLI_ENCRYPTION_KEY")
    const status = await world.run(["auth", "status"], wrong)
    assert.strictEqual(status.code, 4)
    assert.match(status.stdout, /demo +unreadable/)
    const asJson = await world.run(["auth", "status", "--json"], wrong)
    assert.strictEqual(asJson.code, 4)
    // Nobody knows what a locked store holds.
    const unknown = { state: "unreadable", needsSignIn: null, renewable: null, expiresAt: null }
    assert.deepInclude((JSON.parse(asJson.stdout) as ReadonlyArray<object>)[0], unknown)
    assert.isTrue(readFileSync(file).equals(before))
  })

  it("that is damaged says so, and can be forgotten", async () => {
    await login()
    const file = join(world.home, ".mcp_cli", "tokens", "demo.enc")
    writeFileSync(file, readFileSync(file).subarray(0, 100))
    const token = await world.run(["auth", "token", "demo"])
    assert.strictEqual(token.code, 4)
    assert.include(token.stderr, "damaged")
    assert.include(token.stderr, "run: mcp-cli auth reset demo\n")
    assert.strictEqual((await world.run(["auth", "reset", "demo"])).code, 0)
    await login()
  })

  it("starts over with another password after auth reset --all", async () => {
    await login()
    assert.strictEqual((await world.run(["auth", "reset", "--all"])).code, 2)
    assert.strictEqual((await world.run(["auth", "reset", "--all", "--yes"])).code, 0)
    const other = { env: { MCP_CLI_ENCRYPTION_KEY: "another one" } }
    assert.strictEqual((await world.run(["auth", "login", "demo"], other)).code, 0)
    assert.strictEqual((await world.run(["auth", "token", "demo"], other)).code, 0)
  })
})
