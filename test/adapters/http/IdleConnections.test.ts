import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { vi } from "vitest"
import * as CoreTransport from "../../../src/adapters/http/CoreTransport.ts"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import { bareRequest } from "../../../src/domain/BareRequest.ts"
import { byteRequest } from "../../../src/domain/ByteRequest.ts"
import { HttpTransport, type NetworkError } from "../../../src/ports/HttpTransport.ts"

// @effect-diagnostics globalDate:off

/** The time for both sides. Only `Date` is frozen: timers and sockets are real. */
const clock = Effect.acquireRelease(
  Effect.sync(() => {
    vi.useFakeTimers({ toFake: ["Date"] })
    return { pass: (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000) }
  }),
  () => Effect.sync(() => vi.useRealTimers())
)

/**
 * A server that keeps idle connections for some seconds. It closes one that was idle for longer when the next request arrives
 * there, which is what a client meets whose request crosses the close.
 */
const serve = (seconds: number, keepAlive: string | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly origin: string
      readonly sockets: ReadonlyArray<Socket>
      readonly streams: ReadonlyArray<ServerResponse>
      readonly close: () => void
    }>((resume) => {
      const answeredAt = new Map<Socket, number | undefined>()
      const sockets: Array<Socket> = []
      const streams: Array<ServerResponse> = []
      const server = createServer((request, response) => {
        const { socket } = request
        const idleSince = answeredAt.get(socket)
        if (idleSince !== undefined && Date.now() - idleSince >= seconds * 1000) return socket.destroy()
        if (!sockets.includes(socket)) sockets.push(socket)
        response.sendDate = false
        response.setHeader("connection", "keep-alive")
        if (keepAlive !== undefined) response.setHeader("keep-alive", keepAlive)
        response.once("finish", () => answeredAt.set(socket, Date.now()))
        if (request.url === "/stream") {
          streams.push(response)
          return void response.write("first")
        }
        return void request.resume().once("end", () => response.end("answer"))
      })
      server.keepAliveTimeout = 0
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
            sockets,
            streams,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  )

/** Every client whose connections are watched. */
const ways = [
  ["fetch", FetchTransport.layer, byteRequest],
  ["undici", UndiciTransport.layer, byteRequest],
  ["node:http", CoreTransport.layer, bareRequest]
] as const

describe.each(ways)("a request after a pause by %s", (_, layer, makeRequest) => {
  const open = (url: string, method: string): Effect.Effect<Response, NetworkError> => {
    const content = method === "GET" ? undefined : new TextEncoder().encode("{}")
    return HttpTransport.use((transport) =>
      transport.send(makeRequest(url, { method, headers: [], content }))
    ).pipe(Effect.provide(layer))
  }

  const send = (url: string, method = "POST") =>
    Effect.flatMap(open(url, method), (response) => Effect.promise(() => response.text()))

  it.live.each<
    readonly [
      server: string,
      method: string,
      seconds: number,
      keepAlive: string | undefined,
      pause: number,
      connections: number
    ]
  >([
    ["uvicorn", "POST", 5, undefined, 5, 2],
    ["uvicorn", "GET", 5, undefined, 5, 2],
    ["uvicorn", "DELETE", 5, undefined, 6, 2],
    ["uvicorn", "POST", 5, undefined, 0.9, 1],
    ["gunicorn", "POST", 2, undefined, 2, 2],
    ["gunicorn", "POST", 2, undefined, 1.1, 2],
    ["Node", "POST", 5, "timeout=5", 5, 2],
    ["Node", "POST", 5, "timeout=5", 2.4, 1],
    ["Apache", "POST", 5, "max=100, timeout=5", 5, 2],
    ["a server that keeps connections for a minute", "POST", 60, "timeout=60, max=1000", 29, 1],
    ["a server that keeps connections for a minute", "GET", 60, "Timeout=60", 60, 2],
    ["a server with a broken Keep-Alive", "POST", 5, "yes", 5, 2]
  ])(
    "to %s by %s gets its answer (kept for %s s, Keep-Alive: %s, after %s s, connections: %s)",
    ([, method, ...row]) =>
      Effect.gen(function* () {
        const [seconds, keepAlive, pause, connections] = row
        const { pass } = yield* clock
        const { origin, sockets } = yield* serve(seconds, keepAlive)
        for (let sent = 0; sent < 2; sent++) {
          assert.strictEqual(yield* send(origin, method), "answer")
          pass(pause)
        }
        assert.lengthOf(sockets, connections)
      })
  )

  it.live("does not use the connection that was idle meanwhile, and leaves the one that was not", () =>
    Effect.gen(function* () {
      const { pass } = yield* clock
      const { origin, sockets, streams } = yield* serve(5, undefined)
      const both = [open(`${origin}/stream`, "GET"), send(origin)] as const
      const [stream] = yield* Effect.all(both, { concurrency: 2 })
      assert.lengthOf(sockets, 2)
      pass(5)
      // The stream holds its connection, and is not closed, however long it is open.
      assert.strictEqual(yield* send(origin), "answer")
      assert.lengthOf(sockets, 3)
      streams[0]?.end(" last")
      assert.strictEqual(yield* Effect.promise(() => stream.text()), "first last")
    })
  )

  it.live("leaves the connections to other servers as they are", () =>
    Effect.gen(function* () {
      const { pass } = yield* clock
      const first = yield* serve(60, "timeout=60")
      const second = yield* serve(5, undefined)
      for (const { origin } of [first, second]) yield* send(origin)
      pass(5)
      for (const { origin } of [second, first]) yield* send(origin)
      assert.deepStrictEqual([first.sockets.length, second.sockets.length], [1, 2])
    })
  )

  it.live("that failed does not keep its connection in use", () =>
    Effect.gen(function* () {
      const { pass } = yield* clock
      const { origin, sockets } = yield* serve(0, "timeout=60")
      assert.strictEqual(yield* send(origin), "answer")
      assert.isTrue(Result.isFailure(yield* Effect.result(send(origin))))
      pass(1)
      assert.strictEqual(yield* send(origin), "answer")
      assert.lengthOf(sockets, 2)
    })
  )
})
