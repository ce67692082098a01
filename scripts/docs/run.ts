import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { Effect } from "effect"
import { chromium } from "playwright-core"
import { startAuthorizationServer } from "../../test/servers/AuthorizationServer.ts"
import { useDevice } from "../../test/servers/DeviceUser.ts"
import { type McpServerOptions, startMcpServer } from "../../test/servers/McpServer.ts"
import { modelServer } from "../../test/servers/ModelServer.ts"
import { byRules, type ModelScript } from "../../test/servers/models/ModelScript.ts"
import { makePagesServer } from "../../test/servers/PagesServer.ts"
import { startSecretService } from "../../test/servers/SecretService.ts"
import { decisionIndex } from "./DecisionIndex.ts"
import { startTerminal, type Terminal } from "./Terminal.ts"
import { terminalPicture } from "./TerminalPicture.ts"

// Makes what is generated in `docs` from the program in `dist`: `npm run docs`, or `node scripts/docs/run.ts NAME ...` for some.

const pictures = "docs/pictures"
const program = `exec ${process.execPath} ${resolve("dist/bin/mcp-cli.cjs")} "$@"`

const executable = (file: string, ...lines: ReadonlyArray<string>) => {
  writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"))
  chmodSync(file, 0o755)
}

/** An empty home, with the program and a browser whose user approves after a moment. */
const makeHome = (): string => {
  // A short name, which the pictures show.
  const home = existsSync("/tmp/you") ? mkdtempSync("/tmp/you-") : "/tmp/you"
  const bin = join(home, ".bin")
  mkdirSync(bin, { recursive: true, mode: 0o700 })
  executable(join(bin, "mcp-cli"), program)
  const browser = `exec ${process.execPath} ${resolve("test/servers/browser.ts")} "$1"`
  executable(join(bin, "browser"), "sleep 2", browser)
  return home
}

interface Stage {
  readonly home: string
  readonly url: string
  readonly terminal: (columns: number, rows: number) => Terminal
}

/** A user with a desktop, whose keyring is unlocked, in front of an MCP server on this machine. */
const withStage = async (
  act: (stage: Stage) => Promise<void>,
  {
    more = {},
    ...options
  }: Omit<McpServerOptions, "authorizationServer"> & {
    readonly more?: Readonly<Record<string, string>>
  } = {}
): Promise<void> => {
  const authorizationServer = await startAuthorizationServer({ autoApprove: true, deviceFlow: true })
  const mcpServer = await startMcpServer({ authorizationServer, ...options })
  const keyring = await startSecretService()
  const home = makeHome()
  const env = {
    ...keyring.env,
    HOME: home,
    PATH: [join(home, ".bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":"),
    BROWSER: join(home, ".bin", "browser"),
    XDG_CACHE_HOME: resolve("node_modules/.cache"),
    LANG: "C.UTF-8",
    ...more
  }
  const terminals: Array<Terminal> = []
  try {
    await act({
      home,
      url: mcpServer.url.href,
      terminal: (columns, rows) => {
        const terminal = startTerminal(columns, rows, env)
        terminals.push(terminal)
        return terminal
      }
    })
  } finally {
    for (const terminal of terminals) terminal.close()
    await Promise.all([authorizationServer.close(), mcpServer.close(), keyring.close()])
    rmSync(home, { recursive: true, force: true })
  }
}

const write = (name: string, content: string | Buffer) => {
  mkdirSync(pictures, { recursive: true })
  const file = join(pictures, name)
  writeFileSync(file, content)
  process.stdout.write(`${file}: ${statSync(file).size} bytes\n`)
}

const shell = /(?:^|\n)\$$/
const add = async (terminal: Terminal, url: string) => {
  await terminal.until(shell)
  await terminal.type(`mcp-cli add demo ${url}`)
  await terminal.until(shell)
  terminal.rest(1.5)
}

/** The first run, and the second one: the way from nothing to an answer, and the way after that. */
const recordRuns = () =>
  withStage(async ({ terminal: start, url }) => {
    const first = start(96, 34)
    await add(first, url)
    await first.type("mcp-cli --server demo")
    await first.until(/Waiting/)
    first.rest(2.5)
    await first.until(/demo>$/)
    first.rest(1.5)
    await first.type("/tools")
    await first.until(/fail +[^]*demo>$/)
    first.rest(1.5)
    await first.type("/call add a=19 b=23")
    await first.until(/\n42\n[^]*demo>$/)
    write("first-run.svg", terminalPicture("The first run of mcp-cli", 96, first.frames()))

    const second = start(96, 12)
    await second.until(shell)
    await second.type("mcp-cli call demo add a=19 b=23")
    await second.until(/\n42\n/)
    second.rest(1.5)
    await second.type("mcp-cli auth status")
    await second.until(/NAME[^]*\$$/)
    write("second-run.svg", terminalPicture("The second run of mcp-cli", 96, second.frames()))
  })

/** A chat: a question, a call that is approved, an answer, and a second call. The model follows a script. */
const recordChat = () =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const model = yield* modelServer({ models: ["qwen3"], script: chatScript })
        const more = { MCP_CLI_MODEL: "qwen3", MCP_CLI_MODEL_BASE_URL: model.baseUrl }
        yield* Effect.promise(() =>
          withStage(
            async ({ terminal: start, url }) => {
              const terminal = start(96, 34)
              await terminal.until(shell)
              await terminal.type(`mcp-cli add notion ${url}`)
              await terminal.until(shell)
              await terminal.type("clear; mcp-cli --server notion")
              await terminal.until(/You:$/)
              terminal.rest(1.5)
              await terminal.type("list my pages")
              await terminal.until(/n no:$/)
              terminal.rest(2)
              await terminal.press("a")
              await terminal.until(/out\S*\nYou:$/)
              terminal.rest(2)
              await terminal.type('create a page "Ideas"')
              await terminal.until(/Ideas[^]*n no:$/)
              terminal.rest(1.5)
              await terminal.press("y")
              await terminal.until(/there now[^]*You:$/)
              write("chat.svg", terminalPicture("A chat of mcp-cli", 96, terminal.frames()))
            },
            { make: makePagesServer, more }
          )
        )
      })
    )
  )

