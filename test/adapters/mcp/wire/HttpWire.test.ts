import type { ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import { NetworkError } from "../../../../src/ports/HttpTransport.ts"
import { McpError } from "../../../../src/ports/McpConnector.ts"
import { McpWire } from "../../../../src/ports/McpWire.ts"
import { legacyServer, modernServer } from "../McpServers.ts"
import { Down, httpServer } from "../McpWorld.ts"
import {
  answer,
  type Answering,
  drop,
  event,
  events,
  initialize,
  initialized,
  json,
  message,
  openWire,
  post,
  request,
  result,
  scripted,
  started,
  wires
} from "./WireWorld.ts"

const html = "<!doctype html><title>Welcome</title>"
const call = request("tools/call", { name: "echo", arguments: { text: "hi" } })

describe("a wire to a real server", () => {
  it.effect("of 2025-11-25 has a session from initialize to its one DELETE", () =>
    Effect.gen(function* () {
      const server = yield* legacyServer()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const wire = yield* openWire(server.url)
          assert.isUndefined(wire.session())
          assert.deepInclude(yield* post(wire, initialize), { end: { _tag: "Answered" } })
          assert.strictEqual(wire.session()?.protocolVersion, "2025-11-25")
          assert.isTrue(server.sessions.has(wire.session()?.id ?? ""))
          assert.deepEqual(yield* post(wire, initialized), { end: { _tag: "Accepted" }, delivered: [] })
          const { delivered, end } = yield* post(wire, call)
          assert.strictEqual(end._tag, "Answered")
          assert.deepInclude(JSON.parse(delivered[0] ?? ""), { id: 1 })
          server.forget()
          assert.deepInclude(yield* post(wire, call), {
            end: { _tag: "SessionLost", session: wire.session()?.id ?? "" }
          })
          assert.deepInclude(yield* post(wire, initialize), { end: { _tag: "Answered" } })
          assert.deepInclude(yield* post(wire, call), { end: { _tag: "Answered" } })
          assert.strictEqual(server.sessions.size, 1)
        })
      )
      assert.strictEqual(server.sessions.size, 0)
    }).pipe(Effect.provide(wires))
  )

  it.effect("of 2026-07-28 answers with the headers of the caller, and has no session", () =>
    Effect.gen(function* () {
      const wire = yield* openWire(yield* modernServer())
      const _meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
        "io.modelcontextprotocol/clientCapabilities": {}
      }
      const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list" }
      const { delivered, end } = yield* post(wire, request("tools/list", { _meta }), { headers })
      assert.strictEqual(end._tag, "Answered")
      assert.strictEqual(JSON.parse(delivered[0] ?? "").result?.tools?.length, 1)
      const missing = yield* post(wire, request("tools/none", { _meta }), {
        headers: { ...headers, "mcp-method": "tools/none" }
      })
      assert.strictEqual(missing.end._tag, "Answered")
      assert.strictEqual(JSON.parse(missing.delivered[0] ?? "").error?.code, -32601)
      assert.isUndefined(wire.session())
    }).pipe(Effect.provide(wires))
  )
})

