import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Operations } from "../../../src/adapters/mcp/Operations.ts"

const silence = { limit: Duration.seconds(60), error: () => "silent" }

const explain = (error: unknown) => `explained: ${String(error)}`

/** A promise that a test settles. */
const promise = <A>() => Promise.withResolvers<A>()

describe("a operation", () => {
  it.effect("gives what its promise gives, and explains what it rejects with", () =>
    Effect.gen(function* () {
      const operations = new Operations<string>()
      assert.strictEqual(
        yield* operations.run({ start: async () => 1, explain, server: "example", silence }),
        1
      )
      const rejected = operations.run({
        start: () => Promise.reject(new Error("no")),
        explain,
        server: "example",
        silence
      })
      assert.strictEqual(yield* Effect.flip(rejected), "explained: Error: no")
    })
  )

  it.effect("is found by what runs for it, after a wait too, and by nothing else", () =>
    Effect.gen(function* () {
      const operations = new Operations<string>()
      const find = async () => {
        await setImmediate()
        return operations.current
      }
      const [one, other] = yield* Effect.all(
        [
          operations.run({ start: find, explain, server: "example", silence }),
          operations.run({ start: find, explain, server: "example", silence })
        ],
        { concurrency: 2 }
      )
      assert.isDefined(one)
      assert.isDefined(other)
      assert.notStrictEqual(one, other)
      assert.isUndefined(operations.current)
    })
  )

  it.effect("ends by the first cause that it is given, whatever its promise does", () =>
    Effect.gen(function* () {
      const operations = new Operations<string>()
      const start = async () => {
        const operation = operations.current
        assert.isFalse(operation?.failed)
        operation?.fail(Cause.die("first"))
        operation?.fail(Cause.fail("second"))
        assert.isTrue(operation?.failed)
        return 1
      }
      const exit = yield* Effect.exit(operations.run({ start, explain, server: "example", silence }))
      assert.deepStrictEqual(exit, Exit.die("first"))
    })
  )

  it.effect("aborts its signal where it is interrupted, outside of itself", () =>
    Effect.gen(function* () {
      const operations = new Operations<string>()
      const found: Array<unknown> = []
      const start = (signal: AbortSignal) => {
        signal.addEventListener("abort", () => found.push(operations.current))
        return promise<never>().promise
      }
      const fiber = yield* Effect.forkChild(operations.run({ start, explain, server: "example", silence }), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(found, [undefined])
    })
  )

  it.effect("ends when the other side has been silent for the limit", () =>
    Effect.gen(function* () {
      const operations = new Operations<string>()
      const aborted = promise<boolean>()
      const start = (signal: AbortSignal) => {
        signal.addEventListener("abort", () => aborted.resolve(true))
        return promise<never>().promise
      }
      const fiber = yield* Effect.forkChild(
        Effect.flip(operations.run({ start, explain, server: "example", silence }))
      )
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "silent")
      assert.isTrue(yield* Effect.promise(() => aborted.promise))
    })
  )

  it.effect("goes on as long as something is heard", () =>
    Effect.gen(function* () {
      const operations = new Operations<string>()
      let heard: (() => void) | undefined
      const answer = promise<string>()
      const start = (_: AbortSignal, hear: () => void) => {
        heard = hear
        return answer.promise
      }
      const fiber = yield* Effect.forkChild(operations.run({ start, explain, server: "example", silence }))
      for (let minute = 0; minute < 10; minute++) {
        yield* TestClock.adjust("50 seconds")
        heard?.()
      }
      answer.resolve("after 500 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "after 500 seconds")
    })
  )

  it.effect("counts no time in which a request is on its way, and all of it afterwards", () =>
    Effect.gen(function* () {
      const operations = new Operations<string>()
      let arrived: (() => void) | undefined
      const start = () => {
        arrived = operations.current?.sending()
        return promise<never>().promise
      }
      const fiber = yield* Effect.forkChild(
        Effect.flip(operations.run({ start, explain, server: "example", silence }))
      )
      yield* TestClock.adjust("10 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      arrived?.()
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "silent")
    })
  )
})
