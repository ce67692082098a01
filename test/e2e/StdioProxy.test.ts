import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { resolve } from "node:path"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { afterEach, assert, describe, it } from "vitest"
import { followRedirects } from "../servers/BrowserUser.ts"
import { startProxy, type Message } from "./StdioWorld.ts"
import { freePort, type Home, makeHome, password, startWorld, type World } from "./World.ts"

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const protectedWorld = async (options: Parameters<typeof startWorld>[0] = {}): Promise<World> => {
  const world = await startWorld(options)
  closing.push(world.close)
  const redirect_uri = `http://localhost:${await freePort()}/callback`
  world.configure({ mcpServers: { demo: { url: world.mcpServer.url.href, oauth: { redirect_uri } } } })
  return world
}

const text = (message: Message) =>
  (message.result?.["content"] as ReadonlyArray<{ text: string }> | undefined)?.[0]?.text

/** A server with one session and no sign-in, whose calls a test answers. */
const sessionHome = async (
  handle: (message: Message, response: ServerResponse, body: string) => boolean,
  stream: (response: ServerResponse) => void = (response) => void response.writeHead(405).end()
): Promise<{ readonly home: Home; readonly log: ReadonlyArray<string> }> => {
  const log: Array<string> = []
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = Buffer.concat(await request.toArray()).toString()
    const message = (body === "" ? {} : JSON.parse(body)) as Message
    log.push([request.method, message.method].filter(Boolean).join(" "))
    if (request.method === "GET") return stream(response)
    if (request.method === "DELETE" || message.id === undefined) return void response.writeHead(202).end()
    if (message.method !== "initialize" && handle(message, response, body)) return
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "one" })
    const result = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      serverInfo: { name: "x", version: "1" }
    }
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }))
  }
  const server: Server = createServer((request, response) => void serve(request, response))
  await once(server.listen(0, "127.0.0.1"), "listening")
  const home = makeHome(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  closing.push(async () => {
    server.closeAllConnections()
    server.close()
    await home.close()
  })
  return { home, log }
}

