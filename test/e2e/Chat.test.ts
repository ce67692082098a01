import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { chromium } from "playwright-core"
import { afterAll, assert, beforeAll, describe, expect, it } from "vitest"
import { useDevice } from "../servers/DeviceUser.ts"
import { makePagesServer } from "../servers/PagesServer.ts"
import { type ModelServer, modelServer } from "../servers/ModelServer.ts"
import { byRules, type ModelScript } from "../servers/models/ModelScript.ts"
import { hasTerminal, startVirtualTerminal, type VirtualTerminal } from "./VirtualTerminal.ts"
import { type Home, makeHome, startWorld } from "./World.ts"

const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path))

const interrupt = "\u0003"
const endOfInput = "\u0004"
const pasted = (text: string) => `\u001b[200~${text}\u001b[201~`
const question = /Run it\?[^]*: $/
const prompt = /\nYou: $/

const scope = Effect.runSync(Scope.make())
let model: ModelServer
beforeAll(async () => {
  model = await Effect.runPromise(Effect.provideService(modelServer(), Scope.Scope, scope))
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

/** The environment of a user who has chosen the model. */
const withModel = () => ({ MCP_CLI_MODEL: "scripted", MCP_CLI_MODEL_BASE_URL: model.baseUrl })

/** The text of every file below a folder. */
const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [readFileSync(join(entry.parentPath, entry.name), "latin1")] : []
  )

/** The last text of the user that the model was told, as JSON. */
const asked = () => {
  const body = model.requests.at(-1)?.body as
    | { readonly messages: ReadonlyArray<{ readonly role: string; readonly content: unknown }> }
    | undefined
  const ofUser = body?.messages.filter(({ role }) => role === "user") ?? []
  return JSON.stringify(ofUser.at(-1)?.content)
}

describe.skipIf(!hasTerminal || executablePath === undefined)(
  "the session of the documentation (needs Chromium and script of util-linux)",
  () => {
    it("signs in by a browser, lists pages, and refreshes an expired token in mid-conversation", async () => {
      const world = await startWorld({ autoApprove: false, mcp: { make: makePagesServer } })
      world.configure({ mcpServers: { notion: { url: world.mcpServer.url.href } } })
      const profile = mkdtempSync(join(tmpdir(), "mcp-cli-chromium-"))
      const browser = await chromium.launchPersistentContext(profile, {
        headless: true,
        args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        ...(executablePath === undefined ? {} : { executablePath })
      })
      try {
        const terminal = startVirtualTerminal(world, ["--server", "notion"], 100, {
          env: { ...withModel(), BROWSER: "true" }
        })
        await terminal.shows(/Waiting for your browser/)
        const page = await browser.newPage()
        await page.goto(terminal.addresses().at(-1) ?? "")
        await page.getByRole("button", { name: "Approve" }).click()
        await page.waitForURL(/\/callback/)
        await terminal.shows(prompt)
        await terminal.type("list my pages\r", question)
        const answer = await terminal.type("a", prompt)
        assert.match(answer, /notion: list_pages … T\.T s/)
        assert.match(answer, /\u2022 Roadmap\n\u2022 Meeting notes/)

        world.mcpServer.rejectSeenTokens()
        const authorizations = world.authorizationServer.authorizations.length
        const again = await terminal.type("list my pages again\r", prompt)
        assert.match(again, /notion: list_pages … T\.T s[^]*Roadmap/)
        assert.strictEqual(world.authorizationServer.counts.get("token:refresh_token"), 1)
        assert.strictEqual(world.authorizationServer.authorizations.length, authorizations)
        terminal.press(endOfInput)
        assert.strictEqual((await terminal.ended).code, 0)
      } finally {
        await browser.close()
        await world.close()
        rmSync(profile, { recursive: true, force: true })
      }
    })
  }
)

describe.skipIf(!hasTerminal)("a chat at a terminal (needs script of util-linux)", () => {
  let home: Home
  beforeAll(() => {
    home = makeHome("")
    // Short names, which are the same on every machine.
    symlinkSync(process.execPath, join(home.home, "node"))
    symlinkSync(resolve("test/servers/screens.ts"), join(home.home, "screens.ts"))
    home.configure({
      mcpServers: {
        demo: { command: "./node", args: ["screens.ts"], cwd: home.home },
        asking: { command: process.execPath, args: [resolve("test/servers/asking.ts")] }
      }
    })
  })
  afterAll(() => home.close())

  const start = (columns = 80, args: ReadonlyArray<string> = ["--server", "demo"]) =>
    startVirtualTerminal(home, args, columns, { env: { ...withModel(), MCP_CLI_HISTORY: "" } })

  const end = async (terminal: VirtualTerminal) => {
    terminal.press(endOfInput)
    assert.strictEqual((await terminal.ended).code, 0)
    model.play(byRules)
  }

  it("asks before a call: by single keys, and never by Enter or by what was typed before", async () => {
    let answer = () => {}
    const held = new Promise<void>((done) => {
      answer = done
    })
    const echo: ModelScript = async (messages) => {
      const last = messages.at(-1)
      if (last?.role === "tool") return { text: `It said: ${last.text}` }
      await held
      return { calls: [{ name: "demo__echo", arguments: { text: `hello ${"n".repeat(500)}` } }] }
    }
    model.play(echo)
    const terminal = start()
    await terminal.shows(prompt)
    await terminal.type("say hello\r", /\u280b Thinking $/)
    // Letters that would be answers, and Enter, before the question is on the screen.
    terminal.press("y\ra\r")
    answer()
    await terminal.shows(question)
    await terminal.type("\r\ry", /Press one key\.\nRun it\?[^]*: $/)
    // Scripts that play a terminal send both at once.
    const whole = await terminal.type("v\r", /"text": "hello n[^]*Run it\?[^]*: $/)
    assert.include(whole.replaceAll("\n    ", ""), "n".repeat(500))
    await terminal.type("n", /Why not\?[^]*: $/)
    const refused = await terminal.type("too loud\r", prompt)
    assert.match(refused, /demo: echo .*… ›?refused/)
    assert.match(refused, /The user did not allow this call: too loud/)
    // A burst of keys is a text that was pasted.
    await terminal.type("say hello\r", question)
    await terminal.type(pasted("yes\ny"), /Press one key\.\nRun it\?[^]*: $/)
    assert.match(await terminal.type("y", /It said: hello[^]*\nYou: $/), /echo .*… T\.T s/)
    // A tool that was allowed is not asked about again.
    await terminal.type("say hello\r", question)
    await terminal.type("a", prompt)
    assert.match(await terminal.type("say hello\r", prompt), /It said: hello/)
    await end(terminal)
  })

  it("stops an answer, a call and a question by Ctrl-C, and goes on", async () => {
    const terminal = start()
    await terminal.shows(prompt)
    model.play(() => new Promise<never>(() => undefined))
    await terminal.type("think for ever\r", /\u280b Thinking $/)
    await terminal.type(interrupt, /Cancelled\.\nYou: $/)
    model.play((messages) =>
      messages.at(-1)?.role === "tool" ? { text: "done" } : { calls: [{ name: "demo__wait", arguments: {} }] }
    )
    await terminal.type("wait\r", question)
    await terminal.type(interrupt, /Cancelled\.\nYou: $/)
    await terminal.type("wait\r", question)
    await terminal.type("y", /\u280b demo: wait $/)
    const stopped = await terminal.type(interrupt, /Cancelled\.\nYou: $/)
    assert.include(stopped, "It may have been carried out.")
    model.play(byRules)
    assert.match(await terminal.type("hello\r", prompt), /You said: hello/)
    const ahead = await terminal.type("alpha\rbeta\rgam", /\nYou: gam$/)
    assert.match(ahead, /^You: alpha\nYou said: alpha\n[^]*\nYou: beta\nYou said: beta\n[^]*\nYou: gam$/)
    await terminal.type("ma\r", /You said: gamma\n[^]*\nYou: $/)
    await terminal.type("not sent", /not sent$/)
    await terminal.type(interrupt, prompt)
    const before = model.requests.length
    assert.match(await terminal.type("hi\r", prompt), /You said: hi/)
    assert.strictEqual(model.requests.length, before + 1)
    await end(terminal)
  })

  it("sends a text that was pasted as one message, with what it refers to", async () => {
    model.play(() => ({ text: "I see." }))
    const terminal = start()
    await terminal.shows(prompt)
    await terminal.type(pasted("one\n/quit\nthree\n"), /three$/)
    await terminal.type("\r", prompt)
    assert.include(asked(), "one\\n/quit\\nthree")
    await terminal.type("see @de\t", /see @demo:screens:\/\/\/readme $/)
    await terminal.type("\r", prompt)
    assert.include(asked(), "It has two lines.")
    // The second TAB comes before the server has answered the first one.
    await terminal.type("/demo:\t\t", /\/demo:greet /)
    await terminal.type("who=Ada\r", prompt)
    assert.include(asked(), "Greet Ada.")
    await end(terminal)
  })

  it("answers what a server asks: a form, a page, and its model", async () => {
    model.play((messages) => {
      const last = messages.at(-1)
      if (last?.role === "tool") return { text: last.text }
      if (last?.text.startsWith("Sum up:")) return { text: "Two." }
      return { calls: [{ name: `asking__${last?.text}`, arguments: {} }] }
    })
    const terminal = start(80, ["--server", "asking", "--allow", "asking:*"])
    await terminal.shows(prompt)
    const form = await terminal.type("form\r", /folder \(string\): Its name\n> $/)
    // The message of the server starts no line of ours, and its escapes are shown as such.
    assert.match(form, /asking asks you:\n {2}Where should the page go\?\\u001b\[2J\n {2}And how\?\n/)
    await terminal.type("x\r", /At least 2 characters\.\n> $/)
    await terminal.type("notes\r", /copies \(integer\)\n> $/)
    await terminal.type("many\r", /A whole number\.\n> $/)
    await terminal.type("10\r", /At most 9\.\n> $/)
    await terminal.type("3\r", /kind \(draft \| final, optional, Enter: "draft"\)\n> $/)
    await terminal.type("\r", /notify \(boolean, optional\)\n> $/)
    await terminal.type("\r", /"kind": "draft"\n\}\nSend this to asking\? y send, n no: $/)
    assert.match(
      (await terminal.type("y", prompt)).replaceAll("\n", ""),
      /"content":\{"folder":"notes","copies":3,"kind":"draft"\}/
    )
    await terminal.type("form\r", /Its name\n> $/)
    assert.include(await terminal.type(endOfInput, prompt), '{"action":"cancel"}')
    await terminal.type("form\r", /Its name\n> $/)
    await terminal.type(interrupt, /Cancelled\.\nYou: $/)

    const page = await terminal.type("page\r", /y done, n no: $/)
    assert.match(page, /Connect your drive\.\nhttps:\/\/drive\.test\/connect\?\(the rest of the address\)\n/)
    // It fills two rows, and can be copied.
    assert.strictEqual(
      terminal.addresses().at(-1),
      `https://drive.test/connect?user=1&state=${"s".repeat(100)}`
    )
    assert.include(await terminal.type("n", prompt), '{"action":"decline"}')
    await terminal.type("page\r", /y done, n no: $/)
    assert.include(await terminal.type("y", prompt), '{"action":"accept"}')

    const sampling = await terminal.type("model\r", /Let it\?[^]*y once, n no: $/)
    assert.match(sampling, /to answer this:\n {2}system: You are brief\.\n {2}user: Sum up: two pages\.\n/)
    assert.match(
      await terminal.type("y", /Send this to asking\? y send, n no: $/),
      /would answer asking:\n {2}Two\.\n/
    )
    assert.match(await terminal.type("y", prompt), /"text":"Two\."/)
    await terminal.type(
      "long\r",
      /\(8,\d\d\d more characters: v shows all\.\)\n[^]*y once, n no, v view all: $/
    )
    await terminal.type("v", /the\s+end\.\n[^]*v view all: $/)
    await terminal.type("y", /Send this to asking\? y send, n no: $/)
    assert.notMatch(await terminal.type("n", prompt), /"text":/)
    await terminal.type("model\r", /Let it\?[^]*y once, n no: $/)
    assert.include((await terminal.type("n", prompt)).replaceAll("\n", " "), "The user does not allow it.")
    await end(terminal)
  })

  it("breaks what it says about a question of a server between words, with 60 columns", async () => {
    model.play(() => ({ calls: [{ name: "asking__form", arguments: {} }] }))
    const terminal = start(60, ["--server", "asking", "--allow", "asking:*"])
    await terminal.shows(prompt)
    assert.match(await terminal.type("form\r", /Its name\n> $/), /Ctrl-D ?\n {4}leaves\.\nfolder /)
    await terminal.type(interrupt, /Cancelled\.\nYou: $/)
    await end(terminal)
  })

  it("asks for the password of what it keeps at its start, where Ctrl-C ends it", async () => {
    const keeping = keepingHome()
    try {
      const open = (...args: ReadonlyArray<string>) =>
        startVirtualTerminal(keeping, ["chat", "demo", ...args], 80, {
          env: { ...withModel(), MCP_CLI_ENCRYPTION_KEY: "" }
        })
      model.play(byRules)
      const left = open()
      assert.notInclude(await left.shows(/Choose a password[^]*: $/), "Connected")
      left.press(interrupt)
      assert.strictEqual((await left.ended).code, 130)
      const first = open()
      await first.shows(/Choose a password[^]*: $/)
      await first.type("a long password\r", /again: $/)
      await first.type("a long password\r", prompt)
      await first.type("hello\r", prompt)
      await end(first)
      const without = open("--no-save")
      await without.shows(prompt)
      await end(without)
    } finally {
      keeping.close()
    }
  })

  it("goes on with the last conversation, and with one that is named", async () => {
    const keeping = keepingHome()
    try {
      const count: ModelScript = (messages) => ({
        text: `${messages.filter(({ role }) => role === "user").length} from you`
      })
      const open = (...args: ReadonlyArray<string>) =>
        startVirtualTerminal(keeping, ["chat", "demo", ...args], 80, { env: withModel() })
      model.play(count)
      const first = open()
      await first.shows(prompt)
      await first.type("the colour is teal\r", /1 from you[^]*\nYou: $/)
      await first.type("/model\r", /scripted\nYou: $/)
      await end(first)
      model.play(count)
      const again = open("--continue")
      await again.shows(/Going on with "the colour is teal"\.\nYou: $/)
      await again.type("which colour?\r", /2 from you[^]*\nYou: $/)
      await end(again)
      const wrong = open("--resume", "nope")
      assert.strictEqual((await wrong.ended).code, 2)
      const listed = await wrong.shows(/nope/)
      assert.match(listed, /the colour is teal/)
      // Another conversation is the last one now.
      model.play(count)
      const other = open()
      await other.shows(prompt)
      await other.type("what is the time?\r", /1 from you[^]*\nYou: $/)
      await end(other)
      const id = /(\S+) .*the colour is teal/.exec(listed)?.[1] ?? ""
      model.play(count)
      const named = open("--resume", id)
      await named.shows(/Going on with "the colour is teal"\.\nYou: $/)
      await named.type("and now?\r", /3 from you[^]*\nYou: $/)
      await end(named)
      const kept = filesBelow(keeping.home).filter((text) => text.includes("teal"))
      assert.deepStrictEqual(kept, [], "a file has the conversation in the clear")
      assert.lengthOf(
        filesBelow(keeping.home).filter((text) => text.includes("/model\n")),
        1,
        "the prompt has no history of commands"
      )
    } finally {
      keeping.close()
    }
  })

  it("signs in again for a tool that needs another scope, and goes on with the turn", async () => {
    const world = await startWorld({ mcp: { scope: "mcp:read", toolScopes: { add: "mcp:write" } } })
    try {
      model.play((messages) =>
        messages.at(-1)?.role === "tool"
          ? { text: `It is ${messages.at(-1)?.text}.` }
          : { calls: [{ name: "demo__add", arguments: { a: 19, b: 23 } }] }
      )
      const terminal = startVirtualTerminal(world, ["--server", "demo"], 80, { env: withModel() })
      await terminal.shows(prompt)
      assert.strictEqual(world.browsersOpened(), 1)
      await terminal.type("add 19 and 23\r", question)
      const answer = await terminal.type("y", prompt)
      assert.match(answer, /It is 42\./)
      assert.strictEqual(world.browsersOpened(), 2)
      assert.strictEqual(world.mcpServer.counts.get("403"), 1)
      assert.sameMembers((world.authorizationServer.authorizations.at(-1)?.get("scope") ?? "").split(" "), [
        "mcp:read",
        "mcp:write",
        "offline_access"
      ])
      // The sign-in has the scope now.
      await terminal.type("add 19 and 23\r", question)
      assert.match(await terminal.type("y", prompt), /It is 42\./)
      assert.strictEqual(world.browsersOpened(), 2)
      await end(terminal)
    } finally {
      await world.close()
    }
  })

  it("signs in by a device code in mid-conversation, where the grant is that", async () => {
    const world = await startWorld({ deviceFlow: true })
    try {
      const { url } = world.mcpServer
      world.configure({ mcpServers: { demo: { url: url.href, oauth: { grant_type: "device_code" } } } })
      model.play((messages) =>
        messages.at(-1)?.role === "tool"
          ? { text: `It said: ${messages.at(-1)?.text}` }
          : { calls: [{ name: "demo__echo", arguments: { text: "hello" } }] }
      )
      const terminal = startVirtualTerminal(world, ["--server", "demo"], 80, { env: withModel() })
      const approve = async (count: number) => {
        const all = /and enter this code:\s+(\S+)/g
        const shown = await terminal.shows(new RegExp(`(${all.source}[^]*){${count}}`))
        const code = Array.from(shown.matchAll(all)).at(-1)?.[1] ?? ""
        await useDevice(new URL(`${world.authorizationServer.issuer}/device`), code, "approve")
      }
      await approve(1)
      await terminal.shows(prompt)
      world.mcpServer.rejectSeenTokens()
      world.authorizationServer.forgetTokens()
      await terminal.type("say hello\r", question)
      terminal.press("y")
      await approve(2)
      await terminal.shows(/It said: hello[^]*\nYou: $/)
      assert.strictEqual(world.browsersOpened(), 0)
      await end(terminal)
    } finally {
      await world.close()
    }
  })

  it("stores a key that is typed without showing it", async () => {
    const owner = makeHome("")
    try {
      owner.configure({ mcpServers: {}, tokenStorage: { backend: "encrypted" } })
      const terminal = startVirtualTerminal(owner, ["models", "key", "openai"], 80)
      await terminal.shows(/: $/)
      terminal.press("sk-of-a-user\r")
      const { code } = await terminal.ended
      assert.strictEqual(code, 0)
      const screen = await terminal.shows(/It is sent to\s+https:\/\/api\.openai\.com only\./)
      assert.notInclude(screen, "sk-of-a-user")
    } finally {
      owner.close()
    }
  })

  it.each([
    [60, 120, 80],
    [120, 60, 80],
    [80, 60, 120]
  ])("stays readable when %i columns become %i, then %i", async (first, second, third) => {
    const words = Array.from({ length: 20 }, (_, at) => `word${at + 10}`).join(" ")
    model.play((messages) =>
      messages.at(-1)?.role === "tool"
        ? { text: "Done." }
        : { text: `I look for: ${words}.`, calls: [{ name: "demo__wait", arguments: { words } }] }
    )
    const terminal = start(first, ["--server", "demo", "--allow", "demo:wait"])
    await terminal.shows(prompt)
    await terminal.type(words, /word29$/)
    await terminal.resize(second)
    await terminal.type(" and", /and$/)
    await terminal.resize(third)
    await terminal.type(" more\r", /\u280b demo: wait/)
    // On a busy machine the notice of what is waited for comes meanwhile.
    const waiting = /I look for: [^]*word29\.\n(?:[^]*Ctrl-C cancels\.\n)?\u280b demo: wait .*$/
    for (const columns of [first, second, third]) {
      await terminal.resize(columns)
      await terminal.shows(waiting)
    }
    await terminal.type(interrupt, /Cancelled\.\nYou: $/)
    await terminal.type(words, /word29$/)
    await terminal.resize(second)
    await terminal.type(" left", /left$/)
    await terminal.type(interrupt, prompt)
    await terminal.type("/tokens\r", prompt)
    const screen = (await terminal.shows(prompt)).replaceAll("\n", "").replaceAll(" ", "")
    const typed = words.replaceAll(" ", "")
    assert.deepStrictEqual(screen.match(/You:word10[^.]*?(andmore|left)/g), [
      `You:${typed}andmore`,
      `You:${typed}left`
    ])
    await end(terminal)
  })

  it.each([60, 80, 120])("shows what it showed, with %i columns", async (columns) => {
    const markdown = [
      "# Pages",
      "",
      "You have **two** of them, see `search` and [the list](https://pages.test/list_all):",
      "",
      "- *Roadmap*",
      "- Notes",
      "",
      "> quoted",
      "",
      "```js",
      "const a = **b**",
      "```",
      "",
      "| page | size |",
      "|------|------|",
      "| a_b  | 1    |",
      "",
      "\u001b[31mred\u001b[0m \u001b]52;c;aGk=\u0007 \u202ereversed",
      ""
    ].join("\n")
    model.play((messages) => {
      const last = messages.at(-1)
      if (last?.role === "tool") return { text: markdown, reasoning: "The user wants a list." }
      return last?.text === "hello"
        ? { text: "Hello!" }
        : {
            text: "I look.",
            calls: [{ name: "demo__search", arguments: { query: `road\u001b[2Jmap ${"x".repeat(300)}` } }]
          }
    })
    const terminal = start(columns)
    const screens: Array<readonly [string, string]> = [["the start", await terminal.shows(prompt)]]
    for (const [what, keys, until] of [
      ["a message", "hello\r", prompt],
      ["a call", "list my pages\r", question],
      ["no", "n", /Why not\?[^]*: $/],
      ["a reason", "too long\r", prompt],
      ["/help", "/help\r", prompt],
      ["/servers", "/servers\r", prompt],
      ["/model", "/model\r", prompt],
      ["/tokens", "/tokens\r", prompt],
      ["/allow", "/allow demo:search\r", prompt],
      ["a call that is allowed", "list my pages\r", prompt],
      ["a command, misspelt", "/tokenz\r", prompt],
      ["/undo", "/undo\r", prompt]
    ] as const) {
      screens.push([what, await terminal.type(keys, until)])
    }
    await end(terminal)
    const shown = screens.map(([what, screen]) => `--- ${what} ---\n${screen}\n`).join("\n")
    await expect(shown.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PPPPP")).toMatchFileSnapshot(
      `screens/chat-${columns}.txt`
    )
  })
})

/** The home of a user whose conversations are kept, encrypted. */
const keepingHome = () => {
  const home = makeHome("")
  home.configure({
    history: true,
    tokenStorage: { backend: "encrypted" },
    mcpServers: { demo: { command: process.execPath, args: [resolve("test/servers/screens.ts")] } }
  })
  return home
}

describe("ask", () => {
  let home: Home
  beforeAll(() => {
    home = makeHome("")
    home.configure({
      mcpServers: { demo: { command: process.execPath, args: [resolve("test/servers/screens.ts")] } }
    })
  })
  afterAll(() => home.close())

  it("writes the answer only to stdout, and ends with the code of what happened", async () => {
    model.play(byRules)
    const ask = (args: ReadonlyArray<string>, stdin = "") =>
      home.run(["ask", ...args], { env: withModel(), stdin })
    const allowed = await ask(["demo", "echo this", "--allow", "demo:echo"], "some context")
    assert.deepInclude(allowed, { code: 0, stdout: "Here is what I found:\n\nsome context\n\necho this\n" })
    assert.match(allowed.stderr, /demo: echo text="some context.*" … \d\.\d s/)
    assert.include(asked(), "some context")

    const refused = await ask(["demo", "echo this"])
    assert.strictEqual(refused.code, 3)
    assert.include(refused.stderr, "--allow demo:echo")

    const json = await ask(["demo", "hello", "--json"])
    assert.strictEqual(json.code, 0)
    assert.include(json.stdout, '"answer":"You said: hello"')

    assert.strictEqual(
      (await ask(["demo", "hello", "--model", "no-tools", "--base-url", model.baseUrl])).code,
      5
    )
    assert.strictEqual((await ask(["nowhere", "hello"])).code, 2)
    assert.strictEqual((await ask(["demo"])).code, 2)
    assert.strictEqual((await ask(["demo", "hello", "--model", "nobody:x"])).code, 2)
  })

  it("is what a chat without a terminal names: its lines are commands, and reach no model", async () => {
    model.play(byRules)
    const requests = model.requests.length
    const commands = await home.run(["chat", "demo"], { env: withModel(), stdin: "/call echo text=hi\n" })
    assert.deepInclude(commands, { code: 0, stdout: "hi\n" })
    assert.match(commands.stderr, /To ask a model without a terminal, run: mcp-cli ask demo "your question"/)

    const question = await home.run(["--server", "demo"], { env: withModel(), stdin: "list my pages\n" })
    assert.deepInclude(question, { code: 2, stdout: "" })
    assert.match(question.stderr, /run: mcp-cli ask demo "list my pages"/)

    const resumed = await home.run(["chat", "demo", "--resume", "x"], { env: withModel(), stdin: "" })
    assert.strictEqual(resumed.code, 2)
    assert.match(resumed.stderr, /^mcp-cli: --resume needs a conversation/)
    assert.strictEqual(model.requests.length, requests)
  })
})
