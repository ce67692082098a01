import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { followRedirects } from "../servers/BrowserUser.ts"
import { startWorld, type World } from "./World.ts"

const hasScript = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux")

let world: World
beforeEach(async () => {
  world = await startWorld({ deviceFlow: true })
})
afterEach(() => world.close())

/** A command at a terminal of 60 columns. */
const startAtTerminal = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const { child, ended } = world.start(args, {
    runtime: [
      "sh",
      "-c",
      'exec script --quiet --flush --return --command "stty cols 60; $0 $*" /dev/null',
      process.execPath
    ],
    openInput: true,
    env: { DISPLAY: "", WAYLAND_DISPLAY: "", CI: "", ...env }
  })
  let shown = ""
  const waiting: Array<() => void> = []
  child.stdout?.on("data", (chunk: Buffer) => {
    shown += chunk.toString().replaceAll("\u001b", "ESC")
    for (const look of waiting.splice(0)) look()
  })
  return {
    ended,
    type: (keys: string) => child.stdin?.write(keys),
    /** Waits until the terminal has shown this, after what was waited for before. */
    shows: (expected: RegExp) =>
      new Promise<RegExpExecArray>((done) => {
        const look = () => {
          const found = expected.exec(shown)
          if (found === null) return void waiting.push(look)
          shown = shown.slice(found.index + found[0].length)
          return done(found)
        }
        look()
      })
  }
}

const startLogin = (env: Readonly<Record<string, string>>) => startAtTerminal(["auth", "login", "demo"], env)

/** Where the browser of a user at another machine ends. */
const endOf = async (url: string): Promise<string> => {
  const redirectUri = new URL(url).searchParams.get("redirect_uri") ?? ""
  return (await followRedirects(url, redirectUri)).url
}

const ssh = { SSH_CONNECTION: "192.0.2.1 5000 192.0.2.2 22", BROWSER: "" }

describe.skipIf(!hasScript)("a sign-in at a terminal (needs script of util-linux)", () => {
  it("says over SSH what to do, and takes an address that arrives in parts and lines", async () => {
    const { ended, shows, type } = startLogin({ ...ssh, TERM: "xterm-kitty" })
    await shows(
      /mcp-cli: Sign-ins are stored in encrypted files from now\r\n {2}on, because there is no keyring/
    )
    const [, linked = "", url = ""] = await shows(
      /\n1\. Open this URL on your own machine.*\r\n\r\nESC\]8;;(\S+)ESC\\(http\S+)ESC\]8;;ESC\\\r\n/
    )
    assert.strictEqual(linked, url)
    await shows(
      /\n2\. The browser ends at localhost:\d+\/callback, .*\s+ does not load\. That is expected\.\r\n/
    )
    await shows(/^3\. Copy the address of that page, and paste it here soon:\r\n/)
    await shows(/To sign in with a code instead, run:\s+mcp-cli auth login demo --device\r\n/)
    await shows(/Paste the address \(\d:\d\d\): /)
    const end = await endOf(url)
    const at = end.indexOf("&state=")
    type(`${end.slice(0, at + 9)}\n`)
    await shows(/That is only the start of the address\. Paste the\r\n {2}rest of it,/)
    await shows(/Paste the address \(\d:\d\d\): /)
    type(`${end.slice(at + 9, at + 20)}\r\n  ${end.slice(at + 20)}\n`)
    await shows(/Signed in to demo\./)
    const { code } = await ended
    assert.strictEqual(code, 0)
  })

  it("starts for the first account of a server, however it is named, and not for a name that may be mistyped", async () => {
    const work = startAtTerminal(["tools", "demo", "--account", "work"])
    const done = await work.ended
    assert.strictEqual(done.code, 0, done.stdout)
    assert.strictEqual(world.browsersOpened(), 1)
    for (const args of [
      ["tools", "demo", "--account", "wrok"],
      ["--server", "demo", "--account", "wrok"],
      ["chat", "demo", "--account", "wrok"],
      ["auth", "token", "demo", "--account", "wrok"]
    ]) {
      const typed = startAtTerminal(args)
      const { code, stdout } = await typed.ended
      assert.strictEqual(code, 3, stdout)
      assert.match(stdout, /No account wrok of demo is stored\. Stored: work\./)
      assert.match(
        stdout,
        /Did you mean work\?\s+To sign in to wrok, run:\s+mcp-cli auth login demo --account wrok/
      )
    }
    assert.strictEqual(world.browsersOpened(), 1)
    const login = startAtTerminal(["auth", "login", "demo", "--account", "wrok"])
    const made = await login.ended
    assert.strictEqual(made.code, 0, made.stdout)
  })

  it("says that the browser failed in one line above the prompt, and keeps what is typed", async () => {
    const fails = join(world.home, "fails")
    const browser = join(world.home, "browser")
    spawnSync("mkfifo", [fails])
    writeFileSync(browser, `#!/bin/sh\nread now < ${fails}\nexit 7\n`, { mode: 0o755 })
    const { ended, shows, type } = startLogin({ BROWSER: browser })
    const [, url = ""] = await shows(/\n(http\S+)\r\n/)
    const end = await endOf(url)
    await shows(/Waiting for your browser \(\d:\d\d\)\. .*ended at: /)
    type(end.slice(0, 30))
    await shows(new RegExp(end.slice(10, 30).replaceAll(/[?+]/g, "\\$&")))
    writeFileSync(fails, "now\n")
    await shows(
      /ESC\[0Jmcp-cli: No browser could be opened:(?:\r\n)? +\S+(?:\r\n)? +ended(?:\r\n)? +with(?:\r\n)? +exit(?:\r\n)? +code(?:\r\n)? +7\.(?:\r\n)? +Open(?:\r\n)? +the(?:\r\n)? +URL(?:\r\n)? +above(?:\r\n)? +yourself\.\r\n/
    )
    await shows(/Waiting for your browser \(\d:\d\d\)\. .*ended at: http:/)
    const at = end.indexOf("&state=") + 9
    type(`${end.slice(30, at)}\n`)
    // What was pasted stays: the cursor is below it, however many rows the prompt has.
    await shows(/\r\n(?:ESC\[1G)?ESC\[0Jmcp-cli: That is only the start/)
    await shows(/Waiting for your browser \(\d:\d\d\)\. .*ended at: /)
    type(`${end.slice(at)}\n`)
    await shows(/Signed in to demo\./)
    assert.strictEqual((await ended).code, 0)
  })
})
