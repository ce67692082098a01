import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Home, makeHome } from "./World.ts"

const url = "https://mcp.example.com/mcp"
const program = resolve("dist/bin/mcp-cli.cjs")
const start = { command: process.execPath, args: [program, "proxy", "demo"] }

const files = { command: "npx", args: ["-y", "server"], env: { KEY: "${KEY}" } }

let home: Home
const at = (...parts: ReadonlyArray<string>) => join(home.home, ...parts)
const read = (...parts: ReadonlyArray<string>) => readFileSync(at(...parts), "utf8")
const run = (args: ReadonlyArray<string>, cwd = home.home) =>
  home.run(args, { cwd, env: { XDG_CONFIG_HOME: "", CODEX_HOME: "", CLAUDE_CONFIG_DIR: "" } })

beforeAll(() => {
  home = makeHome(url)
  home.configure({
    mcpServers: { demo: { url }, files }
  })
  for (const folder of [".cursor", ".codex", "project"]) mkdirSync(at(folder))
  writeFileSync(at(".codex", "config.toml"), 'model = "x" # mine\n')
})
afterAll(() => home.close())

describe("install", () => {
  it("lists the clients of this machine, shows the change, and writes it only with consent", async () => {
    const listed = await run(["install", "demo"])
    assert.strictEqual(listed.code, 0, listed.stderr)
    assert.include(listed.stdout, `cursor  Cursor  -                ${at(".cursor", "mcp.json")}`)
    assert.match(listed.stdout, /^CLIENT +NAME +THROUGH MCP-CLI +FILE\n/)
    assert.notInclude(listed.stdout, "Windsurf")
    assert.include(listed.stderr, "run: mcp-cli install demo --client cursor\n")

    const diff = [
      "--- /dev/null",
      `+++ ${at(".cursor", "mcp.json")}`,
      "@@ -0,0 +1,8 @@",
      ...JSON.stringify({ mcpServers: { demo: start } }, undefined, 2)
        .replace(/\[\s+("[^\]]*?")\s+\]/, (_, list: string) => `[${list.replace(/,\s+/g, ", ")}]`)
        .split("\n")
        .map((line) => `+${line}`)
    ].join("\n")
    const dry = await run(["install", "demo", "--client", "cursor", "--dry-run"])
    assert.deepStrictEqual(dry, { code: 0, stdout: `${diff}\n`, stderr: "" })
    const unasked = await run(["install", "demo", "--client", "cursor"])
    assert.deepStrictEqual(unasked, {
      code: 2,
      stdout: `${diff}\n`,
      stderr:
        "mcp-cli: This adds demo to Cursor, and this run cannot ask for confirmation. Add --yes to confirm.\n"
    })
    assert.isFalse(existsSync(at(".cursor", "mcp.json")))

    const done = await run(["install", "demo", "--client", "cursor", "--client", "codex", "--yes"])
    assert.strictEqual(done.code, 0, done.stderr)
    assert.strictEqual(
      done.stderr,
      [
        `Added demo in Cursor: ${at(".cursor", "mcp.json")}`,
        "Turn it on in Cursor under Settings > MCP, or restart Cursor.",
        `Added demo in Codex: ${at(".codex", "config.toml")}`,
        `The file as it was before: ${at(".codex", "config.toml.bak")}`,
        "Running sessions of Codex do not see it. Start a new one.",
        "Sign-ins are stored in encrypted files: Cursor and Codex need MCP_CLI_ENCRYPTION_KEY in their environment (start from a shell that exports it). The password is not written into the entry.",
        "To need no password, at a desktop with a keyring, run: mcp-cli storage move --to keyring",
        ""
      ].join("\n")
    )
    assert.deepStrictEqual(JSON.parse(read(".cursor", "mcp.json")), { mcpServers: { demo: start } })
    assert.strictEqual(
      read(".codex", "config.toml"),
      [
        'model = "x" # mine',
        "",
        "[mcp_servers.demo]",
        `command = ${JSON.stringify(start.command)}`,
        `args = [${start.args.map((arg) => JSON.stringify(arg)).join(", ")}]`,
        "startup_timeout_sec = 60",
        ""
      ].join("\n")
    )
    const again = await run(["install", "demo", "--client", "cursor"])
    assert.deepStrictEqual(again, {
      code: 0,
      stdout: "",
      stderr: `Cursor has demo already. ${at(".cursor", "mcp.json")} was not changed.\n`
    })
  })

  it("names the variable of the file with the password where this run has that one", async () => {
    const file = at("password")
    writeFileSync(file, "a password in a file\n")
    const done = await home.run(["install", "demo", "--client", "zed", "--force", "--yes"], {
      env: { MCP_CLI_ENCRYPTION_KEY: "", MCP_CLI_ENCRYPTION_KEY_FILE: file }
    })
    assert.strictEqual(done.code, 0, done.stderr)
    assert.include(
      done.stderr,
      "Zed needs MCP_CLI_ENCRYPTION_KEY_FILE in its environment (start from a shell that exports it)."
    )
    assert.strictEqual((await run(["uninstall", "demo", "--client", "zed", "--yes"])).code, 0)
  })

  it("says nothing of a password where the proxy of the client needs none", async () => {
    const server = { demo: { url } }
    for (const tokenStorage of [
      { backend: "encrypted", password: "a password of the configuration" },
      { backend: "memory" }
    ]) {
      home.configure({ mcpServers: server, tokenStorage })
      const done = await run(["install", "demo", "--client", "zed", "--force", "--yes"])
      assert.strictEqual(done.code, 0, done.stderr)
      assert.include(done.stderr, "Added demo in Zed")
      assert.notInclude(done.stderr, "MCP_CLI_ENCRYPTION_KEY")
      assert.strictEqual((await run(["uninstall", "demo", "--client", "zed", "--yes"])).code, 0)
    }
    home.configure({ mcpServers: { ...server, files } })
  })

  it("names the configuration that is not found everywhere, as one argument", async () => {
    mkdirSync(at("a folder"))
    writeFileSync(at("a folder", "c.json"), JSON.stringify({ mcpServers: { demo: { url } } }), {
      mode: 0o600
    })
    const args = ["install", "demo", "--client", "cursor", "--yes", "--config-file", "a folder/c.json"]
    assert.strictEqual((await run(args)).code, 0)
    const { mcpServers } = JSON.parse(read(".cursor", "mcp.json")) as {
      readonly mcpServers: object
    }
    assert.deepStrictEqual(mcpServers, {
      demo: { ...start, args: [...start.args, "--config-file", at("a folder", "c.json")] }
    })
  })

  it("does not write a configuration of the working directory that is not named: its changes would need no approval", async () => {
    const folder = at("repository")
    mkdirSync(folder)
    const file = join(folder, "server_config.json")
    writeFileSync(file, JSON.stringify({ mcpServers: { other: { url } } }), { mode: 0o600 })
    assert.strictEqual((await run(["trust"], folder)).code, 0)
    const before = existsSync(at(".cursor", "mcp.json")) ? read(".cursor", "mcp.json") : undefined
    const refused = await run(["install", "other", "--client", "cursor", "--yes"], folder)
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stderr, `${file} is the configuration of this folder`)
    assert.include(refused.stderr, "--config-file")
    assert.strictEqual(
      existsSync(at(".cursor", "mcp.json")) ? read(".cursor", "mcp.json") : undefined,
      before
    )
    const named = ["install", "other", "--client", "cursor", "--yes", "--config-file", file]
    assert.strictEqual((await run(named, folder)).code, 0)
    assert.include(read(".cursor", "mcp.json"), file)
    assert.strictEqual((await run(["uninstall", "other", "--client", "cursor", "--yes"], folder)).code, 0)
  })

  it("writes to a project what its other users can start", async () => {
    const folder = at("project")
    const done = await run(
      ["install", "demo", "--client", "claude-code", "--client", "copilot", "--project", "--yes"],
      folder
    )
    assert.strictEqual(done.code, 0, done.stderr)
    assert.deepStrictEqual(JSON.parse(read("project", ".mcp.json")), {
      mcpServers: { demo: { type: "stdio", command: "npx", args: ["-y", "mcp-cli-oauth", "proxy", "demo"] } }
    })
    const removed = await run(["uninstall", "demo", "--all", "--project", "--yes"], folder)
    assert.strictEqual(removed.code, 0, removed.stderr)
    assert.strictEqual(read("project", ".mcp.json"), '{\n  "mcpServers": {}\n}\n')
  })

  it("starts the program that runs, and npx where that is in a cache", async () => {
    const installed = async (program: string) => {
      const { stderr, stdout } = await home.run(
        ["install", "demo", "--client", "zed", "--force", "--dry-run"],
        {
          program
        }
      )
      assert.strictEqual(stderr, "")
      return stdout
    }
    symlinkSync(program, at("linked"))
    assert.include(await installed(at("linked")), `+      "args": ["${program}", "proxy", "demo"],`)
    const cached = at(".npm", "_npx", "0123", "node_modules", "mcp-cli-oauth", "dist", "bin")
    cpSync(resolve("dist/bin"), cached, { recursive: true })
    const [, words] =
      /"command": "npx",\n\+ +("args": .*),/.exec(await installed(join(cached, "mcp-cli.cjs"))) ?? []
    assert.strictEqual(words, '"args": ["-y", "mcp-cli-oauth", "proxy", "demo"]')
  })

  it("refuses names that are not in the configuration, and says what to do", async () => {
    const cases = [
      [
        ["install", url.replace("mcp.", "new."), "--client", "cursor"],
        "run: mcp-cli add example https://new.example.com/mcp"
      ],
      [["install", "demp", "--client", "cursor"], 'Did you mean "demo"?'],
      [["install", "files", "--client", "cursor"], "files is a program on this machine"],
      [["install", "demo", "--client", "cursr"], 'Did you mean "cursor"?'],
      [["install", "--client", "cursor"], "The server is missing"],
      [["install", "demo", "--client", "windsurf"], "Windsurf is not on this machine"],
      [["uninstall", "demo"], "Name a client, or add --all"],
      [["uninstall", "demo", "--client", "cursor", "--all"], "Name a client, or add --all"]
    ] as const
    await Promise.all(
      cases.map(async ([args, message]) => {
        const { code, stderr, stdout } = await run(args)
        assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
        assert.include(stderr, message)
      })
    )
    // By its URL it is the server that has it.
    const byUrl = await run(["install", url, "--client", "codex"])
    assert.include(byUrl.stderr, "Codex has demo already.")
  })

  it("edits the other clients when the file of one is broken", async () => {
    mkdirSync(at(".gemini"))
    writeFileSync(at(".gemini", "settings.json"), "{")
    rmSync(at(".cursor", "mcp.json"))
    const { code, stderr } = await run([
      "install",
      "demo",
      "--client",
      "gemini",
      "--client",
      "cursor",
      "--client",
      "windsurf",
      "--yes"
    ])
    assert.strictEqual(code, 2)
    assert.include(stderr, `mcp-cli: ${at(".gemini", "settings.json")} is not valid JSON in line 1.`)
    assert.include(stderr, "mcp-cli: Windsurf is not on this machine")
    assert.include(stderr, `Added demo in Cursor: ${at(".cursor", "mcp.json")}`)
    assert.strictEqual(read(".gemini", "settings.json"), "{")
  })

  it("is taken back by uninstall, which leaves everything else", async () => {
    const json = await run(["uninstall", "demo", "--client", "cursor,codex", "--json", "--yes"])
    assert.strictEqual(json.code, 0, json.stderr)
    assert.strictEqual(json.stderr, "")
    const { clients } = JSON.parse(json.stdout) as {
      readonly clients: ReadonlyArray<Readonly<Record<string, unknown>>>
    }
    assert.deepStrictEqual(
      clients.map(({ client, entries, result }) => [client, result, entries]),
      [
        ["cursor", "removed", ["demo"]],
        ["codex", "removed", ["demo"]]
      ]
    )
    assert.strictEqual(read(".codex", "config.toml"), 'model = "x" # mine\n')
    const again = await run(["uninstall", "demo", "--client", "codex"])
    assert.deepStrictEqual(again, {
      code: 0,
      stdout: "",
      stderr: "Codex has no demo from mcp-cli. Nothing was removed.\n"
    })
  })
})

