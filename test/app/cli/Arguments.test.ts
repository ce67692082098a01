import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { assignedArguments as written, jsonArguments } from "../../../src/app/cli/Arguments.ts"

const assignedArguments = (...words: Parameters<typeof written>) => Effect.succeed(written(...words).given)

const schema = {
  type: "object",
  properties: {
    text: { type: "string" },
    count: { type: "integer" },
    ratio: { type: ["number", "null"] },
    flag: { type: "boolean" },
    list: { type: "array", items: { type: "string" } },
    nested: { type: "object" }
  }
}

describe("arguments of a tool, by name", () => {
  it.effect("are of the types that the tool's schema says", () =>
    Effect.gen(function* () {
      const given = [
        "text=12",
        "count=12",
        "ratio=null",
        "flag=true",
        'nested={"a":[1]}',
        "other=12",
        "empty="
      ]
      assert.deepEqual(yield* assignedArguments(given, schema), {
        text: "12",
        count: 12,
        ratio: null,
        flag: true,
        nested: { a: [1] },
        other: "12",
        empty: ""
      })
    })
  )

  it.effect("make a list of what comes twice, or of JSON", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* assignedArguments(["list=a", "list=b c"], schema), { list: ["a", "b c"] })
      assert.deepEqual(yield* assignedArguments(['list=["a","b"]'], schema), { list: ["a", "b"] })
    })
  )

  it.effect.prop("keep every character of a string, equals signs included", [Schema.String], ([text]) =>
    Effect.gen(function* () {
      assert.deepEqual(yield* assignedArguments([`text=${text}`], schema), { text })
    })
  )

  it("are each named where they are not of the form name=value", () => {
    const { given, malformed } = written(["text", "count=1", "=x", "{"], schema)
    assert.deepEqual(given, { count: 1 })
    assert.deepEqual(malformed, [
      '"text" is not of the form name=value, such as query="road map".',
      '"=x" is not of the form name=value, such as query="road map".',
      '"{" is not of the form name=value, such as query="road map". To give all arguments as JSON, write --args before it.'
    ])
  })

  it.effect("set no prototype", () =>
    Effect.gen(function* () {
      const result = yield* assignedArguments(["__proto__=x", "constructor=y"], schema)
      assert.deepEqual(Object.keys(result), ["__proto__", "constructor"])
    })
  )
})

describe("arguments of a tool, as JSON", () => {
  it.effect("are one object", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* jsonArguments('{"a":1}'), { a: 1 })
      for (const text of ["", "1", "[]", "null", "{"]) {
        assert.strictEqual((yield* Effect.flip(jsonArguments(text)))._tag, "UsageError")
      }
    })
  )
})

describe("arguments that mean what they look like", () => {
  const typed = {
    $defs: {
      Filter: { type: "object", properties: { author: { type: "string" }, size: { type: "integer" } } }
    },
    properties: {
      tags: { anyOf: [{ type: "array", items: { type: "string" } }, { type: "null" }] },
      either: { type: ["string", "array"] },
      filter: { $ref: "#/$defs/Filter" },
      people: { type: "array", items: { $ref: "#/$defs/Filter" } },
      "a.b": { type: "string" },
      anything: {},
      text: { type: "string" }
    }
  }
  it.effect.each<[given: ReadonlyArray<string>, expected: object]>([
    [['tags=["a","b"]'], { tags: ["a", "b"] }],
    [["tags=1", "tags=2"], { tags: ["1", "2"] }],
    [["tags=null"], { tags: null }],
    [['either=["a"]'], { either: ["a"] }],
    [["either=a"], { either: "a" }],
    [["filter.author=me", "filter.size=3"], { filter: { author: "me", size: 3 } }],
    [['filter={"size":1}', "filter.author=me"], { filter: { size: 1, author: "me" } }],
    [
      ["people.0.author=me", "people.1.size=3", "people.0.size=1"],
      { people: [{ author: "me", size: 1 }, { size: 3 }] }
    ],
    [['people={"size":2}', "people.0.author=me"], { people: [{ size: 2, author: "me" }] }],
    [["tags.0=1", "tags.1=2"], { tags: ["1", "2"] }],
    [["people.1.size=3"], { people: { 1: { size: 3 } } }],
    [["filter.0=3"], { filter: { 0: "3" } }],
    [["a.b=c"], { "a.b": "c" }],
    [["new.deep.name=1"], { new: { deep: { name: "1" } } }],
    [['anything={"a":1}'], { anything: { a: 1 } }],
    [['text=["a"]'], { text: '["a"]' }],
    [["text=null"], { text: "null" }],
    [["..=x"], { "..": "x" }]
  ])("%j", ([given, expected]) =>
    Effect.gen(function* () {
      assert.deepEqual(yield* assignedArguments(given, typed), expected)
    })
  )

  it.effect("stay text where they have a wrong type", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* assignedArguments(["count=many", "flag=yes"], schema), {
        count: "many",
        flag: "yes"
      })
    })
  )
})
