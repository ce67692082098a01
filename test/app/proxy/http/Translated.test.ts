import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import * as FetchTransport from "../../../../src/adapters/http/FetchTransport.ts"
import * as DpopProofs from "../../../../src/adapters/oauth/DpopProofs.ts"
import * as AuthorizedHttp from "../../../../src/app/http/AuthorizedHttp.ts"
import { AccessTokens } from "../../../../src/app/tokens/AccessTokens.ts"
import type { RemoteServer } from "../../../../src/domain/Server.ts"
import { KnownRevisions } from "../../../../src/ports/KnownRevisions.ts"
import { legacyServer, sseServer } from "../../../adapters/mcp/McpServers.ts"
import { askingServer } from "../../revisions/AskingServer.ts"
import { answeringClient, call, callsAnswersAndCancels, said, until } from "../../revisions/OldClient.ts"
import { rememberedRevisions } from "../../revisions/RememberedRevisions.ts"
import { serverNamed } from "../../World.ts"
import { bearer, proxyOf, upstream } from "./ProxyWorld.ts"

/** No server of these tests wants a token. */
const open = AuthorizedHttp.layer.pipe(
  Layer.provide([
    Layer.mock(AccessTokens, { getIfKnown: () => Effect.succeedNone }),
    DpopProofs.layer,
    FetchTransport.layer
  ])
)

const serverAt = (url: URL, more: Partial<RemoteServer> = {}): RemoteServer => ({
  ...serverNamed("demo"),
  url,
  ...more
})
const headers = { authorization: `Bearer ${bearer}` }
const options = { requestInit: { headers } }

const older = (url: URL) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = answeringClient()
      const transport = new OlderTransport(url, options)
      await client.connect(transport as Parameters<typeof client.connect>[0])
      return { client, transport }
    }),
    ({ client }) => Effect.promise(() => client.close())
  )

const post = (url: URL, body: object | string, session?: string | null) =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...(session ? { "mcp-session-id": session } : {})
      },
      body: typeof body === "string" ? body : JSON.stringify(body)
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  })
const initialize = (protocolVersion = "2025-11-25") => ({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion, capabilities: {}, clientInfo: { name: "t", version: "1" } }
})

describe("a client of 2025 over HTTP at a server of 2026-07-28 only", () => {
  it.live("calls tools, answers their questions, and cancels", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const memory = rememberedRevisions()
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) }).pipe(
        Effect.provideService(KnownRevisions, memory)
      )
      const { client, transport } = yield* older(proxy.url())
      assert.match(transport.sessionId ?? "", /^mcp-cli-[0-9a-f]{32}$/)
      assert.deepEqual(said(yield* call(client, "echo", { text: "hi" })), { text: "hi" })
      yield* callsAnswersAndCancels(client, server)
      // What the first client has found out, the next one need not.
      assert.strictEqual(memory.known.get(server.url.href), "modern")
      const before = server.methods().length
      yield* older(proxy.url())
      assert.strictEqual(server.methods()[before], "server/discover")
    }).pipe(Effect.provide(open))
  )

  it.live("hears of changes, in several sessions at once", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const heard = yield* Effect.forEach([1, 2], () =>
        Effect.gen(function* () {
          const changed = yield* Deferred.make<void>()
          const { client } = yield* older(proxy.url())
          client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
            Deferred.doneUnsafe(changed, Effect.void)
          })
          return changed
        })
      )
      yield* until(() => server.methods().filter((method) => method === "subscriptions/listen").length === 2)
      yield* until(() => {
        server.notify.toolsChanged()
        return heard.every((changed) => Deferred.isDoneUnsafe(changed))
      })
    }).pipe(Effect.provide(open))
  )

  it.live("begins a session again that has ended, and ends it", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const started = yield* post(proxy.url(), initialize())
      assert.strictEqual(started.status, 200)
      const id = started.headers.get("mcp-session-id")
      const ping = { jsonrpc: "2.0", id: 2, method: "ping" }
      assert.strictEqual((yield* post(proxy.url(), ping, id)).status, 200)
      // Two messages are one body in revision 2025-03-26.
      const both = yield* post(
        proxy.url(),
        [ping, { ...ping, id: 3 }, { jsonrpc: "2.0", method: "notifications/initialized" }],
        id
      )
      assert.sameMembers(
        [...both.text.matchAll(/"id":(\d)/g)].map(([, one]) => one),
        ["2", "3"]
      )
      for (const [body, status] of [
        ["no JSON", 400],
        [{ jsonrpc: "2.0" }, 400],
        [{ jsonrpc: "2.0", method: "notifications/initialized" }, 202]
      ] as const)
        assert.strictEqual((yield* post(proxy.url(), body, id)).status, status)
      const standing = yield* Effect.promise(() =>
        fetch(proxy.url(), { headers: { ...headers, "mcp-session-id": id ?? "" } })
      )
      assert.strictEqual(standing.headers.get("content-type"), "text/event-stream")
      const ended = yield* Effect.promise(() =>
        fetch(proxy.url(), { method: "DELETE", headers: { ...headers, "mcp-session-id": id ?? "" } })
      )
      assert.strictEqual(ended.status, 204)
      assert.strictEqual(yield* Effect.promise(() => standing.text()), "")
      assert.strictEqual((yield* post(proxy.url(), ping, id)).status, 404)
      assert.strictEqual((yield* post(proxy.url(), ping, "mcp-cli-of-another-process")).status, 404)
    }).pipe(Effect.provide(open))
  )

  it.live("keeps 64 sessions, and those that are used", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const ping = { jsonrpc: "2.0", id: 2, method: "ping" }
      const ids: Array<string | null> = []
      for (let count = 0; count < 64; count++) {
        ids.push((yield* post(proxy.url(), initialize())).headers.get("mcp-session-id"))
      }
      assert.strictEqual((yield* post(proxy.url(), ping, ids[0])).status, 200)
      yield* post(proxy.url(), initialize())
      assert.strictEqual((yield* post(proxy.url(), ping, ids[0])).status, 200)
      assert.strictEqual((yield* post(proxy.url(), ping, ids[1])).status, 404)
    }).pipe(Effect.provide(open))
  )

  it.live("gets the refusal of the server with --protocol legacy", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) }, { way: { bridge: false } })
      const { status, text } = yield* post(proxy.url(), initialize())
      assert.strictEqual(status, 400)
      assert.include(text, "nsupported protocol version")
    }).pipe(Effect.provide(open))
  )
})

