import { spawnSync } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type Running, startWorld, type World } from "./World.ts"

const hasScript = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux")

const interrupt = "\u0003"
const endOfInput = "\u0004"

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

/** A session at a terminal. */
const startSession = () => {
  const running: Running = world.start(["--server", "demo"], {
    runtime: [
      "sh",
      "-c",
      'exec script --quiet --flush --return --command "exec $0 $*" /dev/null',
      process.execPath
    ],
    openInput: true
  })
  let shown = ""
  const waiting: Array<() => void> = []
  running.child.stdout?.on("data", (chunk: Buffer) => {
    shown += chunk.toString()
    for (const look of waiting.splice(0)) look()
  })
  /** Types, and waits until the terminal shows what follows. */
  const type = (keys: string, expected: RegExp) => {
    const before = shown.length
    running.child.stdin?.write(keys)
    return shows(expected, before)
  }
  const shows = (expected: RegExp, from = 0) =>
    new Promise<void>((done) => {
      const look = () => (expected.test(shown.slice(from)) ? done() : waiting.push(look))
      look()
    })
  return { running, shows, type }
}

/** Ends when the server gets the next tool call. */
const callArrived = () =>
  new Promise<void>((done) => {
    const { counts } = world.mcpServer
    counts.set = (name, count) => {
      if (name === "tools/call") done()
      return Map.prototype.set.call(counts, name, count)
    }
  })

describe.skipIf(!hasScript)("a session at a terminal (needs script of util-linux)", () => {
  it("reads what is typed after a sign-in between two lines", async () => {
    await world.run(["auth", "login", "demo"])
    const { running, shows, type } = startSession()
    await shows(/demo> /)
    await type("/call echo text=one\n", /\none\r\n[^]*demo> /)
    await world.run(["auth", "reset", "demo", "--yes"])
    world.authorizationServer.forgetTokens()
    await type("/call echo text=two\n", /Authentication required for demo[^]*two\r\n[^]*demo> /)
    await type("/call echo text=three\n", /\nthree\r\n[^]*demo> /)
    // Two lines at once, the second one unfinished.
    await type("/call echo text=four\n/call echo te", /\nfour\r\n[^]*demo> [^]*te$/)
    await type("xt=five\n", /\nfive\r\n[^]*demo> /)
    const up = "\u001b[A"
    await type(`${up}${up}\n`, /\nfour\r\n[^]*demo> /)
    running.child.stdin?.write(endOfInput)
    assert.strictEqual((await running.ended).code, 0)
    assert.strictEqual(world.browsersOpened(), 2)
  })

  it("cancels a call, or the line, by Ctrl-C, and ends by two of them", async () => {
    await world.run(["auth", "login", "demo"])
    const { running, shows, type } = startSession()
    await shows(/demo> /)
    const arrived = callArrived()
    await type("/call wait {}\n", /\r\n/)
    await arrived
    await type(interrupt, /Cancelled\.\r\n[^]*demo> /)
    await type("/call fail", /fail$/)
    await type(interrupt, /\n[^]*demo> /)
    await type("/call echo text=one\n", /\none\r\n[^]*demo> /)
    await type(interrupt, /Press Ctrl-C again, or Ctrl-D, to end the session\.\r\n[^]*demo> /)
    // More of them arrive while the session closes, and while Node ends. The terminal shows each.
    while (running.child.exitCode === null) await Promise.race([running.ended, type(interrupt, /\^C/)])
    assert.strictEqual((await running.ended).code, 0)
  })

  it("pastes, searches, completes, and remembers what is typed", async () => {
    await world.run(["auth", "login", "demo"])
    const first = startSession()
    await first.shows(/demo> /)
    // Nothing runs before Enter. A JSON of several lines is one command.
    const pasted = 'call echo text=a\ncall add {\n "a": 1,\n "b": 2}\n'
    await first.type(`\u001b[200~${pasted}\u001b[201~`, /"b": 2\}$/)
    await first.type("\r", /\na\r\n3\r\n[^]*demo> /)
    await first.type("/call echo text=s3cret-token\r", /\ns3cret-token\r\n[^]*demo> /)
    await first.type("/ca\t", /call $/)
    await first.type("ec\t", /echo $/)
    await first.type("te\t", /text=$/)
    await first.type("b\r", /\nb\r\n[^]*demo> /)
    await first.type("eco text=b\r", /"eco" is not a command[^]*demo> /)
    await first.type("call echo txet=b\r", /Did you mean text\?[^]*demo> /)
    first.running.child.stdin?.write(endOfInput)
    assert.strictEqual((await first.running.ended).code, 0)

    const second = startSession()
    await second.shows(/demo> /)
    await second.type("\u0012=b", /\(search "=b"\)/)
    await second.type("\u0012", /eco text=b/)
    await second.type("\u0007", /demo> /)
    await second.type("exit\r", /exit/)
    assert.strictEqual((await second.running.ended).code, 0)
    const file = join(world.home, ".mcp_cli", "history")
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    assert.notInclude(readFileSync(file, "utf8"), "s3cret")
  })
})