describe("a message", () => {
  const odd = [
    '{"jsonrpc":"2.0","id":9007199254740993,"method":"m","params":{"n":18446744073709551615,"a":1,"a":2},"extra":[ 1.50 ]}',
    '{"jsonrpc":"2.0","id":1.5,"method":"m","params":[1]}',
    '{ "method" : "m" , "id" : null }',
    '{"id":"\\u0061\\ud800","method":"m"}'
  ]
  for (const text of odd) {
    it.effect(`goes out and comes back as the same bytes: ${text}`, () =>
      Effect.gen(function* () {
        const sent = message(text)
        const response = text.replace(/"method" ?: ?"m"/, '"result":{"big":12345678901234567890}')
        const inLines = event(response.replace(",", ",\ndata: "))
        const { got, url } = yield* scripted(json(response), events(event(response)), events(inLines))
        const wire = yield* openWire(url)
        for (const expected of [response, response, response.replace(",", ",\n")]) {
          assert.deepEqual(yield* post(wire, sent), { end: { _tag: "Answered" }, delivered: [expected] })
        }
        assert.deepEqual(
          got.map(({ body }) => body),
          [text, text, text]
        )
      }).pipe(Effect.provide(wires))
    )
  }

  it.effect("carries the session once there is one, the configured headers, and those of the caller", () =>
    Effect.gen(function* () {
      const { got, url } = yield* scripted(started, json(result), started)
      const wire = yield* openWire(url, {
        headers: { "X-Tenant": Redacted.make("t"), Accept: Redacted.make("x/y") }
      })
      yield* post(wire, initialize)
      yield* post(wire, call, { headers: { "mcp-method": "tools/call", "x-tenant": "own" } })
      yield* post(wire, initialize)
      const accept = "application/json, text/event-stream"
      assert.deepInclude(got[0]?.headers, { accept, "x-tenant": "t", "content-type": "application/json" })
      for (const { headers } of [got[0]!, got[2]!]) {
        assert.notProperty(headers, "mcp-session-id")
        assert.notProperty(headers, "mcp-protocol-version")
      }
      assert.deepInclude(got[1]?.headers, {
        "mcp-session-id": "session-1",
        "mcp-protocol-version": "2025-11-25",
        "mcp-method": "tools/call",
        "x-tenant": "own"
      })
    }).pipe(Effect.provide(wires))
  )

  it.effect("brings what the server sends before and after the response, and batches one by one", () =>
    Effect.gen(function* () {
      const note = (n: number) => ({ jsonrpc: "2.0", method: "notifications/progress", params: { n } })
      const asks = { jsonrpc: "2.0", id: "s1", method: "sampling/createMessage", params: {} }
      const { url } = yield* scripted(
        events(
          event(note(1)) +
            ": ping\n\n" +
            "event: ping\ndata: {}\n\n" +
            event([asks, note(2)]) +
            event(result) +
            event(note(3))
        ),
        json([note(1), result])
      )
      const wire = yield* openWire(url)
      const texts = [note(1), asks, note(2), result, note(3)].map((each) => JSON.stringify(each))
      assert.deepEqual(yield* post(wire, call), { end: { _tag: "Answered" }, delivered: texts })
      const batch = yield* post(wire, call)
      assert.deepEqual(
        batch.delivered,
        [note(1), result].map((each) => JSON.stringify(each))
      )
    }).pipe(Effect.provide(wires))
  )

  it.effect("of the server is delivered before the next one is read", () =>
    Effect.gen(function* () {
      const padding = "x".repeat(900_000)
      const notes = Array.from({ length: 20 }, (_, n) => event({ method: "n", params: { n, padding } }))
      const { url } = yield* scripted(events(notes.join("") + event(result)))
      const wire = yield* openWire(url)
      const seen: Array<unknown> = []
      const first = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        wire.post(call, (delivered) =>
          Effect.gen(function* () {
            const { params } = JSON.parse(delivered.bytes.text())
            seen.push(params?.n)
            yield* Deferred.succeed(first, undefined)
            yield* Deferred.await(release)
          })
        )
      )
      yield* Deferred.await(first)
      // Another whole exchange, in which more of the stream could have been read.
      yield* post(yield* openWire((yield* scripted(json(result))).url), call)
      assert.deepEqual(seen, [0])
      yield* Deferred.succeed(release, undefined)
      assert.deepEqual(yield* Fiber.join(fiber), { _tag: "Answered" })
      assert.deepEqual(seen, [...notes.keys(), undefined])
    }).pipe(Effect.provide(wires))
  )

  it.effect("that is interrupted ends its HTTP request", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const seen = yield* Deferred.make<void>()
      const context = yield* Effect.context()
      const { url } = yield* scripted((response, got) => {
        response.on("close", () => void Effect.runForkWith(context)(Deferred.succeed(closed, undefined)))
        events(event({ method: "n" }), () => undefined)(response, got)
      })
      const wire = yield* openWire(url)
      const fiber = yield* Effect.forkChild(wire.post(call, () => Deferred.succeed(seen, undefined)))
      yield* Deferred.await(seen)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(closed)
    }).pipe(Effect.provide(wires))
  )

  it.effect("uses the connection of the one before, whatever that led to", () =>
    Effect.gen(function* () {
      const refused = { jsonrpc: "2.0", id: null, error: { code: -32000, message: "Bad Request" } }
      const { got, url } = yield* scripted(
        json(refused, 400),
        answer(404, "text/html", html),
        answer(202, undefined),
        answer(200, "text/html", html),
        events(event(result)),
        json(result)
      )
      const wire = yield* openWire(url)
      yield* post(wire, request("server/discover"))
      yield* Effect.flip(post(wire, call))
      yield* post(wire, initialized)
      yield* Effect.flip(post(wire, call))
      yield* post(wire, call)
      yield* post(wire, call)
      const sockets = got.map(({ socket }) => socket)
      assert.deepEqual(
        sockets.map((socket) => sockets.indexOf(socket)),
        [0, 0, 0, 0, 0, 0]
      )
    }).pipe(Effect.provide(wires))
  )

  it.live("does not wait for a body that stays open after what matters", () =>
    Effect.gen(function* () {
      const open = () => undefined
      const { url } = yield* scripted(
        events(event(result), open),
        (response) => void response.writeHead(202).flushHeaders(),
        (response) => void response.writeHead(500).write("a fault")
      )
      const wire = yield* openWire(url)
      assert.deepInclude(yield* post(wire, call), { end: { _tag: "Answered" } })
      assert.deepInclude(yield* post(wire, initialized), { end: { _tag: "Accepted" } })
      assert.match((yield* Effect.flip(post(wire, call))).message, /HTTP 500: a fault/)
    }).pipe(Effect.provide(wires))
  )

  it.live("does not wait for a body that goes on and on after what matters", () =>
    Effect.gen(function* () {
      const goOn = (response: ServerResponse) => {
        const timer = setInterval(() => response.write(": more\n\n"), 50)
        response.on("close", () => clearInterval(timer))
      }
      const endless =
        (status: number, type: string, text: string): Answering =>
        (response) => {
          response.writeHead(status, { "content-type": type }).write(text)
          goOn(response)
        }
      const answers = [
        [events(event(result), goOn), call],
        [endless(202, "text/plain", "ok"), initialized],
        [endless(500, "text/plain", "a fault"), call]
      ] as const
      const ends = yield* Effect.forEach(
        answers,
        ([answering, sent]) =>
          Effect.gen(function* () {
            const { url } = yield* scripted(answering)
            return yield* post(yield* openWire(url), sent).pipe(
              Effect.map(({ end }) => end._tag),
              Effect.catch((error) => Effect.succeed(error.message))
            )
          }),
        { concurrency: "unbounded" }
      )
      assert.deepEqual(ends.slice(0, 2), ["Answered", "Accepted"])
      assert.match(ends[2] ?? "", /HTTP 500: a fault/)
    }).pipe(Effect.provide(wires))
  )

  it.effect("follows a redirect at its own origin, and no other", () =>
    Effect.gen(function* () {
      const { got, url } = yield* scripted(
        answer(307, undefined, "", { location: "/other" }),
        json(result),
        answer(302, undefined, "", { location: "/other" }),
        answer(308, undefined, "", { location: "https://elsewhere.test/mcp" })
      )
      const wire = yield* openWire(url)
      assert.deepInclude(yield* post(wire, call), { end: { _tag: "Answered" } })
      assert.strictEqual(got[1]?.body, call.bytes.text())
      assert.match((yield* Effect.flip(post(wire, call))).message, /loses the request/)
      assert.match((yield* Effect.flip(post(wire, call))).message, /another origin/)
    }).pipe(Effect.provide(wires))
  )
})

