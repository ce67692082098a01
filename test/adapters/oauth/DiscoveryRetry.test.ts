import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { retryNetworkErrors } from "../../../src/adapters/oauth/DiscoveryRetry.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"

const failing = (more: { readonly isLasting?: boolean }) =>
  Effect.gen(function* () {
    let count = 0
    const request = Effect.suspend(() => {
      count++
      return Effect.fail(new NetworkError({ origin: "https://a.test", detail: "no", ...more }))
    })
    const fiber = yield* Effect.forkChild(Effect.exit(retryNetworkErrors(request)))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(fiber)
    return count
  })

describe("a request for metadata that fails because of the network", () => {
  it.effect("is repeated three times, unless a repetition fails in the same way", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* failing({}), 4)
      assert.strictEqual(yield* failing({ isLasting: true }), 1)
    })
  )
})
