import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import type { SendOptions } from "../../../src/ports/McpConnector.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"
import { type Answer, initialized, json, olderServer, refusal, result, status } from "./OlderServer.ts"

const html = "<!doctype html><title>App</title>"
const stream = { "content-type": "text/event-stream" }

/** What servers that do not know `server/discover` answer it with. */
const unknownMethod: Readonly<Record<string, Answer>> = {
  "an HTTP 400": status(400, "bad request"),
  "an HTTP 402": status(402),
  "an HTTP 403": status(403, "forbidden"),
  "a 403 for a scope": status(403, "", { "www-authenticate": 'Bearer error="insufficient_scope"' }),
  "an HTTP 404": status(404),
  "an HTTP 405": status(405, "", { allow: "GET" }),
  "an HTTP 410": status(410),
  "an HTTP 429": status(429, "", { "retry-after": "3600" }),
  "an HTTP 500": status(500, html, { "content-type": "text/html" }),
  "an HTTP 503 with a JSON-RPC error": (response, message) =>
    refusal(response, message, { code: -32603, message: "unknown method" }, 503),
  "an HTTP 202": status(202),
  "an empty HTTP 200": status(200),
  "an HTTP 204": status(204),
  "an empty JSON document": status(200, "", { "content-type": "application/json" }),
  "half a JSON document": status(200, '{"jsonrpc":', { "content-type": "application/json" }),
  "JSON of another kind": status(200, '{"ok":true}', { "content-type": "application/json" }),
  "a web page": status(200, html, { "content-type": "text/html; charset=utf-8" }),
  "an error for no request": (response) =>
    json(response, { jsonrpc: "2.0", id: null, error: { code: -32600, message: "Invalid Request" } }, 400),
  "a result of another form": (response, message) => result(response, message, {}),
  "an answer to another request": (response) => result(response, { id: 7, method: "" }, {}),
  "a stream without an answer": status(200, ": hello\n\n", stream),
  "a connection that breaks": (response) => response.destroy(),
  "a connection that breaks in a stream": (response) => {
    response.writeHead(200, stream).write(": hello\n\n", () => response.destroy())
  }
}

describe("a server that answers the probe with", () => {
  for (const [what, answer] of Object.entries(unknownMethod)) {
    it.effect(`${what} is greeted with initialize`, () =>
      Effect.gen(function* () {
        const { heard, url } = yield* olderServer({ "server/discover": answer })
        const session = yield* connect(httpServer(url), way().send)
        assert.strictEqual(session.server.protocol, "2025-06-18")
        assert.strictEqual((yield* session.tools).length, 1)
        const probes = what === "a connection that breaks" ? ["server/discover"] : []
        assert.deepStrictEqual(heard, [
          ...probes,
          "server/discover",
          "initialize",
          "notifications/initialized",
          "tools/list"
        ])
      }).pipe(Effect.provide(connector))
    )
  }

  const silences: Readonly<Record<string, Answer>> = {
    "no head": () => undefined,
    "a head only": (response) => {
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders()
    },
    "a silent stream": (response) => {
      response.writeHead(200, stream).write(": hello\n\n")
    }
  }
  for (const [what, answer] of Object.entries(silences)) {
    it.effect(`${what} is greeted with initialize after ten seconds`, () =>
      Effect.gen(function* () {
        const asked = yield* Deferred.make<void>()
        const headed = yield* Deferred.make<void>()
        const { heard, url } = yield* olderServer({
          "server/discover": (response, message) => {
            answer(response, message)
            Deferred.doneUnsafe(asked, Effect.void)
          }
        })
        const { send } = way()
        const fiber = yield* Effect.forkChild(
          connect(httpServer(url), (request, options) =>
            Effect.tap(send(request, options), () => Effect.forkDetach(Deferred.succeed(headed, undefined)))
          )
        )
        yield* Deferred.await(what === "no head" ? asked : headed)
        yield* TestClock.adjust("9 seconds")
        assert.isUndefined(fiber.pollUnsafe())
        assert.deepStrictEqual(heard, ["server/discover"])
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(fiber)).server.name, "older")
      }).pipe(Effect.provide(connector))
    )
  }
})

