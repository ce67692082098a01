import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { jsonDocument } from "../../JsonDocument.ts"

/** The headings and the schemas of a page, however it is formatted. */
const contentOf = (page: string) => ({
  headings: page.match(/^## .*$/gm),
  schemas: Array.from(page.matchAll(/```json\n([\s\S]*?)```/g), ([, text = ""]): unknown => JSON.parse(text))
})

/** The names of properties in a JSON Schema. */
const namesIn = (schema: unknown): ReadonlyArray<string> => {
  if (typeof schema !== "object" || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) => [
    ...(key === "properties" ? Object.keys(value as object) : []),
    ...namesIn(value)
  ])
}

describe("the JSON output", () => {
  it("is documented as it is: node scripts/json-document.ts writes docs/json.md", () => {
    assert.deepStrictEqual(contentOf(readFileSync("docs/json.md", "utf8")), contentOf(jsonDocument()))
  })

  it("has names of one spelling", () => {
    const names = contentOf(jsonDocument()).schemas.flatMap(namesIn)
    const others = new Set(names.filter((name) => !/^[a-z]+([A-Z][a-z]+)*$/.test(name)))
    assert.deepStrictEqual([...others], ["_tag", "Authorization"])
  })
})
