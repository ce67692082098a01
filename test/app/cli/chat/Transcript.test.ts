import { assert, describe, it } from "vitest"
import { transcript } from "../../../../src/app/cli/chat/Transcript.ts"

const text = (of: string) => [{ _tag: "Text" as const, text: of }]

describe("a saved conversation", () => {
  it("heads each answer with the model that gave it, and those that do not say with the current one", () => {
    const saved = transcript(
      [
        { _tag: "User", content: text("hi") },
        { _tag: "Assistant", content: text("one"), model: "ollama:qwen3" },
        { _tag: "User", content: text("again") },
        { _tag: "Assistant", content: text("two"), model: "openai:gpt" },
        { _tag: "User", content: text("old") },
        { _tag: "Assistant", content: text("three") }
      ],
      "openai:gpt"
    )
    const answers = Array.from(saved.matchAll(/^## (.+)\n\n(.+)$/gm), ([, head, body]) => `${head}: ${body}`)
    assert.deepStrictEqual(answers, [
      "You: hi",
      "ollama:qwen3: one",
      "You: again",
      "openai:gpt: two",
      "You: old",
      "openai:gpt: three"
    ])
  })

  it("has a fence around a text with more runs of backticks than a function has arguments", () => {
    const result = { id: "1", name: "search", isError: false, content: text("`x".repeat(200_000) + "````") }
    assert.include(transcript([{ _tag: "Tool", results: [result] }], "m"), "\n`````\n`x")
  })
})