describe("a client over HTTP at a server of HTTP+SSE", () => {
  const ways = [
    ["that is configured as one", (url: URL) => serverAt(url, { transport: "sse" })],
    ["that refuses streamable HTTP", (url: URL) => serverAt(url)]
  ] as const
  for (const [name, serverOf] of ways) {
    it.live(`${name} has sessions, and begins another one after the end of the stream`, () =>
      Effect.gen(function* () {
        const server = yield* sseServer
        const proxy = yield* proxyOf({ "/mcp": serverOf(server.url) })
        const { client } = yield* older(proxy.url())
        const names = (one: OlderClient) =>
          Effect.promise(async () => (await one.listTools()).tools.map((tool) => tool.name))
        assert.deepEqual(yield* names(client), ["echo"])
        const newer = new Client({ name: "new", version: "2" }, { versionNegotiation: { mode: "auto" } })
        yield* Effect.promise(() => newer.connect(new StreamableHTTPClientTransport(proxy.url(), options)))
        assert.deepEqual(
          yield* Effect.promise(async () => (await newer.listTools()).tools.map((tool) => tool.name)),
          ["echo"]
        )
        yield* Effect.promise(() => newer.close())
        const started = yield* post(proxy.url(), initialize("2024-11-05"))
        yield* Effect.promise(server.hangUp)
        const id = started.headers.get("mcp-session-id")
        yield* Effect.promise(() => new Promise(setImmediate))
        const lost = yield* post(proxy.url(), { jsonrpc: "2.0", id: 2, method: "tools/list" }, id)
        assert.strictEqual(lost.status, 404, lost.text)
        assert.deepEqual(yield* names((yield* older(proxy.url())).client), ["echo"])
      }).pipe(Effect.provide(open))
    )
  }

  it.live("is told what to send first", () =>
    Effect.gen(function* () {
      const server = yield* sseServer
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url, { transport: "sse" }) })
      assert.include(
        (yield* post(proxy.url(), { jsonrpc: "2.0", id: 1, method: "tools/list" })).text,
        "initialize"
      )
      const get = yield* Effect.promise(() => fetch(proxy.url(), { headers }))
      assert.strictEqual(get.status, 405)
    }).pipe(Effect.provide(open))
  )
})

describe("a server that refuses for another reason", () => {
  for (const status of [400, 404, 405]) {
    it.live(`is heard: ${status}`, () =>
      Effect.gen(function* () {
        const server = yield* upstream((request, response) => {
          request.resume()
          response.writeHead(status, { "x-request-id": "7" }).end("closed on Sundays")
        })
        const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
        const answer = yield* post(proxy.url(), initialize())
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.text, "closed on Sundays")
        assert.strictEqual(answer.headers.get("x-request-id"), "7")
      }).pipe(Effect.provide(open))
    )
  }
})

describe("a client of 2026-07-28 over HTTP at an older server", () => {
  it.live("falls back by itself", () =>
    Effect.gen(function* () {
      const server = yield* legacyServer()
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const client = new Client({ name: "new", version: "2" }, { versionNegotiation: { mode: "auto" } })
      yield* Effect.promise(() => client.connect(new StreamableHTTPClientTransport(proxy.url(), options)))
      const { content } = yield* Effect.promise(() =>
        client.callTool({ name: "echo", arguments: { text: "hi" } })
      )
      assert.deepEqual(content, [{ type: "text", text: "hi" }])
      yield* Effect.promise(() => client.close())
    }).pipe(Effect.provide(open))
  )
})