describe("a server of 2026-07-28 that does not answer the first probe", () => {
  /** Knows nothing else than that revision, and answers the probe only after some others. */
  const slowServer = (unanswered: number, first: Answer) => {
    let probes = 0
    return olderServer({
      "server/discover": (response, message) => {
        probes += 1
        if (probes <= unanswered) return first(response, message)
        result(response, message, {
          resultType: "complete",
          supportedVersions: ["2026-07-28"],
          capabilities: { tools: {} },
          _meta: { "io.modelcontextprotocol/serverInfo": { name: "newer", version: "1" } },
          ttlMs: 0,
          cacheScope: "private"
        })
      },
      initialize: (response, message) =>
        refusal(response, message, { code: -32020, message: "Missing MCP-Protocol-Version header" }, 400)
    })
  }

  it.effect("is probed again when it has refused initialize", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* slowServer(2, (response) => response.destroy())
      const session = yield* connect(httpServer(url), way().send)
      assert.strictEqual(session.server.protocol, "2026-07-28")
      assert.deepStrictEqual(heard, ["server/discover", "server/discover", "initialize", "server/discover"])
    }).pipe(Effect.provide(connector))
  )

  it.effect("has as long for the second one as for any request", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const askedAgain = yield* Deferred.make<() => void>()
      const { heard, url } = yield* slowServer(1, () => Deferred.doneUnsafe(asked, Effect.void))
      const { send } = way()
      let probes = 0
      const fiber = yield* Effect.forkChild(
        connect(httpServer(url), (request, options) => {
          return Effect.gen(function* () {
            const text = yield* Effect.promise(() => request.clone().text())
            if (!text.includes("server/discover") || ++probes === 1) return yield* send(request, options)
            const ready = yield* Deferred.make<void>()
            yield* Deferred.succeed(askedAgain, () => Deferred.doneUnsafe(ready, Effect.void))
            yield* Deferred.await(ready)
            return yield* send(request, options)
          })
        })
      )
      yield* Deferred.await(asked)
      yield* TestClock.adjust("10 seconds")
      const goOn = yield* Deferred.await(askedAgain)
      yield* TestClock.adjust("11 seconds")
      goOn()
      assert.strictEqual((yield* Fiber.join(fiber)).server.protocol, "2026-07-28")
      assert.deepStrictEqual(heard, ["server/discover", "initialize", "server/discover"])
    }).pipe(Effect.provide(connector))
  )

  it.effect("and then no other one either is reported by the answer to initialize", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* slowServer(100, (response) => response.destroy())
      const error = yield* Effect.flip(connect(httpServer(url), way().send))
      assert.include(errorText(error), "Missing MCP-Protocol-Version header")
      assert.strictEqual(heard.filter((method) => method === "initialize").length, 2)
    }).pipe(Effect.provide(connector))
  )
})

