import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createServer, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join, resolve } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type McpServer, startMcpServer } from "../servers/McpServer.ts"
import { startProxy } from "./StdioWorld.ts"
import { type Home, makeHome } from "./World.ts"

const key = "sk-live-4f0a9b8c7d6e5f4a3b2c1d0e"
const otherKey = "another-key-of-the-user"

let mcpServer: McpServer
let guards: ReadonlyArray<Server> = []
let home: Home
let url = ""
let elsewhere = ""
/** The keys that the other address has got. */
const sentElsewhere: Array<string> = []

/** Listens on loopback, and returns the URL of its MCP endpoint. */
const listening = async (server: Server): Promise<string> => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${mcpServer.url.pathname}`
}

beforeAll(async () => {
  mcpServer = await startMcpServer()
  const guard = createServer((incoming, outgoing) => {
    const given = incoming.headers["x-api-key"]
    if (given !== key && given !== otherKey) {
      outgoing.writeHead(403, { "x-echo": String(given) }).end()
      return
    }
    const { headers, method = "GET", url: path = "/" } = incoming
    const { host: _, ...forwarded } = headers
    incoming.pipe(
      request(new URL(path, mcpServer.url), { method, headers: forwarded }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, { ...answer.headers, "x-echo": given })
        answer.pipe(outgoing)
      })
    )
  })
  const other = createServer((incoming, outgoing) => {
    sentElsewhere.push(String(incoming.headers["x-api-key"]))
    outgoing.writeHead(403).end()
  })
  guards = [guard, other]
  url = await listening(guard)
  elsewhere = await listening(other)
  home = makeHome(url)
})
afterAll(async () => {
  for (const guard of guards) {
    guard.closeAllConnections()
    guard.close()
  }
  await mcpServer.close()
  await home.close()
})

const configuration = () => join(home.home, ".mcp_cli", "server_config.json")
const entries = () => JSON.parse(readFileSync(configuration(), "utf8")).mcpServers
const write = (path: string, content: unknown) => {
  const file = join(home.home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 })
  return file
}
const run = (...args: ReadonlyArray<string>) => home.run(args)
const call = () => run("call", "keyed", "echo", "text=hello")

/** The files of a folder that have a text in them. */
const filesWith = (folder: string, text: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && readFileSync(file).includes(text))

describe("the secrets of servers", () => {
  it("are taken from another client, and used", async () => {
    home.configure({ mcpServers: {} })
    const source = write(".cursor/mcp.json", {
      mcpServers: { keyed: { url, headers: { "X-Api-Key": key } } }
    })
    const before = readFileSync(source, "utf8")

    const dry = await run("import", "--from", "cursor", "--secrets", "--dry-run")
    assert.include(dry.stderr, "Its secret X-Api-Key would be stored.")
    const imported = await run("import", "--from", "cursor", "--secrets")
    assert.strictEqual(imported.code, 0, imported.stderr)
    assert.include(imported.stderr, "Stored the secret X-Api-Key of keyed in encrypted files.")
    assert.deepStrictEqual(entries(), { keyed: { url, headers: { "X-Api-Key": "${secret:X-Api-Key}" } } })
    assert.strictEqual(readFileSync(source, "utf8"), before)
    assert.deepStrictEqual(filesWith(join(home.home, ".mcp_cli"), key), [])
    assert.notInclude((await run("import", "--from", "cursor", "--secrets")).stderr, "not stored")

    const called = await call()
    assert.strictEqual(called.code, 0, called.stderr)
    assert.include(called.stdout, "hello")
    const listed = await run("secret", "list", "--json")
    assert.deepStrictEqual(JSON.parse(listed.stdout), [{ server: "keyed", name: "X-Api-Key" }])
    assert.include((await run("export")).stdout, '"X-Api-Key": "${secret:X-Api-Key}"')
  })

  it("are left to the user where a variable hides where they go", async () => {
    const args = [
      "mcp-remote",
      "https://${PLACE}.test/mcp",
      "--header",
      "Authorization: Bearer ${AUTH_TOKEN}"
    ]
    write(".cursor/mcp.json", { mcpServers: { far: { command: "npx", args, env: { AUTH_TOKEN: key } } } })
    const { code, stderr } = await run("import", "--from", "cursor", "--secrets")
    assert.strictEqual(code, 0, stderr)
    assert.include(
      stderr,
      "The secret AUTH_TOKEN of far was not stored: the address or command line of far has variables."
    )
    assert.include(stderr, "To store it, run: mcp-cli secret set far AUTH_TOKEN")
  })

  it("are left to the user, and named, where the configuration has the server already", async () => {
    const url = "https://kept.test/mcp"
    write(".cursor/mcp.json", { mcpServers: { kept: { url, headers: { "X-Api-Key": key } } } })
    assert.strictEqual((await run("import", "--from", "cursor")).code, 0)
    const { code, stderr } = await run("import", "--from", "cursor", "--secrets")
    assert.strictEqual(code, 0, stderr)
    assert.include(
      stderr,
      "The secret X-Api-Key of kept was not stored: the configuration has that server already."
    )
    assert.include(stderr, "To store it, run: mcp-cli secret set kept X-Api-Key")
  })

  it("are in no log", async () => {
    const { code, stderr, stdout } = await run("tools", "keyed", "-vv")
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, "x-echo")
    assert.notInclude(stdout + stderr, key)
  })

  it("reach the server through the proxy", async () => {
    const client = startProxy(home, ["keyed"])
    assert.property((await client.connect()).result, "serverInfo")
    const answer = await client.ask("tools/call", { name: "echo", arguments: { text: "hi" } })
    assert.include(JSON.stringify(answer.result), "hi")
    client.child.stdin?.end()
    assert.strictEqual((await client.ended).code, 0)
  })

  it("open no store where none is needed", async () => {
    const env = { MCP_CLI_ENCRYPTION_KEY: "not the password" }
    for (const args of [
      ["servers"],
      ["export"],
      ["auth", "client-metadata", "keyed", "--url", "https://a.test/c.json"]
    ]) {
      const { code, stderr } = await home.run(args, { env })
      assert.strictEqual(code, 0, stderr)
    }
  })

  it("go nowhere else", async () => {
    home.configure({
      mcpServers: { keyed: { url: elsewhere, headers: { "X-Api-Key": "${secret:X-Api-Key}" } } }
    })
    const { code, stderr } = await call()
    assert.strictEqual(code, 2)
    assert.include(stderr, `is stored for ${new URL(url).origin}, and the configuration now gives it to`)
    assert.include(stderr, "mcp-cli secret set keyed X-Api-Key")
    assert.deepStrictEqual(sentElsewhere, [])
    home.configure({ mcpServers: { keyed: { url, headers: { "X-Api-Key": "${secret:X-Api-Key}" } } } })
  })

  it("are stored and removed by hand", async () => {
    const removed = await run("secret", "remove", "keyed", "X-Api-Key")
    assert.include(removed.stderr, "The secret X-Api-Key of keyed is removed.")
    const missing = await call()
    assert.strictEqual(missing.code, 2)
    assert.include(missing.stderr, "The secret X-Api-Key of keyed is not stored.")
    assert.include(missing.stderr, "To store it, run: mcp-cli secret set keyed X-Api-Key")
    const doctor = await run("auth", "doctor", "keyed")
    assert.strictEqual(doctor.code, 5)
    assert.include(doctor.stdout, "The secret X-Api-Key of keyed is not stored.")

    const set = await home.run(["secret", "set", "keyed", "X-Api-Key"], { stdin: `${otherKey}\n` })
    assert.strictEqual(set.code, 0, set.stderr)
    assert.include(set.stderr, `It is used only with ${new URL(url).origin}.`)
    assert.notInclude(set.stdout + set.stderr, otherKey)
    assert.strictEqual((await call()).code, 0)

    for (const [stdin, problem] of [
      ["", "it is empty"],
      ["two\nlines", "it is not one line"]
    ] as const) {
      const refused = await home.run(["secret", "set", "keyed", "X-Api-Key"], { stdin })
      assert.strictEqual(refused.code, 2)
      assert.include(refused.stderr, problem)
    }
    assert.strictEqual((await call()).code, 0)
  })

  it("are not repeated where they are given as arguments", async () => {
    for (const [args, problem] of [
      [["secret", "set", "keyed", "X-Api-Key", otherKey], "A secret cannot be an argument"],
      [["secret", "set", "keyed", `${otherKey} too`], "Expected a name, and not the secret itself"],
      [["models", "key", "openai", otherKey], "A secret cannot be an argument"]
    ] as const) {
      const { code, stderr, stdout } = await home.run(args, { stdin: "" })
      assert.strictEqual(code, 2)
      assert.include(stderr, problem)
      assert.notInclude(stdout + stderr, otherKey)
    }
  })

  it("reach a program, and no other one", async () => {
    const script = `require("readline").createInterface({input:process.stdin}).on("line",l=>{const m=JSON.parse(l);if(m.id===undefined)return;const r=m.method==="initialize"?{protocolVersion:"2025-06-18",capabilities:{tools:{}},serverInfo:{name:"p",version:"1"}}:m.method==="tools/list"?{tools:[{name:"right",inputSchema:{type:"object"}}]}:{content:[{type:"text",text:String(process.env.KEY==="${otherKey}")}]};console.log(JSON.stringify({jsonrpc:"2.0",id:m.id,result:r}))})`
    const entry = { command: process.execPath, args: ["-e", script], env: { KEY: "${secret:KEY}" } }
    home.configure({ mcpServers: { local: entry } })
    await home.run(["secret", "set", "local", "KEY"], { stdin: otherKey })
    const called = await run("call", "local", "right")
    assert.strictEqual(called.stdout.trim(), "true", called.stderr)
    home.configure({ mcpServers: { local: { ...entry, args: [resolve("test/servers/stdio.ts")] } } })
    const refused = await run("tools", "local")
    assert.strictEqual(refused.code, 2)
    assert.include(
      refused.stderr,
      "is stored for a command line, and the configuration now gives it to another one"
    )
  })

  it("stay behind a removed server, or go with it", async () => {
    home.configure({ mcpServers: { keyed: { url, headers: { "X-Api-Key": "${secret:X-Api-Key}" } } } })
    const removed = await run("remove", "keyed")
    assert.strictEqual(removed.code, 0, removed.stderr)
    assert.include(removed.stderr, "To forget it, run: mcp-cli secret remove keyed X-Api-Key")
    home.configure({ mcpServers: { keyed: { url, headers: { "X-Api-Key": "${secret:X-Api-Key}" } } } })
    const gone = await run("remove", "keyed", "--sign-out")
    assert.strictEqual(gone.code, 0, gone.stderr)
    assert.notInclude((await run("secret", "list")).stdout, "keyed")
  })

  it("are forgotten with everything else", async () => {
    assert.include((await run("secret", "list")).stdout, "local")
    const reset = await run("auth", "reset", "--all", "--yes")
    assert.strictEqual(reset.code, 0, reset.stderr)
    assert.include(reset.stderr, "Forgot the stored secrets of servers, too (1).")
    assert.include((await run("secret", "list")).stderr, "No secret is stored.")
  })

  it("do not keep a sign-in from ending", async () => {
    const oauth = {
      client_id: "c",
      client_secret: "${secret:client}",
      token_url: url,
      authorization_url: url
    }
    home.configure({ mcpServers: { keyed: { url, oauth } } })
    const { code, stderr } = await run("auth", "logout", "keyed")
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, "Not signed in to keyed")
  })
})
