import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ScriptedChatModel from "../../../src/adapters/scripted/ScriptedChatModel.ts"
import { serverRequestHandlers } from "../../../src/app/chat/ServerRequestHandlers.ts"
import { type Sampling, ServerQuestions } from "../../../src/ports/ServerRequests.ts"

type Messages = Sampling["messages"]

const said = (role: "user" | "assistant", text: string): Messages[number] => ({
  role,
  content: [{ _tag: "Text", text }]
})

/** What a server gets for messages, and what the model was asked. */
const sample = (
  messages: Messages,
  answers: ScriptedChatModel.ScriptedChatOptions["answers"] = ["Short."],
  isApproved = true
) =>
  Effect.gen(function* () {
    const { model, requests } = ScriptedChatModel.make({ answers })
    const handlers = yield* serverRequestHandlers(Effect.succeed(model)).pipe(
      Effect.provideService(ServerQuestions, {
        elicit: () => Effect.succeed({ _tag: "Cancel" }),
        approveSampling: () => Effect.succeed(isApproved)
      })
    )
    const sampling = { server: "shop", system: "Be brief.", messages, maxTokens: 100_000 }
    const result = yield* Effect.result(handlers.sample?.(sampling) ?? Effect.die("no handler"))
    return { requests, result: result._tag === "Success" ? result.success : result.failure.detail }
  })

describe("what a server wants a model to answer", () => {
  it.effect("is answered without tools, and with a limit", () =>
    Effect.gen(function* () {
      const { requests, result } = yield* sample([said("user", "a"), said("user", "b")])
      assert.deepStrictEqual(result, { text: "Short.", model: "scripted:model", reason: "endTurn" })
      assert.deepStrictEqual(requests[0], {
        system: "Be brief.",
        tools: [],
        maxOutputTokens: 4096,
        messages: [
          {
            _tag: "User",
            content: [
              { _tag: "Text", text: "a" },
              { _tag: "Text", text: "b" }
            ]
          }
        ]
      })
    })
  )

  it.effect("is not answered without the approval of the user", () =>
    Effect.gen(function* () {
      const { requests, result } = yield* sample([said("user", "a")], ["Short."], false)
      assert.deepStrictEqual([requests.length, result], [0, "The user does not allow it."])
    })
  )

  it.effect.each([
    { messages: [said("assistant", "a")] },
    { messages: [said("user", "a"), said("assistant", "b")] }
  ])("is refused if a model could not answer it: %o", ({ messages }) =>
    Effect.gen(function* () {
      assert.match(String((yield* sample(messages)).result), /start and end with the user/)
    })
  )

  it.effect("does not tell the server why the model failed", () =>
    Effect.gen(function* () {
      const failure = { failure: "authentication" as const, detail: "the key sk-1 is wrong." }
      assert.strictEqual(
        (yield* sample([said("user", "a")], [{ failure }])).result,
        "The model gave no answer."
      )
    })
  )
})
