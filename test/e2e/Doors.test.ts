import { execFile, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { blocksIn } from "../Documents.ts"
import { followRedirects } from "../servers/BrowserUser.ts"
import { password, startWorld, type World } from "./World.ts"

const run = promisify(execFile)

const hasCurl = spawnSync("curl", ["--version"]).status === 0

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const login = async () => assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)

const ask = (headers: Readonly<Record<string, string>>) =>
  fetch(world.mcpServer.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} })
  })

describe("auth token --header", () => {
  it("prints a header that another program can send as it is", async () => {
    await login()
    const { code, stderr, stdout } = await world.run(["auth", "token", "demo", "--header"])
    assert.strictEqual(code, 0, stderr)
    const [, name, value] = /^([A-Za-z]+): (Bearer \S+)\n$/.exec(stdout) ?? []
    assert.strictEqual(name, "Authorization")
    assert.isDefined(value)
    assert.strictEqual((await ask({ authorization: value })).status, 200)
  })

  it.skipIf(!hasCurl)("is what the request of the documentation sends with curl", async () => {
    await login()
    const { stdout: header } = await world.run(["auth", "token", "demo", "--header"])
    const block = blocksIn("sh", ["docs/commands.md"]).find(
      ({ section }) => section === "A request with curl"
    )
    const line = (block?.text ?? "")
      .replace("https://mcp.notion.com/mcp", world.mcpServer.url.href)
      .replace("$(mcp-cli auth token notion --header)", header.trim())
    assert.notInclude(line, "notion")
    const answered = await run("sh", ["-c", line])
    assert.include(answered.stdout, '"serverInfo"')
  })

  it("holds the same token as the command does without it", async () => {
    await login()
    const first = await world.run(["auth", "token", "demo", "--header"])
    const plain = await world.run(["auth", "token", "demo"])
    assert.strictEqual(first.stdout, `Authorization: Bearer ${plain.stdout}`)
  })

  it("prints an object of headers with --json, and nothing else", async () => {
    await login()
    const { code, stderr, stdout } = await world.run(["auth", "token", "demo", "--header", "--json"])
    assert.strictEqual(code, 0, stderr)
    const headers = JSON.parse(stdout) as Record<string, string>
    assert.deepEqual(Object.keys(headers), ["Authorization"])
    assert.strictEqual((await ask(headers)).status, 200)
  })

  it("prints nothing on stdout without a sign-in", async () => {
    const { code, stderr, stdout } = await world.run(["auth", "token", "demo", "--header"], {
      env: { CI: "1" }
    })
    assert.strictEqual(code, 3)
    assert.strictEqual(stdout, "")
    assert.include(stderr, "Not signed in to demo.")
  })
})

describe("auth headers", () => {
  it("prints every header of a request as one JSON object, with or without --json", async () => {
    await login()
    world.configure({
      mcpServers: { demo: { url: world.mcpServer.url.href, headers: { "X-Team": "${TEAM}" } } }
    })
    for (const flags of [[], ["--json"]]) {
      const { code, stderr, stdout } = await world.run(["auth", "headers", "demo", ...flags], {
        env: { TEAM: "blue" }
      })
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stderr, "")
      const headers = JSON.parse(stdout) as Record<string, string>
      assert.deepEqual(Object.keys(headers).toSorted(), ["Authorization", "X-Team"])
      assert.strictEqual(headers["X-Team"], "blue")
      assert.strictEqual((await ask(headers)).status, 200)
    }
  })

  it("gets no token for a server that is configured with its own, in any spelling", async () => {
    world.configure({
      mcpServers: { demo: { url: world.mcpServer.url.href, headers: { authorization: "Basic ${PAIR}" } } }
    })
    const { code, stderr, stdout } = await world.run(["auth", "headers", "demo"], { env: { PAIR: "YTpi" } })
    assert.strictEqual(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), { authorization: "Basic YTpi" })
  })

  it("prints nothing on stdout without a sign-in, and opens no browser", async () => {
    const { code, stderr, stdout } = await world.run(["auth", "headers", "demo"])
    assert.strictEqual(code, 3)
    assert.strictEqual(stdout, "")
    assert.include(stderr, "Run: mcp-cli auth login demo")
    assert.strictEqual(world.browsersOpened(), 0)
  })

  it("says why a token that is bound to a key is of no use to another program", async () => {
    world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href, oauth: { dpop: true } } } })
    await login()
    const { code, stderr, stdout } = await world.run(["auth", "headers", "demo"])
    assert.strictEqual(code, 2)
    assert.strictEqual(stdout, "")
    assert.include(stderr, "are bound to a key (DPoP), so no other program can use them")
  })
})

