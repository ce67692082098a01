import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Redacted, Scope } from "effect"
import { vi } from "vitest"
import { ClientIdentity } from "../../../src/ports/ClientIdentity.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { UserWait } from "../../../src/ports/UserWait.ts"
import { McpError } from "../../../src/ports/McpConnector.ts"
import { legacyServer, listenWith, modernServer, sseServer } from "./McpServers.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"

/** Runs with a scope of its own and closes it before going on. */
const inScope = <A, E, R>(effect: Effect.Effect<A, E, R | Scope.Scope>) => Effect.scoped(effect)

const oldHandshake = ["server/discover", "initialize", "notifications/initialized"]

const eras = [
  { era: "2026-07-28", open: modernServer },
  { era: "2025-11-25", open: (settings?: object) => Effect.map(legacyServer(settings), ({ url }) => url) }
] as const

describe("a session over streamable HTTP", () => {
  it.effect("takes two requests for a server of 2026-07-28 and a list, and none to close", () =>
    Effect.gen(function* () {
      const { send, sent, requests } = way()
      yield* inScope(
        Effect.gen(function* () {
          const session = yield* connect(httpServer(yield* modernServer()), send)
          assert.deepStrictEqual(session.server, {
            name: "example",
            version: "1.2.3",
            protocol: "2026-07-28"
          })
          assert.deepStrictEqual(session.instructions, Option.some("Use echo."))
          assert.deepStrictEqual(yield* session.tools, [
            {
              name: "echo",
              title: "Echo",
              description: "Says it again",
              inputSchema: { type: "object", properties: { text: { type: "string" } } }
            }
          ])
        })
      )
      assert.deepStrictEqual(sent, ["server/discover", "tools/list"])
      const body = yield* Effect.promise(() => requests[0]!.text())
      assert.deepInclude(JSON.parse(body).params["_meta"], {
        "io.modelcontextprotocol/clientInfo": { name: "mcp-cli", version: "9.8.7" }
      })
    }).pipe(Effect.provide(connector))
  )

  it.effect("introduces the product that the program provides", () =>
    Effect.gen(function* () {
      const { requests, send } = way()
      yield* inScope(Effect.flatMap(modernServer(), (url) => connect(httpServer(url), send)))
      const body = yield* Effect.promise(() => requests[0]!.text())
      assert.deepInclude(JSON.parse(body).params["_meta"], {
        "io.modelcontextprotocol/clientInfo": { name: "Example Chat", version: "9.8.7" }
      })
    }).pipe(
      Effect.provide(
        connector.pipe(Layer.provide(Layer.succeed(ClientIdentity, { name: "Example Chat" })), Layer.fresh)
      )
    )
  )

  it.effect("takes four for an older server, opens no standing stream, and ends its session", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const server = yield* legacyServer()
      yield* inScope(
        Effect.gen(function* () {
          const session = yield* connect(httpServer(server.url), send)
          assert.strictEqual(session.server.protocol, "2025-11-25")
          assert.deepStrictEqual(session.instructions, Option.some("Use echo."))
          assert.strictEqual((yield* session.tools).length, 1)
          assert.strictEqual(server.sessions.size, 1)
        })
      )
      assert.deepStrictEqual(sent, [...oldHandshake, "tools/list", "DELETE"])
      assert.strictEqual(server.sessions.size, 0)
    }).pipe(Effect.provide(connector))
  )

  for (const { era, open } of eras) {
    describe(`of ${era}`, () => {
      it.effect("calls tools and gives what they gave, their own errors included", () =>
        Effect.gen(function* () {
          const { requests, send, sent } = way()
          const session = yield* connect(httpServer(yield* open()), send)
          const echo = yield* session.call("echo", { text: "hello" })
          const request = yield* Effect.promise(() => requests[sent.indexOf("tools/call")]!.json())
          assert.property(request.params["_meta"], "progressToken")
          assert.deepStrictEqual(echo.content, [{ _tag: "Text", text: "hello" }])
          assert.deepStrictEqual(echo.structured, Option.some({ text: "hello" }))
          assert.isFalse(echo.isError)
          assert.deepInclude(echo.raw, { content: [{ type: "text", text: "hello" }] })

          const text = "é\n".repeat(2 ** 18)
          const long = yield* session.call("echo", { text })
          assert.deepInclude(long.raw, { content: [{ type: "text", text }], structuredContent: { text } })
          assert.deepStrictEqual(long.structured, Option.some({ text }))
          assert.deepStrictEqual(
            long.content.map((piece) => piece._tag === "Text" && piece.text),
            [text]
          )

          const fails = yield* session.call("fails", {})
          assert.isTrue(fails.isError)
          assert.deepStrictEqual(fails.content, [{ _tag: "Text", text: "the disk is full" }])
          assert.deepStrictEqual(fails.structured, Option.none())

          const everything = yield* session.call("everything", {})
          assert.deepStrictEqual(everything.content, [
            { _tag: "Binary", mimeType: "image/png", bytes: 5, base64: "AQIDBAU=" },
            { _tag: "Text", text: "inner" },
            { _tag: "Binary", mimeType: "application/octet-stream", bytes: 5, base64: "AQIDBAU=" },
            { _tag: "Text", text: "test:///c" }
          ])
        }).pipe(Effect.provide(connector))
      )

      it.effect("sends a call as a part of it: a caller knows the time that its user takes", () =>
        Effect.gen(function* () {
          const { send } = way()
          const signsIn: typeof send = (request, options) =>
            Effect.flatMap(UserWait, (waits) => waits("example", send(request, options)))
          const session = yield* connect(httpServer(yield* open()), signsIn)
          let waited = 0
          yield* session.call("echo", { text: "hello" }).pipe(
            Effect.provideService(UserWait, (_, waiting) => {
              waited++
              return waiting
            })
          )
          assert.strictEqual(waited, 1)
        }).pipe(Effect.provide(connector))
      )

      it.effect("says what an unknown tool is and where the known ones are", () =>
        Effect.gen(function* () {
          const session = yield* connect(httpServer(yield* open()), way().send)
          const error = yield* Effect.flip(session.call("nope", {}))
          assert.instanceOf(error, McpError)
          assert.strictEqual(
            errorText(error),
            "example: it answered with an error: Tool nope not found (JSON-RPC -32602).\nTo see its tools and their arguments, run: mcp-cli tools example"
          )
        }).pipe(Effect.provide(connector))
      )

      it.effect("lists and reads resources, and lists prompts", () =>
        Effect.gen(function* () {
          const session = yield* connect(httpServer(yield* open()), way().send)
          assert.deepStrictEqual(yield* session.resources, [
            { uri: "test:///a", name: "a", description: undefined, mimeType: "text/plain" }
          ])
          assert.deepStrictEqual((yield* session.read("test:///a")).content, [
            { _tag: "Text", text: "contents of test:///a" },
            { _tag: "Binary", mimeType: "image/png", bytes: 5, base64: "AQIDBAU=" }
          ])
          assert.deepStrictEqual(yield* session.prompts, [
            {
              name: "greet",
              description: undefined,
              arguments: [
                { name: "who", description: undefined, required: true },
                { name: "how", description: undefined, required: false }
              ]
            }
          ])
        }).pipe(Effect.provide(connector))
      )

      it.effect("has no resources and prompts where the server has none, without asking or printing", () =>
        Effect.gen(function* () {
          const printed = vi.spyOn(console, "debug")
          yield* Effect.addFinalizer(() => Effect.sync(() => printed.mockRestore()))
          const { send, sent } = way()
          const session = yield* connect(httpServer(yield* open({ toolsOnly: true })), send)
          const before = sent.length
          assert.deepStrictEqual(yield* session.resources, [])
          assert.deepStrictEqual(yield* session.prompts, [])
          assert.strictEqual(sent.length, before)
          assert.strictEqual(printed.mock.calls.length, 0)
        }).pipe(Effect.provide(connector))
      )

      it.effect("follows a list from page to page", () =>
        Effect.gen(function* () {
          const session = yield* connect(httpServer(yield* open({ pages: 70 })), way().send)
          const names = (yield* session.tools).map(({ name }) => name)
          assert.strictEqual(names.length, 70)
          assert.strictEqual(names.at(-1), "tool-70")
        }).pipe(Effect.provide(connector))
      )

      it.effect("makes a round trip for each ping", () =>
        Effect.gen(function* () {
          const { send, sent } = way()
          const session = yield* connect(httpServer(yield* open()), send)
          const before = sent.length
          yield* session.ping
          yield* session.ping
          assert.strictEqual(sent.length - before, 2)
        }).pipe(Effect.provide(connector))
      )
    })
  }

  it.effect("gives up on a list that does not end", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const session = yield* connect(httpServer(yield* modernServer({ pages: Infinity })), send)
      const error = yield* Effect.flip(session.tools)
      assert.include(error.message, "does not end")
      assert.strictEqual(sent.filter((name) => name === "tools/list").length, 1000)
    }).pipe(Effect.provide(connector))
  )

  it.effect("sends the configured headers with each request, the protocol's own before them", () =>
    Effect.gen(function* () {
      const { send, sent, requests } = way()
      const headers = { "X-Api-Key": Redacted.make("k-123456"), "Content-Type": Redacted.make("text/plain") }
      yield* inScope(
        Effect.gen(function* () {
          const server = yield* legacyServer()
          const session = yield* connect(httpServer(server.url, { headers }), send)
          yield* session.tools
        })
      )
      assert.strictEqual(sent.at(-1), "DELETE")
      for (const request of requests) assert.strictEqual(request.headers.get("x-api-key"), "k-123456")
      for (const request of requests.slice(0, -1)) {
        assert.strictEqual(request.headers.get("content-type"), "application/json")
      }
    }).pipe(Effect.provide(connector))
  )

  it.effect("opens a new session for a list where the server has forgotten the old one", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const server = yield* legacyServer()
      yield* inScope(
        Effect.gen(function* () {
          const session = yield* connect(httpServer(server.url), send)
          server.forget()
          sent.splice(0)
          assert.strictEqual((yield* session.tools).length, 1)
          assert.strictEqual(server.sessions.size, 1)
        })
      )
      // Only the session that the server knows is ended.
      assert.deepStrictEqual(sent, ["tools/list", ...oldHandshake, "tools/list", "DELETE"])
      assert.strictEqual(server.sessions.size, 0)
    }).pipe(Effect.provide(connector))
  )

  it.effect("does not repeat a call that the server has forgotten the session of, but goes on after it", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const server = yield* legacyServer()
      const session = yield* connect(httpServer(server.url), send)
      server.forget()
      sent.splice(0)
      const error = yield* Effect.flip(session.call("echo", { text: "a" }))
      assert.include(error.message, "its session had ended, and nothing was done")
      assert.deepStrictEqual(sent, ["tools/call"])
      assert.deepStrictEqual((yield* session.call("echo", { text: "b" })).content, [
        { _tag: "Text", text: "b" }
      ])
    }).pipe(Effect.provide(connector))
  )

  it.effect("opens one new session for many that find the old one forgotten", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const server = yield* legacyServer()
      const session = yield* connect(httpServer(server.url), send)
      server.forget()
      sent.splice(0)
      yield* Effect.all([session.tools, session.resources, session.prompts], { concurrency: "unbounded" })
      assert.strictEqual(sent.filter((name) => name === "initialize").length, 1)
    }).pipe(Effect.provide(connector))
  )
})

