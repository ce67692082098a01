import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import {
  answerWith,
  type Call,
  event,
  handshake,
  initialize,
  initialized,
  proxied,
  request,
  type Seen,
  sessionServer
} from "./RelayWorld.ts"

const events = ({ response }: Call, ...messages: ReadonlyArray<object | string>) => {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" })
  for (const message of messages) response.write(event(message))
}

describe("messages", () => {
  it.live("pass as the bytes that they are, both ways", () =>
    Effect.gen(function* () {
      const lines = [
        `{"jsonrpc":"2.0","id":9007199254740993,"method":"x/big","params":{"n":12345678901234567890,"n":1}}`,
        `{"jsonrpc" : "2.0", "id":1.5,"method":"x/odd","extra":{"\\u00e9":"\\ud83d"}}`,
        `{"method":"x/null","id":null,"jsonrpc":"2.0","params":[1,2]}`,
        `{"jsonrpc":"2.0","id":"\\u0061/ü","method":"tools/call","params":{"_meta":{"progressToken":1e2}}}`
      ]
      const server = yield* sessionServer((call) => {
        const id = /"id":\s*("(?:[^"\\]|\\.)*"|[\w.]+)/.exec(call.body)?.[1]
        call.response
          .writeHead(200, { "content-type": "application/json" })
          .end(`{"id":${id},"result":{"z":12345678901234567890,"a":1.0},"jsonrpc":"2.0"}`)
        return true
      })
      const client = yield* proxied(server.url)
      for (const line of lines) {
        yield* client.write(line)
        const id = /"id":\s*("(?:[^"\\]|\\.)*"|[\w.]+)/.exec(line)?.[1]
        assert.strictEqual(
          yield* client.line,
          `{"id":${id},"result":{"z":12345678901234567890,"a":1.0},"jsonrpc":"2.0"}`
        )
      }
      assert.deepStrictEqual(
        server.calls.map(({ body }) => body),
        lines
      )
    })
  )

  it.live(
    "of the server pass from the stream of a request and from the standing stream, and the answers go back",
    () =>
      Effect.gen(function* () {
        const server = yield* sessionServer((call) => {
          if (call.message.method !== "tools/call") return false
          events(
            call,
            { jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } },
            `{"jsonrpc":"2.0",\r\ndata: "id":7,"method":"roots/list"}`,
            { jsonrpc: "2.0", id: call.message.id, result: { content: [] } }
          )
          call.response.end()
          return true
        })
        const client = yield* proxied(server.url)
        yield* handshake(client)
        const stream = yield* server.stream
        stream.write(event({ jsonrpc: "2.0", id: "s", method: "sampling/createMessage" }))
        assert.strictEqual((yield* client.next).method, "sampling/createMessage")
        yield* client.write({ jsonrpc: "2.0", id: "s", result: { role: "assistant" } })
        yield* client.write(request(3, "tools/call", { name: "echo" }))
        assert.strictEqual((yield* client.next).method, "notifications/progress")
        assert.strictEqual(yield* client.line, `{"jsonrpc":"2.0", "id":7,"method":"roots/list"}`)
        assert.deepStrictEqual((yield* client.next).result, { content: [] })
        yield* client.write({ jsonrpc: "2.0", id: 7, error: { code: -1, message: "no" } })
        yield* client.write(request(4, "ping"))
        yield* client.next
        yield* client.close
        const sent = server.calls.map(({ message }) => message).filter(({ method }) => method === undefined)
        assert.deepInclude(sent, { jsonrpc: "2.0", id: "s", result: { role: "assistant" } } as Seen)
        assert.deepInclude(sent, { jsonrpc: "2.0", id: 7, error: { code: -1, message: "no" } } as Seen)
        assert.strictEqual(server.log().at(-1), "DELETE")
      })
  )

  it.live("of a batch are sent and answered one by one", () =>
    Effect.gen(function* () {
      const server = yield* sessionServer()
      const client = yield* proxied(server.url)
      yield* client.write(
        JSON.stringify([
          request(1, "a"),
          { jsonrpc: "2.0", method: "notifications/x" },
          {},
          request("b", "b")
        ])
      )
      const answers = [yield* client.next, yield* client.next, yield* client.next]
      assert.sameDeepMembers(
        answers.map(({ error, id }) => [id, error?.code]),
        [
          [1, undefined],
          ["b", undefined],
          [null, -32_600]
        ]
      )
      yield* client.write("[]")
      assert.strictEqual((yield* client.next).error?.code, -32_600)
    })
  )
})

