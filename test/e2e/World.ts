import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer
} from "../servers/AuthorizationServer.ts"
import { type McpServer, type McpServerOptions, startMcpServer } from "../servers/McpServer.ts"

const program = resolve("dist/bin/mcp-cli.cjs")
const browser = `${process.execPath} ${resolve("test/servers/browser.ts")}`

/** How a run of the program ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A run of the program that goes on. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Done when stderr has shown this. */
  readonly shows: (text: RegExp) => Promise<RegExpExecArray>
}

/** A home folder of a user, with a configuration. */
export interface Home {
  readonly home: string
  /** Replaces the configuration file. */
  readonly configure: (configuration: unknown) => void
  readonly start: (args: ReadonlyArray<string>, options?: RunOptions) => Running
  readonly run: (args: ReadonlyArray<string>, options?: RunOptions) => Promise<Ended>
  /** How often the browser was opened. */
  readonly browsersOpened: () => number
  readonly close: () => Promise<void>
}

/** A home folder of a user, in front of real servers. */
export interface World extends Home {
  readonly authorizationServer: AuthorizationServer
  readonly mcpServer: McpServer
}

/** How the program is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The working directory. Absent: the home folder. */
  readonly cwd?: string
  readonly stdin?: string
  /** What runs the program. Absent: this Node. */
  readonly runtime?: ReadonlyArray<string>
  /** Leaves the input open, to be written to by `child`. */
  readonly openInput?: boolean
  /** Another build of the program; absent: the one in `dist`. */
  readonly program?: string
}

/** True if a port is free at an address of loopback. An address that this machine lacks counts as free. */
const isFreeAt = (host: string, port: number): Promise<boolean> =>
  new Promise((done) => {
    const server = createServer()
    server.once("error", ({ code }: NodeJS.ErrnoException) => done(code !== "EADDRINUSE"))
    server.listen(port, host, () => server.close(() => done(true)))
  })

/** Ports below those that systems give to connections: no other process gets one by chance. */
const ports = { first: 20_000, count: 12_000, ofWorker: 500 }
let taken = process.pid

/** A port of loopback that is free: what a test's configured client is registered for. Each worker has ports of its own. */
export const freePort = async (): Promise<number> => {
  const worker = Number(process.env["VITEST_POOL_ID"] ?? 0)
  for (;;) {
    const port = ports.first + ((worker * ports.ofWorker + (taken++ % ports.ofWorker)) % ports.count)
    if ((await isFreeAt("127.0.0.1", port)) && (await isFreeAt("::1", port))) return port
  }
}

/** A password of the tests' store. */
export const password = "correct horse battery staple"

/** Makes a user's home that knows an MCP server as `demo`, by its URL alone. */
export const makeHome = (url: string, env: Readonly<Record<string, string>> = {}): Home => {
  const home = mkdtempSync(join(tmpdir(), "mcp-cli-e2e-"))
  const log = join(home, "browser.log")
  const file = join(home, ".mcp_cli", "server_config.json")
  mkdirSync(join(home, ".mcp_cli"), { mode: 0o700 })
  const configure = (configuration: unknown) =>
    writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
  configure({ mcpServers: { demo: { url } } })
  writeFileSync(log, "")

  const start = (args: ReadonlyArray<string>, run: RunOptions = {}): Running => {
    const { NODE_OPTIONS: _, CI: _ci, ...inherited } = process.env
    const [command = "", ...flags] = run.runtime ?? [process.execPath]
    const child = spawn(command, [...flags, run.program ?? program, ...args], {
      cwd: run.cwd ?? home,
      env: {
        ...inherited,
        HOME: home,
        // The keyring of whoever runs the tests is none of theirs.
        DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
        BROWSER: browser,
        BROWSER_LOG: log,
        MCP_CLI_ENCRYPTION_KEY: password,
        // Compiled code is the same in every home.
        XDG_CACHE_HOME: resolve("node_modules/.cache"),
        ...env,
        ...run.env
      }
    })
    let stdout = ""
    let stderr = ""
    const watchers = new Set<() => void>()
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString()
      for (const watch of watchers) watch()
    })
    // A program that ends without reading its input closes the pipe.
    child.stdin.on("error", () => undefined)
    if (run.openInput === true) child.stdin.write(run.stdin ?? "")
    else child.stdin.end(run.stdin ?? "")
    const ended = new Promise<Ended>((done) => child.once("close", (code) => done({ code, stdout, stderr })))
    return {
      child,
      ended,
      shows: (text) =>
        new Promise((done, reject) => {
          const watch = () => {
            const match = text.exec(stderr)
            if (match !== null) done(match)
          }
          watchers.add(watch)
          watch()
          void ended.then((end) => reject(new Error(`it ended before it showed ${text}: ${end.stderr}`)))
        })
    }
  }

  return {
    home,
    configure,
    start,
    run: (args, run) => start(args, run).ended,
    browsersOpened: () => readFileSync(log, "utf8").split("\n").length - 1,
    close: async () => rmSync(home, { recursive: true, force: true })
  }
}

/** Starts real servers, and makes a user's home that knows the MCP server as `demo`, by its URL alone. */
export const startWorld = async (
  options: AuthorizationServerOptions & { readonly mcp?: Omit<McpServerOptions, "authorizationServer"> } = {}
): Promise<World> => {
  const authorizationServer = await startAuthorizationServer({ autoApprove: true, ...options })
  const mcpServer = await startMcpServer({ authorizationServer, ...options.mcp })
  const home = makeHome(mcpServer.url.href)
  return {
    ...home,
    authorizationServer,
    mcpServer,
    close: async () => {
      await Promise.all([authorizationServer.close(), mcpServer.close()])
      await home.close()
    }
  }
}
