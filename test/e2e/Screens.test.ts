import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { join, resolve } from "node:path"
import { afterAll, assert, beforeAll, describe, expect, it } from "vitest"
import { followRedirects } from "../servers/BrowserUser.ts"
import { hasTerminal, startVirtualTerminal, type VirtualTerminal } from "./VirtualTerminal.ts"
import { freePort, type Home, makeHome, startWorld, type World } from "./World.ts"

const widths = [60, 80, 120]

const interrupt = "\u0003"
const endOfInput = "\u0004"
const clearLine = "\u0015"
const pasted = (text: string) => `\u001b[200~${text}\u001b[201~`

const expectScreens = (name: string, screens: ReadonlyArray<readonly [what: string, screen: string]>) =>
  expect(screens.map(([what, screen]) => `--- ${what} ---\n${screen}\n`).join("\n")).toMatchFileSnapshot(
    `screens/${name}.txt`
  )

/** Styles that can be read on a light screen and on a dark one. */
const readable = /^(bold|dim|red|green|magenta)$/

const assertReadable = (screens: ReadonlyArray<readonly [what: string, screen: string]>) => {
  for (const [what, screen] of screens)
    for (const [, style = ""] of screen.matchAll(/‹([a-z\d ]+):/g)) assert.match(style, readable, what)
}

const prompt = /\ndemo> $/

/** What a user types in a session, and what the screen shows then. */
const lines: ReadonlyArray<readonly [what: string, keys: string, until: RegExp, leave?: string]> = [
  ["/help", "/help\r", prompt],
  ["/tools", "/tools\r", prompt],
  ["/tools NAME", "/tools search\r", prompt],
  ["/tools NAME, misspelt", "/tools serch\r", prompt],
  ["/status", "/status\r", prompt],
  ["a call", "/call echo text=hello\r", prompt],
  ["a call, as it reports progress", "/call copy\r", /40% copying pages$/],
  ["Ctrl-C", interrupt, /Cancelled\.\ndemo> $/],
  ["a call that says nothing", "/call wait\r", /\u280b wait $/],
  ["Ctrl-C again", interrupt, /Cancelled\.\ndemo> $/],
  ["a tool that fails", "/call search query=roadmap\r", prompt],
  ["a tool that is not there", "/call frobnicate\r", prompt],
  ["a tool, misspelt", "/call ecko text=hello\r", prompt],
  ["a missing argument", "/call search limit=5\r", prompt],
  ["wrong arguments", "/call search query=a limit=many\r", prompt],
  ["a wrong choice", "/call search query=a status=opne\r", prompt],
  ["a command, misspelt", "/tool\r", prompt],
  ["a tool in place of a command", "echo text=hello\r", prompt],
  ["/read", "/read screens:///readme\r", prompt],
  ["/prompt without its argument", "/prompt greet\r", prompt],
  ["/prompt", "/prompt greet who=Ada\r", prompt],
  ["history search", "\u0012text=", /\(search "text="\) echo text=hello$/],
  ["a search without a match", "zzz", /\(no match "text=zzz"\) echo text=hello$/],
  ["the end of a search", "\u0007", /demo> $/],
  ["several lines, pasted", pasted("call echo text=a\ncall echo text=b\n"), /text=b$/],
  ["Enter after that", "\r", /\nb\ndemo> $/],
  ["TAB after a command", "/ca\t", /\/call $/, clearLine],
  ["TAB after the start of a tool", "/call ec\t", /\/call echo $/, clearLine],
  ["TAB twice, with several tools", "/call \t\t", /wait[^]*\ndemo> \/call $/, clearLine],
  ["TAB after the start of an argument", "/call search sta\t", /status=$/, clearLine],
  ["TAB twice, with several values", "/call search status=\t\t", /closed[^]*\ndemo> .*status=$/, clearLine],
  ["TAB with what the server completes", "/prompt greet who=G\t", /who="Grace Hopper" $/, clearLine],
  ["Ctrl-C at an empty line", interrupt, /end the session\.\ndemo> $/]
]

