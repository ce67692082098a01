import { spawnSync } from "node:child_process"
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { parseArgs } from "node:util"

// Applies each patch of `mutations` to a copy of the tree, and runs seeds over it until one breaks a rule. The first line of a
// patch says what it breaks, the second has the options of the run. The seed must keep every rule without the patch. `--only NAME` runs one patch, and `--seeds N` bounds each.

const { values } = parseArgs({
  options: { only: { type: "string" }, seeds: { type: "string", default: "10000" } }
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const root = resolve(import.meta.dirname, "../..")

/** A copy of the tree in which a patch can be applied. */
const copyTree = (): string => {
  const copy = mkdtempSync(join(tmpdir(), "mcp-cli-mutation-"))
  for (const part of ["src", "test/simulation", "package.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  return copy
}

const isNoticed = (file: string): boolean => {
  const name = basename(file, ".patch")
  const [why = "", options = ""] = readFileSync(file, "utf8").split("\n")
  const copy = copyTree()
  try {
    const applied = spawnSync("git", ["apply", file], { cwd: copy, encoding: "utf8" })
    if (applied.status !== 0) {
      say(`${name}: does not apply: ${applied.stderr.trim()}`)
      return false
    }
    const runIn = (cwd: string, ...args: ReadonlyArray<string>) =>
      spawnSync(
        process.execPath,
        ["test/simulation/run.ts", ...args, ...options.replace("# ", "").split(" ")],
        { cwd, encoding: "utf8", maxBuffer: 2 ** 28 }
      )
    const run = runIn(copy, "--seeds", values.seeds, "--until-failure")
    say(`${name}: ${run.stdout.trim() || run.stderr.trim()}   ${why}`)
    const seed = /^noticed after (\d+) seeds/.exec(run.stdout)?.[1]
    if (run.status !== 1 || seed === undefined) return false
    const isCaused = runIn(root, "--seed", seed).status === 0
    if (!isCaused) say(`${name}: seed ${seed} breaks a rule without the patch too`)
    return isCaused
  } finally {
    rmSync(copy, { recursive: true })
  }
}

const files = globSync(join(import.meta.dirname, "mutations/*.patch"))
  .toSorted()
  .filter((file) => values.only === undefined || basename(file, ".patch") === values.only)
const noticed = files.filter(isNoticed)
say(`${noticed.length} of ${files.length} noticed`)
if (noticed.length < files.length) process.exitCode = 1
