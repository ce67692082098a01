import { resolve } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Client as NewClient } from "@modelcontextprotocol/client"
import { StdioClientTransport as NewTransport } from "@modelcontextprotocol/client/stdio"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { Effect } from "effect"
import { legacyServer, sseServer } from "../adapters/mcp/McpServers.ts"
import { askingServer } from "../app/revisions/AskingServer.ts"
import { answeringClient, callsAnswersAndCancels, until } from "../app/revisions/OldClient.ts"
import { makeHome, password } from "./World.ts"

/** How a client starts the proxy of a server. */
const proxyOf = (url: URL, args: ReadonlyArray<string> = ["demo"]) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => makeHome(url.href)),
      (home) => Effect.promise(() => home.close())
    ),
    ({ home }) => ({
      command: process.execPath,
      args: [resolve("dist/bin/mcp-cli.cjs"), "proxy", ...args],
      env: {
        HOME: home,
        PATH: process.env["PATH"] ?? "",
        DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
        MCP_CLI_ENCRYPTION_KEY: password
      }
    })
  )

describe("mcp-cli proxy", () => {
  it.live("lets a client of 2025 use a server of 2026-07-28", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const client = answeringClient()
      const parameters = yield* proxyOf(server.url)
      yield* Effect.promise(() => client.connect(new OldTransport(parameters) as never))
      yield* callsAnswersAndCancels(client, server)
      yield* Effect.promise(() => client.close())
      // Another process knows what the first one has found out.
      const before = server.methods().length
      const next = new OldClient({ name: "old", version: "1" })
      yield* Effect.promise(() => next.connect(new OldTransport(parameters) as never))
      // Once the client is initialized, the proxy opens a stream for it.
      yield* until(() => server.methods().length === before + 2)
      yield* Effect.promise(() => next.close())
      assert.deepEqual(server.methods().slice(before), ["server/discover", "subscriptions/listen"])
    })
  )

  it.live("lets a client of 2026-07-28 use a server of its revision and one of 2025", () =>
    Effect.gen(function* () {
      const modern = yield* askingServer()
      const legacy = yield* legacyServer()
      for (const [url, tool] of [
        [modern.url, "region"],
        [legacy.url, "echo"]
      ] as const) {
        const client = new NewClient({ name: "new", version: "1" }, { versionNegotiation: { mode: "auto" } })
        const parameters = yield* proxyOf(url)
        yield* Effect.promise(() => client.connect(new NewTransport(parameters)))
        const names = (yield* Effect.promise(() => client.listTools())).tools.map(({ name }) => name)
        assert.include(names, tool)
        assert.notInclude(names, "invalid")
        const result = yield* Effect.promise(() =>
          client.callTool({ name: tool, arguments: { region: "eu", text: "hi" } })
        )
        assert.notProperty(result, "isError")
        yield* Effect.promise(() => client.close())
      }
      assert.deepEqual(modern.methods(), ["server/discover", "tools/list", "tools/call"])
    })
  )

  it.live("lets a client use a server of HTTP+SSE", () =>
    Effect.gen(function* () {
      const server = yield* sseServer
      const client = new OldClient({ name: "old", version: "1" })
      const parameters = yield* proxyOf(server.url)
      yield* Effect.promise(() => client.connect(new OldTransport(parameters) as never))
      const names = () => Effect.promise(async () => (await client.listTools()).tools.map(({ name }) => name))
      assert.deepEqual(yield* names(), ["echo"])
      // Another stream is another session, which the proxy starts.
      yield* Effect.promise(server.hangUp)
      assert.deepEqual(yield* names(), ["echo"])
      yield* Effect.promise(() => client.close())
    })
  )

  it.live("uses the transport and the protocol that a command line of mcp-remote names", () =>
    Effect.gen(function* () {
      const { url } = yield* sseServer
      const modern = yield* askingServer()
      const rows = [
        [url, ["--transport", "sse-only"], ""],
        [url, ["--transport", "http-only"], "HTTP 405"],
        [modern.url, ["--protocol", "legacy"], "nsupported protocol version"]
      ] as const
      for (const [at, flags, refusal] of rows) {
        const client = new OldClient({ name: "old", version: "1" })
        const parameters = yield* proxyOf(at, [at.href, ...flags])
        const said = yield* Effect.promise(() =>
          client.connect(new OldTransport(parameters) as never).then(
            () => "",
            (error) => String(error.message)
          )
        )
        assert.match(said, new RegExp(refusal === "" ? "^$" : refusal))
        yield* Effect.promise(() => client.close())
      }
      assert.deepEqual(modern.methods(), ["initialize"])
    })
  )
})
