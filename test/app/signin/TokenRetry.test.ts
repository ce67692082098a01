import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { resendOnce } from "../../../src/app/signin/TokenRetry.ts"
import { TokenRequestError, Unanswered } from "../../../src/ports/TokenEndpoint.ts"

const reason = new Unanswered({ detail: "no answer within 30 seconds", end: "timeout" })
const lost = new TokenRequestError({ server: "notion", origin: "https://as.test", reason })

describe("a code whose answer was lost", () => {
  it.effect("is sent again after 40 seconds at most, even if the clock was set back meanwhile", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 hours")
      let requests = 0
      const clock = { isSetBack: false }
      const request = Effect.suspend(() => {
        requests += 1
        if (requests > 1) return Effect.succeed("tokens")
        const setBack = Effect.andThen(
          TestClock.setTime(3_600_000),
          Effect.sync(() => void (clock.isSetBack = true))
        )
        return Effect.andThen(setBack, lost)
      })
      const waiting = yield* Effect.forkChild(resendOnce(request))
      while (!clock.isSetBack) yield* Effect.yieldNow
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual(requests, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(waiting), "tokens")
    })
  )
})
