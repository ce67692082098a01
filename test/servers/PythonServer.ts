import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { serverCache as cache } from "./ServerCache.ts"
import { oneRequest, type RealServer } from "./RealServer.ts"

/** The packages that a server needs: a file of requirements. The major versions of the SDK exclude each other. */
export type Packages = "llama" | "mcp-1" | "mcp-2"

const folder = resolve("test/servers/python")

/** Whether `scripts/test-servers.sh` has installed these packages as they are required now. */
export const hasPackages = (packages: Packages): boolean => {
  const installed = join(cache, packages, "installed.txt")
  return (
    existsSync(installed) &&
    readFileSync(installed, "utf8") === readFileSync(join(folder, `${packages}.txt`), "utf8")
  )
}

/** The pinned version of a package. */
export const versionOf = (packages: Packages, name: string): string =>
  new RegExp(`^${name}==(\\S+)`, "m").exec(readFileSync(join(folder, `${packages}.txt`), "utf8"))?.[1] ?? ""

interface Seen {
  readonly path: string
  readonly grant: string | null
  readonly status: number
}

/** A server that runs. */
export interface StartedServer {
  readonly url: string
  /** What it has written to stderr. */
  readonly complaints: () => string
  readonly close: () => Promise<void>
}

/** Starts a script of `test/servers/python`. It is ready when it has said its address, and ends with its input. */
export const startScript = async (
  packages: Packages,
  script: string,
  ...args: ReadonlyArray<string>
): Promise<StartedServer> => {
  const child = spawn(
    join(cache, packages, "bin", "python"),
    [join(folder, script), ...args],
    // The cache of compiled code goes to the packages, not to the sources.
    { env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } }
  )
  let complaints = ""
  child.stderr.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-4000)
  })
  const url = await new Promise<string>((done, reject) => {
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes("\n")) done(output.slice(0, output.indexOf("\n")))
    })
    child.once("error", reject)
    child.once("close", () => reject(new Error(`${script} ended: ${complaints}`)))
  })
  return {
    url,
    complaints: () => complaints,
    close: () =>
      new Promise((done) => {
        child.once("close", () => done())
        child.stdin.end()
      })
  }
}

/** Starts an MCP server of `test/servers/python`. */
export const startPythonServer = async (
  packages: Packages,
  script: string,
  ...args: ReadonlyArray<string>
): Promise<RealServer> => {
  const { close, complaints, url } = await startScript(packages, script, ...args)
  const control = async (name: string): Promise<unknown> => {
    const answer = await fetch(new URL(`/test/${name}`, url), { headers: oneRequest })
    if (!answer.ok) throw new Error(`${script} cannot ${name}: ${await answer.text()} ${complaints()}`)
    return answer.json()
  }
  return {
    url,
    expire: async () => void (await control("expire")),
    forget: async () => void (await control("forget")),
    count: async (path, grant) =>
      ((await control("requests")) as ReadonlyArray<Seen>).filter(
        (seen) => seen.path === path && (grant === undefined || seen.grant === grant)
      ).length,
    close
  }
}
