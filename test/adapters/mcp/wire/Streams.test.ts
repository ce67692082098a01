import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { HttpTransport, NetworkError } from "../../../../src/ports/HttpTransport.ts"
import { type ListenEnd, McpWire, type Wire } from "../../../../src/ports/McpWire.ts"
import { Down, httpServer } from "../McpWorld.ts"
import {
  answer,
  type Answering,
  drop,
  event,
  events,
  initialize,
  openWire,
  plainSend,
  post,
  request,
  result,
  scripted,
  started,
  wires
} from "./WireWorld.ts"

const call = request("tools/call", { name: "slow" })
const note = { jsonrpc: "2.0", method: "n" }
const texts = (...messages: ReadonlyArray<object>) => messages.map((each) => JSON.stringify(each))
/** The server asks for the shortest pause there is. */
const soon = "retry: 0\n"

describe("the stream of a request that ends early", () => {
  const resumed: ReadonlyArray<readonly [string, ReadonlyArray<Answering>, ReadonlyArray<object>]> = [
    [
      "breaks",
      [events(`${soon}id: 1\ndata:\n\n${event(note, "2")}`, drop), events(event(result, "3"))],
      [note, result]
    ],
    [
      "is closed by a server that polls",
      [events(`${soon}id: 2\n\n`), events(""), events(""), events(event(result))],
      [result]
    ],
    [
      "breaks inside an event",
      [events(`${soon}${event(note, "2")}id: 3\ndata: {"jsonrpc"`, drop), events(event(result))],
      [note, result]
    ],
    [
      "breaks, as the next one does",
      [events(`${soon}id: 2\n\n`, drop), events(event(note), drop), events(event(result))],
      [note, result]
    ],
    [
      "breaks while the server starts again",
      [
        events(`${soon}id: 2\n\n`, drop),
        answer(503, "text/html"),
        (response) => drop(response),
        events(event(result))
      ],
      [result]
    ]
  ]
  for (const [what, answers, delivered] of resumed) {
    it.live(`is resumed after the last whole event: it ${what}`, () =>
      Effect.gen(function* () {
        const { got, url } = yield* scripted(started, ...answers)
        const wire = yield* openWire(url)
        yield* post(wire, initialize)
        assert.deepEqual(yield* post(wire, call), {
          end: { _tag: "Answered" },
          delivered: texts(...delivered)
        })
        // The request itself was sent once.
        assert.deepEqual(got.map(({ method }) => method).filter((method) => method === "POST").length, 2)
        const last = got.at(-1)
        assert.deepInclude(last?.headers, {
          accept: "text/event-stream",
          "last-event-id": "2",
          "mcp-session-id": "session-1",
          "mcp-protocol-version": "2025-11-25"
        })
      }).pipe(Effect.provide(wires))
    )
  }

  const lost: ReadonlyArray<readonly [string, Answering, RegExp]> = [
    ["there is no such stream", answer(405, undefined), /closed the connection/],
    ["there is another content", answer(200, "text/html", "<html>"), /closed the connection/],
    ["the session is gone", answer(404, undefined), /ended the session/]
  ]
  for (const [what, answering, expected] of lost) {
    it.live(`leaves the request unanswered where ${what}`, () =>
      Effect.gen(function* () {
        const { got, url } = yield* scripted(started, events(`${soon}id: 1\n\n`), answering)
        const wire = yield* openWire(url)
        yield* post(wire, initialize)
        const { end } = yield* post(wire, call)
        if (end._tag === "Unanswered") assert.match(end.error.message, expected)
        else assert.fail(end._tag)
        assert.strictEqual(got.length, 3)
      }).pipe(Effect.provide(wires))
    )
  }

  it.live("is resumed after an id of any letters, and not after one that no header can have", () =>
    Effect.gen(function* () {
      const sent = [
        ["日本", Buffer.from("日本").toString("latin1")],
        ["é ü", Buffer.from("é ü").toString("latin1")],
        ["\u{1f600}:/?#", Buffer.from("\u{1f600}:/?#").toString("latin1")],
        ["\u0001a", undefined],
        ["a\u007f", undefined],
        ["", undefined],
        ["x".repeat(100_000), undefined]
      ] as const
      for (const [id, header] of sent) {
        const { got, url } = yield* scripted(events(`${soon}id: 1\n\nid: ${id}\n\n`), events(event(result)))
        const { end } = yield* post(yield* openWire(url), call)
        assert.strictEqual(end._tag, header === undefined ? "Unanswered" : "Answered", id.slice(0, 9))
        assert.strictEqual(got[1]?.headers["last-event-id"], header)
      }
    }).pipe(Effect.provide(wires))
  )

  it.live("fails with the error of the sign-in where there is one", () =>
    Effect.gen(function* () {
      const { url } = yield* scripted(events(`${soon}id: 1\n\n`))
      const down = new Down({ why: "no sign-in" })
      const wire = yield* McpWire.use((wire) =>
        wire.open(
          httpServer(url),
          (request, options): Effect.Effect<Response, Down | NetworkError, HttpTransport> =>
            request.method === "GET" ? down : plainSend(request, options)
        )
      )
      assert.strictEqual(yield* Effect.flip(post(wire, call)), down)
    }).pipe(Effect.provide(wires))
  )
})