describe("a server that does not answer initialize either", () => {
  it.effect("is reported by the answer to initialize", () =>
    Effect.gen(function* () {
      const { url } = yield* olderServer({
        "server/discover": status(500, "not that"),
        initialize: status(500, "out of order")
      })
      const error = yield* Effect.flip(connect(httpServer(url), way().send))
      assert.strictEqual(errorText(error), "example: it answered HTTP 500: out of order.\nTry again later.")
    }).pipe(Effect.provide(connector))
  )

  for (const [what, answer, words] of [
    ["a web page", status(200, html, { "content-type": "text/html" }), "it is text/html"],
    ["nothing", status(200), "it is empty"],
    ["no JSON", status(200, "hello", { "content-type": "application/json" }), "it is no JSON"],
    ["a 202", status(202), "it accepted the request and sent no response to it"],
    ["other JSON", status(200, '{"ok":1}', { "content-type": "application/json" }), "not valid"]
  ] as const) {
    it.effect(`is reported in words where it answers with ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* olderServer({ "server/discover": answer, initialize: answer })
        const error = errorText(yield* Effect.flip(connect(httpServer(url), way().send)))
        assert.include(error, words)
        assert.include(error, `Check "url" in the entry of example.`)
        assert.notMatch(error, /invalid_|"code"|\[ *\{/)
      }).pipe(Effect.provide(connector))
    )
  }
})

describe.each([401, 403])("a server that answers %i", (status) => {
  /** A way with a token that can be replaced once, to a server that judges requests by their token. */
  const renewable = (isRefused: (method: string, token: string) => boolean) => {
    const headers = { "www-authenticate": 'Bearer error="insufficient_scope", scope="more"' }
    const refused = () => new Response(null, { status, ...(status === 403 ? { headers } : {}) })
    const { send } = way()
    const sent: Array<string> = []
    let token = "old"
    const sendWithToken = Effect.fnUntraced(function* (request: Request, options?: SendOptions) {
      const method = JSON.parse(yield* Effect.promise(() => request.clone().text())).method
      const attempt = () => {
        sent.push(`${method} ${token}`)
        return isRefused(method, token) ? Effect.succeed(refused()) : send(request.clone(), options)
      }
      const first = yield* attempt()
      if (first.status !== status || options?.renew === false || token === "new") return first
      token = "new"
      return yield* attempt()
    })
    return { send: sendWithToken, sent }
  }

  it.effect("to the probe only is an older one, and keeps its token", () =>
    Effect.gen(function* () {
      const { url } = yield* olderServer({})
      const { send, sent } = renewable((method) => method === "server/discover")
      const session = yield* connect(httpServer(url), send)
      assert.strictEqual((yield* session.tools).length, 1)
      assert.deepStrictEqual(sent, [
        "server/discover old",
        "initialize old",
        "notifications/initialized old",
        "tools/list old"
      ])
    }).pipe(Effect.provide(connector))
  )

  it.effect("to an old token gets a new one, and is probed again", () =>
    Effect.gen(function* () {
      const { url } = yield* olderServer({})
      const { send, sent } = renewable((_, token) => token === "old")
      assert.strictEqual((yield* connect(httpServer(url), send)).server.name, "older")
      assert.deepStrictEqual(sent, [
        "server/discover old",
        "initialize old",
        "server/discover old",
        "server/discover new",
        "initialize new",
        "notifications/initialized new"
      ])
    }).pipe(Effect.provide(connector))
  )

  it.effect("to every token draws one renewal, and an error that says what can help", () =>
    Effect.gen(function* () {
      const { url } = yield* olderServer({})
      const { send, sent } = renewable(() => true)
      const text = errorText(yield* Effect.flip(connect(httpServer(url), send)))
      assert.include(text, `HTTP ${status}`)
      assert.include(text, status === 401 ? "Run: mcp-cli auth login example" : "permission for more")
      assert.deepStrictEqual(sent.slice(2), ["server/discover old", "server/discover new", "initialize new"])
    }).pipe(Effect.provide(connector))
  )
})

describe("a server that refuses the version and lists others", () => {
  const data = { supported: ["2024-11-05", "2025-03-26"], requested: "2025-11-25" }
  const refuse =
    (speaks: string, error: object, code = 200): Answer =>
    (response, message) =>
      message.params?.protocolVersion === speaks
        ? result(response, message, initialized(speaks))
        : refusal(response, message, error, code)

  for (const [what, error, code] of [
    ["an HTTP 400", { code: -32600, message: "Unsupported protocol version", data }, 400],
    ["invalid parameters", { code: -32602, message: "Unsupported protocol version", data }, 200],
    ["the error of 2026-07-28", { code: -32022, message: "no", data }, 200]
  ] as const) {
    it.effect(`by ${what} is asked once more, in the newest of them`, () =>
      Effect.gen(function* () {
        const { heard, url } = yield* olderServer({ initialize: refuse("2025-03-26", error, code) })
        const session = yield* connect(httpServer(url), way().send)
        assert.strictEqual(session.server.protocol, "2025-03-26")
        assert.strictEqual((yield* session.tools).length, 1)
        assert.deepStrictEqual(heard.slice(0, 3), ["server/discover", "initialize", "initialize"])
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("is reported where it refuses those as well", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* olderServer({
        initialize: refuse("none", { code: -32602, message: "Unsupported protocol version", data })
      })
      const error = yield* Effect.flip(connect(httpServer(url), way().send))
      assert.include(errorText(error), "Unsupported protocol version")
      assert.deepStrictEqual(heard, ["server/discover", "initialize", "initialize"])
    }).pipe(Effect.provide(connector))
  )

  it.effect("is reported with them where this client speaks none", () =>
    Effect.gen(function* () {
      const { url } = yield* olderServer({
        initialize: refuse("none", { code: -32602, message: "no", data: { supported: ["1.0"] } }, 400)
      })
      const error = yield* Effect.flip(connect(httpServer(url), way().send))
      assert.strictEqual(
        errorText(error),
        "example: it speaks MCP of 1.0, which this mcp-cli does not.\nUpgrade mcp-cli."
      )
    }).pipe(Effect.provide(connector))
  )
})

describe("a connection that breaks before an answer", () => {
  /** Breaks the connection of the first request. */
  const breakOnce = (answer: Answer): Answer => {
    let isBroken = false
    return (response, message) => {
      if (isBroken) return answer(response, message)
      isBroken = true
      response.destroy()
    }
  }
  const answers: Readonly<Record<string, Answer>> = {
    initialize: (response, message) => result(response, message, initialized("2025-06-18")),
    "tools/list": (response, message) =>
      result(response, message, { tools: [{ name: "echo", inputSchema: { type: "object" } }] })
  }
  for (const [method, answer] of Object.entries(answers)) {
    it.effect(`to ${method} is followed by another one`, () =>
      Effect.gen(function* () {
        const { heard, url } = yield* olderServer({ [method]: breakOnce(answer) })
        const session = yield* connect(httpServer(url), way().send)
        assert.strictEqual((yield* session.tools).length, 1)
        assert.lengthOf(
          heard.filter((name) => name === method),
          2
        )
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("fails the request if it breaks again", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* olderServer({ "tools/list": (response) => response.destroy() })
      const session = yield* connect(httpServer(url), way().send)
      assert.strictEqual((yield* Effect.flip(session.tools))._tag, "NetworkError")
      assert.lengthOf(
        heard.filter((name) => name === "tools/list"),
        2
      )
    }).pipe(Effect.provide(connector))
  )

  it.effect("never repeats a tool call, since the tool may have run", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* olderServer({ "tools/call": (response) => response.destroy() })
      const session = yield* connect(httpServer(url), way().send)
      const error = yield* Effect.flip(session.call("echo", {}))
      assert.match(error.message, /^example: there was no answer: .*\. The call may have been carried out\.$/)
      assert.lengthOf(
        heard.filter((name) => name === "tools/call"),
        1
      )
    }).pipe(Effect.provide(connector))
  )
})