describe("mcp-cli proxy", () => {
  it("lets the clients of both SDKs use a protected server, and signs in once", async () => {
    const world = await protectedWorld()
    const parameters = {
      command: process.execPath,
      args: [resolve("dist/bin/mcp-cli.cjs"), "proxy", "demo", "-v"],
      env: {
        HOME: world.home,
        PATH: process.env["PATH"] ?? "",
        DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
        MCP_CLI_ENCRYPTION_KEY: password,
        BROWSER: `${process.execPath} ${resolve("test/servers/browser.ts")}`,
        BROWSER_LOG: `${world.home}/browser.log`
      },
      stderr: "pipe" as const
    }
    const newer = new Client({ name: "new", version: "2" })
    await newer.connect(new StdioClientTransport(parameters))
    const older = new OlderClient({ name: "old", version: "1" })
    await older.connect(new OlderTransport(parameters) as never)
    for (const client of [newer, older]) {
      assert.include(
        (await client.listTools()).tools.map(({ name }) => name),
        "echo"
      )
      const { content } = await client.callTool({ name: "echo", arguments: { text: "hi" } })
      assert.deepEqual(content, [{ type: "text", text: "hi" }])
      await client.close()
    }
    assert.strictEqual(world.browsersOpened(), 1)
    assert.strictEqual(world.authorizationServer.counts.get("register"), 1)
  })

  it("lets a client of 2026-07-28 show the page of a sign-in that ended in mid-session", async () => {
    const world = await protectedWorld()
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    const client = new Client(
      { name: "new", version: "2" },
      { versionNegotiation: { mode: "auto" }, capabilities: { elicitation: { url: {} } } }
    )
    let pages = 0
    client.setRequestHandler("elicitation/create", ({ params }) => {
      pages++
      void followRedirects("url" in params ? params.url : "")
      return { action: "accept" }
    })
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [resolve("dist/bin/mcp-cli.cjs"), "proxy", "demo"],
        env: {
          HOME: world.home,
          PATH: process.env["PATH"] ?? "",
          DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
          MCP_CLI_ENCRYPTION_KEY: password
        }
      })
    )
    world.authorizationServer.forgetTokens()
    world.mcpServer.rejectSeenTokens()
    const { content } = await client.callTool({ name: "echo", arguments: { text: "hi" } })
    assert.deepEqual(content, [{ type: "text", text: "hi" }])
    assert.strictEqual(pages, 1)
    await client.close()
  })

  it("tells an error that prevents it once, before its client ends it", async () => {
    const world = await protectedWorld()
    const proxy = world.start(["proxy", "nosuch"], { openInput: true })
    await proxy.shows(/has no server "nosuch"/)
    proxy.child.stdin?.end()
    const { code, stderr } = await proxy.ended
    assert.strictEqual(code, 2)
    assert.lengthOf(stderr.match(/has no server "nosuch"/g) ?? [], 1, stderr)
    const json = await world.run(["proxy", "nosuch", "--json"])
    assert.propertyVal(JSON.parse(json.stderr).error, "code", "UnknownServer")
  })

  it("needs no configuration for a URL, and shows no token and no body on stderr under -vv", async () => {
    const world = await protectedWorld()
    world.configure({ mcpServers: {} })
    const client = startProxy(world, [world.mcpServer.url.href, "-vv"])
    assert.property((await client.connect()).result, "serverInfo")
    assert.strictEqual(
      text(await client.ask("tools/call", { name: "echo", arguments: { text: "s3cret" } })),
      "s3cret"
    )
    client.child.stdin?.end()
    const { code, stderr } = await client.ended
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, "POST")
    assert.notMatch(stderr, /s3cret|Bearer [\w-]{10}|code_verifier=[\w-]{10}/)
    // All of stdout is messages, or `startProxy` would have failed to read it.
    assert.strictEqual(client.lines.length, 2)
  })

  it("takes a command line of mcp-remote, and says what has no effect", async () => {
    const world = await protectedWorld()
    const client = startProxy(
      world,
      [
        world.mcpServer.url.href,
        String(await freePort()),
        "--allow-http",
        "--transport",
        "http-only",
        "--header",
        "X-Team:${TEAM}",
        "--ignore-tool",
        "ECH*",
        "--body-timeout=0"
      ],
      { env: { TEAM: "blue" } }
    )
    assert.property((await client.connect()).result, "serverInfo")
    const tools = (await client.ask("tools/list")).result?.["tools"] as ReadonlyArray<{ name: string }>
    assert.deepEqual(
      tools.map(({ name }) => name),
      ["add", "fail"]
    )
    assert.isDefined((await client.ask("tools/call", { name: "echo", arguments: { text: "x" } })).error)
    client.child.stdin?.end()
    const { code, stderr } = await client.ended
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, "--body-timeout has no effect here")
  })

  it("names a command that signs in with the client of its own command line, over stdio and HTTP", async () => {
    const port = await freePort()
    const world = await protectedWorld({
      clients: [
        {
          client_id: "known",
          client_secret: "hush",
          redirect_uris: [`http://127.0.0.1:${port}/cb`],
          token_endpoint_auth_method: "client_secret_post"
        }
      ]
    })
    world.configure({ mcpServers: {} })
    const { href } = world.mcpServer.url
    const line = [
      href,
      String(port),
      "--static-oauth-client-info",
      '{"client_id":"known","client_secret":"hush"}',
      "--static-oauth-client-metadata",
      '{"token_endpoint_auth_method":"client_secret_post"}',
      "--host",
      "127.0.0.1",
      "--callback-path=/cb",
      "--header",
      "X-Team: blue",
      "--account",
      "work"
    ]
    /** Does what a message tells the user to do. */
    const follow = async (message: string) => {
      const [, command, variable] = /Run: (mcp-cli .*?) Before that, set (\w+) to/.exec(message) ?? []
      assert.strictEqual(variable, "CLIENT_SECRET", message)
      assert.notInclude(message, "hush")
      const { code, stderr } = await world.run([], {
        runtime: ["sh", "-c", (command ?? "").replace("mcp-cli", `'${process.execPath}' "$0"`)],
        env: { CLIENT_SECRET: "hush" }
      })
      assert.strictEqual(code, 0, stderr)
    }
    const client = startProxy(world, [...line, "--no-browser"])
    // The sign-in itself names the same command after a failure.
    const login = await world.run(["auth", "login", ...line, "--callback-timeout", "1"], {
      env: { BROWSER: `${process.execPath} -e 0` }
    })
    assert.strictEqual(login.code, 3, login.stderr)
    assert.match(login.stderr, /run: mcp-cli auth login \S+ \d+ .*--static-oauth-client-info .*CLIENT_SECRET/)
    await follow((await client.connect()).error?.message ?? "")
    assert.property((await client.connect()).result, "serverInfo")
    client.child.stdin?.end()
    assert.strictEqual((await client.ended).code, 0)
    // The configuration does not name the server, so it cannot tell which client the sign-in is to have.
    for (const named of [[], [href]]) {
      const status = await world.run(["auth", "status", ...named, "--json"])
      assert.strictEqual(status.code, 0, status.stderr)
      assert.include(status.stdout, '"state": "signed in"')
    }

    assert.strictEqual((await world.run(["auth", "reset", href, "--account", "work"])).code, 0)
    const local = world.start(["proxy", ...line, "--port", "0", "--no-bearer", "--json"])
    const [shown] = (await once(local.child.stdout ?? process.stdin, "data")) as [Buffer]
    const { servers } = JSON.parse(shown.toString()) as { readonly servers: ReadonlyArray<{ url: string }> }
    const ping = async () => {
      const response = await fetch(servers[0]?.url ?? "", {
        method: "POST",
        headers: { accept: "application/json, text/event-stream", "content-type": "application/json" },
        body: JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          method: "initialize",
          params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } }
        })
      })
      return { status: response.status, body: await response.text() }
    }
    const refused = await ping()
    assert.strictEqual(refused.status, 502)
    await follow((JSON.parse(refused.body) as Message).error?.message ?? "")
    assert.strictEqual((await ping()).status, 200)
    local.child.kill("SIGTERM")
    await local.ended
    assert.isUndefined(world.authorizationServer.counts.get("register"))
  })

  it("opens one browser for 20 processes that start at once, and registers once", async () => {
    const world = await protectedWorld()
    const clients = Array.from({ length: 20 }, () => startProxy(world))
    for (const answer of await Promise.all(clients.map((client) => client.connect())))
      assert.property(answer.result, "serverInfo")
    assert.strictEqual(world.browsersOpened(), 1)
    assert.strictEqual(world.authorizationServer.counts.get("register"), 1)
    for (const { child } of clients) child.stdin?.end()
    for (const { ended } of clients) assert.strictEqual((await ended).code, 0)
  })

  it("refreshes a rotating token once for 20 processes that start at once", async () => {
    const world = await protectedWorld()
    assert.strictEqual((await world.run(["auth", "login", "demo"])).code, 0)
    assert.strictEqual((await world.run(["ping", "demo"])).code, 0)
    world.mcpServer.rejectSeenTokens()
    const clients = Array.from({ length: 20 }, () => startProxy(world))
    for (const answer of await Promise.all(clients.map((client) => client.connect())))
      assert.property(answer.result, "serverInfo")
    assert.strictEqual(world.authorizationServer.counts.get("token:refresh_token"), 1)
    assert.strictEqual(world.browsersOpened(), 1)
    for (const { child } of clients) child.stdin?.end()
    for (const { ended } of clients) assert.strictEqual((await ended).code, 0)
  })

  it("opens a second browser for the process after the one that was killed while it signed in, and no third", async () => {
    const world = await protectedWorld()
    const first = startProxy(world, ["demo"], { env: { BROWSER: `${process.execPath} -e 0` } })
    const killed = first.connect().catch(() => undefined)
    await first.shows(/Approve the sign-in/)
    const second = startProxy(world)
    const answer = second.connect()
    first.child.kill("SIGKILL")
    await killed
    assert.property((await answer).result, "serverInfo")
    assert.strictEqual(world.browsersOpened(), 1)
    second.child.stdin?.end()
    assert.strictEqual((await second.ended).code, 0)
  })

  it("opens no browser with --no-browser, with --no-interactive, and in CI", async () => {
    const world = await protectedWorld()
    const command = /Run: mcp-cli auth login demo/
    for (const [flags, env, remedy] of [
      [["--no-browser"], {}, command],
      [["--no-interactive"], {}, command],
      [[], { CI: "true" }, /No command signs in while CI is set\./]
    ] as const) {
      const client = startProxy(world, ["demo", ...flags], { env })
      assert.match((await client.connect()).error?.message ?? "", remedy)
      client.child.stdin?.end()
      assert.strictEqual((await client.ended).code, 0)
    }
    assert.strictEqual(world.browsersOpened(), 0)
  })

  it("refuses a URL with a password in it, as every command does", async () => {
    const world = await protectedWorld()
    const url = "https://ann:word@mcp.example.com/mcp"
    for (const args of [
      ["proxy"],
      ["proxy", "--port", "0"],
      ["auth", "login"],
      ["auth", "token"],
      ["auth", "logout"],
      ["auth", "doctor"],
      ["install"]
    ]) {
      const { code, stderr, stdout } = await world.run([...args, url])
      assert.strictEqual(code, 2, stderr)
      assert.include(stderr, "has a user name or a password in it")
      assert.notInclude(stdout + stderr, "word@")
    }
  })

  it("answers every request with the reason if the server cannot be used", async () => {
    const world = await protectedWorld()
    const client = startProxy(world, ["other"])
    assert.match((await client.connect()).error?.message ?? "", /other/)
    assert.match((await client.ask("tools/list")).error?.message ?? "", /other/)
    client.child.stdin?.end()
    assert.strictEqual((await client.ended).code, 2)
  })

  it("passes a result of 50 MB and an argument of 12 MB, and a stop of the process in mid-call", async () => {
    const received: Array<number> = []
    let release = () => {}
    const { home } = await sessionHome((message, response, body) => {
      received.push(body.length)
      const answer = (size: number) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        const result = { content: [{ type: "text", text: "x".repeat(size) }] }
        response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result })}\n\n`)
      }
      if (message.params?.["name"] === "stop") release = () => answer(1)
      else answer(Number(message.params?.["size"] ?? 0))
      return true
    })
    const client = startProxy(home)
    await client.connect()
    assert.strictEqual(text(await client.ask("tools/call", { size: 50_000_000 }))?.length, 50_000_000)
    await client.ask("tools/call", { text: "y".repeat(12_000_000) })
    assert.isAbove(received.at(-1) ?? 0, 12_000_000)
    const stopped = client.ask("tools/call", { name: "stop" })
    while (received.length < 3) await new Promise(setImmediate)
    client.child.kill("SIGSTOP")
    release()
    client.child.kill("SIGCONT")
    assert.strictEqual(text(await stopped), "x")
    client.child.stdin?.end()
    assert.strictEqual((await client.ended).code, 0)
  })

  it("opens the standing stream again after the machine has slept, in mid-call", async () => {
    const streams: Array<ServerResponse> = []
    const answers: Array<() => void> = []
    const { home, log } = await sessionHome(
      (message, response) => {
        if (message.params?.["name"] !== "slow") return false
        answers.push(() => {
          response.writeHead(200, { "content-type": "application/json" })
          response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: { content: [] } }))
        })
        return true
      },
      (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write('data: {"jsonrpc":"2.0","method":"notifications/open"}\n\n')
        streams.push(response)
      }
    )
    const client = startProxy(home, ["demo"], {
      runtime: [process.execPath, "--import", resolve("test/servers/asleep.ts")]
    })
    await client.connect()
    const call = client.ask("tools/call", { name: "slow" })
    const hasHeard = (text: string) => client.lines.some((line) => line.includes(text))
    // A stream whose head arrives after the sleep would count as one that was opened after it.
    while (!hasHeard("notifications/open") || answers.length < 1) await new Promise(setImmediate)
    client.child.kill("SIGSTOP")
    client.child.kill("SIGCONT")
    while (streams.length < 2) await new Promise(setImmediate)
    streams[1]?.write('data: {"jsonrpc":"2.0","method":"notifications/awake"}\n\n')
    answers[0]?.()
    assert.property(await call, "result")
    while (!hasHeard("notifications/awake")) await new Promise(setImmediate)
    assert.strictEqual(log.filter((line) => line === "POST initialize").length, 1)
    client.child.stdin?.end()
    const { code, stderr } = await client.ended
    assert.strictEqual(code, 0)
    assert.strictEqual(stderr, "")
  })

  const ends: ReadonlyArray<readonly [name: string, end: (client: ReturnType<typeof startProxy>) => void]> = [
    ["the end of its input", ({ child }) => void child.stdin?.end()],
    ["SIGTERM", ({ child }) => void child.kill("SIGTERM")],
    ["SIGINT", ({ child }) => void child.kill("SIGINT")],
    ["SIGHUP", ({ child }) => void child.kill("SIGHUP")],
    [
      "an output that nobody reads",
      ({ child, write }) => {
        child.stdout?.destroy()
        write({ jsonrpc: "2.0", id: "late", method: "tools/list" })
      }
    ]
  ]
  for (const [name, end] of ends) {
    it(`ends with one DELETE and success after ${name}`, async () => {
      const { home, log } = await sessionHome(() => false)
      const client = startProxy(home)
      await client.connect()
      await client.ask("ping")
      end(client)
      const { code, stderr } = await client.ended
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(log.filter((line) => line === "DELETE").length, 1, log.join("\n"))
      assert.strictEqual(stderr, "")
    })
  }

  const unread: ReadonlyArray<readonly [name: string, end: (child: ChildProcess) => void]> = [
    ["the end of its input", (child) => void child.stdin?.end()],
    ["SIGTERM", (child) => void child.kill("SIGTERM")],
    ["the end of its output", (child) => void child.stdout?.destroy()]
  ]
  for (const [name, end] of unread) {
    it(`ends with one DELETE after ${name}, although its client reads nothing of a long result`, async () => {
      let isSent = () => {}
      const sent = new Promise<void>((done) => {
        isSent = done
      })
      const { home, log } = await sessionHome((message, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        const result = { content: [{ type: "text", text: "x".repeat(5_000_000) }] }
        response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }), isSent)
        return true
      })
      const { child } = home.start(["proxy", "demo"], { openInput: true })
      const write = (message: object) => child.stdin?.write(`${JSON.stringify(message)}\n`)
      write({ jsonrpc: "2.0", id: 1, method: "initialize", params: {} })
      await once(child.stdout ?? process.stdin, "data")
      child.stdout?.pause()
      write({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "long" } })
      await sent
      const exited = once(child, "exit")
      end(child)
      assert.strictEqual((await exited)[0], 0)
      assert.strictEqual(log.filter((line) => line === "DELETE").length, 1, log.join("\n"))
    })
  }

  it("delivers an answer that runs when the input ends, and leaves one that does not come", async () => {
    const { home, log } = await sessionHome((message, response) => {
      if (message.params?.["name"] !== "never") return false
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
      return true
    })
    const client = startProxy(home)
    await client.connect()
    const answer = client.ask("tools/call", { name: "now" })
    client.ask("tools/call", { name: "never" }).catch(() => undefined)
    client.child.stdin?.end()
    assert.property(await answer, "result")
    assert.strictEqual((await client.ended).code, 0)
    assert.strictEqual(log.at(-1), "DELETE")
  })
})