/** Listens until so many messages have come, or to the end. */
const listenFor = <E>(wire: Wire<E>, count: number, onFailure?: (error: unknown) => void) =>
  Effect.gen(function* () {
    const delivered: Array<string> = []
    const enough = yield* Deferred.make<ListenEnd>()
    const fiber = yield* Effect.forkChild(
      Effect.flatMap(
        wire.listen(
          (message) => {
            delivered.push(message.bytes.text())
            return delivered.length < count
              ? Effect.void
              : Effect.asVoid(Deferred.succeed(enough, { _tag: "NotOffered", status: 0 }))
          },
          { onFailure: (error) => Effect.sync(() => onFailure?.(error)) }
        ),
        (end) => Deferred.succeed(enough, end)
      )
    )
    const end = yield* Deferred.await(enough)
    yield* Fiber.interrupt(fiber)
    return { end, delivered }
  })

describe("the standing stream", () => {
  it.live("is opened again where it ended, for as long as it takes", () =>
    Effect.gen(function* () {
      const failed: Array<unknown> = []
      const { got, url } = yield* scripted(
        started,
        events(soon + event(note, "7")),
        events("", drop),
        answer(503, "text/html", "<html>"),
        answer(401, undefined),
        (response) => drop(response),
        events(event(note, "8") + event(note, "9"))
      )
      const wire = yield* openWire(url)
      yield* post(wire, initialize)
      const { delivered } = yield* listenFor(wire, 3, (error) => failed.push(error))
      assert.deepEqual(delivered, texts(note, note, note))
      assert.deepEqual(
        got.slice(1).map(({ headers }) => headers["last-event-id"]),
        [undefined, "7", "7", "7", "7", "7"]
      )
      assert.deepInclude(got[1]?.headers, { "mcp-session-id": "session-1", accept: "text/event-stream" })
      assert.strictEqual(failed.length, 3)
      assert.instanceOf(failed[2], NetworkError)
      // The next one of the same session goes on from there.
      yield* listenFor(wire, 1)
      assert.include(["8", "9"], got.at(-1)?.headers["last-event-id"])
    }).pipe(Effect.provide(wires))
  )

  it.effect("is not opened again where the server has none", () =>
    Effect.gen(function* () {
      for (const status of [400, 404, 405, 200]) {
        const { got, url } = yield* scripted(answer(status, undefined))
        const wire = yield* openWire(url)
        assert.deepEqual((yield* listenFor(wire, 1)).end, { _tag: "NotOffered", status })
        assert.strictEqual(got.length, 1)
      }
    }).pipe(Effect.provide(wires))
  )

  it.effect("says that the session is gone", () =>
    Effect.gen(function* () {
      const { url } = yield* scripted(started, answer(404, undefined))
      const wire = yield* openWire(url)
      yield* post(wire, initialize)
      assert.deepEqual((yield* listenFor(wire, 1)).end, { _tag: "SessionLost", session: "session-1" })
    }).pipe(Effect.provide(wires))
  )
})
