import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { answerIn, openChat, outcomesIn, serverOf, textResult, toldIn, toolNamed } from "./ChatWorld.ts"

describe("Chat", () => {
  it.effect("runs the tools that the model calls, and tells it their results", () =>
    Effect.gen(function* () {
      const notion = serverOf({ call: () => Effect.succeed(textResult("Roadmap, Minutes")) })
      const { chat, requests, say } = yield* openChat({
        servers: [notion.server],
        answers: [
          { text: "I look.", calls: [{ name: "notion__search", arguments: { query: "pages" } }] },
          "You have Roadmap and Minutes."
        ]
      })
      const events = yield* say("list my pages")
      assert.strictEqual(answerIn(events), "I look.You have Roadmap and Minutes.")
      assert.deepStrictEqual(notion.calls, [["search", { query: "pages" }]])
      assert.deepStrictEqual(toldIn(requests[1]?.messages ?? []), ["Roadmap, Minutes"])
      assert.deepStrictEqual(
        (yield* chat.messages).map(({ _tag }) => _tag),
        ["User", "Assistant", "Tool", "Assistant"]
      )
      assert.deepStrictEqual(yield* chat.usage, { input: 20, output: 10, cachedInput: undefined })
    })
  )

  it.effect("keeps tools of equal names apart, in one answer", () =>
    Effect.gen(function* () {
      const servers = ["notion", "linear", "git.hub"].map((name) =>
        serverOf({ name, tools: [toolNamed("search"), toolNamed("a.b c")] })
      )
      const { requests, say } = yield* openChat({
        servers: servers.map(({ server }) => server),
        answers: [
          { calls: [{ name: "linear__search" }, { name: "git_hub__a_b_c" }, { name: "notion__search" }] },
          "done"
        ]
      })
      yield* say("search")
      assert.deepStrictEqual(
        requests[0]?.tools.map(({ name }) => name),
        [
          "notion__search",
          "notion__a_b_c",
          "linear__search",
          "linear__a_b_c",
          "git_hub__search",
          "git_hub__a_b_c"
        ]
      )
      assert.deepStrictEqual(
        servers.map(({ calls }) => calls.map(([name]) => name)),
        [["search"], ["search"], ["a.b c"]]
      )
    })
  )

  it.effect("asks before a call, with its arguments; a refusal does not end the turn", () =>
    Effect.gen(function* () {
      const notion = serverOf()
      const { asked, requests, say } = yield* openChat({
        servers: [notion.server],
        answers: [{ calls: [{ name: "notion__search", arguments: { query: "x" } }] }, "Then not."],
        decide: () => ({ _tag: "No", reason: "use the other page" })
      })
      const events = yield* say("search")
      assert.deepStrictEqual(asked[0]?.arguments, { query: "x" })
      assert.deepStrictEqual(notion.calls, [])
      assert.deepStrictEqual(outcomesIn(events), [{ _tag: "Refused", reason: "use the other page" }])
      assert.deepStrictEqual(toldIn(requests[1]?.messages ?? []), [
        "The user did not allow this call: use the other page"
      ])
      assert.strictEqual(answerIn(events), "Then not.")
    })
  )
})
