import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { World } from "../test/e2e/World.ts"
import { median, rounds, say, timed } from "./Measure.ts"

/** What the program did in one run, and when, in milliseconds since its process began. */
type Marks = ReadonlyArray<readonly [what: string, at: number]>

/** Prints when a run does what: the medians of several runs that did the same. */
export const timeline = async (
  world: World,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Promise<void> => {
  const file = join(world.home, "timeline.log")
  const runtime = [process.execPath, "--require", resolve("bench/Timeline.cjs")]
  const run = async () => {
    const { code, stderr } = await world.run(args, { runtime, env: { ...env, TIMELINE: file } })
    if (code !== 0) throw new Error(`mcp-cli ${args.join(" ")}: ${stderr}`)
  }
  await run()
  await run()
  const durations: Array<number> = []
  for (let round = 0; round < rounds; round++) durations.push(await timed(run))
  const runs = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .slice(2)
    .map((line) => JSON.parse(line) as Marks)
  const same = Map.groupBy(runs, (marks) => marks.map(([what]) => what).join("\n"))
  const [usual = []] = [...same.values()].toSorted((a, b) => b.length - a.length)
  say(`Timeline of ${args.join(" ")}, medians of ${usual.length} runs:`)
  let last = 0
  for (const [at, [what]] of (usual[0] ?? []).entries()) {
    const time = median(usual.map((marks) => marks[at]?.[1] ?? 0))
    say(`${time.toFixed(0).padStart(6)} ms ${`+${(time - last).toFixed(0)}`.padStart(5)}  ${what}`)
    last = time
  }
  say(`${median(durations).toFixed(0).padStart(6)} ms from its start to its end, as its parent sees it`)
}
