import { execFile } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { frequentRuns, unlisted } from "../../scripts/profile.ts"
import { startWorld, type World } from "./World.ts"

const files = resolve("dist/bin/chunks")

/** Preloaded into a run: writes which of its files the program has loaded. */
const listing = `process.on("exit", () => require("node:fs").writeFileSync(process.env.LOADED,
  Object.keys(require.cache).map((file) => require("node:path").basename(file)).join(" ")))`

describe("the start of the program", () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
    await world.run(["auth", "login", "demo"])
    writeFileSync(join(world.home, "listing.cjs"), listing)
  })
  afterAll(() => world.close())

  const ofEveryRun = ["early.cjs", "everyRun.cjs", "main.cjs", "mcp-cli.cjs", "rolldown-runtime.cjs"]
  const loadedBy = async (words: ReadonlyArray<string>, at: World) => {
    const runtime = [process.execPath, "--require", join(world.home, "listing.cjs")]
    const log = join(world.home, "loaded.txt")
    const { code } = await at.run(words, { runtime, env: { LOADED: log } })
    assert.strictEqual(code, 0)
    return readFileSync(log, "utf8").split(" ").slice(1)
  }

  it.each([false, true])(
    "tools demo loads no file of other commands; an older server: %s",
    async (isOlder) => {
      const place = await startWorld({ mcp: { isOlder } })
      await place.run(["auth", "login", "demo"])
      const loaded = await loadedBy(["tools", "demo"], place)
      await place.close()
      assert.deepEqual(
        loaded.filter((file) => !ofEveryRun.includes(file)),
        ["session.cjs"]
      )
    }
  )

  it.each(frequentRuns.map((words) => [words.join(" "), words] as const))(
    "%s loads only the files of every run",
    async (_, words) => {
      const loaded = await loadedBy(words, world)
      if (loaded.some((file) => !ofEveryRun.includes(file))) {
        const modules = await unlisted()
        assert.fail(
          `${words.join(" ")} loads ${loaded.join(", ")}. Either these need not run, or run node scripts/profile.ts: ${modules.join(", ")}`
        )
      }
    }
  )

  it.each(readdirSync(files).filter((file) => !/^(main|KeyringChild)\.cjs$/.test(file)))(
    "can be followed by loading %s before any other file",
    async (file) => {
      const load = `require("./everyRun.cjs"); require(${JSON.stringify(`./${file}`)})`
      const { stderr } = await promisify(execFile)(process.execPath, ["-e", load], { cwd: files })
      assert.strictEqual(stderr, "")
    }
  )
})
