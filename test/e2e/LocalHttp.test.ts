import { readdirSync, readFileSync, statSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { join } from "node:path"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type JsonOutput } from "../../src/app/cli/JsonOutput.ts"
import { freePort, type RunOptions, type Running, startWorld, type World } from "./World.ts"

let world: World
beforeEach(async () => {
  world = await startWorld()
  const redirect_uri = `http://localhost:${await freePort()}/callback`
  world.configure({
    mcpServers: {
      demo: { url: world.mcpServer.url.href, oauth: { redirect_uri } },
      "a b": { url: world.mcpServer.url.href },
      local: { command: "true" },
      old: { url: world.mcpServer.url.href, type: "sse" }
    }
  })
})
const started: Array<Running> = []
afterEach(async () => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL")
  await world.close()
})

const login = async () => assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)

const start = (args: ReadonlyArray<string>, options?: RunOptions): Running => {
  const running = world.start(["proxy", ...args], options)
  started.push(running)
  return running
}

/** A proxy that runs, and what it printed. */
const serve = async (args: ReadonlyArray<string>, options?: RunOptions) => {
  const running = start([...args, "--json"], options)
  const line = await new Promise<string>((done, reject) => {
    running.child.stdout?.once("data", (data: Buffer) => done(data.toString()))
    void running.ended.then(({ stderr }) => reject(new Error(stderr)))
  })
  return { running, shown: JSON.parse(line) as JsonOutput<"proxy"> }
}

const stop = async ({ child, ended }: Running, signal: NodeJS.Signals = "SIGTERM") => {
  child.kill(signal)
  return ended
}

/** The text that a tool says again, by a client without OAuth. */
const echo = async (url: string, bearer: string | null, text = "hello") => {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "legacy" } })
  const headers: Record<string, string> = bearer === null ? {} : { authorization: `Bearer ${bearer}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  const { content } = await client.callTool({ name: "echo", arguments: { text } })
  await client.close()
  return (content as ReadonlyArray<{ readonly text: string }>)[0]?.text
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "it was fulfilled",
    (error: unknown) => String(error)
  )

/** Every file of the home, with its content. */
const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))

describe("mcp-cli proxy --port", () => {
  it("serves a client without OAuth, under one bearer for all its starts, which is stored nowhere", async () => {
    await login()
    const first = await serve(["demo", "--port", "0"])
    const { bearer } = first.shown
    assert.match(bearer ?? "", /^[\w-]{43}$/)
    const [{ url } = { url: "" }] = first.shown.servers
    assert.strictEqual(url, `http://127.0.0.1:${first.shown.port}/mcp`)
    assert.strictEqual(await echo(url, bearer), "hello")
    assert.include(await failure(echo(url, null)), "This proxy needs its own bearer token")

    const second = await serve(["demo", "--port", "0"])
    assert.isNull(second.shown.bearer)
    assert.strictEqual(await echo(second.shown.servers[0]?.url ?? "", bearer), "hello")
    assert.isTrue(filesOf(world.home).every((content) => !content.includes(bearer ?? "")))
    const folder = join(world.home, ".mcp_cli", "proxy")
    assert.strictEqual(statSync(folder).mode & 0o777, 0o700)
    assert.strictEqual(statSync(join(folder, "demo")).mode & 0o777, 0o600)

    const third = await serve(["demo", "--port", "0", "--new-bearer"])
    const next = third.shown.servers[0]?.url ?? ""
    assert.include(await failure(echo(next, bearer)), "This proxy needs its own bearer token")
    assert.strictEqual(await echo(next, third.shown.bearer), "hello")
    for (const [signal, { running }] of [
      ["SIGTERM", first],
      ["SIGINT", second],
      ["SIGHUP", third]
    ] as const) {
      const ended = await stop(running, signal)
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.strictEqual(ended.stderr, "")
    }
    assert.strictEqual(world.browsersOpened(), 1)
  })

  it("names the command that signs in, to the client and on stderr, and opens no browser", async () => {
    const running = start(["demo", "--port", "0", "--no-bearer"])
    const [, url = ""] = await running.shows(/Serving demo at (http:\S+)/)
    assert.include(await failure(echo(url, null)), "Not signed in to demo. Run: mcp-cli auth login demo")
    await running.shows(/mcp-cli: warning: Not signed in to demo\.\nRun: mcp-cli auth login demo\n/)
    await login()
    assert.strictEqual(await echo(url, null), "hello")
    const { code, stdout } = await stop(running)
    assert.strictEqual(code, 0)
    assert.strictEqual(stdout, "")
    assert.strictEqual(world.browsersOpened(), 1)
  })

  it("takes the bearer of the environment, if it cannot be guessed", async () => {
    await login()
    const chosen = "chosen-by-the-user-0123456789abcdefghij"
    const { running, shown } = await serve(["demo", "--port", "0"], { env: { MCP_CLI_PROXY_BEARER: chosen } })
    assert.isNull(shown.bearer)
    assert.strictEqual(await echo(shown.servers[0]?.url ?? "", chosen), "hello")
    assert.strictEqual((await stop(running)).code, 0)
    for (const bad of ["short", `with a space ${chosen}`, `${chosen}\u00e9`]) {
      const { code, stderr } = await world.run(["proxy", "demo", "--port", "0"], {
        env: { MCP_CLI_PROXY_BEARER: bad }
      })
      assert.strictEqual(code, 2)
      assert.include(stderr, "MCP_CLI_PROXY_BEARER must have 32 characters or more")
      assert.notInclude(stderr, bad)
    }
  })

  it("says what does not go together, and makes no bearer that would go to a log", async () => {
    const port = (await serve(["demo", "--port", "0", "--no-bearer"])).shown.port
    const cases = [
      [["--port", "0"], "Name a server"],
      [["demo", "--no-bearer"], "for a proxy over HTTP"],
      [["demo", "--new-bearer"], "for a proxy over HTTP"],
      [["demo", "--allow-origin", "https://a.test"], "for a proxy over HTTP"],
      [["demo", "--all"], "either the name of a server or --all"],
      [["demo", "--port", "1", "--socket", "/tmp/s"], "either --port or --socket"],
      [["demo", "--port", "70000"], "from 0 to 65535"],
      [["demo", "--port", "0"], "There is no bearer token yet"],
      [["demo", "--port", "0", "--no-bearer", "--new-bearer"], "--no-bearer goes with neither"],
      [["demo", "--port", "0", "--no-bearer", "--allow-origin", "*"], "is not the origin of a web page"],
      [["demo", "--port", "0", "--no-bearer", "--allow-origin", "null"], "is not the origin of a web page"],
      [
        ["demo", "--port", "0", "--no-bearer", "--allow-origin", "https://a.test/"],
        "is not the origin of a web page"
      ],
      [["local", "--port", "0", "--no-bearer"], "Only remote servers are served over HTTP"],
      [["demo", "--port", "0", "--timeout", "9"], "--timeout is for a proxy over stdio"],
      [
        ["https://mcp.example.com", "--port", "0", "--ignore-tool", "x"],
        "--ignore-tool is for a proxy over stdio"
      ],
      [
        ["demo", "--no-bearer", "--port", String(port)],
        `Cannot listen at port ${port}: another program uses it`
      ]
    ] as const
    await Promise.all(
      cases.map(async ([args, message]) => {
        const { code, stderr, stdout } = await world.run(["proxy", ...args])
        assert.strictEqual(code, 2, args.join(" "))
        assert.include(stderr, message)
        assert.strictEqual(stdout, "")
      })
    )
  })
})

