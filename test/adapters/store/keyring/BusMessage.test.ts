import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  decodeMessage,
  encodeCall,
  lengthOf,
  Marshal,
  Unmarshal
} from "../../../../src/adapters/store/keyring/BusMessage.ts"

const value = Schema.Union([
  Schema.String,
  Schema.Uint8Array,
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffffff }))
])
type Value = typeof value.Type

/** Text on the bus is UTF-8, which has no halves of surrogate pairs. */
const wellFormed = (values: ReadonlyArray<Value>) =>
  values.map((one) => (typeof one === "string" ? one.toWellFormed() : one))

const write = (values: ReadonlyArray<Value>) => {
  const marshal = new Marshal()
  for (const one of values) {
    if (typeof one === "string") marshal.string(one)
    else if (typeof one === "number") marshal.uint32(one)
    else marshal.octets(one)
  }
  return marshal
}

const readLike = (pattern: Value, from: Unmarshal): Value => {
  if (typeof pattern === "string") return from.string()
  return typeof pattern === "number" ? from.uint32() : Uint8Array.from(from.octets())
}

describe("the messages of D-Bus", () => {
  it.prop("are read as they are written, whatever comes before", [Schema.Array(value)], ([given]) => {
    const values = wellFormed(given)
    const from = new Unmarshal(write(values).bytes)
    assert.deepStrictEqual(
      values.map((pattern) => readLike(pattern, from)),
      values
    )
    assert.isTrue(from.isAtEnd)
  })

  it.prop(
    "have the length that their first bytes say",
    [Schema.Array(value), Schema.String],
    ([given, path]) => {
      const values = wellFormed(given)
      const bytes = encodeCall(7, {
        destination: "org.example",
        path,
        interface: "org.example.I",
        member: "M",
        arguments: { signature: "sv", values: write(values) }
      })
      assert.isUndefined(lengthOf(bytes.subarray(0, 15)))
      assert.strictEqual(lengthOf(bytes), bytes.length)
      const { body, signature } = decodeMessage(bytes)
      assert.strictEqual(signature, "sv")
      assert.deepStrictEqual(
        values.map((pattern) => readLike(pattern, body)),
        values
      )
    }
  )

  it.prop(
    "fail with a RangeError where they are damaged",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 })),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
    ],
    ([at, byte]) => {
      const bytes = encodeCall(1, {
        destination: "a.b",
        path: "/",
        interface: "a.b",
        member: "M",
        arguments: { signature: "s", values: new Marshal().string("x") }
      })
      bytes[at % bytes.length] = byte
      try {
        const length = lengthOf(bytes)
        if (length !== undefined && length <= bytes.length)
          decodeMessage(bytes.subarray(0, length)).body.strings()
      } catch (error) {
        assert.instanceOf(error, RangeError)
      }
    },
    { arbitrary: { runs: 2000 } }
  )
})
