import { assert, describe, it } from "@effect/vitest"
import { Duration, Schema } from "effect"
import * as Sse from "effect/encoding/Sse"
import { EventReader } from "../../../../src/adapters/mcp/wire/EventReader.ts"

const maxBytes = 1000

/** What a reader makes of a stream that comes in chunks of a length. */
const read = (text: string, length: number) => {
  const retries: Array<number> = []
  const reader = new EventReader({ maxBytes, onRetry: (milliseconds) => retries.push(milliseconds) })
  const bytes = new TextEncoder().encode(text)
  const events: Array<{ readonly name: string; readonly id: string | undefined; readonly data: string }> = []
  for (let at = 0; at < bytes.length; at += length) {
    const found = reader.add(bytes.subarray(at, at + length))
    if (found === "TooLong") return { events, retries, isTooLong: true }
    events.push(...found.map(({ data, id, name }) => ({ id, name, data: data.text() })))
  }
  return { events, retries, isTooLong: false }
}

/** What the parser of Effect makes of it. It leaves out events that only name an id. */
const expected = (text: string) => {
  const retries: Array<number> = []
  const events: Array<{ readonly name: string; readonly id: string | undefined; readonly data: string }> = []
  const parser = Sse.makeParser((event) => {
    if (event._tag === "Retry") retries.push(Duration.toMillis(event.duration))
    else events.push({ id: event.id, name: event.event, data: event.data })
  })
  parser.feed(text)
  return { events, retries }
}

const Line = Schema.Literals([
  "",
  "",
  "data: {}",
  "data:x",
  "data:  two spaces",
  "data",
  "data:",
  "data: ü\u{1f600}: colon",
  "event: endpoint",
  "event:",
  "id: 7",
  "id",
  "id: a\0b",
  "retry: 250",
  "retry: soon",
  ": comment",
  "unknown: x",
  "datax: y",
  "\ufeffdata: mark"
])

describe("an event stream", () => {
  it.prop(
    "is read as the standard says, in any chunks and with any line ends",
    [
      Schema.Array(Schema.Struct({ line: Line, end: Schema.Literals(["\n", "\r\n", "\r"]) })),
      Schema.Literals([1, 2, 3, 5, 64])
    ],
    ([lines, length]) => {
      const text = lines.map(({ end, line }) => line + end).join("")
      const { events, retries } = read(text, length)
      const standard = expected(text)
      const withData = ({ data }: { readonly data: string }) => data !== ""
      assert.deepEqual(events.filter(withData), standard.events.filter(withData))
      assert.deepEqual(retries, standard.retries)
    }
  )

  it.each([
    ["a byte order mark", "\ufeffdata: a\n\n", [{ id: undefined, name: "message", data: "a" }]],
    ["a mark in its data", "data: \ufeffa\n\n", [{ id: undefined, name: "message", data: "\ufeffa" }]],
    ["an id with empty data", "id: 1\ndata: \n\n", [{ id: "1", name: "message", data: "" }]],
    ["an id alone", "id: 1\n\n", [{ id: "1", name: "message", data: "" }]],
    [
      "the id of an event before",
      "id: 1\ndata: a\n\ndata: b\n\n",
      [
        { id: "1", name: "message", data: "a" },
        { id: "1", name: "message", data: "b" }
      ]
    ],
    ["data on two lines", "data: {\ndata: }\n\n", [{ id: undefined, name: "message", data: "{\n}" }]],
    [
      "an event that has not ended",
      "data: a\n\nid: 2\ndata: b",
      [{ id: undefined, name: "message", data: "a" }]
    ]
  ])("with %s", (_, text, events) => {
    for (const length of [1, 4, 100]) assert.deepEqual(read(text, length).events, events)
  })

  it.each([
    ["a long line", `data: ${"x".repeat(maxBytes)}`],
    ["many lines", "data: 12345\n".repeat(200)],
    ["a long comment", `:${"x".repeat(2 * maxBytes)}`],
    ["many comments between its lines", "data: 1\n: a longer comment\n".repeat(60)],
    ["many unknown fields between its lines", "data: 1\nother: a longer value\n".repeat(50)]
  ])("may not have %s in one event", (_, text) => {
    assert.isTrue(read(text, 64).isTooLong)
    assert.isTrue(read(text, 10_000).isTooLong)
  })

  it("may have any number of comments between two events", () => {
    assert.isFalse(read(": ping\n".repeat(1000), 700).isTooLong)
    assert.isFalse(read("data: a\n\n: ping\n\n".repeat(1000), 700).isTooLong)
  })

  it("may be longer than one event", () => {
    const { events, isTooLong } = read(`data: ${"x".repeat(900)}\n\n`.repeat(50), 700)
    assert.isFalse(isTooLong)
    assert.strictEqual(events.length, 50)
  })
})
