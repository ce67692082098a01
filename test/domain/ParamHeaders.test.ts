import { assert, describe, it } from "@effect/vitest"
import { headerValue, paramHeader, paramHeadersOf } from "../../src/domain/ParamHeaders.ts"

const schema = (properties: object, rest: object = {}) => ({ type: "object", properties, ...rest })
const a = { type: "string", "x-mcp-header": "A" }

describe("the parameters that a tool declares for headers", () => {
  it("may be anywhere in the properties", () => {
    const found = paramHeadersOf(
      schema({ a, b: schema({ c: { type: "integer", "x-mcp-header": "B-c" } }), d: { type: "object" } })
    )
    assert.deepEqual(found, [
      { path: ["a"], header: "A" },
      { path: ["b", "c"], header: "B-c" }
    ])
    assert.deepEqual(paramHeadersOf(schema({ "x-mcp-header": { type: "string" } })), [])
    for (const none of [undefined, null, true, {}, []]) assert.deepEqual(paramHeadersOf(none), [])
  })

  const deep = (levels: number): object => (levels === 0 ? a : schema({ p: deep(levels - 1) }))
  const invalid: ReadonlyArray<readonly [string, object]> = [
    ["no text", schema({ a: { ...a, "x-mcp-header": 1 } })],
    ["empty", schema({ a: { ...a, "x-mcp-header": "" } })],
    ["no header name", schema({ a: { ...a, "x-mcp-header": "A B" } })],
    ["a line break", schema({ a: { ...a, "x-mcp-header": "A\r\nB" } })],
    ["of a number", schema({ a: { ...a, type: "number" } })],
    ["of an object", schema({ a: { ...a, type: "object" } })],
    ["of two types", schema({ a: { ...a, type: ["string", "null"] } })],
    ["of no type", schema({ a: { "x-mcp-header": "A" } })],
    ["twice in other letters", schema({ a, b: { ...a, "x-mcp-header": "a" } })],
    ["at the root", schema({}, { "x-mcp-header": "A" })],
    ["in a list", schema({ a: { type: "array", items: a } })],
    ["in a choice", schema({}, { oneOf: [schema({ a })] })],
    ["in a definition", schema({}, { $defs: { x: a } })],
    ["below a name for all", schema({}, { additionalProperties: a })],
    ["too deep", deep(5000)],
    ["too deep in a list", schema({ a: { items: deep(5000) } })]
  ]
  for (const [name, given] of invalid)
    it(`are not valid: ${name}`, () => assert.isUndefined(paramHeadersOf(given)))

  it("are written as the specification says", () => {
    // The table of "Value Encoding".
    const values = [
      ["us-west1", "us-west1"],
      ["Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
      [" padded ", "=?base64?IHBhZGRlZCA=?="],
      ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
      ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
      ["", "=?base64??="]
    ] as const
    for (const [text, value] of values) assert.strictEqual(headerValue(text), value)
    const header = (json: string) => paramHeader({ path: [], header: "X-Y" }, json)["mcp-param-x-y"]
    const written = [
      ["true", "true"],
      ["-7", "-7"],
      ["42.0", "42"],
      ["1e2", "100"],
      ["9007199254740993", "9007199254740993"],
      ['"\\u0041"', "A"],
      ["null", undefined],
      ["[1]", undefined],
      ["{}", undefined],
      ["1e999", undefined]
    ] as const
    for (const [json, value] of written) assert.strictEqual(header(json), value, json)
  })
})