describe("mcp-cli proxy --all", () => {
  it("serves every remote server at its name, at a Unix socket that is gone afterwards", async () => {
    await login()
    const socket = join(world.home, "mcp.sock")
    const { running, shown } = await serve(["--all", "--socket", socket])
    assert.deepEqual(shown.servers, [
      { name: "demo", url: "http://localhost/demo" },
      { name: "a b", url: "http://localhost/a%20b" },
      { name: "old", url: "http://localhost/old" }
    ])
    assert.strictEqual(shown.socket, socket)
    assert.strictEqual(statSync(socket).mode & 0o777, 0o600)
    const ask = (path: string) =>
      new Promise<readonly [status: number | undefined, body: string]>((done) => {
        const sent = httpRequest(
          {
            socketPath: socket,
            path,
            method: "POST",
            headers: {
              authorization: `Bearer ${shown.bearer}`,
              "content-type": "application/json",
              accept: "application/json, text/event-stream"
            }
          },
          (response) => {
            let body = ""
            response.on("data", (data) => {
              body += String(data)
            })
            response.on("end", () => done([response.statusCode, body]))
          }
        )
        sent.end(JSON.stringify({ jsonrpc: "2.0", id: "1", method: "tools/list", params: {} }))
      })
    const [status, body] = await ask("/demo")
    assert.strictEqual(status, 200, body)
    assert.include(body, "echo")
    assert.include((await ask("/a%20b"))[1], "mcp-cli auth login")
    assert.include((await ask("/local"))[1], "Only remote servers are served over HTTP")
    assert.include((await ask("/old"))[1], "begin with initialize")
    assert.strictEqual((await ask("/none"))[0], 404)
    assert.strictEqual((await stop(running)).code, 0)
    assert.notInclude(readdirSync(world.home), "mcp.sock")
  })
})
