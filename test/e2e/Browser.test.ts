import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { followRedirects } from "../servers/BrowserUser.ts"
import { startWorld, type World } from "./World.ts"

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const secrets = {
  MCP_CLI_NEW_ENCRYPTION_KEY: "secret-1",
  VAULT_TOKEN: "secret-2",
  NOTION_CLIENT_SECRET: "secret-3",
  NAMED_BY_CONFIGURATION: "secret-4",
  DATABASE_URL: "postgres://me:secret-5@db.test/x",
  NODE_OPTIONS: "--max-old-space-size=512"
}

/** A browser that writes down its arguments and its environment, and then approves. */
const recorder = (name: string) => {
  const folder = join(world.home, "programs")
  mkdirSync(folder, { recursive: true })
  const program = join(folder, name)
  const user = new URL("../servers/BrowserUser.ts", import.meta.url).href
  writeFileSync(
    program,
    `#!${process.execPath}
import { writeFileSync } from "node:fs"
import { followRedirects } from ${JSON.stringify(user)}
writeFileSync(${JSON.stringify(join(world.home, "seen"))}, JSON.stringify({ args: process.argv.slice(2), env: process.env }))
await followRedirects(process.argv.at(-1))
`,
    { mode: 0o755 }
  )
  return { folder, program }
}

const seen = () =>
  JSON.parse(readFileSync(join(world.home, "seen"), "utf8")) as {
    readonly args: ReadonlyArray<string>
    readonly env: Readonly<Record<string, string>>
  }

describe("the browser that a sign-in opens", () => {
  it.each(["$BROWSER", "xdg-open"])(
    "by %s gets its address, and no secret in its environment",
    async (way) => {
      const { folder, program } = recorder("xdg-open")
      world.configure({
        mcpServers: {
          demo: { url: world.mcpServer.url.href, headers: { "x-extra": "${NAMED_BY_CONFIGURATION}" } }
        }
      })
      const login = await world.run(["auth", "login", "demo"], {
        env: {
          ...secrets,
          OF_THE_USER: "plain",
          DISPLAY: ":0",
          BROWSER: way === "$BROWSER" ? `${program} --new-window` : "",
          PATH: `${folder}:${process.env["PATH"]}`
        }
      })
      assert.strictEqual(login.code, 0, login.stderr)
      const { args, env } = seen()
      assert.lengthOf(args, way === "$BROWSER" ? 2 : 1)
      // A program that the user names may choose by the host, or open the address on another machine.
      const isWholeUrl = way === "$BROWSER" && process.platform === "linux"
      const once = /^http:\/\/localhost:\d+\/start\/[\w-]{43}$/
      if (isWholeUrl) assert.include(login.stderr, `\n${args.at(-1)}\n`)
      else assert.match(args.at(-1) ?? "", once)
      assert.notInclude(JSON.stringify(env), "secret-")
      assert.notInclude(JSON.stringify(env), "correct horse")
      assert.isUndefined(env["NODE_OPTIONS"])
      assert.strictEqual(env["DISPLAY"], ":0")
      assert.strictEqual(env["OF_THE_USER"], way === "$BROWSER" ? "plain" : undefined)
      // What the terminal shows can be opened on another machine.
      assert.include(login.stderr, `\n${world.authorizationServer.issuer}/authorize?`)
    }
  )
})

/** The arguments of every process of this machine, as any user reads them. */
const allArguments = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "utf8")]
      } catch {
        return []
      }
    })
    .join("\n")

/** Runs a script as a user who owns nothing here, and returns what it prints. */
const asNobody = (script: string, url: string) =>
  new Promise<string>((done) => {
    const child = spawn(process.execPath, ["-e", script, url], { uid: 65534, gid: 65534, cwd: "/", env: {} })
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.once("close", () => done(output))
  })

