import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Option, Stdio, Stream } from "effect"
import type { TurnEvent } from "../../../../src/app/chat/Chat.ts"
import { ConfigFile } from "../../../../src/app/cli/Settings.ts"
import { showTurn } from "../../../../src/app/cli/chat/ShowTurn.ts"
import { Display } from "../../../../src/ports/Display.ts"
import { openChat } from "../../chat/ChatWorld.ts"

const screen = Layer.mergeAll(
  Layer.succeed(ConfigFile, Option.none()),
  Layer.succeed(Display, {
    columns: undefined,
    errorColumns: undefined,
    canColor: false,
    canColorErrors: false
  }),
  Stdio.layerTest({})
)

const question = [{ _tag: "Text" as const, text: "go" }]

describe("a turn that is shown", () => {
  it.effect("may have more unread events than a function has arguments", () =>
    Effect.gen(function* () {
      const { chat } = yield* openChat({ answers: [] })
      const thought: TurnEvent = { _tag: "Reasoning", text: "so" }
      const used: TurnEvent = {
        _tag: "Usage",
        usage: { input: 1, cachedInput: undefined, output: undefined }
      }
      const all = [...Array.from({ length: 150_000 }, () => thought), used]
      let isRead = false
      const events = Stream.fromPull(
        Effect.succeed(
          Effect.suspend(() => {
            if (isRead) return Cause.done()
            isRead = true
            return Effect.succeed(all as [TurnEvent, ...Array<TurnEvent>])
          })
        )
      )
      const { usage } = yield* showTurn({ ...chat, turn: () => events }, question)
      assert.strictEqual(usage.input, 1)
    }).pipe(Effect.provide(screen), Effect.scoped)
  )
})
