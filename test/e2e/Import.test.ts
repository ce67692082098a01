import { spawn } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { followRedirects } from "../servers/BrowserUser.ts"
import { startWorld, type World } from "./World.ts"

const require = createRequire(import.meta.url)
const mcpRemote = join(dirname(require.resolve("mcp-remote/package.json")), "dist", "proxy.js")

let world: World
let url = ""
beforeAll(async () => {
  world = await startWorld()
  url = world.mcpServer.url.href
})
afterAll(() => world.close())

const configuration = () => join(world.home, ".mcp_cli", "server_config.json")
const folders = {
  CODEX_HOME: "",
  XDG_CONFIG_HOME: "",
  XDG_DATA_HOME: "",
  CLAUDE_CONFIG_DIR: "",
  MCP_REMOTE_CONFIG_DIR: ""
}
const run = (...args: ReadonlyArray<string>) => world.run(args, { env: folders })
const write = (path: string, content: string, mode = 0o600) => {
  const file = join(world.home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  chmodSync(file, mode)
  return file
}

/** Runs mcp-remote as a client does, until it has listed the tools: it signs in before that. */
const useMcpRemote = (...words: ReadonlyArray<string>) =>
  new Promise<void>((done) => {
    const child = spawn(process.execPath, [mcpRemote, ...words], {
      env: { ...process.env, HOME: world.home, BROWSER: "true", MCP_REMOTE_CONFIG_DIR: "" }
    })
    const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
    child.stdin.on("error", () => undefined)
    child.once("close", () => done())
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (/^\s*http:\/\/\S+\/authorize\?/.test(line)) void followRedirects(line.trim())
    })
    createInterface({ input: child.stdout }).on("line", () => child.kill())
    send({
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } }
    })
  })

