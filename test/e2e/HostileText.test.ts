import { spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import {
  fake,
  type HostileServer,
  poison,
  startHostileServer,
  type Trouble
} from "../servers/HostileServer.ts"
import { type Ended, startWorld, type World } from "./World.ts"

let world: World
let server: HostileServer

const demo = () => ({ url: server.url.href })

beforeAll(async () => {
  world = await startWorld()
  server = await startHostileServer()
  world.configure({ mcpServers: { demo: demo() } })
  await world.run(["auth", "login", "demo"])
})
afterAll(async () => {
  await server.close()
  await world.close()
})

/** What a terminal acts on or hides: Unicode's control and format characters, and other line ends. Not a line break. */
const unsafe = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

const assertSafe = (text: string): void => {
  assert.notMatch(text, unsafe, JSON.stringify(text))
  for (const line of text.split("\n")) assert.notMatch(line, new RegExp(`^${fake}`), text)
}

/** Runs the program, and fails if it shows something unsafe. */
const run = async (args: ReadonlyArray<string>, stdin = ""): Promise<Ended> => {
  const ended = await world.run(args, { stdin })
  assertSafe(ended.stdout)
  assertSafe(ended.stderr)
  assert.notStrictEqual(ended.code, 1, ended.stderr)
  return ended
}

/** Runs the program at a terminal, to the end of `typed`; gives all that the terminal gets. */
const atTerminal = (
  args: ReadonlyArray<string>,
  typed: ReadonlyArray<readonly [after: RegExp, keys: string]>
) =>
  new Promise<string>((done) => {
    const command = [process.execPath, resolve("dist/bin/mcp-cli.cjs"), ...args]
      .map((word) => `'${word}'`)
      .join(" ")
    const { NODE_OPTIONS: _, CI: _ci, ...inherited } = process.env
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      cwd: world.home,
      env: {
        ...inherited,
        HOME: world.home,
        DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
        MCP_CLI_ENCRYPTION_KEY: "correct horse battery staple",
        XDG_CACHE_HOME: resolve("node_modules/.cache"),
        TERM: "xterm",
        BROWSER: "false"
      }
    })
    let shown = ""
    const left = [...typed]
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString()
      const [next] = left
      if (next !== undefined && next[0].test(shown)) {
        left.shift()
        child.stdin.write(next[1])
      }
    })
    child.once("close", () => done(shown))
  })

