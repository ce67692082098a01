import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import {
  CurrentOperation,
  type Operation,
  runOperation,
  sendInOperation
} from "../../../src/adapters/mcp/Operation.ts"
import { answerLimit } from "../../../src/adapters/mcp/AnswerLimit.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import { httpServer } from "./McpWorld.ts"

const run = <A, E>(work: (operation: Operation) => Effect.Effect<A, E>) =>
  runOperation(work, { server: "example", limit: Duration.seconds(60), silence: () => "silent" })

const limit = answerLimit(httpServer(new URL("https://mcp.test/mcp")))

describe("an operation", () => {
  it.effect("gives what it gives, and fails as it fails", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* run(() => Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(run(() => Effect.fail("no"))), "no")
      assert.deepStrictEqual(yield* Effect.exit(run(() => Effect.die("a fault"))), Exit.die("a fault"))
    })
  )

  it.effect("is found by what runs for it, and by nothing else", () =>
    Effect.gen(function* () {
      const find = () => Effect.andThen(Effect.yieldNow, CurrentOperation)
      const [one, other] = yield* Effect.all([run(find), run(find)], { concurrency: 2 })
      assert.isDefined(one)
      assert.isDefined(other)
      assert.notStrictEqual(one, other)
      assert.isUndefined(yield* CurrentOperation)
    })
  )

  it.effect("ends when the other side has been silent for the limit", () =>
    Effect.gen(function* () {
      const stopped = yield* Deferred.make<void>()
      const never = Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
      const fiber = yield* Effect.forkChild(Effect.flip(run(() => never)))
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "silent")
      yield* Deferred.await(stopped)
    })
  )

  it.effect("goes on as long as something is heard", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<string>()
      let heard: (() => void) | undefined
      const fiber = yield* Effect.forkChild(
        run((operation) => {
          heard = operation.heard
          return Deferred.await(answer)
        })
      )
      for (let minute = 0; minute < 10; minute++) {
        yield* TestClock.adjust("50 seconds")
        heard?.()
      }
      yield* Deferred.succeed(answer, "after 500 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "after 500 seconds")
    })
  )

  it.effect("counts no time in which a request is on its way, and all of it afterwards", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<Response>()
      const send = sendInOperation(() => Deferred.await(arrived), limit)
      const fiber = yield* Effect.forkChild(
        Effect.flip(run(() => Effect.andThen(send(new Request("https://mcp.test/mcp")), Effect.never)))
      )
      yield* TestClock.adjust("10 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(arrived, new Response())
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "silent")
    })
  )

  it.effect("is silent where a request gets no head in time, and fails as it did where none was sent", () =>
    Effect.gen(function* () {
      for (const [unanswered, expected] of [
        ["timeout", "silent"],
        ["broke", "NetworkError"],
        [undefined, "NetworkError"]
      ] as const) {
        const error = new NetworkError({
          origin: "https://mcp.test",
          detail: "no answer",
          ...(unanswered === undefined ? {} : { unanswered })
        })
        const failed = yield* Effect.flip(run(() => Effect.fail(error)))
        assert.strictEqual(typeof failed === "string" ? failed : failed._tag, expected)
      }
    })
  )
})
