import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { oauthFields } from "../../../src/adapters/config/OAuthBlock.ts"
import { storageFields } from "../../../src/adapters/config/StorageBlock.ts"
import { storageBackendNames } from "../../../src/ports/StorageBackend.ts"
import { documents } from "../../Documents.ts"
import { errorsOf, warningsOf } from "./InMemoryFile.ts"

const files = ["README.md", "docs/keyrings.md"]
const examples = files.flatMap((file) =>
  Array.from(readFileSync(file, "utf8").matchAll(/^```json\n([\s\S]*?)^```$/gm), ([, text = ""]) => ({
    file,
    text
  })).filter(({ text }) => /"(mcpServers|tokenStorage)"/.test(text))
)

describe("the documents", () => {
  it("have examples", () => {
    assert.isAbove(examples.length, 2)
  })

  it("name every field and every backend", () => {
    const names = [...oauthFields, ...storageFields, ...storageBackendNames]
    const missing = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(documents))
    assert.deepStrictEqual(missing, [])
  })

  it.effect.each(examples)("of $file show good configurations: %#", ({ text }) =>
    Effect.gen(function* () {
      const content: unknown = JSON.parse(text)
      assert.deepStrictEqual(yield* errorsOf(content), [])
      assert.deepStrictEqual(yield* warningsOf(content), [])
    })
  )
})
