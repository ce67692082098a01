import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ByteParts } from "../../src/domain/ByteParts.ts"
import {
  elementsOf,
  listOf,
  membersOf,
  objectOf,
  parsedAt,
  valueAt,
  withMembers
} from "../../src/domain/JsonMembers.ts"

const bytes = (text: string) => ByteParts.ofText(text)

describe("the members of a JSON text", () => {
  it("have the bytes of their values", () => {
    const text = bytes(' { "a" : 1.0 , "\\u0062":[1, 2],"a":{"a": 3}, "":null }\n')
    assert.deepEqual(
      membersOf(text)?.map(({ name, value }) => [name, value.text()]),
      [
        ["a", "1.0"],
        ["b", "[1, 2]"],
        ["a", '{"a": 3}'],
        ["", "null"]
      ]
    )
    assert.strictEqual(valueAt(text, "a", "a")?.text(), "3")
    assert.isUndefined(valueAt(text, "b", "0"))
    assert.isUndefined(valueAt(text, "c", "d"))
    assert.deepEqual(parsedAt(text, "b"), [1, 2])
  })

  it("exist only in objects, and elements only in lists", () => {
    for (const text of ["[]", "[{}]", '"a"', "1", "null", "{", "", '{"a":}'])
      assert.isUndefined(membersOf(bytes(text)), text)
    for (const text of ["{}", '{"a":[]}', "1", "[", "[1,]", ""])
      assert.isUndefined(elementsOf(bytes(text)), text)
    assert.deepEqual(
      elementsOf(bytes('[ 1e400, "a]", [2] ]'))?.map((element) => element.text()),
      ["1e400", '"a]"', "[2]"]
    )
  })

  it("are replaced, added and removed without a change to the others", () => {
    const text = bytes('{"big":9007199254740993,"a":1,"__proto__":{"x":1},"a":2}')
    assert.strictEqual(
      withMembers(text, { a: bytes("3.0"), b: bytes("[]"), c: undefined }).text(),
      '{"big":9007199254740993,"__proto__":{"x":1},"a":3.0,"b":[]}'
    )
    assert.strictEqual(withMembers(undefined, { a: bytes("1") }).text(), '{"a":1}')
    assert.strictEqual(withMembers(bytes("[1]"), {}).text(), "{}")
  })

  it.prop(
    "make the same value again",
    [Schema.Record(Schema.String, Schema.Json), Schema.Array(Schema.Json)],
    ([object, list]) => {
      const objectText = bytes(JSON.stringify(object))
      const listText = bytes(JSON.stringify(list))
      assert.strictEqual(objectOf(membersOf(objectText) ?? []).text(), objectText.text())
      assert.strictEqual(listOf(elementsOf(listText) ?? []).text(), listText.text())
    }
  )
})