describe("the handshake", () => {
  it.live("does not hold a ping, which the server gets only from the handshake on", () =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<Call>()
      const server = yield* sessionServer((call) => {
        if (call.message.method !== "initialize") return false
        Deferred.doneUnsafe(held, Effect.succeed(call))
        return true
      })
      const client = yield* proxied(server.url)
      yield* client.write(initialize())
      yield* client.write(request("one", "ping"))
      const first = yield* Deferred.await(held)
      const answer: unknown = JSON.parse(yield* client.line)
      assert.deepStrictEqual(answer, { jsonrpc: "2.0", id: "one", result: {} })
      // Anything else waits, and a ping goes on passing it.
      yield* client.write(request(1, "tools/list"))
      yield* client.write(request(2, "ping"))
      assert.strictEqual((yield* client.next).id, 2)
      assert.deepStrictEqual(server.log(), ["POST initialize"])
      answerWith(first, { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} })
      assert.strictEqual((yield* client.next).id, 0)
      assert.strictEqual((yield* client.next).id, 1)
      yield* client.write(request(3, "ping"))
      assert.strictEqual((yield* client.next).id, 3)
      assert.strictEqual(server.log().at(-1), "POST ping")
    })
  )

  it.live("comes before everything else, in order, and costs no request of its own", () =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<Call>()
      const server = yield* sessionServer((call) => {
        if (call.message.method !== "initialize" || call.message.id !== 0) return false
        Deferred.doneUnsafe(held, Effect.succeed(call))
        return true
      })
      const client = yield* proxied(server.url)
      yield* client.write(initialize())
      yield* client.write(initialized)
      yield* client.write(request(1, "tools/list"))
      const first = yield* Deferred.await(held)
      assert.deepStrictEqual(server.log(), ["POST initialize"])
      answerWith(first, { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} })
      assert.strictEqual((yield* client.next).id, 0)
      assert.strictEqual((yield* client.next).id, 1)
      assert.deepStrictEqual(
        server.log().filter((line) => line !== "GET"),
        ["POST initialize", "POST notifications/initialized", "POST tools/list"]
      )
      assert.strictEqual(server.calls.at(-1)?.headers["mcp-protocol-version"], "2025-06-18")
    })
  )

  it.live("may leave out the last message, or be refused and tried again", () =>
    Effect.gen(function* () {
      let attempts = 0
      const server = yield* sessionServer((call) => {
        if (call.message.method !== "initialize" || attempts++ > 0) return false
        call.response
          .writeHead(400, { "content-type": "application/json" })
          .end(
            JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32_602, message: "other version" } })
          )
        return true
      })
      const client = yield* proxied(server.url)
      yield* client.write(initialize())
      assert.deepInclude(yield* client.next, { id: 0, error: { code: -32_602, message: "other version" } })
      yield* client.write(initialize({}, "again"))
      assert.strictEqual((yield* client.next).id, "again")
      yield* client.write(request(1, "tools/list"))
      assert.strictEqual((yield* client.next).id, 1)
    })
  )
})

