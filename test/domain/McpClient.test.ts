import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import {
  type ClientPlatform,
  entryOf,
  launchOf,
  mcpClientIds,
  mcpClientOf,
  mcpClients,
  serversAt
} from "../../src/domain/McpClient.ts"

const on = (os: ClientPlatform["os"], variables: Readonly<Record<string, string>> = {}): ClientPlatform => ({
  os,
  home: os === "win32" ? "C:\\Users\\u" : "/home/u",
  project: os === "win32" ? "C:\\p" : "/p",
  variable: (name) => variables[name]
})

const userFile = (id: string, platform: ClientPlatform) => mcpClientOf(id)?.places(platform)[0]?.file

describe("MCP clients", () => {
  it("have their files where each system has them", () => {
    const cases = [
      [
        "claude-desktop",
        on("darwin"),
        "/home/u/Library/Application Support/Claude/claude_desktop_config.json"
      ],
      ["claude-desktop", on("win32"), "C:\\Users\\u\\AppData\\Roaming\\Claude\\claude_desktop_config.json"],
      ["claude-desktop", on("win32", { APPDATA: "D:\\a" }), "D:\\a\\Claude\\claude_desktop_config.json"],
      ["claude-desktop", on("linux", { XDG_CONFIG_HOME: "/x" }), "/x/Claude/claude_desktop_config.json"],
      ["claude-code", on("linux"), "/home/u/.claude.json"],
      ["claude-code", on("linux", { CLAUDE_CONFIG_DIR: "/c" }), "/c/.claude.json"],
      ["cursor", on("win32"), "C:\\Users\\u\\.cursor\\mcp.json"],
      ["vscode", on("darwin"), "/home/u/Library/Application Support/Code/User/mcp.json"],
      ["vscode-insiders", on("linux"), "/home/u/.config/Code - Insiders/User/mcp.json"],
      ["zed", on("linux"), "/home/u/.config/zed/settings.json"],
      ["zed", on("darwin"), "/home/u/Library/Application Support/Zed/settings.json"],
      ["codex", on("linux", { CODEX_HOME: "/cx" }), "/cx/config.toml"],
      ["goose", on("darwin"), "/home/u/.config/goose/config.yaml"],
      ["goose", on("win32"), "C:\\Users\\u\\AppData\\Roaming\\Block\\goose\\config\\config.yaml"],
      ["opencode", on("linux"), "/home/u/.config/opencode/opencode.jsonc"],
      ["opencode", on("linux", { OPENCODE_CONFIG_DIR: "/o" }), "/o/opencode.jsonc"],
      ["copilot", on("linux", { COPILOT_HOME: "/co", XDG_CONFIG_HOME: "/x" }), "/co/mcp-config.json"],
      ["cline-cli", on("linux", { CLINE_DIR: "/cl" }), "/cl/data/settings/cline_mcp_settings.json"]
    ] as const
    for (const [id, platform, file] of cases) assert.strictEqual(userFile(id, platform), file, id)
  })

  it("start a program by their own fields, which are read back", () => {
    assert.strictEqual(new Set(mcpClientIds).size, mcpClientIds.length)
    const launch = { command: "/usr/bin/node", args: ["/opt/a b.cjs", "proxy", "notion"] }
    for (const client of mcpClients) {
      for (const scope of ["user", "project"] as const) {
        const entry = entryOf(client, "notion", launch, scope)
        assert.deepStrictEqual(launchOf(client, entry), launch, client.id)
      }
      const places = client.places(on("linux"))
      assert.isAbove(client.traces(on("linux")).length, 0, client.id)
      assert.strictEqual(places[0]?.scope, "user", client.id)
      assert.isTrue(
        places.every(({ file }) => file.startsWith("/")),
        client.id
      )
    }
    const entries = (id: string) => entryOf(mcpClientOf(id) ?? assert.fail(id), "n", launch, "user")
    assert.deepStrictEqual(entries("claude-desktop"), { command: launch.command, args: launch.args })
    assert.deepStrictEqual(entries("vscode"), { type: "stdio", ...launch })
    assert.deepStrictEqual(entries("zed"), { source: "custom", ...launch, env: {} })
    assert.deepStrictEqual(entries("codex"), { ...launch, startup_timeout_sec: 60 })
    assert.deepStrictEqual(entries("continue"), { name: "n", ...launch })
    assert.deepStrictEqual(entries("copilot"), { type: "stdio", ...launch, tools: ["*"] })
    assert.deepStrictEqual(entries("opencode"), {
      type: "local",
      command: [launch.command, ...launch.args],
      enabled: true
    })
    assert.deepStrictEqual(entries("goose"), {
      name: "n",
      type: "stdio",
      enabled: true,
      cmd: launch.command,
      args: launch.args,
      envs: {},
      timeout: 300
    })
  })

  it("have no servers in a document that is empty, and something else in one that is no object", () => {
    const [place] = mcpClientOf("cursor")?.places(on("linux")) ?? []
    if (place === undefined) return assert.fail("it has no place")
    for (const empty of [undefined, null, {}, { mcpServers: null }])
      assert.deepStrictEqual(serversAt(place, empty), [])
    for (const other of [[], "x", 1, { mcpServers: [] }]) assert.isUndefined(serversAt(place, other))
  })

  it("start nothing by an entry that is not readable as a program", () => {
    const cursor = mcpClientOf("cursor") ?? assert.fail()
    for (const entry of [
      null,
      "npx",
      [],
      {},
      { url: "https://a.example" },
      { command: 1 },
      { command: [] }
    ]) {
      assert.isUndefined(launchOf(cursor, entry))
    }
    assert.isUndefined(launchOf(cursor, { command: "npx", args: [1] }))
    assert.deepStrictEqual(launchOf(cursor, { command: "npx" }), { command: "npx", args: [] })
    assert.deepStrictEqual(launchOf(cursor, { command: ["npx", "a"], args: null }), {
      command: "npx",
      args: ["a"]
    })
  })

  it("are documented as they are", () => {
    const document = readFileSync("docs/clients.md", "utf8")
    for (const client of mcpClients) {
      const [, section = ""] = document.split(`### ${client.title}\n`)
      const own = section.split("\n### ")[0] ?? ""
      const platform = { ...on("linux"), home: "~", project: "." }
      for (const { file, isReadOnly } of client.places(platform)) {
        if (!isReadOnly) assert.include(own, `\`${file.replace(/^\.\//, "")}\``)
      }
      assert.include(own, `\`${client.id}\``)
      for (const field of Object.keys(entryOf(client, "n", { command: "", args: [] }, "user"))) {
        assert.match(own, new RegExp(`\`${field}(\`|: )`), client.id)
      }
    }
  })
})