const request = `fetch(process.argv[1], { redirect: "manual" }).then(async (r) => console.log(r.status, r.headers.get("location"), await r.text()))`
/** Ends as soon as the request is sent: the connection has no owner then. */
const requestAndEnd = `const url = new URL(process.argv[1])
const socket = require("node:net").connect(url.port, "127.0.0.1", () =>
  socket.write("GET " + url.pathname + url.search + " HTTP/1.1\\r\\nHost: " + url.host + "\\r\\n\\r\\n", () => process.exit()))`
/** Resets the connection as soon as the request is sent: it is in no table then, and the request can still be read. */
const requestAndReset = requestAndEnd.replace("process.exit()", "socket.resetAndDestroy()")

const canChangeUser = process.platform === "linux" && process.getuid?.() === 0

describe.skipIf(!canChangeUser)("another user of this machine (needs Linux and root)", () => {
  it("cannot deliver a code with a state that leaked", async () => {
    const login = world.start(["auth", "login", "demo", "--no-browser"])
    const [, shown = ""] = await login.shows(/^(http\S+)$/m)
    const callback = new URL(new URL(shown).searchParams.get("redirect_uri") ?? "")
    callback.search = new URLSearchParams({
      state: new URL(shown).searchParams.get("state") ?? "",
      code: "another",
      iss: world.authorizationServer.issuer
    }).toString()
    assert.match(await asNobody(request, callback.href), /^403 .*paste the address/s)
    for (let round = 0; round < 10; round++) {
      await asNobody(requestAndEnd, callback.href)
      await asNobody(requestAndReset, callback.href)
    }
    assert.strictEqual((await followRedirects(shown)).status, 200)
    const ended = await login.ended
    assert.strictEqual(ended.code, 0, ended.stderr)
    assert.lengthOf(world.authorizationServer.tokenRequests, 1)
  })

  it("cannot open the address that the browser was given, and does not use it up", async () => {
    const given = join(world.home, "given")
    const folder = join(world.home, "programs")
    mkdirSync(folder)
    writeFileSync(
      join(folder, "xdg-open"),
      `#!${process.execPath}
const { renameSync, writeFileSync } = require("node:fs")
writeFileSync("${given}.new", JSON.stringify([process.pid, process.argv.at(-1)]))
renameSync("${given}.new", "${given}")
setInterval(() => undefined, 1000)
`,
      { mode: 0o755 }
    )
    const login = world.start(["auth", "login", "demo"], {
      env: { BROWSER: "", PATH: `${folder}:${process.env["PATH"]}` }
    })
    const [, shown = ""] = await login.shows(/^(http\S+)$/m)
    while (!existsSync(given)) await new Promise((next) => setImmediate(next))
    const [pid, start] = JSON.parse(readFileSync(given, "utf8")) as [number, string]
    const visible = allArguments()
    process.kill(pid)
    assert.include(visible, start)
    assert.notInclude(visible, new URL(shown).searchParams.get("state") ?? "")
    const answer = await asNobody(request, start)
    assert.match(answer, /^403 null/)
    assert.notInclude(answer, "authorize")
    assert.strictEqual((await followRedirects(start)).status, 200)
    assert.strictEqual((await login.ended).code, 0)
  })
})

const chromium = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path))

describe.skipIf(chromium === undefined)("a real browser (needs Chromium)", () => {
  it("that the program opens signs in", async () => {
    const profile = mkdtempSync(join(tmpdir(), "mcp-cli-chromium-"))
    const pid = join(world.home, "pid")
    const program = join(world.home, "browser")
    const options = `--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --user-data-dir=${profile} --remote-debugging-port=0`
    writeFileSync(program, `#!/bin/sh\necho $$ > ${pid}\nexec ${chromium} ${options} "$1"\n`, { mode: 0o755 })
    try {
      const login = await world.run(["auth", "login", "demo"], { env: { BROWSER: program } })
      assert.strictEqual(login.code, 0, login.stderr)
    } finally {
      // The browser leads a process group of its own.
      process.kill(-Number(readFileSync(pid, "utf8")), "SIGKILL")
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    }
  })
})
