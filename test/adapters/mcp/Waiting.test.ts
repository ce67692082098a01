import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { WaitNotice } from "../../../src/ports/WaitNotice.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"
import { olderServer } from "./OlderServer.ts"

/** A server that never answers one method. */
const silent = (method: string) =>
  Effect.gen(function* () {
    const asked = yield* Deferred.make<void>()
    const closed = yield* Deferred.make<void>()
    const server = yield* olderServer({
      [method]: (response) => {
        response.once("close", () => Deferred.doneUnsafe(closed, Effect.void))
        Deferred.doneUnsafe(asked, Effect.void)
      }
    })
    return { ...server, asked, closed }
  })

describe("a tool call without an answer", () => {
  it.effect.each<readonly [string, Duration.Duration | undefined, string, string]>([
    ["a minute", undefined, "59 seconds", "1 second"],
    ["as long as its caller says, if shorter", Duration.seconds(5), "4 seconds", "1 second"],
    ["as long as its caller says, if longer", Duration.minutes(10), "9 minutes", "1 minute"]
  ])("is waited for %s", ([, timeout, before, rest]) =>
    Effect.gen(function* () {
      const { asked, url } = yield* silent("tools/call")
      const session = yield* connect(httpServer(url), way().send)
      const calling = yield* Effect.forkChild(Effect.flip(session.call("echo", {}, { timeout })))
      yield* Deferred.await(asked)
      yield* TestClock.adjust(before as Duration.Input)
      assert.isUndefined(calling.pollUnsafe())
      yield* TestClock.adjust(rest as Duration.Input)
      const error = errorText(yield* Fiber.join(calling))
      assert.include(error, "did not answer within")
      assert.include(error, "--timeout SECONDS")
    }).pipe(Effect.provide(connector))
  )

  it.effect("is cancelled at the server when its caller gives up", () =>
    Effect.gen(function* () {
      const { asked, closed, url } = yield* silent("tools/call")
      const { send, sent } = way()
      const session = yield* connect(httpServer(url), send)
      const calling = yield* Effect.forkChild(session.call("echo", {}))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(calling)
      yield* Deferred.await(closed)
      assert.include(sent, "notifications/cancelled")
      // The session goes on.
      assert.strictEqual((yield* session.tools).length, 1)
    }).pipe(Effect.provide(connector))
  )
})

describe("a request that takes long", () => {
  it.effect("is announced to a user who watches, after three seconds", () => {
    const told: Array<string> = []
    return Effect.gen(function* () {
      const { asked, url } = yield* silent("tools/call")
      const session = yield* connect(httpServer(url), way().send)
      const calling = yield* Effect.forkChild(session.call("echo", {}))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("2 seconds")
      assert.deepEqual(told, [])
      yield* TestClock.adjust("1 second")
      assert.isNotEmpty(told)
      yield* Fiber.interrupt(calling)
    }).pipe(
      Effect.provide(
        Layer.merge(
          connector,
          Layer.succeed(WaitNotice, (name: string) => Effect.sync(() => void told.push(name)))
        )
      )
    )
  })
})
