import { assert, describe, it } from "@effect/vitest"
import { proxiedBy, proxyLaunch, type ProxyStart } from "../../../../src/app/cli/clients/ProxyLaunch.ts"

const program = { command: "/usr/bin/node", args: ["/opt/my tools/mcp-cli.cjs"] }
const start = (given: Partial<ProxyStart>) =>
  proxyLaunch({ program, os: "linux", server: "notion", configFile: undefined, ...given })

describe("the command line of the proxy", () => {
  it("has each path as one argument, and npx where the program does not last", () => {
    const cases = [
      [start({}), "/usr/bin/node", "/opt/my tools/mcp-cli.cjs", "proxy", "notion"],
      [
        start({ configFile: "/home/jo doe/c.json" }),
        "/usr/bin/node",
        "/opt/my tools/mcp-cli.cjs",
        "proxy",
        "notion",
        "--config-file",
        "/home/jo doe/c.json"
      ],
      [start({ program: undefined }), "npx", "-y", "mcp-cli-oauth", "proxy", "notion"],
      [start({ program: undefined, os: "darwin" }), "npx", "-y", "mcp-cli-oauth", "proxy", "notion"],
      [
        start({ program: undefined, os: "win32" }),
        "cmd",
        "/c",
        "npx",
        "-y",
        "mcp-cli-oauth",
        "proxy",
        "notion"
      ],
      [start({ server: "-x" }), "/usr/bin/node", "/opt/my tools/mcp-cli.cjs", "proxy", "--", "-x"]
    ] as const
    for (const [{ args, command }, ...words] of cases) assert.deepStrictEqual([command, ...args], words)
  })

  it("is recognised whatever starts it, and only if this program wrote all of it", () => {
    const own = [
      ["/usr/bin/node", "/opt/x/mcp-cli.cjs", "proxy", "notion"],
      [
        "/new/node",
        "/home/u/.nvm/versions/node/v30/lib/node_modules/mcp-cli-oauth/dist/bin/mcp-cli.cjs",
        "proxy",
        "notion"
      ],
      ["C:\\Program Files\\nodejs\\node.exe", "C:\\Users\\Jo\\npm\\mcp-cli.cjs", "proxy", "notion"],
      ["mcp-cli", "proxy", "notion"],
      ["mcp-cli.cmd", "proxy", "notion", "--config-file", "/x y/c.json"],
      ["npx", "-y", "mcp-cli-oauth", "proxy", "notion"],
      ["npx", "-y", "mcp-cli-oauth@0.2.0", "proxy", "--config-file", "/c.json", "--", "notion"],
      ["cmd", "/c", "npx", "-y", "mcp-cli-oauth@latest", "proxy", "notion"],
      ["npx", "-p", "node@24", "-p", "mcp-cli-oauth", "mcp-cli", "proxy", "notion"]
    ]
    for (const [command = "", ...args] of own) {
      assert.strictEqual(proxiedBy({ command, args }), "notion", [command, ...args].join(" "))
    }
    const foreign = [
      ["npx", "-y", "mcp-remote", "https://mcp.notion.com/mcp"],
      ["my-mcp-cli", "proxy", "notion"],
      ["mcp-cli", "--server", "notion"],
      ["mcp-cli"],
      ["mcp-cli", "proxy"],
      // A user wrote these: the flags would be lost.
      ["mcp-cli", "proxy", "notion", "--header", "A: b"],
      ["npx", "mcp-cli-oauth", "proxy", "https://a.example/mcp", "9000"],
      ["bash", "-c", "mcp-cli proxy notion"]
    ]
    for (const [command = "", ...args] of foreign) {
      assert.isUndefined(proxiedBy({ command, args }), [command, ...args].join(" "))
    }
    for (const server of ["notion", "-x", "a b", "ü"]) {
      for (const configFile of [undefined, "/c d.json"]) {
        for (const os of ["linux", "win32"] as const) {
          assert.strictEqual(proxiedBy(start({ server, configFile, os, program: undefined })), server)
        }
      }
    }
  })
})