describe("a session over SSE", () => {
  it.effect("is opened where the handshake is answered 405", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const session = yield* connect(httpServer((yield* sseServer).url), send)
      assert.strictEqual(session.server.name, "older")
      assert.deepStrictEqual(
        (yield* session.tools).map(({ name }) => name),
        ["echo"]
      )
      assert.deepStrictEqual(sent, [
        "server/discover",
        "initialize",
        "GET",
        "initialize",
        "notifications/initialized",
        "tools/list"
      ])
    }).pipe(Effect.provide(connector))
  )

  it.effect("is opened at once where the entry says so", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const session = yield* connect(httpServer((yield* sseServer).url, { transport: "sse" }), send)
      yield* session.ping
      assert.deepStrictEqual(sent, ["GET", "initialize", "notifications/initialized", "ping"])
    }).pipe(Effect.provide(connector))
  )

  it.effect("is opened anew after its stream has ended", () =>
    Effect.gen(function* () {
      const server = yield* sseServer
      const { send, sent } = way()
      const session = yield* connect(httpServer(server.url, { transport: "sse" }), send)
      sent.splice(0)
      yield* Effect.promise(() => server.hangUp())
      // The end of the stream may be heard after the request is on its way; then that request says so.
      const first = yield* Effect.exit(session.tools)
      if (Exit.isFailure(first)) assert.strictEqual((yield* session.tools).length, 1)
      assert.deepStrictEqual(sent.slice(-4), ["GET", "initialize", "notifications/initialized", "tools/list"])
    }).pipe(Effect.provide(connector))
  )

  for (const status of [401, 403, 500, 503]) {
    it.effect(`is not tried where the handshake is answered ${status}`, () =>
      Effect.gen(function* () {
        const { send, sent } = way()
        const url = yield* listenWith(async () => new Response("no", { status }))
        const error = yield* Effect.flip(connect(httpServer(url), send))
        assert.include(error.message, `HTTP ${status}`)
        assert.notInclude(sent, "GET")
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("says both where there is neither", () =>
    Effect.gen(function* () {
      const url = yield* listenWith(async () => new Response("nothing here", { status: 404 }))
      const error = yield* Effect.flip(connect(httpServer(url), way().send))
      assert.strictEqual(
        errorText(error),
        `example: it answered HTTP 404: nothing here. Nor does it serve the older SSE transport.\nCheck "url" in the entry of example.`
      )
    }).pipe(Effect.provide(connector))
  )
})