const chatScript: ModelScript = (messages, tools) => {
  const last = messages.at(-1)
  if (last?.role !== "tool") return byRules(messages, tools)
  return messages.some(({ text }) => text.includes("Ideas"))
    ? { text: "**Ideas** is there now, below *Meeting notes*." }
    : { text: `You have two pages:\n\n${last.text}` }
}

/** The last screen of a terminal, as a still picture. */
const still = (title: string, columns: number, { frames }: Terminal) =>
  terminalPicture(title, columns, [{ at: 0, rows: frames().at(-1)?.rows ?? [] }])

const pictureDoctor = () =>
  withStage(async ({ terminal: start, url }) => {
    const terminal = start(110, 30)
    await add(terminal, url)
    await terminal.type("clear; mcp-cli auth doctor demo")
    await terminal.until(/storage[^]*\$$/)
    write("doctor.svg", still("mcp-cli auth doctor", 110, terminal))
  })

const pictureDevice = () =>
  withStage(async ({ terminal: start, url }) => {
    const terminal = start(84, 40)
    await add(terminal, url)
    await terminal.type("clear; mcp-cli auth login demo --device")
    const [, address = "", code = ""] = await terminal.until(
      /(http:\/\/\S+)[^]*?\b([A-Z0-9]{4}-[A-Z0-9]{4})\b[^]*Waiting/
    )
    write("device.svg", still("A sign-in with a device code", 84, terminal))
    await useDevice(new URL(address), code, "approve")
    await terminal.until(/Signed in/)
  })

const pictureTrace = () =>
  withStage(async ({ home, terminal: start, url }) => {
    const terminal = start(96, 40)
    await add(terminal, url)
    await terminal.type("clear; mcp-cli auth login demo --trace trace.html")
    await terminal.until(/Trace written/)
    const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path))
    const browser = await chromium.launch({
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
      ...(executablePath === undefined ? {} : { executablePath })
    })
    try {
      const page = await browser.newPage({ viewport: { width: 1000, height: 960 } })
      await page.goto(`file://${join(home, "trace.html")}`)
      write("trace.png", await page.screenshot({ type: "png" }))
    } finally {
      await browser.close()
    }
  })

const parts: Readonly<Record<string, () => Promise<void>>> = {
  decisions: async () => writeFileSync("docs/decisions/README.md", decisionIndex()),
  runs: recordRuns,
  chat: recordChat,
  doctor: pictureDoctor,
  device: pictureDevice,
  trace: pictureTrace
}

const asked = process.argv.slice(2)
for (const [name, make] of Object.entries(parts)) {
  if (asked.length === 0 || asked.includes(name)) await make()
}