describe("a request", () => {
  const endings: ReadonlyArray<readonly [name: string, handle: (call: Call) => void, message: RegExp]> = [
    [
      "a stream ends without a response",
      (call) => (events(call, {}), call.response.end()),
      /closed the connection/
    ],
    ["the connection breaks", (call) => (events(call, {}), call.response.destroy()), /connection broke/],
    ["the connection breaks at once", (call) => call.response.destroy(), /connection broke/],
    [
      "the server answers HTML",
      ({ response }) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      /text\/html/
    ],
    ["the server accepts it only", ({ response }) => response.writeHead(202).end(), /no response/],
    ["the server fails", ({ response }) => response.writeHead(502).end("bad gateway"), /HTTP 502/],
    [
      "the server answers another request",
      (call) => answerWith({ ...call, message: { ...call.message, id: "other" } }, {}),
      /another request/
    ],
    ["the answer is too long", (call) => answerWith(call, { text: "x".repeat(2 ** 20) }), /more than 1 MiB/]
  ]
  for (const [name, handle, message] of endings) {
    it.live(`gets one response if ${name}, and is not sent again`, () =>
      Effect.gen(function* () {
        const server = yield* sessionServer((call) => {
          if (call.message.method !== "tools/call") return false
          handle(call)
          return true
        })
        const client = yield* proxied(server.url)
        yield* client.write(request(5, "tools/call", { name: "echo" }))
        const answer = yield* client.next
        assert.strictEqual(answer.id, 5)
        assert.match(answer.error?.message ?? "", message)
        yield* client.write(request(6, "ping"))
        assert.strictEqual((yield* client.next).id, 6)
        assert.strictEqual(yield* client.waiting, 0)
        assert.strictEqual(server.log().filter((line) => line === "POST tools/call").length, 1)
      })
    )
  }

  it.live("gets the first of several responses, wherever they come, and no response of another request", () =>
    Effect.gen(function* () {
      const slow = yield* Deferred.make<Call>()
      const server = yield* sessionServer((call) => {
        if (call.message.method === "slow") return Deferred.doneUnsafe(slow, Effect.succeed(call))
        if (call.message.method !== "twice") return false
        events(
          call,
          { jsonrpc: "2.0", id: 1, result: { of: "slow" } },
          { jsonrpc: "2.0", id: 2, result: { of: "twice" } },
          { jsonrpc: "2.0", id: 2, result: { of: "again" } },
          { jsonrpc: "2.0", id: "unknown", result: {} }
        )
        call.response.end()
        return true
      })
      const client = yield* proxied(server.url)
      yield* client.write(request(1, "slow"))
      const open = yield* Deferred.await(slow)
      yield* client.write(request(2, "twice"))
      assert.deepStrictEqual((yield* client.next).result, { of: "slow" })
      assert.deepStrictEqual((yield* client.next).result, { of: "twice" })
      open.response.end()
      yield* client.write(request(3, "ping"))
      assert.strictEqual((yield* client.next).id, 3)
      assert.strictEqual(yield* client.waiting, 0)
    })
  )

  it.live("that is cancelled needs no response, and the server learns of it", () =>
    Effect.gen(function* () {
      const slow = yield* Deferred.make<Call>()
      const cancelled = yield* Deferred.make<Call>()
      const server = yield* sessionServer((call) => {
        if (call.message.method === "slow") return Deferred.doneUnsafe(slow, Effect.succeed(call))
        if (call.message.method === "notifications/cancelled")
          Deferred.doneUnsafe(cancelled, Effect.succeed(call))
        return false
      })
      const client = yield* proxied(server.url)
      yield* client.write(request("s", "slow"))
      const { response } = yield* Deferred.await(slow)
      yield* client.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "s" } })
      assert.deepStrictEqual((yield* Deferred.await(cancelled)).message.params, { requestId: "s" })
      response.writeHead(200, { "content-type": "text/event-stream" }).end()
      yield* client.write(request(2, "ping"))
      assert.strictEqual((yield* client.next).id, 2)
      yield* client.close
      assert.strictEqual(yield* client.waiting, 0)
    })
  )

  it.live("that is cancelled ends at the server, too, which may keep its stream open", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const server = yield* sessionServer((call) => {
        if (call.message.method !== "slow") return false
        call.response.once("close", () => Deferred.doneUnsafe(closed, Effect.void))
        events(call, { jsonrpc: "2.0", method: "notifications/message" })
        return true
      })
      const client = yield* proxied(server.url)
      yield* client.write(request("s", "slow"))
      yield* client.next
      yield* client.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "s" } })
      yield* Deferred.await(closed)
      yield* client.write(request(2, "ping"))
      assert.strictEqual((yield* client.next).id, 2)
    })
  )

  it.live("is not cancelled by another id, although both are the same number as a double", () =>
    Effect.gen(function* () {
      const calls: Array<Call> = []
      const server = yield* sessionServer((call) => {
        if (call.message.method !== "slow") return false
        call.response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
        return calls.push(call) > 0
      })
      const client = yield* proxied(server.url)
      const ids = ["9007199254740993", "9007199254740992", "null"]
      for (const id of ids) yield* client.write(`{"jsonrpc":"2.0","id":${id},"method":"slow"}`)
      for (const id of ["9007199254740993", "1e400"]) {
        yield* client.write(
          `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`
        )
      }
      yield* client.write(request(1, "ping"))
      assert.strictEqual((yield* client.next).id, 1)
      for (const { response } of calls) response.end()
      const lines = [yield* client.line, yield* client.line]
      for (const id of ids.slice(1)) assert.isTrue(lines.some((line) => line.includes(`"id":${id},`)))
      yield* client.close
      assert.strictEqual(yield* client.waiting, 0)
    })
  )

  it.live("may run while hundreds of others do", () =>
    Effect.gen(function* () {
      const calls: Array<Call> = []
      const server = yield* sessionServer((call) => {
        calls.push(call)
        // All are there before the first is answered.
        if (calls.length === 300) for (const each of calls.toReversed()) answerWith(each, {})
        return true
      })
      const client = yield* proxied(server.url)
      for (let id = 0; id < 300; id++) yield* client.write(request(id, "tools/call"))
      const ids = new Set<unknown>()
      for (let id = 0; id < 300; id++) ids.add((yield* client.next).id)
      assert.strictEqual(ids.size, 300)
    })
  )
})

describe("a line that is no message", () => {
  for (const [name, line, code] of [
    ["is no JSON", "{oops", -32_700],
    ["is cut off", `{"jsonrpc":"2.0","id":1,"method":"x"`, -32_700],
    ["is an object without a method", `{"id":4}`, -32_600],
    ["is a number", "7", -32_600],
    ["is too long", { _tag: "TooLong" }, -32_700]
  ] as const) {
    it.live(`is answered if it ${name}, and the session goes on`, () =>
      Effect.gen(function* () {
        const server = yield* sessionServer()
        const client = yield* proxied(server.url)
        yield* client.write(line)
        assert.strictEqual((yield* client.next).error?.code, code)
        yield* client.write(request(1, "ping"))
        assert.strictEqual((yield* client.next).id, 1)
      })
    )
  }
})
