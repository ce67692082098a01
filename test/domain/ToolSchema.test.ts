import { assert, describe, it } from "@effect/vitest"
import { toolArguments } from "../../src/domain/ToolArgument.ts"
import { argumentProblems, type JsonSchema } from "../../src/domain/ToolSchema.ts"

const reference: JsonSchema = {
  type: "object",
  $defs: {
    Status: { enum: ["open", "closed"] },
    Filter: { type: "object", properties: { author: { type: "string" } }, additionalProperties: false }
  },
  definitions: { Old: { type: "integer" } },
  properties: {
    status: { $ref: "#/$defs/Status", description: "Which", default: "open" },
    old: { $ref: "#/definitions/Old" },
    filter: { $ref: "#/$defs/Filter" },
    far: { $ref: "https://example.com/schema.json" },
    tree: { $ref: "#" }
  },
  required: ["old", "status"]
}

const problemsOf = (schema: JsonSchema, given: JsonSchema) =>
  argumentProblems(schema, given).map((problem) => `${problem._tag} ${problem.path.join(".")}`)

describe("the arguments of a tool", () => {
  it("are listed with type, choices, default and whether they are required", () => {
    assert.deepEqual(
      toolArguments(reference).map(({ name, required, type, ...rest }) => [
        name,
        type,
        required,
        "default" in rest ? rest.default : undefined
      ]),
      [
        ["status", "open | closed", true, "open"],
        ["old", "integer", true, undefined],
        ["filter", "object", false, undefined],
        ["far", "any", false, undefined],
        ["tree", "object", false, undefined]
      ]
    )
  })

  it("of alternatives are listed once, and required only if all alternatives are sure", () => {
    const schema = {
      allOf: [{ properties: { id: { type: ["string", "null"] } }, required: ["id"] }],
      anyOf: [
        { properties: { tags: { type: "array", items: { type: "string" } } }, required: ["tags"] },
        { properties: { size: { anyOf: [{ type: "integer" }, { type: "null" }] } } }
      ]
    }
    assert.deepEqual(
      toolArguments(schema).map(({ name, required, type }) => [name, type, required]),
      [
        ["tags", "list of string", false],
        ["size", "integer or null", false],
        ["id", "string or null", true]
      ]
    )
  })

  const closed = {
    properties: { query: { type: "string" }, limit: { type: "integer" } },
    additionalProperties: false
  }
  it.each<[what: string, schema: JsonSchema, given: JsonSchema, problems: ReadonlyArray<string>]>([
    ["an unknown name", closed, { other: 1 }, ["Unknown other"]],
    ["a near name where others are allowed", { properties: { query: {} } }, { qurey: 1 }, ["Unknown qurey"]],
    ["a missing reference", reference, {}, ["Missing old"]],
    ["a wrong type by draft-07", reference, { old: "1" }, ["Type old"]],
    ["a fraction for an integer", closed, { limit: 1.5 }, ["Type limit"]],
    ["a wrong choice", reference, { old: 1, status: "x" }, ["Choice status"]],
    ["a nested unknown name", reference, { old: 1, filter: { autor: "me" } }, ["Unknown filter.autor"]],
    ["a recursive value", reference, { old: 1, tree: { old: "x" } }, ["Type tree.old"]],
    [
      "an element",
      { properties: { tags: { type: "array", items: { type: "string" } } } },
      { tags: ["a", 1] },
      ["Type tags.1"]
    ],
    [
      "no alternative",
      { properties: { id: { anyOf: [{ type: "string" }, { type: "integer" }] } } },
      { id: true },
      ["Type id"]
    ],
    ["a number below its minimum", { properties: { a: { minimum: 1 } } }, { a: 0 }, ["Limit a"]],
    [
      "a number above its maximum",
      { properties: { a: { type: "integer", maximum: 5 } } },
      { a: 6 },
      ["Limit a"]
    ],
    ["a number at an exclusive limit", { properties: { a: { exclusiveMinimum: 1 } } }, { a: 1 }, ["Limit a"]],
    ["a text that is too short", { properties: { a: { minLength: 2 } } }, { a: "\u{1f600}" }, ["Limit a"]],
    ["a text that is too long", { properties: { a: { maxLength: 1 } } }, { a: "ab" }, ["Limit a"]],
    ["too few elements", { properties: { a: { minItems: 1 } } }, { a: [] }, ["Limit a"]],
    [
      "too many elements, and each of them",
      { properties: { a: { maxItems: 1, items: { maximum: 1 } } } },
      { a: [1, 2] },
      ["Limit a", "Limit a.1"]
    ],
    [
      "a limit of an alternative",
      { properties: { a: { anyOf: [{ type: "null" }, { type: "integer", maximum: 9 }] } } },
      { a: 10 },
      ["Limit a"]
    ],
    [
      "the members of an alternative that is an object",
      { properties: { a: { anyOf: [{ type: "null" }, { type: "object", required: ["x", "y"] }] } } },
      { a: {} },
      ["Missing a.x", "Missing a.y"]
    ]
  ])("are refused for %s", (_what, schema, given, problems) => {
    assert.deepEqual(problemsOf(schema, given), problems)
  })

  it.each<[what: string, schema: JsonSchema, given: JsonSchema]>([
    ["no schema", {}, { a: 1 }],
    ["no properties", { type: "object" }, { a: 1 }],
    ["other names", { properties: { query: {} } }, { zebra: 1 }],
    [
      "additional properties",
      { properties: { query: {} }, additionalProperties: { type: "integer" } },
      { qurey: 1 }
    ],
    [
      "pattern properties",
      { properties: { query: {} }, patternProperties: { "^q": {} }, additionalProperties: false },
      { qurey: 1 }
    ],
    [
      "names of alternatives",
      { properties: { query: {} }, anyOf: [{ properties: { qurey: {} } }] },
      { qurey: 1 }
    ],
    ["a foreign reference", reference, { old: 1, far: {} }],
    ["a dynamic reference", { properties: { a: { $dynamicRef: "#x" } } }, { a: 1 }],
    ["a reference to itself", { properties: { a: { $ref: "#/properties/a" } } }, { a: 1 }],
    ["an integer for a number", { properties: { a: { type: "number" } } }, { a: 1 }],
    ["null by OpenAPI", { properties: { a: { type: "string", nullable: true } } }, { a: null }],
    ["an unknown type", { properties: { a: { type: "any" } } }, { a: 1 }],
    ["one alternative", { properties: { a: { oneOf: [{ type: "string" }, { const: 1 }] } } }, { a: 1 }],
    ["a default", { properties: { a: { default: 1 } }, required: ["a"] }, {}],
    ["a schema that is true", { properties: { a: true } }, { a: 1 }],
    ["a tuple of draft-07", { properties: { a: { items: [{ type: "string" }] } } }, { a: [1] }],
    ["limits of other types", { properties: { a: { minimum: 9, minItems: 9, maxLength: 3 } } }, { a: "abc" }],
    ["limits that are kept", { properties: { a: { minimum: 1, maximum: 1 } } }, { a: 1 }],
    ["characters that JavaScript counts twice", { properties: { a: { maxLength: 1 } } }, { a: "\u{1f600}" }],
    [
      "an exclusive limit of draft-04",
      { properties: { a: { minimum: 1, exclusiveMinimum: true } } },
      { a: 1 }
    ],
    ["a limit that is no number", { properties: { a: { minimum: "2", maxLength: null } } }, { a: 1 }],
    ["a pattern", { properties: { a: { pattern: "^b" } } }, { a: "a" }],
    ["conditions", { properties: { a: {} }, if: { required: ["c"] }, else: { required: ["b"] } }, { a: 1 }]
  ])("are left to the server with %s", (_what, schema, given) => {
    assert.deepEqual(problemsOf(schema, given), [])
  })

  const ofItself = (keyword: string, count: number): JsonSchema => ({
    properties: { a: { $ref: "#/$defs/x" } },
    $defs: { x: { [keyword]: Array.from({ length: count }, () => ({ $ref: "#/$defs/x" })) } }
  })

  /** Each of 16 definitions refers to the next one ten times. */
  const doubling: JsonSchema = {
    properties: { a: { $ref: "#/$defs/0" } },
    $defs: Object.fromEntries(
      Array.from({ length: 16 }, (_, at) => [
        at,
        { anyOf: Array.from({ length: 10 }, () => ({ $ref: `#/$defs/${at + 1}` })) }
      ])
    )
  }

  it.each<[string, JsonSchema]>([
    ["an alternative that is itself", ofItself("anyOf", 1)],
    ["alternatives that are itself", ofItself("oneOf", 10)],
    ["parts that are itself", ofItself("allOf", 100)],
    ["alternatives that double at each step", doubling],
    ["a root of itself", { properties: { a: {} }, anyOf: [{ $ref: "#" }, { $ref: "#" }] }]
  ])("are left to the server, at once, with %s", (_what, schema) => {
    assert.deepEqual(problemsOf(schema, { a: 1 }), [])
    assert.isTrue(toolArguments(schema).every(({ type }) => type === "any"))
  })

  it.each<[string, JsonSchema, wrap: (value: unknown) => unknown]>([
    ["properties", { properties: { a: { $ref: "#/$defs/A" } } }, (a) => ({ a })],
    ["items", { properties: { a: { items: { $ref: "#/$defs/A" } } } }, (a) => ({ a: [a] })],
    ["parts", { allOf: [{ properties: { a: { $ref: "#/$defs/A" } } }] }, (a) => ({ a })]
  ])("are left to the server, at once, where alternatives multiply in nested %s", (_what, branch, wrap) => {
    const alternatives = Array.from({ length: 50 }, (_, at) => ({
      ...branch,
      type: "object",
      required: [`x${at}`]
    }))
    const schema = { $defs: { A: { oneOf: alternatives } }, properties: { a: { $ref: "#/$defs/A" } } }
    const nested = (depth: number): unknown => (depth === 0 ? {} : wrap(nested(depth - 1)))
    assert.deepEqual(problemsOf(schema, { a: nested(8) }), [])
    assert.deepEqual(problemsOf(schema, { a: {} }), ["Missing a.x0"])
  })

  it("are checked where a schema has as many alternatives as there are countries", () => {
    const countries = Array.from({ length: 250 }, (_, at) => ({ const: `C${at}`, title: `Country ${at}` }))
    assert.deepEqual(problemsOf({ properties: { a: { oneOf: countries } } }, { a: "X" }), ["Choice a"])
  })
})
