import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { startWorld, type World } from "./World.ts"

const run = promisify(execFile)

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

  it("prints nothing on stdout where nobody has signed in", async () => {
    const { code, stderr, stdout } = await world.run(["auth", "token", "demo", "--header"], {
      env: { CI: "1" }
    })
    assert.strictEqual(code, 3)
    assert.strictEqual(stdout, "")
    assert.include(stderr, "Run: mcp-cli auth login demo")
  })
})

/** The example of the README that holds this. */
const exampleWith = (text: string): string => {
  const examples = [...readFileSync("README.md", "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
    ([, example]) => example ?? ""
  )
  const found = examples.filter((example) => example.includes(text))
  assert.strictEqual(found.length, 1)
  return found[0] ?? ""
}

/** Beside the examples: one call by each door for others, by somebody who approves. */
const program = `
import { Layer, Console, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { Browser } from "mcp-cli-oauth"
import { followRedirects } from "../servers/BrowserUser.ts"
import { byAuthProvider, byFetch, byHttpClient } from "./doors.ts"
import { serverAt, stackIn } from "./stack.ts"

const browser = Layer.succeed(Browser, {
  open: (url) => Effect.asVoid(Effect.forkDetach(Effect.promise(() => followRedirects(url.href))))
})
const server = serverAt(process.argv[2] ?? "")
const stack = stackIn(process.argv[3] ?? "", Redacted.make("a password"), browser).pipe(
  Layer.provideMerge(FetchHttpClient.layer)
)
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

describe("the doors of the library as it is built", () => {
  it("are what the README shows: its example type-checks, and each door gets in with one sign-in", async () => {
    // Inside the package, where its own name leads to its "exports".
    const folder = mkdtempSync(resolve("dist", "example-"))
    try {
      writeFileSync(join(folder, "doors.ts"), exampleWith("mcp-cli-oauth/http"))
      writeFileSync(join(folder, "stack.ts"), exampleWith("mcp-cli-oauth/node"))
      const imports = [
        `import type { Client } from "@modelcontextprotocol/client"`,
        `import { Effect } from "effect"`
      ]
      writeFileSync(join(folder, "main.ts"), [...imports, program].join("\n"))
      writeFileSync(
        join(folder, "tsconfig.json"),
        JSON.stringify({ extends: resolve("tsconfig.json"), include: ["*.ts"] })
      )
      await run(process.execPath, [resolve("node_modules/typescript/bin/tsc"), "-p", folder])
      const { stdout } = await run(process.execPath, [
        join(folder, "main.ts"),
        world.mcpServer.url.href,
        join(folder, "tokens")
      ])
      const tools = ["echo", "add", "fail"]
      assert.deepEqual(JSON.parse(stdout), { fetch: tools, authProvider: tools, status: 200 })
      assert.strictEqual(world.authorizationServer.counts.get("token:authorization_code"), 1)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
