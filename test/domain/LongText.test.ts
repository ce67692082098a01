import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ByteParts } from "../../src/domain/ByteParts.ts"
import { LongText, safeJsonPieces, withStrings } from "../../src/domain/LongText.ts"
import { safeJson } from "../../src/domain/PrintableText.ts"

/** What a JSON string may be made of: characters of each length, escapes, and bytes that are no UTF-8. */
const units: Readonly<Record<string, Buffer>> = {
  ...Object.fromEntries(
    ["a", "é", "日", "🌍", "\ufeff", "\u2028", "\u009b", "\u202e", "u", "0041"]
      .concat(["\\n", "\\\\", '\\"', "\\/", "\\u00e9", "\\u0000", "\\ud83c", "\\udf0d", "\\uD83C\\uDF0D"])
      .map((unit) => [unit, Buffer.from(unit)])
  ),
  ...Object.fromEntries(
    ["80", "8080808080", "c3", "c0", "e2", "e282", "f0", "f09f", "f09f8c", "f4bfbfbf", "ff", "eda0bc"].map(
      (hex) => [`0x${hex}`, Buffer.from(hex, "hex")]
    )
  )
}
const Units = Schema.Array(Schema.Literals(Object.keys(units)))
const bytesOf = (names: ReadonlyArray<string>): Buffer =>
  Buffer.concat(names.map((name) => units[name] ?? Buffer.from(name)))

/** The text of a JSON string as `JSON.parse` reads it. */
const whole = (json: Uint8Array): string =>
  JSON.parse(`"${new TextDecoder("utf-8", { ignoreBOM: true }).decode(json)}"`)

/** A long text with these bytes, and a border between two of its parts at an offset in them. */
const across = (middle: Buffer, border: number): { readonly json: Buffer; readonly parts: ByteParts } => {
  const fill = Buffer.alloc(4096, "x")
  const json = Buffer.concat([fill, middle, fill])
  const at = fill.length + border
  return { json, parts: ByteParts.of(json.subarray(0, at), json.subarray(at)) }
}

describe("a long text", () => {
  it.prop("is what JSON.parse reads, wherever its parts begin", [Units], ([names]) => {
    const middle = bytesOf(names)
    for (let border = 0; border <= middle.length; border++) {
      const { json, parts } = across(middle, border)
      const pieces = [...new LongText(parts).pieces()]
      assert.strictEqual(pieces.join(""), whole(json))
      // Each piece is written as UTF-8 of its own.
      assert.isTrue(Buffer.concat(pieces.map((piece) => Buffer.from(piece))).equals(Buffer.from(whole(json))))
    }
  })

  it.each([
    ["an escape", "\\u00e9", "é"],
    ["a pair of escapes", "\\ud83c\\udf0d", "🌍"],
    ["a backslash", "\\\\u00e9", "\\u00e9"],
    ["backslashes before an escape", "\\\\\\\\\\n", "\\\\\n"],
    ["half of a pair", "\\ud83c", "\ud83c"],
    ["a character", "🌍", "🌍"]
  ])("is not cut within %s, at each end of a piece of one part", (_, json, expected) => {
    const length = Buffer.byteLength(json)
    for (let shift = 0; shift <= length; shift++) {
      const fill = "x".repeat(65_536 - shift)
      const text = new LongText(ByteParts.ofText(`${fill}${json}`))
      assert.strictEqual(text.toString(), `${fill}${expected}`)
    }
  })

  it.prop(
    "is printed as JSON as other strings are",
    [Units, Schema.String, Schema.Literals([0, 2])],
    ([names, other, indent]) => {
      const { json, parts } = across(bytesOf(names), Math.trunc(bytesOf(names).length / 2))
      const value = { [other]: [new LongText(parts), other, null], empty: {}, last: new LongText(parts) }
      const string = whole(json)
      const plain = { [other]: [string, other, null], empty: {}, last: string }
      assert.strictEqual([...safeJsonPieces(value, indent)].join(""), safeJson(plain, indent))
      assert.deepStrictEqual(withStrings(value), plain)
    }
  )

  it("leaves other values as they are, with names that objects have by themselves", () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1},"list":[1,{"constructor":"x"}]}')
    assert.strictEqual(withStrings(value), value)
    const text = new LongText(ByteParts.ofText("long"))
    const held = Object.fromEntries([["__proto__", [text]]])
    assert.strictEqual(JSON.stringify(withStrings(held)), '{"__proto__":["long"]}')
  })
})