describe.skipIf(!hasTerminal)("the screens of a session (need script of util-linux)", () => {
  let home: Home
  beforeAll(() => {
    home = makeHome("")
    // Short names, which are the same on every machine.
    symlinkSync(process.execPath, join(home.home, "node"))
    symlinkSync(resolve("test/servers/screens.ts"), join(home.home, "screens.ts"))
    home.configure({ mcpServers: { demo: { command: "./node", args: ["screens.ts"], cwd: home.home } } })
  })
  afterAll(() => home.close())

  it.each(widths)("are as they were, with %i columns", async (columns) => {
    const terminal = startVirtualTerminal(home, ["--server", "demo"], columns, {
      env: { MCP_CLI_HISTORY: "" }
    })
    const screens: Array<readonly [string, string]> = [["the start", await terminal.shows(prompt)]]
    for (const [what, keys, until, leave] of lines) {
      screens.push([what, await terminal.type(keys, until)])
      if (leave !== undefined) await terminal.type(leave, /demo> $/)
    }
    terminal.press(endOfInput)
    assert.strictEqual((await terminal.ended).code, 0)
    assertReadable(screens)
    await expectScreens(`session-${columns}`, screens)
  })

  it("of commands are as they were", async () => {
    const screens: Array<readonly [string, string]> = []
    for (const [args, code] of [
      [["call", "demo", "draw", "--output", "cat.png"], 0],
      [["call", "demo", "echo", "text=hello", "--output", "cat.png"], 2],
      [["call", "demo", "frobnicate"], 5],
      [["read", "demo", "screens:///readme"], 0],
      [["prompt", "demo", "greet", "who=Ada"], 0]
    ] as const) {
      const terminal = startVirtualTerminal(home, args, 80)
      assert.strictEqual((await terminal.ended).code, code)
      screens.push([`mcp-cli ${args.join(" ")}`, await terminal.shows(/./)])
    }
    assert.strictEqual(readFileSync(join(home.home, "cat.png"), "utf8"), "a cat")
    assert.strictEqual(readFileSync(join(home.home, "cat-2.png"), "utf8"), "another cat")
    assertReadable(screens)
    await expectScreens("commands", screens)
  })

  it("of a command show its progress, and end with Ctrl-C", async () => {
    const screens: Array<readonly [string, string]> = []
    for (const tool of ["copy", "wait"]) {
      const terminal = startVirtualTerminal(home, ["call", "demo", tool], 80)
      screens.push([tool, await terminal.shows(tool === "copy" ? /40% copying pages$/ : /\u280b wait $/)])
      terminal.press(interrupt)
      assert.strictEqual((await terminal.ended).code, 130)
      screens.push(["Ctrl-C", await terminal.shows(/^/)])
    }
    await expectScreens("progress", screens)
  })
})

describe.skipIf(!hasTerminal)("the screens of install (need script of util-linux)", () => {
  let home: Home
  let project: string
  let file: string
  beforeAll(() => {
    home = makeHome("https://mcp.example.com/mcp")
    project = join(home.home, "project")
    file = join(project, ".cursor", "mcp.json")
    mkdirSync(join(project, ".git"), { recursive: true })
  })
  afterAll(() => home.close())

  it.each(widths)("ask before a file is changed, with %i columns", async (columns) => {
    const args = ["install", "demo", "--client", "cursor", "--project"]
    const screens: Array<readonly [string, string]> = []
    for (const [what, keys, code, isWritten] of [
      ["no", "n", 0, false],
      ["Enter", "\r", 0, false],
      ["Ctrl-C", interrupt, 130, false],
      ["yes", "y", 0, true],
      ["once more", "", 0, true]
    ] as const) {
      const terminal = startVirtualTerminal(home, args, columns, { cwd: project })
      if (keys !== "") {
        const question = await terminal.shows(/\(y\/N\)›?$/)
        if (what === "no") screens.push(["the question", question])
        terminal.press(keys)
      }
      assert.strictEqual((await terminal.ended).code, code, what)
      const screen = await terminal.shows(/./)
      screens.push([what, screen.slice(Math.max(screen.search(/^.*Write this/m), 0))])
      assert.strictEqual(existsSync(file), isWritten, what)
    }
    rmSync(file)
    assertReadable(screens)
    await expectScreens(`install-${columns}`, screens)
  })
})

