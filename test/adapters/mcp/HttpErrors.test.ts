import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import { McpError } from "../../../src/ports/McpConnector.ts"
import { makeToolServer } from "./ToolServer.ts"
import { legacyServer, listen, listenWith, nodeHandler, modernServer, sseServer } from "./McpServers.ts"
import { connect, connector, Down, httpServer, way } from "./McpWorld.ts"
import { createMcpHandler } from "@modelcontextprotocol/server"

/** A server of 2025-11-25, without sessions, that answers `tools/list` and GET as it is told. */
const raw = (answers: {
  readonly list: (id: number) => Response
  readonly get?: () => Response
  readonly initialized?: number
  readonly session?: string
}) =>
  listenWith(async (request) => {
    if (request.method !== "POST") return answers.get?.() ?? new Response(null, { status: 405 })
    const { id, method } = JSON.parse(await request.text())
    switch (method) {
      case "initialize": {
        const headers = answers.session === undefined ? {} : { "mcp-session-id": answers.session }
        const result = {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "raw", version: "1" }
        }
        return Response.json({ jsonrpc: "2.0", id, result }, { headers })
      }
      case "notifications/initialized":
        return new Response(null, { status: answers.initialized ?? 202 })
      case "tools/list":
        return answers.list(id)
      default:
        return Response.json({ jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } })
    }
  })

/** A server that redirects what comes to `/mcp` and serves what comes elsewhere. */
const redirecting = (status: number, location: (request: Request) => string) =>
  listenWith(async (request) => {
    const url = new URL(request.url)
    return url.pathname === "/mcp"
      ? new Response(null, { status, headers: { location: location(request) } })
      : createMcpHandler(() => makeToolServer()).fetch(request)
  })

const eventStream = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } })

