import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { type McpServer, startMcpServer } from "../servers/McpServer.ts"
import { startProxy } from "./StdioWorld.ts"
import { type Home, makeHome } from "./World.ts"

let mcpServer: McpServer
let home: Home
beforeAll(async () => {
  mcpServer = await startMcpServer()
})
afterAll(() => mcpServer.close())
beforeEach(() => {
  home = makeHome(mcpServer.url.href)
})
afterEach(() => home.close())

describe("mcp-cli proxy", () => {
  it("answers a line of 300 MB with an error, and goes on", async () => {
    const client = startProxy(home)
    await client.connect()
    const { stdin } = client.child
    const write = async (text: Buffer | string) => {
      if (stdin?.write(text) === false) await once(stdin, "drain")
    }
    const piece = Buffer.alloc(1_000_000, "x")
    await write(`{"jsonrpc":"2.0","method":"tools/call","params":{"text":"`)
    for (let sent = 0; sent < 300; sent++) await write(piece)
    await write(`"},"id":"long"}\n`)
    assert.isUndefined((await client.ask("ping")).error)
    const answer = client.lines.map((line) => JSON.parse(line)).find(({ id }) => id === "long")
    assert.match(answer.error.message, /at most 256 MiB/)
    stdin?.end()
    assert.strictEqual((await client.ended).code, 0)
  })

  it("takes blank lines and ends of lines with a carriage return for no message", async () => {
    const client = startProxy(home)
    await client.connect()
    const before = client.lines.length
    for (const blank of ["", "\r", "  ", "\t\r"]) client.write(blank)
    client.write('{"jsonrpc":"2.0","id":"crlf","method":"ping"}\r')
    assert.isUndefined((await client.ask("ping")).error)
    client.child.stdin?.end()
    assert.strictEqual((await client.ended).code, 0)
    assert.deepEqual(
      client.lines
        .slice(before)
        .map((line) => JSON.parse(line).id)
        .toSorted(),
      [2, "crlf"]
    )
  })

  const headers: ReadonlyArray<readonly [name: string, run: (home: Home) => ReturnType<typeof startProxy>]> =
    [
      [
        "the configuration",
        (home) => {
          home.configure({
            mcpServers: { demo: { url: mcpServer.url.href, headers: { "x-a": "1\r\nx-b: 2" } } }
          })
          return startProxy(home)
        }
      ],
      [
        "a variable that the configuration reads",
        (home) => {
          home.configure({
            mcpServers: { demo: { url: mcpServer.url.href, headers: { "x-a": "${VALUE}" } } }
          })
          return startProxy(home, ["demo"], { env: { VALUE: "1\nx-b: 2" } })
        }
      ],
      ["a flag", (home) => startProxy(home, [mcpServer.url.href, "--header", "x-a: 1\r\nx-b: 2"])],
      [
        "a file with another byte that no header has",
        (home) => {
          const file = join(home.home, "headers")
          writeFileSync(file, "x-a: 1\u0000\n")
          return startProxy(home, [mcpServer.url.href, "--header-file", file])
        }
      ]
    ]
  for (const [name, start] of headers) {
    it(`tells the client of a header with a line break, and sends nothing: from ${name}`, async () => {
      const before = mcpServer.counts.get("initialize")
      const client = start(home)
      assert.match((await client.connect()).error?.message ?? "", /header/i)
      client.child.stdin?.end()
      const { code, stderr } = await client.ended
      assert.strictEqual(code, 2, stderr)
      assert.strictEqual(mcpServer.counts.get("initialize"), before)
    })
  }
})
