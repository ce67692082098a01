import { execFile } from "node:child_process"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The official suite, `@modelcontextprotocol/conformance`. */
const suite = fileURLToPath(
  new URL("../../node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url)
)
/** The revisions whose requirements are frozen. */
export const revisions = ["2025-11-25", "2026-07-28"] as const

/** What a run of the suite printed, and how it ended. */
interface Run {
  readonly code: number
  readonly output: string
}

const run = (args: ReadonlyArray<string>): Promise<Run> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [suite, ...args],
      { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NO_COLOR: "1" } },
      (error, stdout, stderr) =>
        resolve({
          code: error === null ? 0 : typeof error.code === "number" ? error.code : 1,
          output: stdout + stderr
        })
    )
  })

/** A file with the client that the suite starts: our layers, or the client of the official SDK over `mcp-cli proxy`. */
export type ClientFile = "client.ts" | "proxyClient.ts"

/** The command of a client; the suite splits it at its spaces. */
const commandOf = (file: ClientFile) => `${process.execPath} ${fileURLToPath(new URL(file, import.meta.url))}`

/** The names of all scenarios for clients. */
export const clientScenarios = async (): Promise<ReadonlyArray<string>> => {
  const { output } = await run(["list", "--client"])
  return [...new Set(Array.from(output.matchAll(/^ +- (\S+)/gm), ([, name = ""]) => name))].toSorted()
}

/** The names of all scenarios about authorization. */
export const authorizationScenarios = async (): Promise<ReadonlyArray<string>> =>
  (await clientScenarios()).filter((name) => name.startsWith("auth/"))

/** How one scenario went. */
export interface ScenarioResult {
  readonly name: string
  readonly passed: number
  /** Checks that failed or warned, in the suite's own words. */
  readonly complaints: ReadonlyArray<string>
  /** 0 where every check passed without a warning, in time, and the client ended well where the scenario wants that. */
  readonly code: number
  readonly output: string
}

interface Check {
  readonly id: string
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO"
  readonly errorMessage?: string
  readonly description?: string
}

const checksIn = async (folder: string): Promise<ReadonlyArray<Check>> => {
  const files = await readdir(folder, { recursive: true })
  const found = files.filter((file) => file.endsWith("checks.json"))
  const texts = await Promise.all(found.map((file) => readFile(join(folder, file), "utf8")))
  return texts.flatMap((text) => JSON.parse(text) as ReadonlyArray<Check>)
}

/** The limit of the suite, 30 seconds, is too short for a busy machine, or where everything runs at once. */
const timeout = ["--timeout", "600000"]

/** Runs one scenario alone: run together, the suite looks neither at time limits nor at how the client ended. */
export const runScenario = async (name: string, file: ClientFile = "client.ts"): Promise<ScenarioResult> => {
  const folder = await mkdtemp(join(tmpdir(), "conformance-"))
  try {
    const { code, output } = await run([
      "client",
      "--command",
      commandOf(file),
      "--scenario",
      name,
      "-o",
      folder,
      ...timeout
    ])
    const checks = await checksIn(folder)
    return {
      name,
      code,
      output,
      passed: checks.filter(({ status }) => status === "SUCCESS").length,
      complaints: checks
        .filter(({ status }) => status === "FAILURE" || status === "WARNING")
        .map(({ description, errorMessage, id, status }) => `${status} ${id}: ${errorMessage ?? description}`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Runs all that a revision requires, as the suite itself scores it. */
export const runRequirements = async (
  revision: (typeof revisions)[number],
  file: ClientFile = "client.ts"
): Promise<Run> => {
  const folder = await mkdtemp(join(tmpdir(), "conformance-"))
  try {
    return await run([
      "client",
      "--command",
      commandOf(file),
      "--requirements",
      revision,
      "-o",
      folder,
      ...timeout
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
}