/** The text on a terminal without what the program and its line editor may send: bold, moves of the cursor, and the mode for pastes. */
const withoutOurs = (shown: string): string =>
  // oxlint-disable-next-line no-control-regex -- the editor controls the terminal
  shown.replace(/\u001b\[(?:[01]m|\d*[GJ]|\?2004[hl])|\r\n|\u0007/g, "\n").replace(/\r/g, "\n")

const plain: ReadonlyArray<ReadonlyArray<string>> = [
  ["tools", "demo"],
  ["resources", "demo"],
  ["prompts", "demo"],
  ["ping", "demo"],
  ["servers"],
  ["call", "demo", "fails"],
  ["call", "demo", "error"],
  ["call", "demo", poison.replaceAll("\0", ""), "a=1"],
  ["auth", "status"],
  ["auth", "token", "demo"],
  ["auth", "doctor", "demo"],
  ["auth", "client-metadata", "demo"],
  ["storage"],
  ["tools", poison.replaceAll("\0", "")],
  ["tools", "demo", `--${poison.replaceAll("\0", "")}`],
  [poison.replaceAll("\0", "")]
]

describe("text of a server", () => {
  it.each(plain.map((args) => [args] as const))("cannot control a terminal: %j", async (args) => {
    const isContent = args[0] === "call"
    const ended = await world.run(args)
    if (!isContent) assertSafe(ended.stdout)
    assertSafe(ended.stderr)
    assert.notStrictEqual(ended.code, 1, ended.stderr)
    await run([...args, "--json"])
    assertSafe((await world.run([...args, "-v"])).stderr)
  })

  it.runIf(process.platform === "linux")("and a token are in no core file", async () => {
    const running = world.start(["--server", "demo"], { openInput: true })
    await running.shows(/\/help lists/)
    const filter = readFileSync(`/proc/${running.child.pid}/coredump_filter`, "utf8")
    running.child.stdin?.end()
    await running.ended
    assert.strictEqual(Number.parseInt(filter, 16), 0)
  })

  it("reaches programs unchanged as JSON", async () => {
    const tools: ReadonlyArray<{ readonly name: string }> = JSON.parse(
      (await run(["tools", "demo", "--json"])).stdout
    )
    assert.deepStrictEqual(
      tools.map(({ name }) => name),
      [poison, "plain"]
    )
    const { content } = JSON.parse((await run(["call", "demo", "plain", "--json"])).stdout)
    assert.strictEqual(content[0].text, poison)
  })

  it("is content as it is for a file or another program, and safe on a terminal", async () => {
    const { stdout } = await world.run(["call", "demo", "plain"])
    assert.isTrue(stdout.startsWith(poison), JSON.stringify(stdout))
    const shown = withoutOurs(await atTerminal(["call", "demo", "plain"], []))
    assert.include(shown, "mcp-cli: FAKE")
    assert.notMatch(shown, unsafe, JSON.stringify(shown))
  })

  it("leaves only scopes of its answer in what is stored", async () => {
    const { stdout } = await run(["auth", "status", "demo", "--json"])
    const [{ scopes }] = JSON.parse(stdout)
    assert.include(scopes, "read")
    for (const scope of scopes) assert.match(scope, /^[\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  const troubles: ReadonlyArray<readonly [Trouble, ReadonlyArray<string>]> = [
    ["registration", ["auth", "login", "demo", "--account", "registration"]],
    ["authorization", ["auth", "login", "demo", "--account", "authorization"]],
    ["token", ["auth", "login", "demo", "--account", "token"]],
    ["metadata", ["auth", "login", "demo", "--account", "metadata"]],
    ["device", ["auth", "login", "demo", "--account", "device", "--device"]],
    ["mcp", ["tools", "demo"]],
    ["mcp", ["auth", "doctor", "demo"]],
    ["scope", ["call", "demo", "plain", "--no-interactive"]]
  ]
  it.each(troubles)("cannot control a terminal in an error: %s", async (trouble, args) => {
    server.refuse(trouble)
    try {
      if (trouble === "registration") world.configure({ mcpServers: { demo: demo(), other: demo() } })
      const { code } = await run(args)
      assert.notStrictEqual(code, 0)
      await run([...args, "--json"])
    } finally {
      server.refuse()
    }
  })

  it.each([[], ["--json"]])(
    "cannot control a terminal by the refusal of a sign-out %s",
    async (...options) => {
      const account = ["demo", "--account", "revocation"]
      await run(["auth", "login", ...account])
      server.refuse("revocation")
      try {
        assert.strictEqual((await run(["auth", "logout", ...account, ...options])).code, 0)
      } finally {
        server.refuse()
      }
    }
  )

  it("cannot control a terminal as a device code", async () => {
    const { code } = await run(["auth", "login", "demo", "--account", "phone", "--device"])
    assert.strictEqual(code, 5)
  })

  it("cannot control a terminal in a session", async () => {
    const lines = [
      "/tools",
      "/resources",
      "/prompts",
      "/call error",
      `/call ${poison.split("\n")[0]}`,
      "/what"
    ]
    for (const line of lines) {
      const { code, stderr, stdout } = await world.run(["--server", "demo"], { stdin: `${line}\n` })
      assertSafe(stderr)
      if (!line.startsWith("/call")) assertSafe(stdout)
      assert.notStrictEqual(code, 1, stderr)
    }
  })

  it("cannot control a terminal by the TAB key", async () => {
    const shown = await atTerminal(
      ["--server", "demo"],
      // One key at a time: the editor takes a TAB in pasted text for text.
      [
        [/demo> /, "/call "],
        [/\/call $/, "\t"],
        [/\/call plain/, "\r"],
        [/bytes\][^]*demo> /, "/read "],
        [/\/read $/, "\t"],
        [/\/read plain/, "\u0003"],
        [/\/read plain[^]*demo> /, "\u0004"]
      ]
    )
    const text = withoutOurs(shown)
    assert.include(text, "/call plain")
    assert.include(text, "/read plain:///")
    assert.notMatch(text, unsafe, JSON.stringify(text))
  })

  it("cannot control a terminal in a trace, and a browser takes it for text", async () => {
    await run(["auth", "login", "demo", "--trace", "trace.html"])
    assert.notMatch(readFileSync(join(world.home, "trace.html"), "utf8"), unsafe)
  })

  it("cannot control a terminal as the name of a folder or a server", async () => {
    const folder = join(world.home, poison.replaceAll("\0", "").replaceAll("/", ":"))
    mkdirSync(folder)
    const file = join(folder, "server_config.json")
    writeFileSync(
      file,
      JSON.stringify({ mcpServers: { [poison]: demo(), demo: { ...demo(), [poison]: 1 } } })
    )
    await run(["storage", "--config-file", file])
    assert.strictEqual((await run(["servers", "--config-file", file])).code, 2)
    // The other servers can be used.
    assert.strictEqual((await run(["tools", "demo", "--config-file", file])).code, 0)
    writeFileSync(file, JSON.stringify({ mcpServers: { demo: { command: poison, args: [poison] } } }))
    for (const command of [["servers"], ["tools", "demo"]]) await run([...command, "--config-file", file])
  })
})
