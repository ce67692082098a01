import { execFile } from "node:child_process"
import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** Runs a program of this machine and gives what it prints. */
export const output = async (command: string, args: ReadonlyArray<string>, cwd = process.cwd()) =>
  (await promisify(execFile)(command, args, { cwd, maxBuffer: 64 * 1024 * 1024 })).stdout

/** A new folder with these packages, by their exact versions or ranges. No install script runs. */
export const installed = async (dependencies: Readonly<Record<string, string>>): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "mcp-cli-packed-"))
  const manifest = { name: "consumer", version: "1.0.0", private: true, type: "module", dependencies }
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest))
  await output("npm", ["install", "--ignore-scripts", "--no-fund", "--no-audit"], folder)
  return folder
}

/** This package as `npm pack` makes it, from what is built in `dist`. */
export const packed = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "mcp-cli-pack-"))
  const [{ filename }] = JSON.parse(
    await output("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder])
  ) as [{ readonly filename: string }]
  return join(folder, filename)
}
