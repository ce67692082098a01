import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { modelApis } from "../../../src/domain/chat/ModelProvider.ts"
import type { ChatMessage } from "../../../src/domain/chat/ChatMessage.ts"
import { shared } from "../../servers/shared.ts"
import { answerOf, mockServer, openAt, result, strictServer, tool, user } from "./Providers.ts"

const servers = { "a strict server": shared(strictServer), aimock: shared(mockServer) }
const tools = [tool("notion__list"), tool("linear__list")]

for (const [label, server] of Object.entries(servers)) {
  describe.each(modelApis)(`a model of the API %s at ${label}`, (api) => {
    it.effect("streams a text, and ends with the whole answer", () =>
      Effect.gen(function* () {
        const model = yield* openAt(api, server().origin, "scripted")
        const answer = yield* answerOf(model, [user("hello")])
        assert.strictEqual(answer.failure, undefined)
        assert.strictEqual(answer.text, "Hello, how are you?")
        assert.isAbove(answer.events.filter(({ _tag }) => _tag === "Text").length, 1)
        assert.strictEqual(answer.reasoning, "A greeting.")
        assert.strictEqual(answer.end?.reason, "stop")
        const text = answer.end?.message?.content.find(({ _tag }) => _tag === "Text")
        assert.deepInclude(text, { text: "Hello, how are you?" })
      })
    )

    it.effect("calls two tools at once, and reads their results", () =>
      Effect.gen(function* () {
        const model = yield* openAt(api, server().origin, "scripted")
        const first = yield* answerOf(model, [user("hello")], tools)
        const greeting = first.end?.message
        assert.isDefined(greeting)
        const conversation: Array<ChatMessage> = [
          user("hello"),
          ...(greeting ? [greeting] : []),
          user("list my pages")
        ]
        const second = yield* answerOf(model, conversation, tools)
        assert.strictEqual(second.failure, undefined)
        assert.deepStrictEqual(
          second.calls.map(({ arguments: text, name }) => [name, JSON.parse(text) as unknown]),
          [
            ["notion__list", { query: "a b" }],
            ["linear__list", { count: 2 }]
          ]
        )
        assert.strictEqual(second.end?.reason, "tool-calls")
        assert.strictEqual(new Set(second.calls.map(({ id }) => id)).size, 2)
        const asked = second.end?.message
        const results = second.calls.map(({ id, name }, index) => result(id, name, `R${index}`))
        const third = yield* answerOf(
          model,
          [...conversation, ...(asked ? [asked] : []), { _tag: "Tool", results }],
          tools
        )
        assert.strictEqual(third.failure, undefined)
        assert.match(third.text, /^The results are .*R0.* and .*R1.*\.$/)
        assert.deepStrictEqual(server().refusals(), [])
      })
    )
  })
}
