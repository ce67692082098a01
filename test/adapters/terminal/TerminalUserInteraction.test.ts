import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Scope } from "effect"
import * as TerminalUserInteraction from "../../../src/adapters/terminal/TerminalUserInteraction.ts"
import { UserInteraction } from "../../../src/ports/UserInteraction.ts"

describe("the user at a terminal", () => {
  it.effect("is asked by one sign-in at a time", () =>
    Effect.gen(function* () {
      const { attention = assert.fail("none is kept") } = yield* UserInteraction
      const first = yield* Scope.make()
      yield* Scope.provide(attention, first)
      const second = yield* Effect.forkChild(Effect.scoped(attention))
      yield* Effect.yieldNow
      assert.isUndefined(second.pollUnsafe())
      yield* Scope.close(first, Exit.void)
      yield* Fiber.join(second)
    }).pipe(
      Effect.provide(
        TerminalUserInteraction.layer({
          presence: "always",
          interactive: false,
          timeout: Duration.minutes(5),
          opensBrowser: false,
          remedyText: () => "",
          messageLines: (lines) => lines
        })
      )
    )
  )
})