/** Every TypeScript example of the documents. The README shows one of docs/library.md. */
const examples = [...new Set(blocksIn("ts").map(({ text }) => text))]

/** The one example that contains this text. */
const exampleWith = (text: string): string => {
  const found = examples.filter((example) => example.includes(text))
  assert.strictEqual(found.length, 1, text)
  return found[0] ?? ""
}

/** What the documents leave to the reader: a program that calls each client once, with a user who approves. */
const everyClient = `
import type { Client } from "@modelcontextprotocol/client"
import { Console, Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { Browser, remoteServer } from "mcp-cli-oauth"
import { followRedirects } from "../../test/servers/BrowserUser.ts"
import { byAuthProvider, byFetch, byHttpClient } from "./clients.ts"
import { stackIn } from "./stack.ts"

const [url = "", home = ""] = process.argv.slice(2)
const browser = Layer.succeed(Browser, {
  open: (url) => Effect.asVoid(Effect.forkDetach(Effect.promise(() => followRedirects(url.href))))
})
const server = remoteServer(url)
const stack = stackIn(home, { password: "a password", browser }).pipe(Layer.provideMerge(FetchHttpClient.layer))
const toolsOf = (client: Client) =>
  Effect.promise(async () => {
    const { tools } = await client.listTools()
    await client.close()
    return tools.map(({ name }) => name)
  })
const all = Effect.gen(function* () {
  const fetch = yield* Effect.flatMap(byFetch(server), toolsOf)
  const authProvider = yield* Effect.flatMap(byAuthProvider(server), toolsOf)
  const { status } = yield* byHttpClient(server)
  yield* Console.log(JSON.stringify({ fetch, authProvider, status }))
})
await Effect.runPromise(Effect.provide(all, stack))
`

const inMemory = `
import { Effect } from "effect"
import { response } from "./testing.ts"
console.log((await Effect.runPromise(response)).status)
`

const inChat = `
import { Effect } from "effect"
import { conversation } from "./chat.ts"
const events = await Effect.runPromise(conversation)
console.log(events.flatMap((event) => (event._tag === "Text" ? event.text : [])).join(""))
`

/** Runs a program as the user of the world, without a terminal. */
const node = async (file: string, ...args: ReadonlyArray<string>) => {
  const { CI: _, ...inherited } = process.env
  const env = {
    ...inherited,
    HOME: world.home,
    DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
    MCP_CLI_ENCRYPTION_KEY: password
  }
  return (await run(process.execPath, [file, ...args], { env })).stdout
}

const signIns = () => world.authorizationServer.counts.get("token:authorization_code")
const tools = ["echo", "add", "fail"]

