import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { constants } from "node:os"
import { join, resolve } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { startWorld, type World } from "./World.ts"

let world: World
/** Lets the server answer the refresh that it holds. */
let release: () => void = () => undefined
const refreshes = () => world.authorizationServer.counts.get("token:refresh_token") ?? 0

/** Makes a refresh necessary. Done when the server has used up the refresh token, and its answer is still to come. */
const holdRefresh = () => {
  const until = new Promise<void>((done) => {
    release = done
  })
  world.mcpServer.rejectSeenTokens()
  return new Promise<void>((done) =>
    world.authorizationServer.failNext({ kind: "hold the answer", until, held: done })
  )
}

/** A run in the middle of a refresh. */
const refreshing = async () => {
  const held = holdRefresh()
  const running = world.start(["ping", "demo"])
  await held
  return running
}

/** True if the refresh was stored: the next run needs none. */
const isStored = async () => {
  const ping = await world.run(["ping", "demo"])
  return ping.code === 0 && refreshes() === 1 && world.authorizationServer.revokedGrants() === 0
}

beforeEach(async () => {
  world = await startWorld()
  assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
  assert.strictEqual((await world.run(["ping", "demo"])).code, 0)
})
afterEach(async () => {
  release()
  await world.close()
})

const signals = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const

describe("a refresh", () => {
  it.each(signals)("is stored before %s ends the program", async (signal) => {
    const running = await refreshing()
    running.child.kill(signal)
    await running.shows(/Ending as soon as .* new tokens are stored/)
    release()
    assert.strictEqual((await running.ended).code, 128 + constants.signals[signal])
    assert.isTrue(await isStored())
  })

  it("is stored after the terminal is gone", async () => {
    const running = await refreshing()
    running.child.stdout?.destroy()
    running.child.stderr?.destroy()
    running.child.kill("SIGHUP")
    release()
    await running.ended
    assert.isTrue(await isStored())
  })

  it("is given up at a second Ctrl-C, once the user was told what that costs", async () => {
    const running = await refreshing()
    running.child.kill("SIGINT")
    await running.shows(/you may then have to sign in again/)
    running.child.kill("SIGINT")
    assert.strictEqual((await running.ended).code, 130)
  })

  it("is made by one process, although a clean-up script removes what looks like locks", async () => {
    const first = await refreshing()
    for (const name of ["locks", "lock", "cache", "tmp"])
      rmSync(join(world.home, ".mcp_cli", name), { recursive: true, force: true })
    const second = world.start(["ping", "demo"])
    // Other runs end meanwhile: the second process has begun to wait by then, or to refresh.
    for (let run = 0; run < 4; run++) {
      assert.strictEqual((await world.run(["auth", "status", "demo"])).code, 0)
    }
    release()
    for (const { code, stderr } of [await first.ended, await second.ended])
      assert.strictEqual(code, 0, stderr)
    assert.isTrue(await isStored())
  })
})

const hasScript = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux")

describe.skipIf(!hasScript)("a terminal (needs script of util-linux)", () => {
  it("that is closed in a session does not lose the refresh", async () => {
    const session = world.start(["--server", "demo"], {
      runtime: ["sh", "-c", 'exec script --quiet --flush --command "$0 $*" /dev/null', process.execPath],
      openInput: true
    })
    await new Promise<void>((done) =>
      session.child.stdout?.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("3 tools")) done()
      })
    )
    const held = holdRefresh()
    session.child.stdin?.write("/call echo text=one\n")
    await held
    // Its end closes the terminal.
    session.child.kill("SIGKILL")
    await session.ended
    release()
    assert.isTrue(await isStored())
  })
})

describe("the program of a stdio server", () => {
  it.each(signals)("is ended by %s", async (signal) => {
    const pidFile = join(world.home, "pid")
    const server = `echo $$ > '${pidFile}'; exec '${process.execPath}' '${resolve("test/servers/stdio.ts")}'`
    world.configure({ mcpServers: { local: { command: "sh", args: ["-c", server] } } })
    const session = world.start(["--server", "local"], { openInput: true })
    await session.shows(/tools:/)
    session.child.kill(signal)
    assert.strictEqual((await session.ended).code, 128 + constants.signals[signal])
    assert.isTrue(existsSync(pidFile))
    assert.throws(() => process.kill(Number(readFileSync(pidFile, "utf8")), 0), /ESRCH/)
  })
})
