import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { oauthFields } from "../../../src/adapters/config/OAuthBlock.ts"
import { storageFields } from "../../../src/adapters/config/StorageBlock.ts"
import { storageBackendNames } from "../../../src/ports/StorageBackend.ts"
import { blocksIn, documents } from "../../Documents.ts"
import { errorsOf, warningsOf } from "./InMemoryFile.ts"

// docs/json.md shows what the program prints.
const examples = blocksIn("json").filter(({ file }) => file !== "docs/json.md")

describe("the documents", () => {
  it("have examples", () => {
    assert.isAbove(examples.length, 10)
  })

  it("name every field and every backend", () => {
    const names = [...oauthFields, ...storageFields, ...storageBackendNames]
    const missing = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(documents))
    assert.deepStrictEqual(missing, [])
  })

  it.effect.each(examples)("of $file show good configurations: $text", ({ text }) =>
    Effect.gen(function* () {
      const content: unknown = JSON.parse(text)
      assert.deepStrictEqual(yield* errorsOf(content), [])
      const warnings = yield* warningsOf(content)
      assert.deepStrictEqual(
        warnings.filter((warning) => !warning.includes("allow_http: lets tokens go unencrypted")),
        []
      )
    })
  )
})
