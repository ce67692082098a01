import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ByteParts } from "../../src/domain/ByteParts.ts"
import { maxLevels } from "../../src/domain/JsonScanner.ts"
import {
  errorResponse,
  jsonRpcMessage,
  type JsonRpcMessage,
  readJsonRpc
} from "../../src/domain/JsonRpcMessage.ts"

const encode = (text: string) => new TextEncoder().encode(text)

/** A text in parts of a length. */
const inParts = (text: string, length = Infinity): ByteParts => {
  const bytes = encode(text)
  const parts = new ByteParts()
  for (let at = 0; at < bytes.length; at += length) parts.add(bytes.subarray(at, at + length))
  return parts
}

const read = (text: string, length?: number) => readJsonRpc(inParts(text, length))
const message = (text: string, length?: number): JsonRpcMessage => {
  const found = read(text, length)
  if (found._tag !== "Message") throw new Error(`${found._tag}: ${text}`)
  return found.message
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const Json: Schema.Codec<unknown> = Schema.suspend(() =>
  Schema.Union([
    Schema.Null,
    Schema.Boolean,
    Schema.Finite,
    Schema.String,
    Schema.Array(Json),
    Schema.Record(Schema.String, Json)
  ])
)
const PartLength = Schema.Literals([1, 2, 3, 7, 64])

describe("a JSON-RPC text", () => {
  it.prop("is taken if JSON.parse takes it, in any parts", [Json, PartLength], ([value, length]) => {
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
      assert.notStrictEqual(read(text, length)._tag, "Invalid", text)
    }
  })

  it.prop(
    "is refused if JSON.parse refuses it",
    [
      Json,
      Schema.Literals(["", ",", "]", "}", '"', "\\", "e", "-", ".", "0", "\n", "\u0001"]),
      Schema.Finite
    ],
    ([value, inserted, place]) => {
      const whole = JSON.stringify(value)
      const at = Math.abs(Math.floor(place)) % (whole.length + 1)
      const cut = whole.slice(0, at)
      const changed = whole.slice(0, at) + inserted + whole.slice(at)
      for (const text of [cut, changed]) {
        assert.strictEqual(read(text, 3)._tag === "Invalid", !isJson(text), text)
      }
    }
  )

  it.each([
    "",
    " ",
    "nul",
    "nulll",
    "truefalse",
    "01",
    "1.",
    ".5",
    "-",
    "+1",
    "1e",
    "1e+",
    "0x10",
    "NaN",
    "'a'",
    '"\\x"',
    '"\\u12g4"',
    '"\n"',
    '"\t"',
    "[1,]",
    "[,1]",
    '{"a":1,}',
    '{"a"}',
    "{a:1}",
    "{1:1}",
    "[1 2]",
    "{}{}",
    "[[]",
    "]",
    '{"a":1]',
    '{"id":1',
    "<html></html>",
    "data: {}",
    "\u00a0{}"
  ])("that is no JSON is refused: %s", (text) => {
    assert.isFalse(isJson(text))
    assert.strictEqual(read(text)._tag, "Invalid")
    assert.strictEqual(read(text, 1)._tag, "Invalid")
  })

  it("may be nested deep, up to a limit", () => {
    const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`
    assert.strictEqual(message(`{"id":1,"method":"a","params":${nested(maxLevels - 1)}}`).kind, "request")
    assert.strictEqual(read(`{"params":${nested(maxLevels)}}`)._tag, "Invalid")
    assert.strictEqual(read("[".repeat(1_000_000))._tag, "Invalid")
  })

  it("may begin with a byte order mark", () => {
    for (const length of [1, 2, 100]) {
      const marked = message('\ufeff{"id":1,"method":"a"}', length)
      assert.strictEqual(marked.line().text(), '{"id":1,"method":"a"}')
    }
  })
})

describe("a JSON-RPC message", () => {
  const Id = Schema.Union([Schema.Finite, Schema.String, Schema.Null, Json])

  it.prop(
    "says what it is, wherever its members are",
    [Id, Schema.String, Json, Schema.Boolean, PartLength],
    ([id, method, params, isFirst, length]) => {
      const members = isFirst
        ? { id, method, params }
        : { params: { id: "inner", method: 1, params }, method, id }
      const text = JSON.stringify({ jsonrpc: "2.0", ...members })
      const request = message(text, length)
      assert.strictEqual(request.kind, "request")
      assert.strictEqual(request.method, method)
      assert.strictEqual(request.id, JSON.stringify(id))
      assert.deepEqual(request.value("params"), JSON.parse(text).params)
      assert.strictEqual(request.bytes.text(), text)
    }
  )

  it.prop("keeps everything but its id when that is replaced", [Id, Id, Json], ([id, other, result]) => {
    const replaced = message(JSON.stringify({ result, id, more: [1] })).withId(JSON.stringify(other))
    assert.deepEqual(
      JSON.parse(replaced.bytes.text()),
      JSON.parse(JSON.stringify({ result, id: other, more: [1] }))
    )
  })

  it.each([
    ['{"id":1,"method":"a"}', "request"],
    ['{"id":null,"method":"a"}', "request"],
    ['{"method":"a"}', "notification"],
    ['{"method":1}', "notification"],
    ['{"id":1,"result":{}}', "response"],
    ['{"error":{"code":1,"message":""}}', "response"],
    ['{"id":1,"method":"a","result":1}', "request"],
    ['{"\\u006dethod":"a","\\u0069d":2}', "request"],
    ["{}", "other"],
    ["5", "other"]
  ])("%s is a %s", (text, kind) => {
    assert.strictEqual(message(text).kind, kind)
  })

  it.each([
    "9007199254740993",
    "1.5",
    "-0.0",
    "1e400",
    "null",
    "true",
    '{"a":[1]}',
    '"\\ud800 \\" \u{1f600}"',
    '""'
  ])("has the id %s as it was written", (id) => {
    const request = message(`{ "id" :  ${id} , "method":"a"}`)
    assert.strictEqual(request.id, id)
    assert.isTrue(message(errorResponse(id, { code: 1, message: "no" }).bytes.text()).answers(request))
  })

  it.each([
    ["1", "1.0", true],
    ["10", "1e1", true],
    ["0", "-0", true],
    ['"a"', '"\\u0061"', true],
    ["1", '"1"', false],
    ["9007199254740992", "9007199254740993", false],
    ["null", '"null"', false]
  ])("with the id %s, answered with the id %s: %s", (id, answered, isAnswer) => {
    const request = message(`{"id":${id},"method":"a"}`)
    assert.strictEqual(message(`{"id":${answered},"result":1}`).answers(request), isAnswer)
  })

  it("of two members with the same name has the last, as with JSON.parse", () => {
    const twice = message('{"id":1,"method":"a","id":2,"method":"b","result":1}')
    assert.deepInclude(twice, { id: "2", method: "b" })
  })

  it("gets an id that it does not have", () => {
    assert.strictEqual(message('{ "error":1}').withId("7").id, "7")
    assert.strictEqual(message("{}").withId('"x"').id, '"x"')
    assert.strictEqual(message('{"a":1}').withId("7").bytes.text(), '{"id":7,"a":1}')
  })

  /** All that a message says of itself. */
  const described = (one: JsonRpcMessage) => ({
    is: [one.id, one.idKey, one.method, one.kind, one.resultType],
    line: one.line().text(),
    members: (["id", "method", "params", "result", "error"] as const).map((name) => one.raw(name)?.text())
  })

  it.each([
    '{"jsonrpc":"2.0","id":1,"method":"a","params":{"b":[1]}}',
    '{ "params" :\n{"b":[1]} , "method":"a", "id" : "x" }',
    '{"method":"a"}',
    '{"id":1,"params":1,"method":"a","id":2,"params":{}}',
    '{"id":1,"result":{"resultType":"complete","a":1}}',
    '{"result":{"a":1,"resultType":"input_required"}}',
    '{"error":{"code":1},"id":null}',
    '{"a":1}',
    "{ }"
  ])("with another id and other parameters is what the same bytes are: %s", (text) => {
    for (const length of [1, 5, Infinity])
      for (const params of ['{"longer":[{"result":1}]}', '{\n"a":1}', "{}"]) {
        const one = message(text, length)
        const both = [one.withId('"a long id"'), one.withId("7").withParams(inParts(params, length))]
        for (const changed of [...both, one.withParams(inParts(params)).withId("8")])
          assert.deepStrictEqual(described(changed), described(message(changed.bytes.text())))
        assert.strictEqual(both[0]?.id, '"a long id"')
        assert.strictEqual(both[1]?.raw("params")?.text(), params)
        assert.strictEqual(both[1]?.id, "7")
      }
  })

  it.each<[text: string, type: unknown]>([
    ['{"id":1,"result":{"resultType":"input_required"}}', "input_required"],
    ['{"id":1,"result":{"a":{"resultType":"b"},"\\u0072esultType":"complete"}}', "complete"],
    ['{"result":{"resultType":"a","resultType":"b","more":1},"id":1}', "b"],
    ['{"id":1,"result":{"resultType":"a"},"result":{"b":1}}', undefined],
    ['{"id":1,"result":{"resultType":{"resultType":1}}}', { resultType: 1 }],
    ['{"id":1,"result":{"a":{"resultType":"b"}}}', undefined],
    ['{"id":1,"result":[{"resultType":"a"}]}', undefined],
    ['{"id":1,"params":{"resultType":"a"},"resultType":"b","result":{}}', undefined],
    ['{"id":1,"error":{"resultType":"a"}}', undefined]
  ])("says what its result is: %s", (text, type) => {
    for (const length of [1, 7, Infinity]) {
      assert.deepStrictEqual(message(text, length).resultType, type)
      const batch = readJsonRpc(inParts(`[{"id":2,"result":{"resultType":"c"}},${text}]`, length))
      assert.deepStrictEqual(batch._tag === "Batch" && batch.messages.map(({ resultType }) => resultType), [
        "c",
        type
      ])
    }
  })

  it("is one line, with its line breaks as spaces", () => {
    const value = { id: 1, result: { text: "two\nlines" } }
    const line = message(JSON.stringify(value, null, 2).replaceAll("\n", "\r\n"), 5)
      .line()
      .text()
    assert.notMatch(line, /[\r\n]/)
    assert.deepEqual(JSON.parse(line), value)
    const short = jsonRpcMessage({ method: "a" })
    assert.strictEqual(short.line(), short.bytes)
  })

  it("of a batch has the bytes of its own", () => {
    const batch = read(
      '[ {"id":1,"method":"a"},{"method":"b"} , 5,[{"id":9}],{"id":2,"result":[{"id":3}]}]',
      4
    )
    assert.deepEqual(
      batch._tag === "Batch" && batch.messages.map(({ bytes, id, kind }) => [bytes.text(), id, kind]),
      [
        ['{"id":1,"method":"a"}', "1", "request"],
        ['{"method":"b"}', undefined, "notification"],
        ["5", undefined, "other"],
        ['[{"id":9}]', undefined, "other"],
        ['{"id":2,"result":[{"id":3}]}', "2", "response"]
      ]
    )
    assert.deepEqual(read("[]"), { _tag: "Batch", messages: [] })
  })
})

describe("bytes in parts", () => {
  it.prop(
    "are the same bytes in any parts",
    [Schema.Array(Schema.String), Schema.Finite, Schema.Finite],
    ([texts, a, b]) => {
      const long = texts.map((text) => text.repeat(500))
      const parts = ByteParts.of(...long.map(encode))
      const whole = encode(long.join(""))
      // A surrogate at the end of a text is replaced by itself.
      const joined = Uint8Array.from(long.flatMap((text) => Array.from(encode(text))))
      assert.strictEqual(parts.length, joined.length)
      assert.deepEqual(parts.joined(), joined)
      const [from, to] = [a, b].map((place) => Math.abs(Math.floor(place)) % (whole.length + 1)) as [
        number,
        number
      ]
      assert.deepEqual(parts.slice(from, to).joined(), joined.slice(from, to))
    }
  )

  it("take few objects for many short parts", () => {
    const parts = new ByteParts()
    for (let at = 0; at < 100_000; at++) parts.add(encode("x"))
    assert.isBelow(parts.parts.length, 10)
    assert.strictEqual(parts.text(), "x".repeat(100_000))
  })

  it("take little more memory than bytes, in whatever order short and long ones come", () => {
    const [long, short] = [encode("x".repeat(4096)), encode("\n")]
    const orders = [
      [short, long],
      [long, short],
      [short, short, long],
      [encode("y".repeat(4095)), long]
    ]
    for (const order of orders) {
      const parts = new ByteParts()
      for (let at = 0; at < 100; at++) for (const part of order) parts.add(part)
      const buffers = new Set(parts.parts.map(({ buffer }) => buffer))
      const held = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)
      assert.isBelow(held, 2 * parts.length)
    }
  })
})