describe("import", () => {
  it("adds the servers of every client, and leaves their secrets and their files alone", async () => {
    const files = [
      write(
        ".cursor/mcp.json",
        `{ "mcpServers": { // mine
          "wiki": { "url": "https://wiki.example/mcp", "headers": { "X-Api-Key": "s3cr3t-1", "X-Org": "\${env:ORG}" } },
          "issues": { "command": "npx", "args": ["-y", "mcp-remote", "https://issues.example/sse", "9000", "--ipv4"] },
          "here": { "url": ${JSON.stringify(url)} },
          "off": { "url": "https://off.example/mcp", "disabled": true },
        } }`
      ),
      write(
        ".codex/config.toml",
        '[mcp_servers.code]\nurl = "https://code.example/mcp"\nbearer_token_env_var = "CODE"\n'
      ),
      write(
        ".config/goose/config.yaml",
        "extensions:\n  local: { type: stdio, cmd: uvx, args: [x], envs: { API_KEY: s3cr3t-2 } }\n"
      ),
      write(".config/opencode/opencode.json", "{ broken"),
      // Other people write the files of a project.
      write(".mcp.json", '{ "mcpServers": { "planted": { "command": "evil" } } }')
    ]
    const before = files.map((file) => readFileSync(file, "utf8"))
    const dry = await run("import", "--dry-run")
    assert.include(dry.stderr, "wiki, from Cursor: would be added.")
    assert.deepStrictEqual(Object.keys(JSON.parse(readFileSync(configuration(), "utf8")).mcpServers), [
      "demo"
    ])

    const { code, stderr } = await run("import")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(
      stderr.replaceAll(world.home, "~"),
      [
        "~/.config/opencode/opencode.json is not valid JSON in line 1. It was not read.",
        "wiki, from Cursor: added.",
        '  Its header "X-Api-Key" has a secret and was left out (import --secrets stores it). If the server needs it, set WIKI_X_API_KEY and write "${WIKI_X_API_KEY}" in headers.',
        "issues, from Cursor: added.",
        "  --ipv4 of mcp-remote has no effect here: both kinds of address are tried, and the first that answers is used.",
        "here, from Cursor: the configuration has it already, as demo.",
        "off, from Cursor: skipped, because it is disabled there.",
        "code, from Codex: added.",
        "local, from Goose: added.",
        "  Set API_KEY in your environment. ~/.config/goose/config.yaml has the value.",
        "Added 4 servers to ~/.mcp_cli/server_config.json.",
        "The file as it was before: ~/.mcp_cli/server_config.json.bak",
        ""
      ].join("\n")
    )
    const text = readFileSync(configuration(), "utf8")
    assert.notMatch(stderr + text, /s3cr3t/)
    assert.deepStrictEqual(JSON.parse(text).mcpServers, {
      demo: { url },
      wiki: { url: "https://wiki.example/mcp", headers: { "X-Org": "${ORG}" } },
      issues: {
        url: "https://issues.example/sse",
        oauth: { redirect_uri: "http://localhost:9000/oauth/callback" }
      },
      code: { url: "https://code.example/mcp", headers: { Authorization: "Bearer ${CODE}" } },
      local: { command: "uvx", args: ["x"], env: { API_KEY: "${API_KEY}" } }
    })
    const again = await run("import")
    assert.include(again.stderr, "server_config.json was not changed.")
    assert.strictEqual(readFileSync(configuration(), "utf8"), text)
    assert.deepStrictEqual(
      files.map((file) => readFileSync(file, "utf8")),
      before
    )

    assert.include(
      (await run("import", "--project", "--dry-run")).stderr,
      "planted, from Claude Code: would be added."
    )
    for (const [from, problem] of [
      ["opencode", /opencode\.json is not valid JSON in line 1/],
      ["mcp-remote", /has no list of servers\.\nTo import its sign-ins, add --tokens/],
      ["cursor --tokens", /The sign-ins of cursor cannot be read/]
    ] as const) {
      const refused = await run("import", "--from", ...from.split(" "))
      assert.strictEqual(refused.code, 2)
      assert.match(refused.stderr, problem)
    }
  })

  it("takes a sign-in of the real mcp-remote, and its refresh token only on request", async () => {
    world.configure({ mcpServers: { demo: { url } }, tokenStorage: { backend: "encrypted" } })
    await useMcpRemote(url, "--allow-http")
    const store = join(world.home, ".mcp-auth", "mcp-remote-v1")
    const tokens = join(store, readdirSync(store).find((name) => name.endsWith("_tokens.json")) ?? "")
    const before = readFileSync(tokens, "utf8")
    chmodSync(tokens, 0o644)
    const { counts } = world.authorizationServer
    const requests = () =>
      ["register", "authorize", "token:refresh_token"].map((name) => counts.get(name) ?? 0)
    const registered = requests()
    const { access_token: accessToken, refresh_token: refreshToken } = JSON.parse(before) as Record<
      string,
      string
    >

    const { code, stderr } = await run("import", "--tokens", "--from", "mcp-remote")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(
      stderr.replaceAll(world.home, "~").replaceAll(/[0-9a-f]{32}/g, "HASH"),
      [
        "~/.mcp-auth/mcp-remote-v1/HASH_tokens.json can be read by other users of this machine: run chmod 600 on it.",
        "demo, from mcp-remote: took its access token; the access token expires in 59 minutes.",
        "  It is not renewed. When it expires, the next use signs in.",
        ""
      ].join("\n")
    )
    const status = async () => JSON.parse((await run("auth", "status", "demo", "--json")).stdout)[0]
    assert.deepInclude(await status(), { state: "signed in", renewable: false })
    assert.strictEqual((await run("tools", "demo")).code, 0)
    assert.include((await run("import", "--tokens")).stderr, "the same sign-in is stored here already")

    const taken = await run("import", "--tokens", "--from", "mcp-remote", "--take-over", "--json")
    assert.deepInclude(JSON.parse(taken.stdout).signIns[0], {
      server: "demo",
      result: "taken",
      refreshToken: true
    })
    assert.deepInclude(await status(), { state: "signed in", renewable: true })
    assert.strictEqual((await run("tools", "demo")).code, 0)
    const third = await run("import", "--tokens", "--take-over")
    assert.include(third.stderr, "the same sign-in is stored here already")

    // It signed in nowhere, asked for no token, and left the source as it was.
    assert.deepStrictEqual(requests(), registered)
    assert.strictEqual(world.browsersOpened(), 0)
    assert.strictEqual(readFileSync(tokens, "utf8"), before)
    for (const text of [stderr, taken.stdout, taken.stderr, third.stderr]) {
      assert.notInclude(text, accessToken ?? "?")
      assert.notInclude(text, refreshToken ?? "?")
    }
    assert.isTrue(existsSync(tokens))
  })
})
