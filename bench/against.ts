import { readFileSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { startWorld } from "../test/e2e/World.ts"
import { compare, report, say } from "./Measure.ts"

/**
 * Measures this build beside an earlier one: `node bench/against.ts CHECKOUT`, both built, each with its own home folder and servers. CPU time is
 * the steadier measure on a machine that does other work.
 */
const [checkout] = process.argv.slice(2)
if (checkout === undefined) {
  say("Usage: node bench/against.ts CHECKOUT (another checkout of this project, built)")
  process.exit(2)
}
const runtime = [process.execPath, "--require", resolve("bench/CpuTime.cjs")]

/** A build in a world of its own: each reads only what it has stored. */
const startSide = async (program: string) => {
  const world = await startWorld()
  const log = join(world.home, "cpu.log")
  const run = (args: ReadonlyArray<string>) => async () => {
    const { code, stderr } = await world.run(args, { runtime, program, env: { CPU_LOG: log } })
    if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`)
  }
  await run(["auth", "login", "demo"])()
  return {
    run,
    forgetTimes: () => rmSync(log),
    times: () => readFileSync(log, "utf8").trim().split("\n").map(Number),
    close: world.close
  }
}

const ours = await startSide(resolve("dist/bin/mcp-cli.cjs"))
const theirs = await startSide(resolve(checkout, "dist/bin/mcp-cli.cjs"))
try {
  for (const args of [
    ["--version"],
    ["servers"],
    ["auth", "token", "demo"],
    ["auth", "status"],
    ["tools", "demo"]
  ]) {
    ours.forgetTimes()
    theirs.forgetTimes()
    const what = `${args.join(" ")} / the same of ${checkout}`
    await compare(what, 1.03, ours.run(args), theirs.run(args), 41)
    report(`${what}, CPU time`, 1.03, ours.times(), theirs.times())
  }
} finally {
  await ours.close()
  await theirs.close()
}