describe("export", () => {
  it("names the command that stores a secret as a shell takes it", async () => {
    home.configure({ mcpServers: { "my server": { url, headers: { "X-Key": "${secret:KEY}" } } } })
    const { code, stderr } = await run(["export"])
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, 'To store the secret KEY of my server, run: mcp-cli secret set "my server" KEY\n')
    const json = await run(["export", "--to", "shared.json", "--json"])
    assert.deepStrictEqual(JSON.parse(json.stdout).secrets, [{ server: "my server", name: "KEY" }])
  })

  it("prints the servers without secrets, and replaces no file", async () => {
    home.configure({
      mcpServers: {
        demo: { url, headers: { "X-Key": "hunter22" }, oauth: { client_id: "a", client_secret: "hunter22" } },
        files: { command: "npx", args: ["--token", "hunter22"], env: { KEY: "hunter22" } }
      }
    })
    const printed = await run(["export"])
    assert.strictEqual(printed.code, 0, printed.stderr)
    assert.notInclude(printed.stdout + printed.stderr, "hunter22")
    assert.deepStrictEqual(JSON.parse(printed.stdout), {
      mcpServers: {
        demo: {
          type: "http",
          url,
          headers: { "X-Key": "${DEMO_X_KEY}" },
          oauth: { client_id: "a", client_secret: "${DEMO_CLIENT_SECRET}" }
        },
        files: { command: "npx", args: ["--token", "${FILES_TOKEN}"], env: { KEY: "${KEY}" } }
      }
    })
    assert.include(
      printed.stderr,
      "To use it, set the variables DEMO_X_KEY, DEMO_CLIENT_SECRET, FILES_TOKEN and KEY.\n"
    )

    const written = await run(["export", "demo", "--to", "mcp.json"])
    assert.strictEqual(written.code, 0, written.stderr)
    assert.include(written.stderr, "Wrote one server to mcp.json.\n")
    const text = read("mcp.json")
    assert.deepStrictEqual(Object.keys((JSON.parse(text) as { mcpServers: object }).mcpServers), ["demo"])
    const again = await run(["export", "--to", "mcp.json"])
    assert.strictEqual(again.code, 2)
    assert.include(
      again.stderr,
      "mcp.json exists already. It was not changed.\nTo replace it, add --force.\n"
    )
    assert.strictEqual(read("mcp.json"), text)
    assert.strictEqual((await run(["export", "--to", "mcp.json", "--force"])).code, 0)
    assert.notStrictEqual(read("mcp.json"), text)
    assert.strictEqual((await run(["export", "demp"])).code, 2)
  })
})
