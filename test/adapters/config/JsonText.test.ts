import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { readJson } from "../../../src/adapters/config/JsonText.ts"

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
  "// c\n",
  "/* c */",
  "'",
  "\u00a0"
]

/** The text as plain JSON: without comments, and without commas before closing brackets. Strings stay. */
const plainOf = (text: string): string =>
  text
    .replace(/("(?:[^"\\]|\\[^])*")|\/\/[^\n]*|\/\*[^]*?\*\//g, (_, string?: string) => string ?? " ")
    .replace(/("(?:[^"\\]|\\[^])*")|(?<=[\w"}\]]\s*),(?=\s*[}\]])/g, (_, string?: string) => string ?? "")

const faultOf = (text: string) => Result.getOrUndefined(Result.flip(readJson(text)))
const readingOf = (text: string) => Result.getOrThrow(readJson(text))

describe("a text that should be JSON", () => {
  const straight = 'strings need straight double quotes: "'
  const twice = 'a backslash in a string is written twice, as in "C:\\\\Users"'
  const oneLine = 'a string ends on its line, with "'
  const utf16 = "it is UTF-16 text: save the file as UTF-8"
  it.each([
    ["is cut off", '{ "a": ', 1, 8, "it ends too early"],
    ["is empty", "", 1, 1, "it ends too early"],
    ["has a string that is cut off", '{ "a": "b }', 1, 12, "it ends too early"],
    [
      "has a comment without an end",
      '{ /* hi\n "a": 1 }',
      1,
      3,
      "a comment starts with // or is between /* and */"
    ],
    ["has a comment of a shell", '{ "a": 1 } # hi', 1, 12, "a comment starts with //"],
    ["has two commas", '{ "a": 1,, "b": 2 }', 1, 10, undefined],
    ["has a comma alone", "[,]", 1, 2, undefined],
    ["has two commas at its end", "[1,,]", 1, 4, undefined],
    ["has a comma behind its end", "{},", 1, 3, undefined],
    ["has no value", '{"a":}', 1, 6, undefined],
    ["has a comma for a value", '{"a":,}', 1, 6, undefined],
    ["has no comma between members", '{"a": 1\n "b": 2}', 2, 2, "a comma is missing before it"],
    ["has no comma between items", "[{}\n{}]", 2, 1, "a comma is missing before it"],
    ["has a key without quotes", "{ a: 1 }", 1, 3, "names need double quotes"],
    ["has single quotes", "{ 'a': 1 }", 1, 3, "strings need double quotes"],
    ["has curly quotes", "{ “a”: 1 }", 1, 3, straight],
    ["has curly quotes around a value", '{ "a": „b“ }', 1, 8, straight],
    ["has backticks", '{ "a": `b` }', 1, 8, straight],
    ["has a misspelled word", '{ "a": tru }', 1, 8, undefined],
    ["has a line break in a string", '{ "a": "b\nc" }', 1, 10, oneLine],
    ["has a bad escape", '["\\x"]', 1, 3, twice],
    ["has single backslashes", '{\n  "command": "C:\\Users\\me\\x.exe" }', 2, 17, twice],
    ["has a single backslash at the end", '["C:\\Program Files\\"]', 1, 5, twice],
    ["has a space that is none", '{\u00a0"a": 1 }', 1, 2, "there is an invisible character here"],
    ["is UTF-16, decoded as UTF-8", "\ufffd\ufffd{\0}\0", 1, 1, utf16],
    ["is UTF-16, the other end first", "\ufffd\ufffd\0{\0}", 1, 1, utf16],
    ["is UTF-16 without a mark", "{\0}\0", 1, 2, utf16],
    ["goes on after its end", '{ "a": 1 }\n{}', 2, 1, undefined],
    ["closes what is not open", "[1}", 1, 3, undefined],
    ["quotes a position itself", '{ "position 3": x', 1, 17, undefined]
  ] as const)("%s: its line and column are known", (_, text, line, column, hint) => {
    assert.deepStrictEqual(faultOf(text), { line, column, hint })
  })

  it.each([
    ["a comment before it", '// hi\n{ "a": [1] }'],
    ["a comment behind it", '{ "a": [1] } /* the\nend */ // hi'],
    ["comments within", '{ /* " */ "a" /**/ : // ]\n [1/* , */] }'],
    ["a comma at the end of an object", '{ "a": [1],\n}'],
    ["a comma at the end of a list", '{ "a": [1 , ] }'],
    ["a comment behind that comma", '{ "a": [1, // one\n], /* two */ }']
  ])("may have %s", (_, text) => {
    assert.deepStrictEqual(readingOf(text), { value: { a: [1] }, repeated: [] })
  })

  it("keeps what looks like a comment in a string", () => {
    const value = { url: "https://a.test//b", glob: "/* x */, ]", quoted: '\\"//' }
    assert.deepStrictEqual(readingOf(JSON.stringify(value)).value, value)
  })

  it.each([
    ['{ "a": 1,\n "b": 2,\n "a": 3 }', [{ path: ["a"], lines: [1, 3] }]],
    ['{ "a": { "x": 1, "x": 2 } }', [{ path: ["a", "x"], lines: [1, 1] }]],
    ['{ "a": [{}, { "x": 1,\n"x": 2 }] }', [{ path: ["a", 1, "x"], lines: [1, 2] }]],
    ['{ "a": 1, "\\u0061": 2 }', [{ path: ["a"], lines: [1, 1] }]],
    ['{ "__proto__": 1,\n\n"__proto__": 2 }', [{ path: ["__proto__"], lines: [1, 3] }]],
    ['{ "a": { "x": 1 }, "b": { "x": 2 }, "c": ["x", "x"] }', []]
  ] as const)("tells which names are given twice: %s", (text, repeated) => {
    assert.deepStrictEqual(readingOf(text).repeated, repeated)
  })

  it.each(["[", '{"a":', '[{"a":'])("may be nested deeper than the stack is: %s", (part) => {
    assert.strictEqual(faultOf(part.repeat(200_000))?.hint, "it ends too early")
  })

  it("may hold a long string, and many comments", () => {
    assert.isUndefined(faultOf(`"${"\\na".repeat(100_000)}"`))
    assert.strictEqual(faultOf(`"${"\\na".repeat(100_000)}`)?.hint, "it ends too early")
    assert.isUndefined(faultOf(`${"// c\n/* c */ ".repeat(100_000)}1`))
  })

  it.prop(
    "has a fault exactly where JSON.parse refuses it, apart from comments and commas at an end",
    [Schema.Array(Schema.Literals(pieces))],
    ([chosen]) => {
      const text = chosen.join("")
      const plain = plainOf(text)
      assert.strictEqual(faultOf(text) === undefined, isJson(plain), text)
      if (isJson(plain)) assert.deepStrictEqual(readingOf(text).value, JSON.parse(plain))
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "is read as JSON writes it, and has a fault when it is cut",
    [Schema.Record(Schema.String, Schema.Array(Schema.Union([Schema.String, Schema.Finite, Schema.Null])))],
    ([value]) => {
      const text = JSON.stringify(value, null, 1)
      assert.deepStrictEqual(readingOf(text), { value: JSON.parse(text), repeated: [] })
      assert.isDefined(faultOf(text.slice(0, -1)))
    }
  )
})
