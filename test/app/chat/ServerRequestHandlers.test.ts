import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as ScriptedChatModel from "../../../src/adapters/scripted/ScriptedChatModel.ts"
import { serverRequestHandlers } from "../../../src/app/chat/ServerRequestHandlers.ts"
import { makeUserTime } from "../../../src/app/chat/UserTime.ts"
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
  { answer = true, question = true }: { readonly question?: boolean; readonly answer?: boolean } = {}
) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    let asked = 0
    const { model, requests } = ScriptedChatModel.make({ answers })
    const handlers = yield* serverRequestHandlers(Effect.succeed(model)).pipe(
      Effect.provideService(ServerQuestions, {
        elicit: () => Effect.succeed({ _tag: "Cancel" }),
        approveSampling: () =>
          Effect.sync(() => {
            asked++
            return question
          }),
        approveAnswer: (_, { text }) =>
          Effect.sync(() => {
            seen.push(text)
            return answer
          })
      })
    )
    const sampling = { server: "shop", system: "Be brief.", messages, maxTokens: 100_000 }
    const result = yield* Effect.result(handlers.sample?.(sampling) ?? Effect.die("no handler"))
    return {
      asked,
      requests,
      seen,
      result: result._tag === "Success" ? result.success : result.failure.detail
    }
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
      const { requests, result } = yield* sample([said("user", "a")], ["Short."], { question: false })
      assert.deepStrictEqual([requests.length, result], [0, "The user does not allow it."])
    })
  )

  it.effect.each<readonly [what: string, text: string]>([
    ["an answer", "Short."],
    ["a long answer", "x".repeat(10_000)],
    ["an empty answer", ""]
  ])("gets %s only if the user, who sees it, approves it", ([, text]) =>
    Effect.gen(function* () {
      const sent = yield* sample([said("user", "a")], [{ text }])
      assert.deepStrictEqual(
        [sent.seen, sent.result],
        [[text], { text, model: "scripted:model", reason: "endTurn" }]
      )
      const { requests, result, seen } = yield* sample([said("user", "a")], [{ text }], { answer: false })
      assert.deepStrictEqual([requests.length, seen, result], [1, [text], "The user does not allow it."])
    })
  )

  it.effect.each([
    { messages: [said("assistant", "a")] },
    { messages: [said("user", "a"), said("assistant", "b")] }
  ])("is refused if a model could not answer it, and the user not asked: %o", ({ messages }) =>
    Effect.gen(function* () {
      const { asked, result } = yield* sample(messages)
      assert.deepStrictEqual([asked, result], [0, "The messages do not start and end with the user."])
    })
  )

  it.effect("is refused if no model could read it all", () =>
    Effect.gen(function* () {
      const long = said("user", "x".repeat(2_000_000))
      const { asked, result } = yield* sample([long, long])
      assert.deepStrictEqual([asked, result], [0, "The messages have more than 4,000,000 characters."])
    })
  )

  it.effect("is asked of the model, and shown to the user, without secrets", () =>
    Effect.gen(function* () {
      const token = `gh${"o_16C7e42F292c6912E7710c838347Ae178B4a"}`
      const { requests } = yield* sample([said("user", `Sum up ${token}`)])
      assert.deepStrictEqual(requests[0]?.messages, [
        { _tag: "User", content: [{ _tag: "Text", text: "Sum up …" }] }
      ])
    })
  )

  it.effect("counts the time of the user, and not that of the model", () =>
    Effect.gen(function* () {
      const userTime = makeUserTime()
      const { model } = ScriptedChatModel.make({ answers: [{ text: "Short.", delay: "1 minute" }] })
      const after = <A>(answer: A) => Effect.as(Effect.sleep("5 seconds"), answer)
      const handlers = yield* serverRequestHandlers(Effect.succeed(model), userTime).pipe(
        Effect.provideService(ServerQuestions, {
          elicit: () => after({ _tag: "Cancel" as const }),
          approveSampling: () => after(true),
          approveAnswer: () => after(true)
        })
      )
      const { elicit = () => Effect.die("no handler"), sample: answer = () => Effect.die("no handler") } =
        handlers
      const questions = [
        answer({ server: "shop", system: undefined, messages: [said("user", "a")], maxTokens: 10 }),
        elicit({ _tag: "Url", server: "shop", message: "m", url: "https://a.test" })
      ]
      const asked = yield* Effect.forkChild(Effect.all(questions))
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(asked)
      assert.deepStrictEqual([yield* userTime.spent("shop"), yield* userTime.spent("other")], [15_000, 0])
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
