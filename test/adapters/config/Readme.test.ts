import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { errorsOf, warningsOf } from "./InMemoryFile.ts"

const files = ["README.md", "docs/keyrings.md"]
const examples = files.flatMap((file) =>
  Array.from(readFileSync(file, "utf8").matchAll(/^```json\n([\s\S]*?)^```$/gm), ([, text = ""]) => ({
    file,
    text
  })).filter(({ text }) => /"(mcpServers|tokenStorage)"/.test(text))
)

describe("the examples of the documents", () => {
  it("are there", () => {
    assert.isAbove(examples.length, 2)
  })

  it.effect.each(examples)("of $file are good configurations: %#", ({ text }) =>
    Effect.gen(function* () {
      const content: unknown = JSON.parse(text)
      assert.deepStrictEqual(yield* errorsOf(content), [])
      assert.deepStrictEqual(yield* warningsOf(content), [])
    })
  )
})
