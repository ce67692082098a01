import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { createInterface } from "node:readline"
import { makeHome } from "../e2e/World.ts"
import { followRedirects } from "../servers/BrowserUser.ts"
import type { RealServer } from "../servers/RealServer.ts"

/** A program that signs its user in to one server, with a home folder of its own. */
export interface Client {
  /** Signs in, where that is a command of its own. */
  readonly signIn: () => Promise<void>
  /** Adds 19 and 23 in this many processes at once. Fails with the words of the program where one has no answer. */
  readonly call: (processes: number, hoursLater?: number) => Promise<ReadonlyArray<"answered" | Error>>
  /** How often a browser was opened so far. */
  readonly browsers: () => number
  /** Signs out at the server. Absent: the program cannot. */
  readonly signOut?: () => Promise<void>
  readonly close: () => Promise<void>
}

const anHourLater = resolve("test/servers/anHourLater.ts")

/** How a process of Node is told the time. */
interface Clock {
  readonly flags: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}
const clockOf = (hoursLater = 0): Clock => ({
  flags: ["--import", anHourLater],
  env: { HOURS_LATER: String(hoursLater) }
})
const environmentOf = ({ account }: RealServer): Readonly<Record<string, string>> =>
  account === undefined ? {} : { BROWSER_ACCOUNT: JSON.stringify(account) }
const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? ""
/** The last message of this program, without the advice below it. */
const messageOf = (stderr: string) =>
  lastLine([...stderr.matchAll(/^mcp-cli: (.*)$/gm)].map(([, message]) => message).join("\n"))

/** This program. */
export const makeOurs = (server: RealServer): Client => {
  const home = makeHome(server.url, environmentOf(server))
  const must = async (...args: ReadonlyArray<string>) => {
    const { code, stderr } = await home.run(args)
    if (code !== 0) throw new Error(messageOf(stderr))
  }
  const callOnce = async (clock: Clock) => {
    const { stderr, stdout } = await home.run(["call", "demo", "add", "a=19", "b=23"], {
      runtime: [process.execPath, ...clock.flags],
      env: clock.env
    })
    return stdout === "42\n" ? "answered" : new Error(messageOf(stderr))
  }
  return {
    signIn: () => must("auth", "login", "demo"),
    call: (processes, hoursLater) =>
      Promise.all(Array.from({ length: processes }, () => callOnce(clockOf(hoursLater)))),
    browsers: home.browsersOpened,
    signOut: () => must("auth", "logout", "demo"),
    close: home.close
  }
}

const require = createRequire(import.meta.url)
const mcpRemotePackage = require.resolve("mcp-remote/package.json")
export const { version: mcpRemoteVersion } = require(mcpRemotePackage) as { readonly version: string }
const mcpRemote = join(dirname(mcpRemotePackage), "dist", "proxy.js")

/** How long a process of mcp-remote may take for one answer. It has no limit of its own for some of its waits. */
const maxSeconds = 90

/** mcp-remote, as a client of MCP runs it: a sign-in is part of its start. */
export const makeMcpRemote = (server: RealServer): Client => {
  const home = mkdtempSync(join(tmpdir(), "mcp-remote-"))
  let browsers = 0

  const callOnce = (clock: Clock) =>
    new Promise<"answered" | Error>((done) => {
      const child = spawn(process.execPath, [...clock.flags, mcpRemote, server.url, "--allow-http"], {
        // It also opens a browser by itself: none.
        env: { ...process.env, ...clock.env, HOME: home, MCP_REMOTE_CONFIG_DIR: home, BROWSER: "true" }
      })
      let said = ""
      const end = (how: "answered" | Error) => {
        clearTimeout(timer)
        child.kill("SIGKILL")
        done(how)
      }
      const timer = setTimeout(() => end(new Error(`no answer in ${maxSeconds} s`)), maxSeconds * 1000)
      const send = (message: object) =>
        child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
      child.stdin.on("error", () => undefined)
      child.once("close", () => end(new Error(lastLine(said))))
      createInterface({ input: child.stdout }).on("line", (line) => {
        const { id, result } = JSON.parse(line) as { readonly id?: number; readonly result?: object }
        if (id === 1 && result !== undefined) {
          send({ method: "notifications/initialized" })
          send({ id: 2, method: "tools/call", params: { name: "add", arguments: { a: 19, b: 23 } } })
        } else if (id !== undefined) {
          end(JSON.stringify(result ?? "").includes('"42"') ? "answered" : new Error(line))
        }
      })
      let isNext = false
      createInterface({ input: child.stderr }).on("line", (line) => {
        said += `${line}\n`
        if (isNext && line.startsWith("http")) {
          browsers += 1
          void followRedirects(line, undefined, new Map(), server.account).catch(() => undefined)
        }
        isNext = line.includes("Please authorize this client by visiting")
      })
      send({
        id: 1,
        method: "initialize",
        params: {
          protocolVersion: "2025-06-18",
          capabilities: {},
          clientInfo: { name: "compatibility", version: "1" }
        }
      })
    })

  return {
    signIn: async () => undefined,
    call: (processes, hoursLater) =>
      Promise.all(Array.from({ length: processes }, () => callOnce(clockOf(hoursLater)))),
    browsers: () => browsers,
    close: async () => rmSync(home, { recursive: true, force: true })
  }
}
