import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import {
  type Call,
  event,
  handshake,
  proxied,
  type ProxiedOptions,
  request,
  sessionServer
} from "./RelayWorld.ts"

/** A server that takes calls and answers none, and a client that has connected to it. */
const silent = Effect.fnUntraced(function* (options: ProxiedOptions = {}) {
  const calls: Array<Call> = []
  let arrived = yield* Deferred.make<Call>()
  const cancelled = yield* Deferred.make<Call>()
  const server = yield* sessionServer((call) => {
    if (call.message.method === "notifications/cancelled")
      Deferred.doneUnsafe(cancelled, Effect.succeed(call))
    if (call.message.method === undefined || call.message.id === undefined) return false
    if (call.message.method === "initialize") return false
    calls.push(call)
    call.response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
    Deferred.doneUnsafe(arrived, Effect.succeed(call))
    return true
  })
  const client = yield* proxied(server.url, options)
  yield* handshake(client)
  const stream = yield* server.stream
  return {
    client,
    stream,
    cancelled: Deferred.await(cancelled),
    /** Sends a request, and waits until the server has it. */
    ask: Effect.fnUntraced(function* (id: unknown, method: string, params: object = {}) {
      arrived = yield* Deferred.make<Call>()
      yield* client.write(request(id, method, params))
      return yield* Deferred.await(arrived)
    }),
    /** Lets the client see what the server has written. */
    seen: (method: string) =>
      Effect.flatMap(client.next, (seen) => Effect.sync(() => assert.strictEqual(seen.method, method)))
  }
})

const progress = (params: object) => event({ jsonrpc: "2.0", method: "notifications/progress", params })

describe("a request about which the server says nothing", () => {
  it.effect("ends after an hour with an error that names the way out, and is cancelled at the server", () =>
    Effect.gen(function* () {
      const { ask, cancelled, client } = yield* silent()
      yield* ask(7, "tools/call", { name: "x" })
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* client.waiting, 0)
      yield* TestClock.adjust("3 minutes")
      const { error, id } = yield* client.next
      assert.strictEqual(id, 7)
      assert.match(
        error?.message ?? "",
        /demo: it has said nothing about this request for 1h. .* add --timeout SECONDS/
      )
      assert.strictEqual((yield* cancelled).message.params?.["requestId"], 7)
    })
  )

  it.effect("ends after the time of the user, and never without one", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const short = yield* silent({ silence: 10_000 })
        yield* short.ask("a", "prompts/get")
        yield* TestClock.adjust("11 seconds")
        assert.match((yield* short.client.next).error?.message ?? "", /for 10s/)
      }).pipe(Effect.scoped)
      const endless = yield* silent({ silence: 0 })
      yield* endless.ask("b", "tools/call")
      yield* TestClock.adjust("3 hours")
      assert.strictEqual(yield* endless.client.waiting, 0)
    })
  )

  const signs: ReadonlyArray<
    readonly [
      name: string,
      say: (world: { readonly call: Call; readonly stream: Call["response"] }) => void,
      seen: string
    ]
  > = [
    [
      "its progress",
      ({ call }) => call.response.write(progress({ progressToken: "t", progress: 1 })),
      "notifications/progress"
    ],
    [
      "a line of its log",
      ({ call }) => call.response.write(event({ jsonrpc: "2.0", method: "notifications/message" })),
      "notifications/message"
    ],
    [
      "progress on the standing stream",
      ({ stream }) => stream.write(progress({ progressToken: "t", progress: 1 })),
      "notifications/progress"
    ]
  ]
  for (const [name, say, method] of signs) {
    it.effect(`goes on with ${name}`, () =>
      Effect.gen(function* () {
        const { ask, client, seen, stream } = yield* silent()
        const call = yield* ask(1, "tools/call", { _meta: { progressToken: "t" } })
        yield* TestClock.adjust("50 minutes")
        say({ call, stream })
        yield* seen(method)
        yield* TestClock.adjust("50 minutes")
        assert.strictEqual(yield* client.waiting, 0)
        yield* TestClock.adjust("15 minutes")
        assert.match((yield* client.next).error?.message ?? "", /said nothing/)
      })
    )
  }

  it.effect("does not go on with the progress of another one, nor with comments of its stream", () =>
    Effect.gen(function* () {
      const { ask, client, seen, stream } = yield* silent()
      const call = yield* ask(1, "tools/call", { _meta: { progressToken: "t" } })
      yield* TestClock.adjust("50 minutes")
      call.response.write(": ping\n\n")
      stream.write(progress({ progressToken: "u", progress: 1 }))
      yield* seen("notifications/progress")
      yield* TestClock.adjust("15 minutes")
      assert.match((yield* client.next).error?.message ?? "", /said nothing/)
    })
  )

  it.effect("waits for the user, while the server waits for an answer of the client", () =>
    Effect.gen(function* () {
      const { ask, client, seen } = yield* silent()
      const call = yield* ask(1, "tools/call")
      call.response.write(event({ jsonrpc: "2.0", id: "q", method: "elicitation/create" }))
      yield* seen("elicitation/create")
      yield* TestClock.adjust("3 hours")
      assert.strictEqual(yield* client.waiting, 0)
      yield* client.write({ jsonrpc: "2.0", id: "q", result: {} })
      yield* Effect.yieldNow
      yield* TestClock.adjust("65 minutes")
      assert.match((yield* client.next).error?.message ?? "", /said nothing/)
    })
  )

  it.effect("is none if it waits for events", () =>
    Effect.gen(function* () {
      const { ask, client } = yield* silent()
      yield* ask(1, "subscriptions/listen")
      yield* ask(2, "tasks/result")
      yield* TestClock.adjust("3 hours")
      assert.strictEqual(yield* client.waiting, 0)
    })
  )
})