describe("the library as it is built", () => {
  /** Inside the package, where its own name leads to its "exports". */
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(resolve("dist", "example-"))
    for (const [at, example] of examples.entries()) writeFileSync(join(folder, `example-${at}.ts`), example)
    writeFileSync(join(folder, "clients.ts"), exampleWith("byHttpClient"))
    writeFileSync(join(folder, "stack.ts"), exampleWith("stackIn"))
    writeFileSync(join(folder, "testing.ts"), exampleWith("export const response"))
    writeFileSync(join(folder, "chat.ts"), exampleWith("ScriptedChatModel"))
    writeFileSync(join(folder, "inChat.ts"), inChat)
    writeFileSync(join(folder, "everyClient.ts"), everyClient)
    writeFileSync(join(folder, "inMemory.ts"), inMemory)
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: resolve("tsconfig.json"),
        // Its declarations as they are published, and not its sources.
        compilerOptions: { paths: {} },
        include: ["*.ts", resolve("examples/effect-app"), resolve("examples/plain-fetch")]
      })
    )
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("type-checks in each example of the documents, and in the example programs", async () => {
    assert.isAbove(examples.length, 4)
    await run(process.execPath, [resolve("node_modules/typescript/bin/tsc"), "-p", folder])
  })

  it("lets each client of the documents in, with one sign-in, which the CLI uses too", async () => {
    const { host, href } = world.mcpServer.url
    const stdout = await node(join(folder, "everyClient.ts"), href, join(world.home, ".mcp_cli"))
    assert.deepEqual(JSON.parse(stdout), { fetch: tools, authProvider: tools, status: 200 })
    world.configure({ mcpServers: { [host]: { url: href } } })
    const token = await world.run(["auth", "token", host], {
      env: { MCP_CLI_ENCRYPTION_KEY: "a password" }
    })
    assert.strictEqual(token.code, 0, token.stderr)
    assert.strictEqual(signIns(), 1)
  })

  it("answers in memory, as the documents show for tests", async () => {
    assert.strictEqual(await node(join(folder, "inMemory.ts")), "200\n")
  })

  it("holds the conversation that the documents show", async () => {
    assert.strictEqual(await node(join(folder, "inChat.ts")), "It says hello.\n")
  })

  it.each(["McpAuth.layer())", "createAuthorizedFetch({ url })"])(
    "uses the sign-in of the CLI in the shortest example: %s",
    async (text) => {
      world.configure({ mcpServers: { [world.mcpServer.url.host]: { url: world.mcpServer.url.href } } })
      assert.strictEqual((await world.run(["auth", "login", world.mcpServer.url.host])).code, 0)
      const example = exampleWith(text).replace("https://mcp.example.com/mcp", world.mcpServer.url.href)
      const file = join(folder, "shortest.ts")
      writeFileSync(file, `${example}\nprocess.exit(0)\n`)
      await node(file)
      assert.strictEqual(signIns(), 1)
      assert.isAbove(
        (world.mcpServer.counts.get("GET") ?? 0) + (world.mcpServer.counts.get("initialize") ?? 0),
        0
      )
    }
  )

  it("runs as it is written in a file with the name that the README gives, and ends", async () => {
    await login()
    const [block] = blocksIn("ts", ["README.md"])
    const name = /`(\w+\.mts)`/.exec(readFileSync("README.md", "utf8"))?.[1] ?? assert.fail("no name")
    const file = join(folder, name)
    writeFileSync(file, block?.text.replace("https://mcp.example.com/mcp", world.mcpServer.url.href) ?? "")
    assert.deepEqual((await node(file)).trim().split("\n"), tools)
  })

  it("has no syntax in an example that Node 22 does not parse", () => {
    const program = readFileSync("examples/plain-fetch/main.ts", "utf8")
    for (const text of [...examples, program]) assert.notMatch(text, /\busing \w+ =/)
  })

  it("uses the sign-in and the folders of the CLI: examples/effect-app", async () => {
    await login()
    const listed = await node(resolve("examples/effect-app/main.ts"), world.mcpServer.url.href, "demo")
    assert.deepEqual(listed.trim().split("\n"), tools)
    assert.strictEqual(signIns(), 1)
    assert.sameMembers(readdirSync(join(world.home, ".mcp_cli")), [
      "names",
      "server_config.json",
      "storage",
      "tokens"
    ])
  })

  it("shows where to sign in, and forgets it: examples/plain-fetch", async () => {
    const child = spawn(
      process.execPath,
      [resolve("examples/plain-fetch/main.ts"), world.mcpServer.url.href],
      {
        env: { ...process.env, HOME: world.home }
      }
    )
    let stdout = ""
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => {
      const [, url] = /Sign in at (\S+)/.exec(chunk.toString()) ?? []
      if (url !== undefined) void followRedirects(url)
    })
    const code = await new Promise((done) => child.once("close", done))
    assert.strictEqual(code, 0)
    assert.deepEqual(stdout.trim().split("\n"), tools)
    assert.deepEqual(readdirSync(join(world.home, ".mcp_cli")), ["server_config.json"])
  })
})
