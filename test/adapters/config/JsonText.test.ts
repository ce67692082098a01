import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { faultOf } from "../../../src/adapters/config/JsonText.ts"

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const pieces = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  " ",
  "\n",
  '"a"',
  '"\\u00e9\\n\\\\"',
  '"',
  '"\\x"',
  "1",
  "-0.5e+3",
  "01",
  "-",
  "1.",
  "true",
  "null",
  "nul",
  "/",
  "'",
  "\u00a0"
]

describe("a text that should be JSON", () => {
  it.each([
    ["is cut off", '{ "a": ', 1, 8, "it ends too early"],
    ["is empty", "", 1, 1, "it ends too early"],
    ["has a string that is cut off", '{ "a": "b }', 1, 8, undefined],
    ["begins with a comment", "// hi\n{}", 1, 1, "comments are not allowed"],
    ["has a comment within", '{\n  "a": 1 /* b */\n}', 2, 10, "comments are not allowed"],
    ["has a comma at the end of an object", '{\n  "a": 1,\n}', 3, 1, "remove the comma before it"],
    ["has a comma at the end of a list", "[1,\r\n 2, ]", 2, 5, "remove the comma before it"],
    ["has two commas", '{ "a": 1,, "b": 2 }', 1, 10, undefined],
    ["has no value", '{"a":}', 1, 6, undefined],
    ["has no comma between", '{"a": 1\n "b": 2}', 2, 2, undefined],
    ["has a key without quotes", "{ a: 1 }", 1, 3, undefined],
    ["has single quotes", "{ 'a': 1 }", 1, 3, "strings need double quotes"],
    ["has a misspelled word", '{ "a": tru }', 1, 8, undefined],
    ["has a line break in a string", '{ "a": "b\nc" }', 1, 8, undefined],
    ["has a bad escape", '["\\x"]', 1, 2, undefined],
    ["goes on after its end", '{ "a": 1 }\n{}', 2, 1, undefined],
    ["closes what is not open", "[1}", 1, 3, undefined],
    ["quotes a position itself", '{ "position 3": x', 1, 17, undefined]
  ] as const)("%s: its line and column are known", (_, text, line, column, hint) => {
    assert.deepStrictEqual(faultOf(text), { line, column, hint })
  })

  it("may be nested deeper than the stack is", () => {
    assert.strictEqual(faultOf(`${"[".repeat(200_000)}1${"]".repeat(199_999)}}`)?.column, 400_001)
  })

  it("may hold a long string", () => {
    assert.isUndefined(faultOf(`"${"\\na".repeat(100_000)}"`))
    assert.strictEqual(faultOf(`"${"\\na".repeat(100_000)}`)?.column, 1)
  })

  it.prop(
    "has a fault exactly where JSON.parse refuses it",
    [Schema.Array(Schema.Literals(pieces))],
    ([chosen]) => {
      const text = chosen.join("")
      assert.strictEqual(faultOf(text) === undefined, isJson(text))
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "has no fault as JSON writes it, and one when it is cut",
    [Schema.Record(Schema.String, Schema.Array(Schema.Union([Schema.String, Schema.Finite, Schema.Null])))],
    ([value]) => {
      const text = JSON.stringify(value, null, 1)
      assert.isUndefined(faultOf(text))
      assert.isDefined(faultOf(text.slice(0, -1)))
    }
  )
})
