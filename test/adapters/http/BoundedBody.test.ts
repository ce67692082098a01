import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { readBody } from "../../../src/adapters/http/BoundedBody.ts"
import { maxBody } from "../../../src/adapters/http/HttpLimits.ts"
import { discardBody } from "../../../src/ports/HttpTransport.ts"

/** A body that comes as the test sends it. */
const slow = () => {
  let out: ReadableStreamDefaultController<Uint8Array> | undefined
  const cancelled = Deferred.makeUnsafe<void>()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      out = controller
    },
    cancel: () => void Deferred.doneUnsafe(cancelled, Effect.void)
  })
  return {
    response: new Response(body),
    cancelled: Deferred.await(cancelled),
    send: (bytes: Uint8Array) => out?.enqueue(bytes),
    end: () => out?.close()
  }
}

describe("the body of an answer", () => {
  it.effect("is read whole, though its characters come in pieces", () =>
    Effect.gen(function* () {
      const { end, response, send } = slow()
      const reading = yield* Effect.forkChild(readBody(response))
      for (const byte of new TextEncoder().encode("naïve 🙂")) send(Uint8Array.of(byte))
      end()
      assert.strictEqual(yield* Fiber.join(reading), "naïve 🙂")
      assert.strictEqual(yield* readBody(new Response(null)), "")
    })
  )

  it.effect("may be a mebibyte long, and what is longer is not read to its end", () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* readBody(new Response("x".repeat(maxBody))), maxBody)
      const { cancelled, response, send } = slow()
      send(new Uint8Array(maxBody + 1))
      const error = yield* Effect.flip(readBody(response))
      assert.isFalse(error.isTransient)
      yield* cancelled
    })
  )

  it.effect("has 15 seconds, in a region that cannot be interrupted too", () =>
    Effect.gen(function* () {
      const { cancelled, response } = slow()
      const reading = yield* Effect.forkChild(Effect.flip(Effect.uninterruptible(readBody(response))))
      yield* TestClock.adjust("14999 millis")
      assert.isUndefined(reading.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isTrue((yield* Fiber.join(reading)).isTransient)
      yield* cancelled
    })
  )

  it.effect("is read to its end where nothing may interrupt: a rotated token could be in it", () =>
    Effect.gen(function* () {
      const { end, response, send } = slow()
      const done = yield* Deferred.make<string>()
      const reading = yield* Effect.forkChild(
        Effect.uninterruptible(Effect.flatMap(readBody(response), (text) => Deferred.succeed(done, text)))
      )
      yield* Effect.yieldNow
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(reading))
      yield* Effect.yieldNow
      send(new TextEncoder().encode("rotated"))
      end()
      assert.strictEqual(yield* Deferred.await(done), "rotated")
      yield* Fiber.join(interrupting)
    })
  )

  it.effect("that breaks off may come whole another time, and can be let go of all the same", () =>
    Effect.gen(function* () {
      const broken = () =>
        new Response(new ReadableStream({ start: (out) => out.error(new Error("a secret of the cause")) }))
      const error = yield* Effect.flip(readBody(broken()))
      assert.isTrue(error.isTransient)
      assert.notInclude(`${error.message}${JSON.stringify(error)}`, "secret")
      yield* discardBody(broken())
    })
  )

  it.effect("that nobody reads is let go of", () =>
    Effect.gen(function* () {
      const { cancelled, response } = slow()
      yield* discardBody(response)
      yield* cancelled
    })
  )
})
