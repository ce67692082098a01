import { assert, describe, it } from "@effect/vitest"
import { toolParameters } from "../../../src/adapters/model/ToolParameters.ts"
import { toolSchemas } from "../../servers/toolSchemas.ts"

const inner = (schema: unknown, defs?: object) =>
  toolParameters({
    type: "object",
    properties: { a: schema },
    ...(defs === undefined ? {} : { $defs: defs })
  })

/** What becomes of the schema of a property. Undefined: the property is left out. */
const repaired = (schema: unknown, defs?: object) =>
  (inner(schema, defs)["properties"] as Readonly<Record<string, unknown>>)["a"]

describe("the parameters of a tool", () => {
  it("keep what every provider takes", () => {
    for (const schema of [
      { type: "string", minLength: 1, maxLength: 1, pattern: "^[a-z]+$", format: "date-time", title: "A" },
      { anyOf: [{ type: "string" }, { type: "null" }], default: null },
      { type: "array", prefixItems: [{ type: "string" }, { const: { type: "x", enum: [] } }] },
      { type: ["integer", "null"], minimum: -1, maximum: 1e20, exclusiveMinimum: 0 },
      { type: "object", properties: { enum: { enum: [1] }, $ref: {}, type: {} }, additionalProperties: false }
    ]) {
      assert.deepStrictEqual(repaired(schema), schema)
    }
    const defs = { A: { properties: { children: { type: "array", items: { $ref: "#/$defs/A" } } } } }
    const reference = { $ref: "#/$defs/A", description: "A tree" }
    assert.deepStrictEqual(inner(reference, defs), {
      type: "object",
      properties: { a: reference },
      $defs: defs
    })
  })

  it.each([
    ["a schema that is true", true, {}],
    ["a schema that is false", false, undefined],
    ["a schema that is a text", "string", undefined],
    ["items that are true", { type: "array", items: true }, { type: "array", items: {} }],
    ["a property that is false", { properties: { b: false, c: true } }, { properties: { c: {} } }],
    ["an unknown type", { type: "file" }, {}],
    ["an unknown type of several", { type: ["any", "string"] }, { type: ["string"] }],
    ["a type that is null", { type: null }, {}],
    ["an array without items", { type: "array" }, { type: "array", items: {} }],
    ["an enum without values", { type: "string", enum: [] }, { type: "string" }],
    ["alternatives without one", { anyOf: [], oneOf: [false] }, {}],
    ["a reference to nothing", { $ref: "#/$defs/gone", description: "A" }, { description: "A" }],
    ["a reference to the root", { $ref: "#" }, {}],
    ["a reference elsewhere", { $ref: "https://schemas.test/a" }, {}],
    ["a reference to what is no schema", { $ref: "#/type" }, {}],
    ["a reference to itself", { $ref: "#/properties/a" }, {}],
    ["a length that is a text", { type: "string", minLength: "3", maxLength: -1 }, { type: "string" }],
    ["a bound of draft 4", { minimum: 0, exclusiveMinimum: true }, { minimum: 0 }],
    ["lengths with nothing between", { type: "string", minLength: 5, maxLength: 2 }, { type: "string" }],
    ["numbers with nothing between", { type: "integer", minimum: 5, maximum: 2 }, { type: "integer" }],
    ["a pattern of Python", { type: "string", pattern: "(?i)abc" }, { type: "string" }],
    ["a pattern that is cut", { type: "string", pattern: "^[a-" }, { type: "string" }],
    ["required as draft 3 has it", { type: "string", required: true }, { type: "string" }]
  ])("leave out %s", (_, schema, expected) => {
    assert.deepStrictEqual(repaired(schema), expected)
  })

  it("leave out references that stand for themselves, at any distance", () => {
    for (const defs of [
      { A: { $ref: "#/$defs/A" } },
      { A: { $ref: "#/$defs/B" }, B: { anyOf: [{ type: "string" }, { $ref: "#/$defs/A" }] } },
      { A: { allOf: [{ oneOf: [{ $ref: "#/$defs/A" }] }] } }
    ]) {
      assert.notInclude(JSON.stringify(inner({ $ref: "#/$defs/A" }, defs)["properties"]), "$ref")
    }
  })

  it.each(["__proto__", "constructor", "__defineGetter__", "hasOwnProperty", "toString"])(
    "may name %s, as a keyword and as a property",
    (name) => {
      const schema = `{ "type": "string", "${name}": { "type": "x" } }`
      const properties = `{ "${name}": ${schema}, "b": ${schema} }`
      for (const text of [
        `{ "type": "object", "properties": ${properties}, "${name}": 1 }`,
        `{ "type": "object", "oneOf": [{ "properties": ${properties} }] }`
      ]) {
        const parameters = toolParameters(JSON.parse(text) as Readonly<Record<string, unknown>>)
        assert.deepStrictEqual(Object.keys(Object(parameters["properties"]) as object), [name, "b"])
      }
    }
  )

  it("have thousands of references that follow each other, in time that grows with them", () => {
    const count = 20_000
    const defs = Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`d${at}`, { allOf: [{ $ref: `#/$defs/d${at + 1}` }] }])
    )
    const last = { [`d${count}`]: { type: "string" } }
    const reference = { $ref: "#/$defs/d0" }
    assert.deepStrictEqual(inner(reference, { ...defs, ...last })["$defs"], { ...defs, ...last })
    const circle = { [`d${count}`]: { $ref: "#/$defs/d0" } }
    assert.notInclude(JSON.stringify(inner(reference, { ...defs, ...circle })), "$ref")
  })

  it("are schemas of objects again, whatever the server wrote", () => {
    for (const schema of Object.values(toolSchemas)) {
      const parameters = toolParameters(schema)
      assert.strictEqual(parameters["type"], "object")
      assert.deepStrictEqual(toolParameters(parameters), parameters)
    }
  })
})
