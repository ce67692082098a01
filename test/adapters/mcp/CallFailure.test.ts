import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import { McpError } from "../../../src/ports/McpConnector.ts"
import { type Answer, initialized, olderServer, refusal, result, status } from "./OlderServer.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"

const events = (text: string): Answer => status(200, text, { "content-type": "text/event-stream" })
const error =
  (code: number, message: string): Answer =>
  (response, request) =>
    refusal(response, request, { code, message })

/** What a session says about a call that is answered like this. */
const callAnswered = Effect.fnUntraced(function* (answer: Answer) {
  const { heard, url } = yield* olderServer({ "tools/call": answer })
  const session = yield* connect(httpServer(url), way().send)
  const failure = yield* Effect.flip(session.call("echo", {}))
  assert.lengthOf(
    heard.filter((name) => name === "tools/call"),
    1
  )
  return failure instanceof McpError ? failure.call : failure
})

describe("a call of a tool", () => {
  const uncertain: ReadonlyArray<readonly [string, Answer]> = [
    ["the connection breaks", (response) => response.destroy()],
    [
      "the connection breaks in the answer",
      (response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "100" })
        response.write('{"jsonrpc"', () => response.destroy())
      }
    ],
    ["its stream ends without an answer", events(": hello\n\n")],
    ["it is accepted and not answered", status(202)],
    ["the answer is a web page", status(200, "<html>", { "content-type": "text/html" })],
    ["the answer is no JSON", status(200, "{", { "content-type": "application/json" })],
    ["the answer is no result of a tool", (response, request) => result(response, request, [7])],
    ["a gateway answers 502", status(502)],
    ["a gateway answers 504", status(504)],
    ["the server answers 500", status(500)],
    ["the server has an internal error", error(-32603, "boom")],
    ["a proxy has waited for too long", error(-32001, "Request timed out")],
    ["a proxy has lost the connection", error(-32000, "Connection closed")]
  ]
  it.effect.each(uncertain)("may have been carried out where %s", ([, answer]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* callAnswered(answer), "uncertain")
    }).pipe(Effect.provide(connector))
  )

  const refused: ReadonlyArray<readonly [string, Answer]> = [
    ["400", status(400, "bad")],
    ["403", status(403)],
    ["429", status(429)],
    ["501", status(501)],
    ["that an argument is wrong", error(-32602, "bad")],
    ["that there is no such tool", error(-32601, "no")],
    ["with an error of its own", error(-32000, "Bad Request: Server not initialized")]
  ]
  it.effect.each(refused)("was refused where the server answers %s", ([, answer]) =>
    Effect.gen(function* () {
      assert.isUndefined(yield* callAnswered(answer))
    }).pipe(Effect.provide(connector))
  )

  it.effect("may have been carried out where the server is silent, and the message says so", () =>
    Effect.gen(function* () {
      const { url } = yield* olderServer({})
      const { instead, send } = way()
      const late = new NetworkError({ origin: url.origin, detail: "no answer", unanswered: "timeout" })
      instead.set("tools/call", () => Effect.fail(late as never))
      const session = yield* connect(httpServer(url), send)
      const failure = yield* Effect.flip(session.call("echo", {}))
      assert.match(failure.message, /did not answer within .* The call may have been carried out\.$/)
    }).pipe(Effect.provide(connector))
  )

  it.effect("says that it was not made where its connection cannot be opened", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* olderServer({
        "tools/call": status(404, "unknown session"),
        initialize: (response, request) => {
          response.setHeader("mcp-session-id", "s1")
          result(response, request, initialized("2025-06-18"))
        }
      })
      const { instead, send } = way()
      const session = yield* connect(httpServer(url), send)
      // The server forgets the session, and then cannot be reached.
      yield* Effect.flip(session.call("echo", {}))
      for (const [at, expected] of [
        [() => Effect.succeed(new Response(null, { status: 500 })), "not made"],
        [
          () =>
            Effect.fail(
              new NetworkError({ origin: url.origin, detail: "it broke", unanswered: "broke" }) as never
            ),
          undefined
        ]
      ] as const) {
        instead.set("server/discover", at)
        instead.set("initialize", at)
        const failure: unknown = yield* Effect.flip(session.call("echo", {}))
        if (failure instanceof McpError) assert.strictEqual(failure.call, expected)
        else assert.isUndefined((failure as NetworkError).unanswered)
      }
      assert.lengthOf(
        heard.filter((name) => name === "tools/call"),
        1
      )
    }).pipe(Effect.provide(connector))
  )
})