describe.skipIf(!hasTerminal)("the screens of a sign-in (need script of util-linux)", () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ deviceFlow: true })
    await world.run(["auth", "login", "demo"])
    const redirect_uri = `http://localhost:${await freePort()}/callback`
    world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href, oauth: { redirect_uri } } } })
  })
  afterAll(() => world.close())

  /** Where the browser of a user at another machine ends. */
  const endOf = async (terminal: VirtualTerminal) => {
    const address = terminal.addresses().at(-1) ?? ""
    const redirectUri = new URL(address).searchParams.get("redirect_uri") ?? ""
    return (await followRedirects(address, redirectUri)).url
  }

  it.each(widths)("are as they were, with %i columns", async (columns) => {
    await world.run(["auth", "reset", "demo"])
    const screens: Array<readonly [string, string]> = []
    const ssh = {
      SSH_CONNECTION: "192.0.2.1 5000 192.0.2.2 22",
      BROWSER: "",
      DISPLAY: "",
      WAYLAND_DISPLAY: ""
    }
    const terminal = startVirtualTerminal(world, ["auth", "login", "demo"], columns, { env: ssh })
    const question = /Paste the address \(M:SS\): $/
    screens.push(["over SSH", await terminal.shows(question)])
    const end = await endOf(terminal)
    const at = end.indexOf("&state=") + 9
    screens.push(["another text", await terminal.type("hello\r", new RegExp(`\\n${question.source}`))])
    const cut = await terminal.type(`${end.slice(0, at)}\r`, new RegExp(`start of[^]*\\n${question.source}`))
    screens.push(["the start of the address", cut.slice(cut.indexOf("mcp-cli: "))])
    terminal.press(`${end.slice(at)}\r`)
    assert.strictEqual((await terminal.ended).code, 0)
    await terminal.shows(/Signed in to demo\./)
    assertReadable(screens)
    await expectScreens(`sign-in-${columns}`, screens)
  })

  it("show after it the progress of a tool over HTTP, with 60, 80 and 120 columns, and Ctrl-C ends it", async () => {
    await world.run(["auth", "login", "demo"])
    const screens: Array<readonly [string, string]> = []
    for (const columns of widths) {
      const terminal = startVirtualTerminal(world, ["call", "demo", "copy", "--no-check"], columns)
      screens.push([`${columns} columns`, await terminal.shows(/40% copying .*(\u2026|two)$/)])
      terminal.press(interrupt)
      assert.strictEqual((await terminal.ended).code, 130)
      screens.push(["Ctrl-C", await terminal.shows(/^/)])
    }
    await expectScreens("progress-http", screens)
  })

  it("and of other commands have colours that can be read on a light screen", async () => {
    const servers = { demo: { url: world.mcpServer.url.href }, other: { url: "http://127.0.0.1:1/mcp" } }
    world.configure({ mcpServers: servers })
    const commands = [
      ["--help"],
      ["auth", "login", "--help"],
      ["auth", "status"],
      ["auth", "doctor", "demo"],
      ["storage"],
      ["servers"],
      ["tools", "demo", "ecko"],
      ["auth", "login", "dmeo"],
      ["call", "demo", "fail"]
    ]
    const screens = await Promise.all(
      commands.map(async (args) => {
        const terminal = startVirtualTerminal(world, args, 80)
        await terminal.ended
        return [args.join(" "), await terminal.shows(/./)] as const
      })
    )
    assertReadable(screens)
    const styles = screens.flatMap(([, screen]) =>
      Array.from(screen.matchAll(/‹([a-z\d ]+):/g), ([, style]) => style)
    )
    assert.deepStrictEqual([...new Set(styles)].toSorted(), ["bold", "green", "magenta", "red"])
  })

  it("ask for the password of a new store without a broken word, with 60 columns", async () => {
    const home = makeHome(world.mcpServer.url.href)
    home.configure({
      tokenStorage: { backend: "encrypted" },
      mcpServers: { keyed: { url: world.mcpServer.url.href, headers: { "X-Key": "${secret:KEY}" } } }
    })
    const terminal = startVirtualTerminal(home, ["secret", "set", "keyed", "KEY"], 60, {
      env: { MCP_CLI_ENCRYPTION_KEY: "" }
    })
    await terminal.shows(/Secret KEY of keyed: $/)
    await terminal.type("a secret\r", /is\s+set: $/)
    await terminal.type("short\r", /characters\.[^]*is\s+set: $/)
    await terminal.type("long enough\r", /again: $/)
    terminal.press("long enough\r")
    assert.strictEqual((await terminal.ended).code, 0)
    await expectScreens("password-60", [["a new store", await terminal.shows(/is stored/)]])
  })

  it("lead from the package to an answer with 90 keystrokes, without a question", async () => {
    await world.run(["auth", "reset", "demo"])
    world.configure({ mcpServers: {} })
    const url = world.mcpServer.url.href
    const args = ["call", url, "echo", "text=hi"]
    const install = "npm i -g mcp-cli-oauth\r"
    const call = `mcp-cli ${args.join(" ")}\r`
    assert.isAtMost(install.length + call.length, 90)
    const terminal = startVirtualTerminal(world, args, 80)
    assert.strictEqual((await terminal.ended).code, 0)
    assert.match(await terminal.shows(/./), /\nhi\n/)
  })
})
