import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestConsole } from "effect/testing"
import { Json } from "../../../src/app/cli/Settings.ts"
import { showTool } from "../../../src/app/cli/ShowTool.ts"
import { displayWidth } from "../../../src/app/cli/TextWidth.ts"
import type { OpenSession } from "../../../src/app/session/ServerSession.ts"
import { Display } from "../../../src/ports/Display.ts"

/** A text of so many words, each of which differs from the others. */
const numbered = (count: number) => Array.from({ length: count }, (_, at) => `word${at}`)

const withDescriptions = (ofTool: string, ofArgument: string) =>
  ({
    tools: Effect.succeed([
      {
        name: "echo",
        description: ofTool,
        inputSchema: { properties: { text: { type: "string", description: ofArgument } } }
      }
    ])
  }) as unknown as OpenSession

const withFilter = {
  tools: Effect.succeed([
    {
      name: "search",
      inputSchema: {
        properties: {
          filter: {
            type: "object",
            properties: {
              author: { type: "string", description: "Who wrote it" },
              sort: { enum: ["new", "old"], default: "new" }
            },
            required: ["author"]
          },
          people: { type: "array", items: { type: "object", properties: { age: { type: "integer" } } } }
        }
      }
    }
  ])
} as unknown as OpenSession

describe("the view of one tool", () => {
  it.effect("shows the members of objects by the names that a user types", () =>
    Effect.gen(function* () {
      yield* showTool("demo", withFilter, "search").pipe(Effect.provideService(Json, false))
      const [, , , ...rows] = (yield* TestConsole.logLines).join("\n").split("\n")
      assert.deepEqual(
        rows.map((row) => row.split(/ {2,}/)),
        [
          ["filter", "object", "optional"],
          ["filter.author", "string", "required in filter", "Who wrote it"],
          ["filter.sort", "new | old", 'default "new"'],
          ["people", "list of object", "optional"],
          ["people.0.age", "integer", "optional"]
        ]
      )
    })
  )

  it.effect.each([30, 60, 80, 120, undefined])("shows whole descriptions, with %s columns", (columns) =>
    Effect.gen(function* () {
      const session = withDescriptions(numbered(600).join(" "), numbered(500).join(" "))
      const display = { columns, errorColumns: columns, canColor: false, canColorErrors: false }
      yield* showTool("demo", session, "echo").pipe(
        Effect.provideService(Display, display),
        Effect.provideService(Json, false)
      )
      const text = (yield* TestConsole.logLines).map(String).join("\n")
      for (const word of numbered(500))
        assert.lengthOf(text.match(new RegExp(`\\b${word}\\b`, "g")) ?? [], 2, word)
      assert.include(text, "word599")
      assert.notInclude(text, "…")
      if (columns === undefined) return
      for (const line of text.split("\n")) assert.isAtMost(displayWidth(line), columns)
    })
  )
})
