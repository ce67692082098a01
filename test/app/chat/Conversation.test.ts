import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as ScriptedChatModel from "../../../src/adapters/scripted/ScriptedChatModel.ts"
import { maxSummaries } from "../../../src/app/chat/ChatLimits.ts"
import { newChatId, saveChat } from "../../../src/app/chat/SavedChat.ts"
import { ChatHistory, type WholeChat } from "../../../src/ports/ChatHistory.ts"
import { openChat, serverOf, textResult, toolNamed } from "./ChatWorld.ts"

const tagsOf = (messages: ReadonlyArray<{ readonly _tag: string }>) => messages.map(({ _tag }) => _tag)

describe("a conversation", () => {
  it.effect("loses its last turn by undo, with the calls of it", () =>
    Effect.gen(function* () {
      const { chat, say } = yield* openChat({
        answers: ["one", { calls: [{ name: "notion__search" }] }, "two"]
      })
      yield* say("first")
      yield* say("second")
      assert.isTrue(yield* chat.undo)
      assert.deepStrictEqual(tagsOf(yield* chat.messages), ["User", "Assistant"])
      assert.isTrue(yield* chat.undo)
      assert.isFalse(yield* chat.undo)
    })
  )

  it.effect("starts again by clear; what was used is counted on", () =>
    Effect.gen(function* () {
      const { chat, requests, say } = yield* openChat({ answers: ["one", "two"] })
      yield* say("first")
      yield* chat.clear
      yield* say("second")
      assert.strictEqual(requests[1]?.messages.length, 1)
      assert.deepStrictEqual(yield* chat.usage, { input: 20, output: 10, cachedInput: undefined })
    })
  )

  it.effect("becomes a summary, from which the next turn goes on", () =>
    Effect.gen(function* () {
      const notion = serverOf({ call: () => Effect.succeed(textResult(`secret ${"x".repeat(9000)}`)) })
      const { chat, requests, say } = yield* openChat({
        servers: [notion.server],
        answers: [{ calls: [{ name: "notion__search" }] }, "Found.", "The user looked for pages.", "fine"]
      })
      yield* say("first")
      assert.deepStrictEqual(yield* chat.compact, { before: 4, after: 2 })
      const asked = JSON.stringify(requests[2])
      assert.include(asked, "Result of notion__search: secret xxx")
      assert.isBelow(asked.length, 5000)
      yield* say("next")
      assert.include(JSON.stringify(requests[3]?.messages), "The user looked for pages.")
    })
  )

  it.effect("keeps its summary in undo, which takes the turns after it only", () =>
    Effect.gen(function* () {
      const { chat, say } = yield* openChat({ answers: ["one", "A summary.", "two"] })
      yield* say("first")
      yield* chat.compact
      yield* say("second")
      assert.isTrue(yield* chat.undo)
      assert.isFalse(yield* chat.undo)
      assert.include(JSON.stringify(yield* chat.messages), "A summary.")
      // Also in a conversation that goes on.
      const later = yield* openChat({ answers: [], messages: yield* chat.messages })
      assert.isFalse(yield* later.chat.undo)
      assert.lengthOf(yield* later.chat.messages, 2)
    })
  )

  it.effect("that is too long to be summarized whole is summarized in part", () =>
    Effect.gen(function* () {
      const full = { failure: { failure: "context-full" as const } }
      const cut = { text: "The user", reason: "length" as const }
      for (const model of [{ contextSize: 2000 }, {}]) {
        const { chat, requests, say } = yield* openChat({
          answers: ["x".repeat(5000), full, cut, "Short."],
          model
        })
        yield* say("first")
        yield* chat.compact
        const lengths = requests.slice(1).map((request) => JSON.stringify(request.messages).length)
        assert.isTrue(lengths.every((length, at) => length < (lengths[at - 1] ?? 6000)))
        assert.lengthOf(lengths, 3)
        assert.notInclude(JSON.stringify(yield* chat.messages), cut.text)
        assert.strictEqual((yield* chat.messages).length, 2)
      }
    })
  )

  it.effect("stays as it is if the summary fails, is empty or cut; an empty one needs none", () =>
    Effect.gen(function* () {
      const cut = { text: "The user", reason: "length" as const }
      const { chat, requests, say } = yield* openChat({
        answers: [
          "one",
          { failure: { failure: "authentication" } },
          {},
          { text: "The", reason: "content-filter" },
          ...Array.from({ length: maxSummaries }, () => cut)
        ]
      })
      assert.deepStrictEqual(yield* chat.compact, { before: 0, after: 0 })
      yield* say("first")
      for (const detail of ["the script says so.", "it wrote no summary", "its summary is cut", "is cut"]) {
        assert.include((yield* Effect.flip(chat.compact)).detail, detail)
        assert.deepStrictEqual(tagsOf(yield* chat.messages), ["User", "Assistant"])
      }
      assert.lengthOf(requests, 4 + maxSummaries)
    })
  )

  it.effect("goes on with another model, which gets a sentence for what it cannot see", () =>
    Effect.gen(function* () {
      const picture = { _tag: "Media", mimeType: "image/png", base64: "AAAA" } as const
      const { chat, requests } = yield* openChat({
        answers: ["a cat", "still a cat"],
        model: { canSee: true }
      })
      const look = (text: string) => Stream.runDrain(chat.turn([picture, { _tag: "Text", text }]))
      yield* look("what is it?")
      const model = yield* chat.model
      yield* chat.setModel({ ...model, canSee: false })
      yield* look("and now?")
      assert.include(JSON.stringify(requests[0]), "AAAA")
      assert.notInclude(JSON.stringify(requests[1]), "AAAA")
      assert.include(JSON.stringify(requests[1]), "image/png here, which you cannot see")
    })
  )

  it.effect("knows which model gave each answer, also one that was interrupted", () =>
    Effect.gen(function* () {
      const { chat, say } = yield* openChat({
        answers: ["one", { calls: [{ name: "notion__search" }] }, { text: "half", hangs: true }]
      })
      yield* say("first")
      const turn = yield* Effect.forkChild(say("second"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(turn)
      const other = ScriptedChatModel.make({ name: "other:model", answers: ["two", "A summary."] })
      yield* chat.setModel(other.model)
      yield* say("third")
      const modelsOf = Effect.map(chat.messages, (all) =>
        all.flatMap((message) => (message._tag === "Assistant" ? [message.model] : []))
      )
      assert.deepStrictEqual(yield* modelsOf, [
        "scripted:model",
        "scripted:model",
        "scripted:model",
        "other:model"
      ])
      yield* chat.compact
      assert.deepStrictEqual(yield* modelsOf, ["other:model"])
    })
  )

  it.effect("has one turn at a time", () =>
    Effect.gen(function* () {
      const { requests, say } = yield* openChat({
        answers: [
          { text: "one", delay: "1 second" },
          { text: "two", delay: "1 second" }
        ]
      })
      const both = yield* Effect.forkChild(
        Effect.all([say("first"), say("second")], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(both)
      assert.deepStrictEqual(
        requests.map(({ messages }) => messages.length),
        [1, 3]
      )
    })
  )

  it.effect("says nothing to the model if the user says nothing", () =>
    Effect.gen(function* () {
      const { requests, say } = yield* openChat({ answers: [] })
      yield* say(" \n")
      assert.deepStrictEqual(requests, [])
    })
  )

  it.effect("is kept under its id if the user keeps conversations, without pictures", () =>
    Effect.gen(function* () {
      const saved: Array<WholeChat> = []
      const picture = { _tag: "Binary" as const, mimeType: "image/png", bytes: 3, base64: "AAAA" }
      const notion = serverOf({
        tools: [toolNamed("draw")],
        call: () => Effect.succeed(textResult("", { content: [picture] }))
      })
      const { chat, say } = yield* openChat({
        servers: [notion.server],
        answers: [{ calls: [{ name: "notion__draw" }] }, "Here.", "A summary."]
      })
      const history = (isOn: boolean) => ({
        isOn,
        unlock: Effect.void,
        save: (one: WholeChat) => Effect.sync(() => void saved.push(one)),
        remove: () => Effect.void,
        list: Effect.succeed([]),
        open: () => Effect.undefined
      })
      const id = yield* newChatId
      const save = (isOn: boolean) => Effect.provideService(saveChat(id, chat), ChatHistory, history(isOn))
      yield* save(true)
      yield* say("draw a cat")
      yield* save(false)
      assert.deepStrictEqual(saved, [])
      yield* save(true)
      assert.deepInclude(saved[0], { id, title: "draw a cat", servers: ["notion"], model: "scripted:model" })
      assert.notInclude(JSON.stringify(saved), "AAAA")
      // A summary does not take its title.
      yield* chat.compact
      const again = yield* Effect.provideService(saveChat(id, chat, "draw a cat"), ChatHistory, history(true))
      assert.strictEqual(again, "draw a cat")
      assert.deepInclude(saved[1], { id, title: "draw a cat" })
      // It goes on.
      const next = yield* openChat({
        servers: [notion.server],
        answers: ["fine"],
        messages: saved[0]?.messages ?? []
      })
      yield* next.say("go on")
      assert.strictEqual(next.requests[0]?.messages.length, 5)
    })
  )
})
