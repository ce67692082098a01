import { resolve } from "node:path"
import { startWorld } from "../test/e2e/World.ts"
import { compare, say } from "./Measure.ts"

/** Measures this build beside an earlier one: `node bench/against.ts CHECKOUT`, both built, on one home folder. */
const [checkout] = process.argv.slice(2)
if (checkout === undefined) {
  say("Usage: node bench/against.ts CHECKOUT (another checkout of this project, built)")
  process.exit(2)
}
const earlier = resolve(checkout, "dist/bin/mcp-cli.cjs")
const world = await startWorld()
try {
  const run = (args: ReadonlyArray<string>, program?: string) => async () => {
    const { code, stderr } = await world.run(args, program === undefined ? {} : { program })
    if (code !== 0) throw new Error(`${program ?? "this build"} ${args.join(" ")}: ${stderr}`)
  }
  await run(["auth", "login", "demo"])()
  for (const args of [
    ["--version"],
    ["servers"],
    ["auth", "token", "demo"],
    ["auth", "status"],
    ["tools", "demo"]
  ]) {
    await compare(`${args.join(" ")} / the same of ${checkout}`, 1.03, run(args), run(args, earlier), 41)
  }
} finally {
  await world.close()
}
