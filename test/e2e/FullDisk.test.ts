import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { mountSmallDisk, noSmallDisk, type SmallDisk } from "../servers/SmallDisk.ts"
import { startWorld, type World } from "./World.ts"

let world: World
const refreshes = () => world.authorizationServer.counts.get("token:refresh_token") ?? 0

const signIn = async () => {
  const login = await world.run(["auth", "login", "demo"])
  assert.strictEqual(login.code, 0, login.stderr)
  assert.strictEqual((await world.run(["ping", "demo"])).code, 0)
}
/** A run whose access token the server no longer accepts. */
const refresh = (options?: Parameters<World["run"]>[1]) => {
  world.mcpServer.rejectSeenTokens()
  return world.run(["ping", "demo"], options)
}

/** Refreshes once more; true if nothing went wrong then or before. */
const refreshesAgain = async () => {
  const before = refreshes()
  const { code, stderr } = await refresh()
  return (
    code === 0 &&
    stderr === "" &&
    refreshes() === before + 1 &&
    world.authorizationServer.revokedGrants() === 0
  )
}

beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

describe("a limit on the size of files", () => {
  it("is found before the refresh token is used", async () => {
    await signIn()
    const limited = await refresh({
      runtime: ["sh", "-c", 'ulimit -f 1; exec "$0" "$@"', process.execPath]
    })
    assert.strictEqual(limited.code, 4, limited.stderr)
    assert.include(limited.stderr, "the limit on the size of files is reached")
    assert.include(limited.stderr, "ulimit -f")
    assert.strictEqual(refreshes(), 0)
    assert.isTrue(await refreshesAgain())
  })
})

describe.skipIf(noSmallDisk !== undefined)(`a full disk (${noSmallDisk ?? "a tmpfs"})`, () => {
  let disk: SmallDisk
  beforeEach(async () => {
    const file = join(world.home, ".mcp_cli", "server_config.json")
    const configuration = readFileSync(file)
    disk = mountSmallDisk(join(world.home, ".mcp_cli"))
    writeFileSync(file, configuration, { mode: 0o600 })
    await signIn()
    // The files of the locks exist after that.
    assert.isTrue(await refreshesAgain())
  })
  afterEach(() => disk.close())

  const full = [
    ["no inode", () => disk.fillInodes(0)],
    ["no block", () => disk.fillBlocks(0)]
  ] as const
  it.each(full)("with %s left is found before the refresh token is used", async (_, fill) => {
    fill()
    const refused = await refresh()
    assert.strictEqual(refused.code, 4, refused.stderr)
    assert.match(refused.stderr, /demo\.enc cannot be used: no space left on the disk\.\n.*Free some space/s)
    assert.strictEqual(refreshes(), 1)
    disk.free()
    assert.isTrue(await refreshesAgain())
  })

  it("with one inode left stores the new tokens in it", async () => {
    disk.fillInodes(1)
    assert.isTrue(await refreshesAgain())
    assert.isTrue(await refreshesAgain())
  })

  it("with few blocks left stores the new tokens in them", async () => {
    disk.fillBlocks(4)
    assert.isTrue(await refreshesAgain())
    assert.isTrue(await refreshesAgain())
  })

  it("that fills up while the server answers still gets the new tokens", async () => {
    let release = () => undefined as void
    const until = new Promise<void>((done) => {
      release = done
    })
    const held = new Promise<void>((done) =>
      world.authorizationServer.failNext({ kind: "hold the answer", until, held: done })
    )
    world.mcpServer.rejectSeenTokens()
    const running = world.start(["ping", "demo"])
    await held
    disk.fillBlocks(0)
    disk.fillInodes(0)
    release()
    const ended = await running.ended
    assert.strictEqual(ended.code, 0, ended.stderr)
    assert.strictEqual(ended.stderr, "")
    disk.free()
    assert.isTrue(await refreshesAgain())
  })

  it("opens no browser for a sign-in that cannot be stored", async () => {
    disk.fillBlocks(0)
    const before = world.browsersOpened()
    const login = await world.run(["auth", "login", "demo"])
    assert.strictEqual(login.code, 4, login.stderr)
    assert.include(login.stderr, "no space left on the disk")
    assert.strictEqual(world.browsersOpened(), before)
  })

  it.each([
    ["a lock", ["storage", "move", "--to", "encrypted"], "storage/in-use: no space left on the disk."],
    ["the store that is about to be chosen", ["auth", "login", "demo"], "no space left on the disk."],
    ["a trace", ["auth", "login", "demo", "--trace", ".mcp_cli/trace.html"], "no space left on the disk."]
  ])("is named where %s cannot be written", async (_, args, problem) => {
    rmSync(join(world.home, ".mcp_cli", "storage", "choice.json"))
    disk.fillInodes(0)
    const { code, stderr } = await world.run(args)
    assert.include([2, 4], code)
    assert.include(stderr, problem)
    assert.include(stderr, "Free some space on that disk, then try again.")
    assert.strictEqual(world.browsersOpened(), 1)
  })
})
