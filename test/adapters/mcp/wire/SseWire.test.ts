import type { ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { McpError } from "../../../../src/ports/McpConnector.ts"
import type { RemoteTransport } from "../../../../src/domain/RemoteCommandLine.ts"
import { McpWire } from "../../../../src/ports/McpWire.ts"
import { listen, sseServer } from "../McpServers.ts"
import { httpServer } from "../McpWorld.ts"
import {
  answer,
  type Answering,
  event,
  events,
  initialize,
  initialized,
  json,
  openWire,
  plainSend,
  post,
  request,
  scripted,
  started,
  wires
} from "./WireWorld.ts"

const open = (url: URL, transport: RemoteTransport) =>
  McpWire.use((wire) => wire.open(httpServer(url), plainSend, { transport }))
const endpoint = (address: string) => `event: endpoint\ndata: ${address}\n\n`

describe("a wire to a server of the transport of 2024-11-05", () => {
  it.live("is found by initialize, and exchanges messages", () =>
    Effect.gen(function* () {
      const server = yield* sseServer
      const wire = yield* openWire(server.url)
      const { delivered, end } = yield* post(wire, initialize)
      assert.strictEqual(end._tag, "Answered")
      assert.deepInclude(JSON.parse(delivered[0] ?? ""), { id: 1 })
      assert.deepEqual(yield* post(wire, initialized), { end: { _tag: "Accepted" }, delivered: [] })
      const all = yield* Effect.forEach([2, "three", 4], (id) => post(wire, request("tools/list", {}, id)), {
        concurrency: "unbounded"
      })
      assert.deepEqual(
        all.map(({ delivered: [text = ""] }) => JSON.parse(text).id),
        [2, "three", 4]
      )
    }).pipe(Effect.provide(wires))
  )

  it.live("loses the session with the stream, and initialize opens another one", () =>
    Effect.gen(function* () {
      const server = yield* sseServer
      const wire = yield* openWire(server.url)
      yield* post(wire, initialize)
      const first = wire.session()?.id ?? ""
      const listening = yield* Effect.forkChild(
        wire.listen(() => Effect.void),
        { startImmediately: true }
      )
      yield* Effect.promise(server.hangUp)
      assert.deepEqual(yield* Fiber.join(listening), { _tag: "SessionLost", session: first })
      assert.deepEqual((yield* post(wire, request("tools/list"))).end, {
        _tag: "SessionLost",
        session: first
      })
      assert.strictEqual((yield* post(wire, initialize)).end._tag, "Answered")
      assert.notStrictEqual(wire.session()?.id, first)
      assert.strictEqual((yield* post(wire, request("tools/list"))).end._tag, "Answered")
    }).pipe(Effect.provide(wires))
  )

  it.live("starts another session where the caller listens again", () =>
    Effect.gen(function* () {
      const server = yield* sseServer
      const wire = yield* openWire(server.url)
      yield* post(wire, initialize)
      const session = wire.session()?.id ?? ""
      const listening = yield* Effect.forkChild(
        wire.listen(() => Effect.void),
        { startImmediately: true }
      )
      const again = yield* wire.listen(() => Effect.void)
      assert.deepEqual(
        [again, yield* Fiber.join(listening)],
        [
          { _tag: "SessionLost", session },
          { _tag: "SessionLost", session }
        ]
      )
      assert.strictEqual((yield* post(wire, request("tools/list"))).end._tag, "SessionLost")
    }).pipe(Effect.provide(wires))
  )

  it.live("fails what is open when the stream ends, and says why", () =>
    Effect.gen(function* () {
      for (const [ending, why] of [
        ["end", "closed the connection before it answered"],
        ["destroy", "connection broke"],
        ["flood", "more than 1 MiB"]
      ] as const) {
        const server = yield* streamServer((sent, stream) => {
          if (sent.method === "initialize") return void stream.write(event(greeting))
          if (ending === "flood") stream.write(event(`"${"x".repeat(2 ** 20 + 9)}"`))
          else if (ending === "end") stream.end()
          else stream.destroy()
        })
        const wire = yield* openWire(server.url)
        yield* post(wire, initialize)
        const { end } = yield* post(wire, request("tools/call", {}, 2))
        assert.match(end._tag === "Unanswered" ? end.error.message : "", new RegExp(why))
      }
    }).pipe(Effect.provide(wires))
  )

  it.live("holds what the server sends until there is a listener", () =>
    Effect.gen(function* () {
      const numbers = Array.from({ length: 20 }, (_, number) => number)
      const server = yield* streamServer((sent, stream) => {
        if (sent.method === "initialize") stream.write(event(greeting))
        if (sent.method !== "notifications/initialized") return
        for (const id of numbers) stream.write(event({ jsonrpc: "2.0", id, method: "roots/list" }))
      })
      const wire = yield* openWire(server.url)
      yield* post(wire, initialize)
      yield* post(wire, initialized)
      const received = yield* Queue.unbounded<string>()
      yield* Effect.forkChild(wire.listen(({ id = "" }) => Effect.asVoid(Queue.offer(received, id))))
      assert.deepEqual(yield* Effect.forEach(numbers, () => Queue.take(received)), numbers.map(String))
    }).pipe(Effect.provide(wires))
  )

  it.live("has lost the session if the server does not know the address any more", () =>
    Effect.gen(function* () {
      const server = yield* streamServer((sent, stream, response) => {
        if (sent.method === "initialize") return void stream.write(event(greeting))
        response.writeHead(404).end("Session not found")
      })
      const wire = yield* openWire(server.url)
      yield* post(wire, initialize)
      const session = wire.session()?.id ?? ""
      assert.deepEqual((yield* post(wire, request("ping", {}, 2))).end, { _tag: "SessionLost", session })
    }).pipe(Effect.provide(wires))
  )

  it.live("sends nothing to an address of another origin, or to none", () =>
    Effect.gen(function* () {
      for (const address of [
        "https://evil.example/in",
        "//evil.example/in",
        "http://127.0.0.1:1/in",
        "http://["
      ]) {
        const { got, url } = yield* scripted(answer(404, undefined), events(endpoint(address)))
        const error = yield* Effect.flip(post(yield* openWire(url), initialize))
        assert.instanceOf(error, McpError)
        assert.match(error.message, /HTTP 404.*another origin/)
        assert.strictEqual(got.length, 2)
      }
      const { url } = yield* scripted(answer(404, undefined), events(event(greeting)))
      assert.match(
        (yield* Effect.flip(post(yield* openWire(url), initialize))).message,
        /closed the connection/
      )
    }).pipe(Effect.provide(wires))
  )

  const refusalOf = (code: number, status: number) =>
    json({ jsonrpc: "2.0", id: null, error: { code, message: "no" } }, status)
  const refusals: ReadonlyArray<readonly [string, Answering, RemoteTransport, ReadonlyArray<string>]> = [
    ["400", answer(400, "text/plain", "Bad"), "http-first", ["POST", "GET"]],
    ["404", answer(404, "text/html", "<h1>"), "http-first", ["POST", "GET"]],
    ["405", answer(405, undefined), "http-first", ["POST", "GET"]],
    ["400 and another JSON-RPC error", refusalOf(-32000, 400), "http-first", ["POST", "GET"]],
    ["400 and an error of 2026-07-28", refusalOf(-32022, 400), "http-first", ["POST"]],
    ["404 and an unknown method", refusalOf(-32601, 404), "http-first", ["POST"]],
    ["200 and a JSON-RPC error", refusalOf(-32000, 200), "http-first", ["POST"]],
    ["500", answer(500, undefined), "http-first", ["POST"]],
    ["403", answer(403, undefined), "http-first", ["POST"]],
    ["404 for http-only", answer(404, undefined), "http-only", ["POST"]],
    ["404 for sse-only", answer(404, undefined), "sse-only", ["GET"]],
    ["404 for sse-first", answer(404, undefined), "sse-first", ["GET", "POST"]],
    ["a response", started, "sse-first", ["GET", "POST", "DELETE"]]
  ]
  for (const [name, answering, order, methods] of refusals) {
    it.live(`is looked for as the order says: ${name}`, () =>
      Effect.gen(function* () {
        const { got, url } = yield* scripted(answering)
        yield* Effect.scoped(
          Effect.flatMap(open(url, order), (wire) => Effect.result(post(wire, initialize)))
        )
        assert.deepEqual(
          got.map(({ method }) => method),
          methods
        )
      }).pipe(Effect.provide(wires))
    )
  }
})

const greeting = {
  jsonrpc: "2.0",
  id: 1,
  result: { protocolVersion: "2024-11-05", capabilities: {}, serverInfo: {} }
}

/** A server with one stream, which a test writes to when a message arrives. */
const streamServer = (
  take: (sent: { readonly method?: string }, stream: ServerResponse, response: ServerResponse) => unknown
) =>
  Effect.suspend(() => {
    let stream: ServerResponse | undefined
    return listen(async (incoming, response) => {
      if (incoming.method === "GET") {
        stream = response.writeHead(200, { "content-type": "text/event-stream" })
        return void response.write(endpoint("/in?session=1"))
      }
      if (incoming.url === "/") return void response.writeHead(405).end()
      const sent = JSON.parse(await text(incoming))
      if (stream !== undefined) take(sent, stream, response)
      if (!response.headersSent) response.writeHead(202).end("Accepted")
    })
  }).pipe(Effect.map((url) => ({ url })))
