import { assert, describe, it } from "vitest"
import { LineReader } from "../../../src/adapters/stdio/LineReader.ts"
import { ByteParts } from "../../../src/domain/ByteParts.ts"

/** The lines of a text that arrives in pieces; of one that is too long its id. */
const linesOf = (text: string, maxBytes: number, size: number) => {
  const reader = new LineReader(maxBytes)
  const bytes = Buffer.from(text)
  const lines = []
  for (let at = 0; at < bytes.length; at += size) lines.push(...reader.add(bytes.subarray(at, at + size)))
  lines.push(reader.end())
  return lines.map((line) => (line instanceof ByteParts ? line.text() : { id: line.id }))
}

describe("lines of a client", () => {
  for (const size of [1, 2, 3, 7, 1000]) {
    it(`are the same in pieces of ${size} bytes`, () => {
      assert.deepEqual(linesOf("one\n\ntwö\r\nrest", 10, size), ["one", "", "twö\r", "rest"])
    })
  }

  const long = "x".repeat(50)
  const tooLong: ReadonlyArray<readonly [text: string, id: string | undefined]> = [
    [
      `{"method":"tools/call","params":{"id":7,"text":"${long}"},"jsonrpc":"2.0","id":12345678901234567890}`,
      "12345678901234567890"
    ],
    [`{"jsonrpc":"2.0","id":"\\u0061-1","method":"x","params":["${long}",{"id":1}]}`, `"\\u0061-1"`],
    [`{"i\\u0064" : null, "params" : "\\"id\\":5 ${long}"}`, "null"],
    [`{"id":1,"id":2,"x":"${long}"}`, "2"],
    [`{"method":"notification","params":{"id":9,"x":"${long}"}}`, undefined],
    [`[{"id":1,"method":"${long}"}]`, undefined],
    [`{"id":1,"broken":${long}}`, undefined]
  ]
  for (const [text, id] of tooLong) {
    for (const size of [1, 5, 1000]) {
      it(`that are too long are told by ${id ?? "no id"}, in pieces of ${size}: ${text.slice(0, 30)}`, () => {
        assert.deepEqual(linesOf(`a\n${text}\nb`, 40, size), ["a", { id }, "b"])
      })
    }
  }
})
