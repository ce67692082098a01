import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import { startAuthorizationServer } from "../test/servers/AuthorizationServer.ts"
import { startMcpServer } from "../test/servers/McpServer.ts"
import { modelServer } from "../test/servers/ModelServer.ts"
import { makePagesServer } from "../test/servers/PagesServer.ts"

// What a user sees of mcp-cli, in front of a real authorization server and a real MCP server, which run in this process. The program
// asks a browser without a display to approve, or with `--browser` yours. With `--chat` it talks to a model that follows rules, behind a
// real HTTP API: no account is needed.

/** Lifetime of an access token, in seconds. The program refreshes it when less than half is left. */
const lifetime = 10
const withBrowser = process.argv.includes("--browser")
const withChat = process.argv.includes("--chat")
const program = resolve("dist/bin/mcp-cli.cjs")

const say = (text: string) => process.stdout.write(`${text}\n`)

const authorizationServer = await startAuthorizationServer({
  accessTokenSeconds: lifetime,
  autoApprove: !withBrowser
})
const mcpServer = await startMcpServer({
  authorizationServer,
  ...(withChat ? { make: makePagesServer } : {})
})
const scope = Effect.runSync(Scope.make())
const model = await Effect.runPromise(Effect.provideService(modelServer(), Scope.Scope, scope))
const home = mkdtempSync(join(tmpdir(), "mcp-cli-demo-"))
const browserLog = join(home, "browser.log")
writeFileSync(browserLog, "")
// Encrypted files: a demonstration leaves nothing in your keyring.
mkdirSync(join(home, ".mcp_cli"), { mode: 0o700 })
const configuration = JSON.stringify({ mcpServers: {}, tokenStorage: { backend: "encrypted" } })
writeFileSync(join(home, ".mcp_cli", "server_config.json"), configuration, { mode: 0o600 })

const password = randomBytes(16).toString("hex")
/** With `--browser` the browser of the desktop, in the user's own home. */
const ofDesktop = process.platform === "linux" ? { BROWSER: `env HOME=${homedir()} xdg-open` } : {}
const browser = withBrowser
  ? ofDesktop
  : { BROWSER: `${process.execPath} ${resolve("test/servers/browser.ts")}` }

/** Runs a command as a user types it, on this terminal. */
const run = async (...args: ReadonlyArray<string>) => {
  say(`\n$ mcp-cli ${args.map((arg) => (arg.includes(" ") ? `"${arg}"` : arg)).join(" ")}`)
  const { CI: _, ...inherited } = process.env
  const child = spawn(process.execPath, [program, ...args], {
    env: {
      ...inherited,
      HOME: home,
      USERPROFILE: home,
      MCP_CLI_ENCRYPTION_KEY: password,
      BROWSER_LOG: browserLog,
      MCP_CLI_MODEL: "scripted",
      MCP_CLI_MODEL_BASE_URL: model.baseUrl,
      ...browser
    },
    cwd: home,
    stdio: "inherit"
  })
  const code = await new Promise((done) => child.once("close", done))
  if (code !== 0) throw new Error(`it ended with ${String(code)}`)
}
const count = (name: string) => authorizationServer.counts.get(name) ?? 0

/** A conversation, or without a terminal one question. */
const chat = async () => {
  await run("add", "notion", mcpServer.url.href)
  const question = "list my pages"
  if (process.stdin.isTTY !== true) {
    await run("auth", "login", "notion")
    return run("ask", "notion", question, "--allow", "notion:list_pages")
  }
  say(`\nA model that follows rules answers here. Type: ${question}`)
  say('Then: create a page with the title "Ideas". /help lists commands, Ctrl-D ends.')
  await run("--server", "notion")
}

const signIn = async () => {
  const started = performance.now()
  await run("add", "demo", mcpServer.url.href)
  await run("auth", "login", "demo")
  await run("tools", "demo")
  await run("call", "demo", "add", "a=19", "b=23")
  await run("auth", "status")

  say(`\nThe access token ends after ${lifetime} seconds. Waiting for that, and one more.`)
  await pause((lifetime + 1) * 1000)
  const before = count("token:refresh_token")
  await run("call", "demo", "echo", "text=still signed in")
  const refreshed = count("token:refresh_token") - before
  await run("auth", "logout", "demo")

  const opened = withBrowser ? 1 : readFileSync(browserLog, "utf8").split("\n").length - 1
  say("\nWhat that took:")
  for (const [what, figure] of [
    ["browsers opened", opened],
    ["clients registered", count("register")],
    ["codes exchanged", count("token:authorization_code")],
    ["refreshes after the token had ended, without a browser", refreshed],
    ["seconds", ((performance.now() - started) / 1000).toFixed(1)]
  ] as const) {
    say(`  ${what.padEnd(56)} ${String(figure).padStart(5)}`)
  }
  if (opened !== 1 || refreshed !== 1) throw new Error("one browser and one refresh were expected")
}

try {
  await (withChat ? chat() : signIn())
} finally {
  await Promise.all([
    authorizationServer.close(),
    mcpServer.close(),
    Effect.runPromise(Scope.close(scope, Exit.void))
  ])
  rmSync(home, { recursive: true, force: true })
}
