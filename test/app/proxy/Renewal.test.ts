import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { type Call, event, handshake, initialize, proxied, request, sessionServer } from "./RelayWorld.ts"

const posts = (log: ReadonlyArray<string>) => log.filter((line) => line.startsWith("POST"))

describe("a session that the server has forgotten", () => {
  it.live("is opened again as the client had it, and only the refused message is sent again", () =>
    Effect.gen(function* () {
      const server = yield* sessionServer()
      const client = yield* proxied(server.url)
      yield* handshake(client, { roots: { listChanged: true } })
      for (const [id, method, params] of [
        [1, "logging/setLevel", { level: "info" }],
        [2, "logging/setLevel", { level: "error" }],
        [3, "resources/subscribe", { uri: "file:///a" }],
        [4, "resources/subscribe", { uri: "file:///b" }],
        [5, "resources/unsubscribe", { uri: "file:///a" }],
        [6, "tools/call", { name: "once" }]
      ] as const) {
        yield* client.write(request(id, method, params))
        assert.strictEqual((yield* client.next).id, id)
      }
      const stream = yield* server.stream
      const before = server.calls.length
      server.forget()
      yield* client.write(request(7, "tools/call", { name: "after" }))
      assert.strictEqual((yield* client.next).id, 7)
      // The stream of the new session.
      const next = yield* server.stream
      const again = server.calls.slice(before).filter(({ http }) => http === "POST")
      assert.deepStrictEqual(posts(server.log().slice(before)), [
        "POST tools/call",
        "POST initialize",
        "POST notifications/initialized",
        "POST logging/setLevel",
        "POST resources/subscribe",
        "POST tools/call"
      ])
      assert.deepStrictEqual(
        again.slice(1, 2).map(({ message, session }) => [message.params?.["capabilities"], session]),
        [[{ roots: { listChanged: true } }, undefined]]
      )
      assert.deepStrictEqual(
        again.slice(3, 5).map(({ message }) => message.params),
        [{ level: "error" }, { uri: "file:///b" }]
      )
      assert.strictEqual(again.at(-1)?.session, "session-2")
      assert.strictEqual(server.calls.filter(({ message }) => message.params?.["name"] === "once").length, 1)
      stream.destroy()
      next.write(event({ jsonrpc: "2.0", method: "notifications/resources/updated" }))
      assert.strictEqual((yield* client.next).method, "notifications/resources/updated")
      assert.strictEqual(yield* client.waiting, 0)
    })
  )

  it.live("is opened again once for all that notice it", () =>
    Effect.gen(function* () {
      const server = yield* sessionServer()
      const client = yield* proxied(server.url)
      yield* handshake(client)
      yield* client.write(request(0, "ping"))
      yield* client.next
      server.forget()
      for (let id = 1; id <= 20; id++) yield* client.write(request(id, "tools/call", { name: String(id) }))
      const ids = []
      for (let id = 1; id <= 20; id++) ids.push((yield* client.next).id)
      assert.strictEqual(new Set(ids).size, 20)
      const initializes = server.log().filter((line) => line === "POST initialize")
      assert.strictEqual(initializes.length, 2)
    })
  )

  it.live("is opened again when the standing stream notices it first", () =>
    Effect.gen(function* () {
      const server = yield* sessionServer()
      const client = yield* proxied(server.url)
      yield* handshake(client)
      const stream = yield* server.stream
      server.forget()
      stream.write("retry: 100\n\n")
      stream.end()
      const next = yield* server.stream
      next.write(event({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }))
      assert.strictEqual((yield* client.next).method, "notifications/tools/list_changed")
    })
  )

  const refusals: ReadonlyArray<readonly [name: string, handle: (call: Call) => boolean, message: RegExp]> = [
    [
      "the server refuses another one",
      ({ message, response }) => {
        if (message.method !== "initialize" || message.id === 0) return false
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ jsonrpc: "2.0", id: message.id, error: { code: 1, message: "full" } }))
        return true
      },
      /refuses another one: full/
    ],
    [
      "the server is gone",
      ({ message, response }) => {
        if (message.method !== "initialize" || message.id === 0) return false
        response.destroy()
        return true
      },
      /connection broke/
    ],
    [
      "the next one is forgotten at once",
      ({ message, response, session }) => {
        if (message.method !== "tools/call" || session === undefined) return false
        response.writeHead(404).end()
        return true
      },
      /forgets each session/
    ]
  ]
  for (const [name, handle, message] of refusals) {
    it.live(`leads to an error if ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* sessionServer(handle)
        const client = yield* proxied(server.url)
        yield* client.write(initialize())
        yield* client.next
        server.forget()
        yield* client.write(request(1, "tools/call", { name: "x" }))
        const answer = yield* client.next
        assert.strictEqual(answer.id, 1)
        assert.match(answer.error?.message ?? "", message)
        yield* client.write(initialize({}, 0))
        assert.strictEqual((yield* client.next).id, 0)
      })
    )
  }

  it.live("takes a response of the client with it", () =>
    Effect.gen(function* () {
      const server = yield* sessionServer()
      const client = yield* proxied(server.url)
      yield* handshake(client)
      const stream = yield* server.stream
      stream.write(event({ jsonrpc: "2.0", id: 1, method: "roots/list" }))
      yield* client.next
      server.forget()
      yield* client.write({ jsonrpc: "2.0", id: 1, result: { roots: [] } })
      yield* client.write(request(2, "ping"))
      assert.strictEqual((yield* client.next).id, 2)
      const responses = server.calls.filter(({ message }) => message.result !== undefined)
      assert.strictEqual(responses.length, 1)
    })
  )

  it.live("does not end with a request that the server still runs", () =>
    Effect.gen(function* () {
      const slow = yield* Deferred.make<Call>()
      const server = yield* sessionServer((call) =>
        call.message.method === "slow" ? Deferred.doneUnsafe(slow, Effect.succeed(call)) : false
      )
      const client = yield* proxied(server.url)
      yield* handshake(client)
      yield* client.write(request("slow", "slow"))
      const { response } = yield* Deferred.await(slow)
      server.forget()
      yield* client.write(request(1, "ping"))
      assert.strictEqual((yield* client.next).id, 1)
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.end(event({ jsonrpc: "2.0", id: "slow", result: {} }))
      assert.strictEqual((yield* client.next).id, "slow")
    })
  )
})
