import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { scripts } from "../../../../src/app/cli/completion/ShellScripts.ts"

const folder = mkdtempSync(join(tmpdir(), "completions-"))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, "private-file"), "")
writeFileSync(join(folder, "script"), scripts.bash)
mkdirSync(join(folder, "bin"))
writeFileSync(join(folder, "bin", "mcp-cli"), `#!/bin/sh\nprintf '%s\\n' "$ANSWER"\n`, { mode: 0o755 })

/** The candidates of bash for what the program answers. */
const candidates = (options: string, answer: ReadonlyArray<string>): ReadonlyArray<string> => {
  const run = `${options}
source ./script
COMP_LINE="mcp-cli call s '" COMP_POINT=16
_mcp_cli
printf '%s\\n' "\${COMPREPLY[@]}"`
  const env = {
    PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
    ANSWER: ["names", ...answer].join("\n")
  }
  const { stdout } = spawnSync("bash", ["--norc", "-c", run], { cwd: folder, encoding: "utf8", env })
  return stdout.split("\n").slice(0, -1)
}

describe.skipIf(spawnSync("bash", ["--version"]).status !== 0)("the completions of bash", () => {
  it.each(["", "shopt -s nullglob", "shopt -s failglob", "shopt -s extglob dotglob", "set -o posix"])(
    "have no file for the pattern that a tool is named like, whatever the shell's options: %s",
    (options) => {
      const names = ["*", "private-*", "pr?vate-file", "[p]rivate-file", "./*", "a b", "back\\slash"]
      assert.deepEqual(candidates(options, names), names)
    }
  )
})