describe("what the way to the server fails with", () => {
  const down = new Down({ why: "the sign-in was refused" })

  for (const at of ["server/discover", "initialize", "notifications/initialized"]) {
    it.effect(`comes out of opening a session as it is, from ${at}`, () =>
      Effect.gen(function* () {
        const { instead, send, sent } = way()
        instead.set(at, () => down)
        const error = yield* Effect.flip(connect(httpServer((yield* legacyServer()).url), send))
        assert.strictEqual(error, down)
        assert.strictEqual(sent.at(-1), at)
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("comes out of opening an SSE stream as it is, and no second stream is opened", () =>
    Effect.gen(function* () {
      const { instead, send, sent } = way()
      instead.set("GET", () => down)
      const error = yield* Effect.flip(connect(httpServer((yield* sseServer).url), send))
      assert.strictEqual(error, down)
      assert.strictEqual(sent.filter((name) => name === "GET").length, 1)
    }).pipe(Effect.provide(connector))
  )

  for (const { era, open } of [
    { era: "2026-07-28", open: modernServer() },
    { era: "2025-11-25", open: Effect.map(legacyServer(), ({ url }) => url) },
    { era: "SSE", open: Effect.map(sseServer, ({ url }) => url) }
  ]) {
    it.effect(`comes out of each request as it is, in a session of ${era}, which goes on after it`, () =>
      Effect.gen(function* () {
        const { instead, send } = way()
        const session = yield* connect(httpServer(yield* open), send)
        instead.set("tools/list", () => down).set("tools/call", () => down)
        instead.set("ping", () => down).set("server/discover", () => down)
        assert.strictEqual(yield* Effect.flip(session.tools), down)
        assert.strictEqual(yield* Effect.flip(session.call("echo", {})), down)
        assert.strictEqual(yield* Effect.flip(session.ping), down)
        instead.clear()
        assert.strictEqual((yield* session.tools).length, 1)
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("is the network's error where there is none, and SSE is not tried", () =>
    Effect.gen(function* () {
      const url = yield* Effect.scoped(listenWith(async () => new Response()))
      const { send, sent } = way()
      const error = yield* Effect.flip(connect(httpServer(url), send))
      assert.instanceOf(error, NetworkError)
      assert.deepStrictEqual(sent, ["server/discover"])
    }).pipe(Effect.provide(connector))
  )

  it.effect("ends the request that it was for and no other one", () =>
    Effect.gen(function* () {
      const { instead, send } = way()
      const session = yield* connect(httpServer(yield* modernServer()), send)
      instead.set("tools/list", () => down)
      const [tools, resources] = yield* Effect.all(
        [Effect.exit(session.tools), Effect.exit(session.resources)],
        {
          concurrency: "unbounded"
        }
      )
      assert.isTrue(Exit.isFailure(tools))
      assert.isTrue(Exit.isSuccess(resources))
    }).pipe(Effect.provide(connector))
  )

  it.live("comes out while a stream is resumed, which is not tried again", () =>
    Effect.gen(function* () {
      const { instead, send, sent } = way()
      const url = yield* raw({ list: () => eventStream("id: 1\nretry: 1\ndata:\n\n") })
      const session = yield* connect(httpServer(url), send)
      instead.set("GET", () => down)
      assert.strictEqual(yield* Effect.flip(session.tools), down)
      for (let trip = 0; trip < 3; trip++) yield* Effect.exit(session.ping)
      assert.strictEqual(sent.filter((name) => name === "GET").length, 1)
    }).pipe(Effect.provide(connector))
  )

  it.effect("is a defect where it was one", () =>
    Effect.gen(function* () {
      const { instead, send } = way()
      const session = yield* connect(httpServer(yield* modernServer()), send)
      const defect = new Error("a fault of ours")
      instead.set("tools/list", () => Effect.die(defect))
      const exit = yield* Effect.exit(session.tools)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, defect)
    }).pipe(Effect.provide(connector))
  )

  it.effect("is an interruption where it was one", () =>
    Effect.gen(function* () {
      const { instead, send } = way()
      const session = yield* connect(httpServer(yield* modernServer()), send)
      instead.set("tools/list", () => Effect.interrupt)
      const exit = yield* Effect.exit(session.tools)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    }).pipe(Effect.provide(connector))
  )

  it.effect("leaves the server without a shutdownTimeout, which could start another sign-in", () =>
    Effect.gen(function* () {
      const { instead, send, sent } = way()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* connect(httpServer((yield* legacyServer()).url), send)
          instead.set("tools/list", () => down)
          yield* Effect.flip(session.tools)
        })
      )
      assert.notInclude(sent, "DELETE")
    }).pipe(Effect.provide(connector))
  )
})

describe("a request that is stopped", () => {
  it.effect("stops on its way", () =>
    Effect.gen(function* () {
      const { instead, send } = way()
      const session = yield* connect(httpServer(yield* modernServer()), send)
      const started = yield* Deferred.make<void>()
      const stopped = yield* Deferred.make<void>()
      instead.set("tools/list", () =>
        Deferred.succeed(started, undefined).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(stopped, undefined))
        )
      )
      const fiber = yield* Effect.forkChild(session.tools)
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(stopped)
    }).pipe(Effect.provide(connector))
  )

  it.effect("stops at the server while its answer is under way, although `send` heeds no signal", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      const other = nodeHandler(createMcpHandler(() => makeToolServer()).fetch)
      const url = yield* listen((request, response) => {
        if (request.headers["mcp-method"] !== "tools/call") return other(request, response)
        response.on("close", () => Deferred.doneUnsafe(gone, Effect.void))
        response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n")
      })
      const session = yield* connect(
        httpServer(url),
        Effect.fnUntraced(function* (request: Request) {
          const response = yield* Effect.promise(() => fetch(new Request(request, { signal: null })))
          // Forked, so that it is said only after the response has been handed over.
          if (request.headers.get("mcp-method") === "tools/call") {
            yield* Effect.forkDetach(Deferred.succeed(started, undefined))
          }
          return response
        })
      )
      const fiber = yield* Effect.forkChild(session.call("hangs", {}))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(gone)
    }).pipe(Effect.provide(connector))
  )

  it.effect("is stopped with the session, whose end waits a second for the server at most", () =>
    Effect.gen(function* () {
      const { instead, send, sent } = way()
      const asked = yield* Deferred.make<void>()
      instead.set("DELETE", () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(connect(httpServer((yield* legacyServer()).url), send), scope)
      yield* session.tools
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Deferred.await(asked)
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual(sent.at(-1), "DELETE")
    }).pipe(Effect.provide(connector))
  )
})

describe("a server that goes on", () => {
  it.effect.each([400, 404, 405, 422, 500, 501])("is used though it answers %i to a notification", (status) =>
    Effect.gen(function* () {
      const list = (id: number) => Response.json({ jsonrpc: "2.0", id, result: { tools: [] } })
      const { send, sent } = way()
      const session = yield* connect(httpServer(yield* raw({ list, initialized: status })), send)
      assert.isEmpty(yield* session.tools)
      assert.deepStrictEqual(sent.slice(-2), ["notifications/initialized", "tools/list"])
    }).pipe(Effect.provide(connector))
  )

  it.effect.each([401, 403])("is not used if it answers %i to a notification", (status) =>
    Effect.gen(function* () {
      const list = () => assert.fail("it was asked for its list")
      const error = yield* Effect.flip(
        connect(httpServer(yield* raw({ list, initialized: status })), way().send)
      )
      assert.include(errorText(error), `it answered HTTP ${status}`)
    }).pipe(Effect.provide(connector))
  )
})

describe("an answer that is none", () => {
  it.effect.each([
    [404, '{"error":"Session not found"}'],
    [404, ""],
    [
      400,
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}'
    ]
  ] as const)("is that of a server that forgets each session at once: %i %s", ([status, said]) =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const list = () => new Response(said, { status })
      const session = yield* connect(httpServer(yield* raw({ list, session: "s" })), send)
      assert.strictEqual(
        errorText(yield* Effect.flip(session.tools)),
        "example: it forgets each session as soon as it is opened.\nTell its provider: it may run several times without sharing its sessions."
      )
      assert.strictEqual(sent.filter((name) => name === "tools/list").length, 2)
    }).pipe(Effect.provide(connector))
  )

  it.effect("is a 401, which the entry or a sign-in can fix", () =>
    Effect.gen(function* () {
      const url = yield* listenWith(async () => new Response(null, { status: 401 }))
      const signIn = yield* Effect.flip(connect(httpServer(url), way().send))
      assert.strictEqual(
        errorText(signIn),
        "example: it answered HTTP 401: Unauthorized.\nRun: mcp-cli auth login example"
      )
      const headers = { Authorization: Redacted.make("Bearer abcdefgh") }
      const entry = yield* Effect.flip(connect(httpServer(url, { headers }), way().send))
      assert.include(errorText(entry), `Check "Authorization" in "headers" of example.`)
    }).pipe(Effect.provide(connector))
  )

  it.effect("is reported where the stream ends before the answer", () =>
    Effect.gen(function* () {
      const session = yield* connect(
        httpServer(yield* raw({ list: () => eventStream(": hello\n\n") })),
        way().send
      )
      const error = yield* Effect.flip(session.tools)
      assert.strictEqual(
        errorText(error),
        "example: it closed the connection before it answered.\nTry again."
      )
    }).pipe(Effect.provide(connector))
  )

  it.live("is resumed where the server gave an event to resume from", () =>
    Effect.gen(function* () {
      let asked = 0
      const url = yield* raw({
        list: (id) => {
          asked = id
          return eventStream("id: 1\nretry: 1\ndata:\n\n")
        },
        get: () =>
          eventStream(
            `data: ${JSON.stringify({ jsonrpc: "2.0", id: asked, result: { tools: [{ name: "late", inputSchema: { type: "object" } }] } })}\n\n`
          )
      })
      const { send, sent } = way()
      const session = yield* connect(httpServer(url), send)
      assert.deepStrictEqual(
        (yield* session.tools).map(({ name }) => name),
        ["late"]
      )
      assert.strictEqual(sent.at(-1), "GET")
    }).pipe(Effect.provide(connector))
  )

  it.effect("is a web page", () =>
    Effect.gen(function* () {
      const headers = { "content-type": "text/html" }
      const url = yield* listenWith(async () => new Response("<html>Welcome</html>", { headers }))
      const error = yield* Effect.flip(connect(httpServer(url), way().send))
      assert.instanceOf(error, McpError)
      assert.include(errorText(error), "its answer is not that of an MCP server: it is text/html")
    }).pipe(Effect.provide(connector))
  )

  it.effect("is an error page: a short one is quoted as plain text, a long one cut, HTML left out", () =>
    Effect.gen(function* () {
      const bodies = ["out of\u001b[31m order\n", "x".repeat(5000), "<html><b>secret stack trace</b></html>"]
      const url = yield* raw({ list: () => new Response(bodies.shift(), { status: 500 }) })
      const session = yield* connect(httpServer(url), way().send)
      const message = Effect.map(Effect.flip(session.tools), (error) => errorText(error))
      assert.strictEqual(yield* message, "example: it answered HTTP 500: out of[31m order.\nTry again later.")
      assert.strictEqual(
        yield* message,
        `example: it answered HTTP 500: ${"x".repeat(300)}….\nTry again later.`
      )
      assert.strictEqual(
        yield* message,
        "example: it answered HTTP 500: Internal Server Error.\nTry again later."
      )
    }).pipe(Effect.provide(connector))
  )

  // Web servers, gateways and frameworks answer in JSON of their own; only an error with a code is one of JSON-RPC.
  for (const [status, body, said, next] of [
    [404, { error: "not_found" }, "not_found", 'Check "url" in the entry of example.'],
    [404, { detail: "Not Found" }, "Not Found", 'Check "url" in the entry of example.'],
    [402, { error: { message: "Pay first." } }, "Pay first", 'Check "url" in the entry of example.'],
    [400, { error: "bad", error_description: "wrong host" }, "wrong host", 'Check "url" in'],
    [418, { title: "Teapot", detail: "short\u001b[31m" }, "short[31m", 'Check "url" in the entry'],
    [500, { message: "database down" }, "database down", "Try again later."],
    [500, { ok: false }, '{"ok":false}', "Try again later."],
    [502, [], "[]", "Try again later."]
  ] as const) {
    it.effect(`is told with its status: ${status} and ${JSON.stringify(body)}`, () =>
      Effect.gen(function* () {
        const url = yield* raw({ list: () => Response.json(body, { status }) })
        const session = yield* connect(httpServer(url), way().send)
        const error = errorText(yield* Effect.flip(session.tools))
        assert.include(error, `example: it answered HTTP ${status}: ${said}.\n${next}`)
      }).pipe(Effect.provide(connector))
    )
  }

  for (const [body, said] of [
    [{ error: "nothing here" }, "nothing here"],
    [{ error: { message: "no code" } }, "no code"],
    [{ error: { code: "E_BAD", message: "a code in letters" } }, "a code in letters"],
    [{ message: "use /mcp" }, "use /mcp"],
    [{ ok: true }, "not valid"]
  ] as const) {
    it.effect(`is told by its words: ${JSON.stringify(body)}`, () =>
      Effect.gen(function* () {
        const url = yield* raw({ list: (id) => Response.json({ jsonrpc: "2.0", id, ...body }) })
        const session = yield* connect(httpServer(url), way().send)
        const error = errorText(yield* Effect.flip(session.tools))
        assert.include(error, `its answer is not that of an MCP server: ${said}.`)
      }).pipe(Effect.provide(connector))
    )
  }

  for (const [header, next] of [
    ["90", "Try again in 90 seconds."],
    ["7200", "Try again in 2 hours."],
    ["0", "Try again later."],
    ["soon", "Try again later."],
    ["Thu, 01 Jan 1970 01:00:00 GMT", "Try again in 60 minutes."],
    [null, "Try again later."]
  ] as const) {
    it.effect(`says when to try again: Retry-After of ${header}`, () =>
      Effect.gen(function* () {
        const headers = header === null ? {} : { "retry-after": header }
        const url = yield* raw({ list: () => new Response("busy", { status: 429, headers }) })
        const session = yield* connect(httpServer(url), way().send)
        const error = errorText(yield* Effect.flip(session.tools))
        assert.strictEqual(error, `example: it answered HTTP 429: busy.\n${next}`)
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("is complete without the empty line after its last event", () =>
    Effect.gen(function* () {
      const tool = { name: "late", inputSchema: { type: "object" } }
      const url = yield* raw({
        list: (id) =>
          eventStream(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result: { tools: [tool] } })}`)
      })
      const session = yield* connect(httpServer(url), way().send)
      assert.deepStrictEqual(
        (yield* session.tools).map(({ name }) => name),
        ["late"]
      )
    }).pipe(Effect.provide(connector))
  )

  for (const [result, said] of [
    [{ protocolVersion: "2099-01-01" }, "it speaks MCP of 2099-01-01, which this mcp-cli does not.\nUpgrade"],
    [{ protocolVersion: 7 }, 'Invalid result for initialize at "protocolVersion"'],
    [{ capabilities: null }, 'Invalid result for initialize at "capabilities"'],
    [{ capabilities: [] }, 'Invalid result for initialize at "capabilities"']
  ] as const) {
    it.effect(`is told by what is wrong with its greeting: ${JSON.stringify(result)}`, () =>
      Effect.gen(function* () {
        const url = yield* listenWith(async (request) => {
          const { id, method } = JSON.parse((await request.text()) || "{}")
          const greeting = { protocolVersion: "2025-11-25", capabilities: {}, ...result }
          const answer =
            method === "initialize" ? { result: greeting } : { error: { code: -32601, message: "" } }
          return Response.json({ jsonrpc: "2.0", id, ...answer })
        })
        assert.include(errorText(yield* Effect.flip(connect(httpServer(url), way().send))), said)
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("repeats the secrets of the request, which are taken out", () =>
    Effect.gen(function* () {
      const url = yield* listenWith(
        async (request) =>
          new Response(`Bad headers: ${JSON.stringify(Object.fromEntries(request.headers))}`, { status: 500 })
      )
      const headers = {
        "x-api-key": Redacted.make("k-123456"),
        authorization: Redacted.make("Bearer s3cr3t-t0ken")
      }
      const error = yield* Effect.flip(connect(httpServer(url, { headers }), way().send))
      assert.include(error.message, "Bad headers")
      assert.notInclude(error.message, "k-123456")
      assert.notInclude(error.message, "s3cr3t-t0ken")
    }).pipe(Effect.provide(connector))
  )

  it.effect("does not come: the silence after the head of the answer has an end", () =>
    Effect.gen(function* () {
      const { send } = way()
      const headed = yield* Deferred.make<void>()
      const silent = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(":\n\n"))
      })
      const url = yield* raw({
        list: () => new Response(silent, { headers: { "content-type": "text/event-stream" } })
      })
      const session = yield* connect(httpServer(url), (request) =>
        Effect.tap(send(request), (response) =>
          response.headers.get("content-type") === "text/event-stream"
            ? Effect.forkDetach(Deferred.succeed(headed, undefined))
            : Effect.void
        )
      )
      const fiber = yield* Effect.forkChild(Effect.flip(session.tools))
      yield* Deferred.await(headed)
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(errorText(error), "example: it did not answer within 1m.\nTry again later.")
    }).pipe(Effect.provide(connector))
  )

  it.effect("does not come over SSE either: ten seconds decide that there is no such stream", () =>
    Effect.gen(function* () {
      const headed = yield* Deferred.make<void>()
      const silent = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(":\n\n"))
      })
      const url = yield* listenWith(async (request) =>
        request.method === "GET"
          ? new Response(silent, { headers: { "content-type": "text/event-stream" } })
          : new Response("what is this?", { status: 400 })
      )
      const { send } = way()
      const opening = connect(httpServer(url), (request) =>
        Effect.tap(send(request), () =>
          request.method === "GET" ? Effect.forkDetach(Deferred.succeed(headed, undefined)) : Effect.void
        )
      )
      const fiber = yield* Effect.forkChild(Effect.flip(opening))
      yield* Deferred.await(headed)
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "HTTP 400: what is this?")
      assert.include(error.message, "SSE transport: it did not answer within 10s.")
    }).pipe(Effect.provide(connector))
  )

  it.effect("does not count a sign-in as silence, however long it takes", () =>
    Effect.gen(function* () {
      const { instead, send } = way()
      const url = yield* modernServer()
      const asked = yield* Deferred.make<void>()
      instead.set("server/discover", (request) =>
        Deferred.succeed(asked, undefined).pipe(
          Effect.andThen(Effect.sleep("5 minutes")),
          Effect.andThen(Effect.promise(() => fetch(request)))
        )
      )
      const fiber = yield* Effect.forkChild(connect(httpServer(url), send))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Fiber.join(fiber)).server.name, "example")
    }).pipe(Effect.provide(connector))
  )
})

describe("a redirect", () => {
  for (const status of [302, 307, 308]) {
    it.effect(`to another origin (${status}) carries nothing there`, () =>
      Effect.gen(function* () {
        const heard: Array<string> = []
        const other = yield* listenWith(async (request) => {
          heard.push(request.url)
          return new Response("hello")
        })
        const origin = yield* redirecting(status, () => `${other.origin}/elsewhere?token=1`)
        const { send, sent } = way()
        const error = yield* Effect.flip(connect(httpServer(new URL("/mcp", origin)), send))
        assert.strictEqual(
          errorText(error),
          `example: it redirects to another origin, ${other.origin}, where nothing was sent.\nIf the server is there now, set "url": "${other.origin}/elsewhere" in the entry of example.`
        )
        assert.deepStrictEqual(heard, [])
        assert.deepStrictEqual(sent, ["server/discover"])
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("within the origin is followed where it keeps the request", () =>
    Effect.gen(function* () {
      const origin = yield* redirecting(308, () => "/moved")
      const session = yield* connect(httpServer(new URL("/mcp", origin)), way().send)
      assert.strictEqual((yield* session.tools).length, 1)
    }).pipe(Effect.provide(connector))
  )

  it.effect("within the origin that turns a POST into a GET is an error that names its target", () =>
    Effect.gen(function* () {
      const origin = yield* redirecting(301, () => "/mcp/")
      const error = yield* Effect.flip(connect(httpServer(new URL("/mcp", origin)), way().send))
      assert.include(errorText(error), `set "url": "${origin.origin}/mcp/" in the entry of example.`)
    }).pipe(Effect.provide(connector))
  )
})

describe("an entry that cannot be used", () => {
  it.effect("is one with a password in its URL, which is not repeated", () =>
    Effect.gen(function* () {
      const { send, sent } = way()
      const error = yield* Effect.flip(connect(httpServer(new URL("https://me:hunter2@localhost/mcp")), send))
      assert.include(error.message, `its "url" holds a user name or password`)
      assert.notInclude(error.message, "hunter2")
      assert.deepStrictEqual(sent, [])
    }).pipe(Effect.provide(connector))
  )

  it.effect("is one with a header that HTTP does not allow, whose value is not repeated", () =>
    Effect.gen(function* () {
      const headers = { "x-key": Redacted.make("hunter2\nhunter3") }
      const error = yield* Effect.flip(
        connect(httpServer(new URL("http://localhost/"), { headers }), way().send)
      )
      assert.include(error.message, `its header "x-key"`)
      assert.notInclude(error.message, "hunter2")
    }).pipe(Effect.provide(connector))
  )
})
