import { assert, describe, it } from "@effect/vitest"
import { namedArguments } from "../../src/domain/ToolArgument.ts"
import type { JsonSchema } from "../../src/domain/ToolSchema.ts"

const namesOf = (schema: JsonSchema) => namedArguments(schema).map(({ name }) => name)

const person = { type: "object", properties: { name: { type: "string" } }, required: ["name"] }

describe("the members of arguments", () => {
  it("have dotted names, types, choices, defaults and descriptions", () => {
    const schema = {
      $defs: {
        Filter: {
          type: "object",
          properties: {
            author: { type: "string", description: "Who wrote it" },
            year: { type: "integer", default: 2026 },
            state: { enum: ["open", "closed"] }
          },
          required: ["author"]
        }
      },
      properties: { query: { type: "string" }, filter: { $ref: "#/$defs/Filter" } }
    }
    assert.deepEqual(
      namedArguments(schema).map(({ description, name, required, type, within, ...rest }) => [
        name,
        type,
        required,
        within,
        description,
        rest.default
      ]),
      [
        ["query", "string", false, undefined, undefined, undefined],
        ["filter", "object", false, undefined, undefined, undefined],
        ["filter.author", "string", true, "filter", "Who wrote it", undefined],
        ["filter.year", "integer", false, "filter", undefined, 2026],
        ["filter.state", "open | closed", false, "filter", undefined, undefined]
      ]
    )
  })

  it.each<[what: string, schema: JsonSchema, names: ReadonlyArray<string>]>([
    ["a list", { properties: { people: { type: "array", items: person } } }, ["people", "people.0.name"]],
    [
      "an object or null",
      { properties: { one: { anyOf: [person, { type: "null" }] } } },
      ["one", "one.name"]
    ],
    [
      "an object in an object",
      { properties: { a: { properties: { b: person } } } },
      ["a", "a.b", "a.b.name"]
    ],
    ["a name with a dot", { properties: { a: { properties: { "b.c": {}, "": {}, "d=": {} } } } }, ["a"]],
    ["a name that the tool has", { properties: { a: person, "a.name": {} } }, ["a", "a.name"]],
    ["a tree", { properties: { left: { $ref: "#" }, size: {} } }, ["left", "size"]],
    [
      "a recursive definition",
      {
        $defs: {
          Node: {
            properties: {
              value: {},
              and: { type: "array", items: { $ref: "#/$defs/Node" } },
              next: { anyOf: [{ $ref: "#/$defs/Node" }, { type: "null" }] }
            }
          }
        },
        properties: { node: { $ref: "#/$defs/Node" } }
      },
      ["node", "node.value", "node.and", "node.next"]
    ],
    [
      "no object",
      { properties: { a: true, b: { type: "array" }, c: { $ref: "https://x.test" } } },
      ["a", "b", "c"]
    ]
  ])("are listed for %s", (_what, schema, names) => {
    assert.deepEqual(namesOf(schema), names)
  })

  it("are required in an object that may be null", () => {
    const schema = { properties: { one: { anyOf: [person, { type: "null" }] } } }
    assert.deepInclude(namedArguments(schema)[1], { name: "one.name", required: true, within: "one" })
  })

  it("are bounded, and hide no argument", () => {
    const wide = (depth: number): JsonSchema => {
      const property = depth === 0 ? {} : wide(depth - 1)
      const names = Array.from({ length: 20 }, (_, at) => `p${at}`)
      return { type: "object", properties: Object.fromEntries(names.map((name) => [name, property])) }
    }
    const names = namesOf(wide(4))
    assert.isAtMost(names.length, 220)
    for (let at = 0; at < 20; at++) assert.include(names, `p${at}`)
    assert.isAtMost(Math.max(...names.map((name) => name.split(".").length)), 4)
  })
})
