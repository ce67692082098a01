import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { packed } from "../../scripts/Packed.ts"
import { type Machine, steps, take } from "./Walkthrough.ts"
import { password, startWorld, type World } from "./World.ts"

let world: World
let machine: Machine

/** Installs the package as `npm pack` makes it, with the dependencies of this checkout. No request goes to a registry. */
const install = async (home: string): Promise<string> => {
  const [tarball, bin, modules] = [await packed(), join(home, "bin"), join(home, "lib", "node_modules")]
  const folder = join(modules, "mcp-cli-oauth")
  mkdirSync(folder, { recursive: true })
  mkdirSync(bin)
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", folder])
  rmSync(dirname(tarball), { recursive: true })
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"))
  symlinkSync(join(folder, "dist/bin/mcp-cli.cjs"), join(bin, "mcp-cli"))
  // `npm run walkthrough` walks with the real ones.
  for (const [name, text] of [
    ["npm", `test "$*" = "install --global mcp-cli-oauth"`],
    ["npx", `test "$1" = mcp-cli-oauth && shift && npm_command=exec exec mcp-cli "$@"`]
  ] as const) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return bin
}

beforeAll(async () => {
  world = await startWorld()
  rmSync(join(world.home, ".mcp_cli"), { recursive: true })
  const bin = await install(world.home)
  machine = {
    home: world.home,
    url: world.mcpServer.url.href,
    env: {
      PATH: [bin, dirname(process.execPath), process.env["PATH"]].join(":"),
      DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
      MCP_CLI_ENCRYPTION_KEY: password,
      BROWSER: `${process.execPath} ${resolve("test/servers/browser.ts")}`,
      BROWSER_LOG: join(world.home, "browser.log"),
      XDG_CACHE_HOME: resolve("node_modules/.cache")
    }
  }
})
afterAll(() => world.close())

describe("the README, on an empty home, word by word", () => {
  it("has a way to walk", () => {
    assert.isAbove(steps.length, 12)
  })

  // One after the other: each goes on where the one before ended.
  it.each(steps)("$section: $line", async (step) => {
    const { expected, output } = await take(step, machine)
    assert.match(output, expected)
  })

  it("opens the browser once for a sign-in, and once for the second that was asked for", () => {
    assert.strictEqual(world.browsersOpened(), 2)
  })
})

describe("-v", () => {
  it("says with which code an error is in the documents", async () => {
    const { stderr } = await world.run(["auth", "token", "nowhere", "-v", "--config-file", "gone.json"])
    assert.match(stderr, /Code: ConfigurationError, see docs\/errors\.md/)
  })
})