describe("an answer that is none", () => {
  const unusable: ReadonlyArray<readonly [string, Answering, RegExp]> = [
    [
      "a web page",
      answer(200, "text/html; charset=utf-8", html),
      /not that of an MCP server: it is text\/html/
    ],
    ["plain text", answer(200, "text/plain", "ok"), /it is text\/plain/],
    ["no content type", answer(200, undefined, "{}"), /no content type/],
    ["text that is no JSON", json("{oops"), /it is no JSON/],
    ["a web page that says it is JSON", json(html), /it is no JSON/],
    ["an event that is no JSON", events("data: {oops\n\n"), /it is no JSON/],
    [
      "a web page with an error",
      answer(502, "text/html", html),
      /HTTP 502: Bad Gateway\.\n.*Try again later/s
    ],
    ["too many requests", answer(429, "text/plain", "slow down"), /HTTP 429: slow down/],
    [
      "a sign-in that is missing",
      json({ error: { code: -32001, message: "no token" } }, 401),
      /HTTP 401: no token[^]*auth login example/
    ],
    ["a refusal", answer(403, "text/plain", "not you"), /HTTP 403: not you/],
    ["another address", answer(404, "text/html", html), /HTTP 404: Not Found/],
    ["a method that is not allowed", answer(405, undefined), /HTTP 405/],
    ["a secret of ours", answer(500, "text/plain", "bad key hunter22"), /bad key …/],
    ["more than the limit", json({ ...result, padding: "x".repeat(2 ** 20) }), /more than 1 MiB/],
    ["an event with more than the limit", events(`data: ${"x".repeat(2 ** 20)}\n\n`), /more than 1 MiB/]
  ]
  for (const [what, answering, expected] of unusable) {
    it.effect(`is an error that says so: ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* scripted(answering)
        const wire = yield* openWire(url, { headers: { "x-key": Redacted.make("hunter22") } })
        const error = yield* Effect.flip(post(wire, call))
        assert.instanceOf(error, McpError)
        assert.match(errorText(error), expected)
        assert.isAbove(error.remedies.length, 0)
      }).pipe(Effect.provide(wires))
    )
  }

  const unanswered: ReadonlyArray<readonly [string, Answering, RegExp]> = [
    ["an empty body", json(""), /it is empty/],
    ["202", answer(202, undefined), /sent no response/],
    ["a response to another request", json({ ...result, id: 2 }), /another request/],
    ["a stream that ends", events(event({ method: "n" })), /closed the connection before it answered/],
    ["a stream that breaks", events(event({ method: "n" }), drop), /connection broke/],
    [
      "a stream that breaks in the response",
      events('data: {"jsonrpc":"2.0","id":1,"resu', drop),
      /connection broke/
    ],
    [
      "JSON that breaks",
      (response) =>
        void response.writeHead(200, { "content-type": "application/json" }).write("{", () => drop(response)),
      /connection broke/
    ]
  ]
  for (const [what, answering, expected] of unanswered) {
    it.effect(`leaves the request unanswered, and says why: ${what}`, () =>
      Effect.gen(function* () {
        const { got, url } = yield* scripted(answering)
        const wire = yield* openWire(url)
        const { end } = yield* post(wire, call)
        assert.strictEqual(end._tag, "Unanswered")
        if (end._tag === "Unanswered") assert.match(end.error.message, expected)
        assert.strictEqual(got.length, 1)
      }).pipe(Effect.provide(wires))
    )
  }

  it.effect("is the error of the way to the server where there is no answer", () =>
    Effect.gen(function* () {
      const { url } = yield* scripted((response) => drop(response))
      assert.instanceOf(yield* Effect.flip(post(yield* openWire(url), call)), NetworkError)
      const down = new Down({ why: "no sign-in" })
      const wire = yield* McpWire.use((wire) => wire.open(httpServer(url), () => down))
      assert.strictEqual(yield* Effect.flip(post(wire, call)), down)
    }).pipe(Effect.provide(wires))
  )

  it.effect("to a notification or a response is nothing to wait for, unless it is an error", () =>
    Effect.gen(function* () {
      const { url } = yield* scripted(
        answer(202, undefined),
        answer(200, "text/plain", "OK"),
        answer(204, undefined),
        json(""),
        json({ jsonrpc: "2.0", id: null, error: { code: -32600, message: "no such request" } }, 400)
      )
      const wire = yield* openWire(url)
      const sent = [initialized, message({ id: "s1", result: {} })]
      for (let n = 0; n < 4; n++) {
        assert.deepEqual(yield* post(wire, sent[n % 2]!), { end: { _tag: "Accepted" }, delivered: [] })
      }
      assert.match((yield* Effect.flip(post(wire, sent[1]!))).message, /HTTP 400: no such request/)
    }).pipe(Effect.provide(wires))
  )
})

describe("a JSON-RPC error with an HTTP error", () => {
  const error = { code: -32020, message: "Header is absent", data: { big: 1 } }
  for (const [what, body, status] of [
    ["with its id", { jsonrpc: "2.0", id: 1, error }, 400],
    ["without an id", { jsonrpc: "2.0", error }, 400],
    ["with the id null", { jsonrpc: "2.0", id: null, error }, 500],
    ["with the id of the Python SDK", { jsonrpc: "2.0", id: "server-error", error }, 406],
    ["of an unknown method", { jsonrpc: "2.0", id: 1, error: { ...error, code: -32601 } }, 404],
    [
      "that names a session in its text",
      { jsonrpc: "2.0", id: 1, error: { ...error, message: "No such session" } },
      400
    ]
  ] as const) {
    it.effect(`is the response to the request, ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* scripted(started, json(body, status))
        const wire = yield* openWire(url)
        yield* post(wire, initialize)
        const { delivered, end } = yield* post(wire, call)
        assert.strictEqual(end._tag, "Answered")
        assert.deepEqual(JSON.parse(delivered[0] ?? ""), { ...body, id: 1 })
      }).pipe(Effect.provide(wires))
    )
  }
})

