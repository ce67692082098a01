import { spawn } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { blocksIn, shellLinesOf } from "../Documents.ts"
import { followRedirects } from "../servers/BrowserUser.ts"

/** A command of the README, and what a user sees if it works. */
export interface Step {
  readonly section: string
  readonly line: string
}

/** Needs what a test has not. */
const notWalked = /^docker /

/** Every other command of the README, word by word and in its order. */
export const steps: ReadonlyArray<Step> = blocksIn("sh", ["README.md"]).flatMap(({ section, text }) =>
  shellLinesOf({ text })
    .filter((line) => !notWalked.test(line))
    .map((line) => ({ section, line }))
)

/** What each command shows, the first that matches. A command that matches none fails the walk. */
const shown: ReadonlyArray<readonly [command: RegExp, output: RegExp]> = [
  [/^npm install/, /^/],
  [/ add notion /, /Added notion to|has notion already/],
  [/--server notion$/, /3 tools: echo, add, fail[^]*Says it again/],
  [/ tools notion$/, /echo +text +Says it again/],
  [/ call notion /, /^roadmap\r?$/m],
  [/ install notion --client cursor$/, /Added notion in Cursor/],
  [/ auth login notion/, /Signed in to notion/],
  [/ auth status$/, /notion\b[^\n]*signed in/],
  [/ auth token notion$/, /^[\w-]{20,}\r?\n$/],
  [/ auth doctor notion$/, /PKCE/],
  [/ auth logout notion$/, /Signed out of notion/],
  [/ storage$/, /good: wrote, read and removed/]
]

/** A machine to walk on. */
export interface Machine {
  readonly home: string
  /** The MCP server that stands for the one of the README. */
  readonly url: string
  /** Beside HOME. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The command as the demo server knows it: another address, and a tool that it has. */
const atDemo = (line: string, url: string): string =>
  line.replaceAll("https://mcp.notion.com/mcp", url).replaceAll("search query=", "echo text=")

/** Types what the user of a step types, once the terminal shows what it answers. */
const answers = (
  line: string
): ReadonlyArray<readonly [RegExp, (match: RegExpExecArray) => Promise<string>]> => {
  if (line.endsWith("--server notion")) {
    return [
      [/3 tools:[^]*notion> /, async () => "/tools"],
      [/Says it again[^]*notion> /, async () => "/quit"]
    ]
  }
  if (line.includes(" install notion ")) return [[/Write this to the file/, async () => "y"]]
  // Over SSH: the browser of another machine cannot reach this one, and the user copies its address.
  if (line.endsWith("--no-browser")) {
    return [
      [
        /(http:\/\/\S+response_type=\S+)[^]*paste/,
        async ([, address = ""]) => (await followRedirects(address, "http://localhost:")).url
      ]
    ]
  }
  return []
}

/** Runs a command in a terminal, as its user, and returns what that shows. */
const walk = async ({ line, section }: Step, machine: Machine): Promise<string> => {
  const folder = join(machine.home, "work")
  mkdirSync(folder, { recursive: true })
  // Cursor is on this machine.
  mkdirSync(join(machine.home, ".cursor"), { recursive: true })
  if (section === "CI" && !existsSync(join(folder, "server_config.json"))) {
    copyFileSync(join(machine.home, ".mcp_cli", "server_config.json"), join(folder, "server_config.json"))
  }
  const { CI: _, ...env } = process.env
  const child = spawn("script", ["-qefc", `stty cols 4000; ${atDemo(line, machine.url)}`, "/dev/null"], {
    cwd: folder,
    env: { ...env, ...machine.env, HOME: machine.home, ...(section === "CI" ? { CI: "true" } : {}) }
  })
  let output = ""
  const waiting = [...answers(line)]
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString()
    const match = waiting[0]?.[0].exec(output) ?? null
    if (match === null) return
    const [[, answer] = []] = waiting.splice(0, 1)
    void answer?.(match).then((text) => child.stdin.write(`${text}\r`))
  })
  const code = await new Promise((done) => child.once("close", done))
  if (code !== 0) throw new Error(`${line} ended with ${String(code)}: ${output}`)
  return output
}

/** Runs a command of the README. Returns what its terminal shows, and what its user waits for. Throws if it fails. */
export const take = async (
  step: Step,
  machine: Machine
): Promise<{ readonly output: string; readonly expected: RegExp }> => {
  const expected = shown.find(([command]) => command.test(step.line))?.[1]
  if (expected === undefined) throw new Error(`nothing says what ${step.line} shows`)
  return { output: await walk(step, machine), expected }
}
