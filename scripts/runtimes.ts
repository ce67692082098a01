import { rm } from "node:fs/promises"
import { join } from "node:path"
import { startWorld } from "../test/e2e/World.ts"
import { installed } from "./Packed.ts"

// Runs the built program under Bun and Deno: from `--version` to a whole sign-in with real servers. Their binaries, 100 MB each,
// come from npm into a temporary folder.

const { arch, platform } = process
if (platform !== "linux") throw new Error("this script knows the packages of Linux only")

const packages = {
  bun: `@oven/bun-linux-${arch === "arm64" ? "aarch64" : "x64"}`,
  deno: `@deno/linux-${arch}-glibc`
}
const folder = await installed({ [packages.bun]: "latest", [packages.deno]: "latest" })
const runtimes = {
  Bun: [join(folder, "node_modules", packages.bun, "bin", "bun")],
  Deno: [join(folder, "node_modules", packages.deno, "deno"), "run", "--allow-all"]
}

const commands = [
  ["--version"],
  ["--help"],
  ["servers"],
  ["auth", "status"],
  ["auth", "login", "demo"],
  ["auth", "token", "demo"],
  ["tools", "demo"],
  ["call", "demo", "add", "a=19", "b=23"],
  ["storage"],
  ["auth", "logout", "demo"]
]

for (const [name, runtime] of Object.entries(runtimes)) {
  const world = await startWorld()
  for (const command of commands) {
    const { code, stderr, stdout } = await world.run(command, { runtime })
    const passed = code === 0 && stdout + stderr !== ""
    process.stdout.write(`${name} ${command.join(" ")}: ${passed ? "ok" : `exit code ${code}\n${stderr}`}\n`)
    if (!passed) process.exitCode = 1
  }
  if (world.browsersOpened() !== 1) process.exitCode = 1
  await world.close()
}
await rm(folder, { recursive: true, force: true })