describe("a JSON-RPC error with 200", () => {
  const error = { code: -32600, message: "Bad request" }
  for (const [what, body] of [
    ["without an id", { jsonrpc: "2.0", error }],
    ["with the id null", { jsonrpc: "2.0", id: null, error }]
  ] as const) {
    it.effect(`is the response to the request, ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* scripted(started, json(body))
        const wire = yield* openWire(url)
        yield* post(wire, initialize)
        const { delivered, end } = yield* post(wire, call)
        assert.strictEqual(end._tag, "Answered")
        assert.deepEqual(
          delivered.map((text) => JSON.parse(text)),
          [{ ...body, id: 1 }]
        )
      }).pipe(Effect.provide(wires))
    )
  }
})

describe("a session that the server has forgotten", () => {
  for (const [what, answering] of [
    ["404", answer(404, "text/plain", "gone")],
    [
      "404 with an error",
      json({ jsonrpc: "2.0", id: null, error: { code: -32001, message: "Session not found" } }, 404)
    ],
    [
      "404 with the id of the request",
      json({ jsonrpc: "2.0", id: 1, error: { code: -32001, message: "?" } }, 404)
    ],
    [
      "400 as in examples of the SDK",
      json(
        {
          jsonrpc: "2.0",
          id: null,
          error: { code: -32000, message: "Bad Request: No valid session ID provided" }
        },
        400
      )
    ],
    ["400 in words", answer(400, "text/plain", "Invalid session")]
  ] as const) {
    it.effect(`is said by ${what}, and is not deleted`, () =>
      Effect.gen(function* () {
        const { got, url } = yield* scripted(started, answering)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const wire = yield* openWire(url)
            yield* post(wire, initialize)
            assert.deepEqual(yield* post(wire, call), {
              end: { _tag: "SessionLost", session: "session-1" },
              delivered: []
            })
          })
        )
        assert.deepEqual(
          got.map(({ method }) => method),
          ["POST", "POST"]
        )
      }).pipe(Effect.provide(wires))
    )
  }

  it.effect("is replaced by the next initialize, and only that one is deleted", () =>
    Effect.gen(function* () {
      const { got, url } = yield* scripted(
        started,
        answer(404, undefined),
        json({ ...result, result: { protocolVersion: "2025-06-18" } }, 200, {
          "mcp-session-id": "session-2"
        }),
        json(result),
        answer(405, undefined)
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const wire = yield* openWire(url)
          yield* post(wire, initialize)
          yield* post(wire, call)
          yield* post(wire, initialize)
          yield* post(wire, call)
        })
      )
      assert.deepEqual(
        got.map(({ headers, method }) => [
          method,
          headers["mcp-session-id"],
          headers["mcp-protocol-version"]
        ]),
        [
          ["POST", undefined, undefined],
          ["POST", "session-1", "2025-11-25"],
          ["POST", undefined, undefined],
          ["POST", "session-2", "2025-06-18"],
          ["DELETE", "session-2", "2025-06-18"]
        ]
      )
    }).pipe(Effect.provide(wires))
  )
})
