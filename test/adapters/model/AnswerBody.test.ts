import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { answerBody, type AnswerBodyOptions } from "../../../src/adapters/model/AnswerBody.ts"
import { makeTextArguments } from "../../../src/adapters/model/SseRepair.ts"

const roomy: AnswerBodyOptions = {
  maxBytes: 1_000_000,
  maxLine: 1_000_000,
  repair: undefined,
  signal: undefined
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A body of parts that stays open after them, unless it ends. */
const source = (parts: ReadonlyArray<Uint8Array>, isOpen = false) => {
  const cancelled: Array<unknown> = []
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part)
      if (!isOpen) controller.close()
    },
    cancel: (reason) => {
      cancelled.push(reason)
    }
  })
  return { body, cancelled }
}

/** The text of a body up to its end or its failure. */
const read = async (body: ReadableStream<Uint8Array>): Promise<readonly [string, unknown]> => {
  const chunks: Array<Uint8Array> = []
  try {
    for await (const chunk of body) chunks.push(chunk)
    return [Buffer.concat(chunks).toString(), undefined]
  } catch (error) {
    return [Buffer.concat(chunks).toString(), error]
  }
}

/** A text in parts that end after each of some bytes. */
const cutAt = (text: string, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const bytes = bytesOf(text)
  const ends = [...new Set(places.map((place) => Math.abs(place) % (bytes.length + 1)))].toSorted(
    (a, b) => a - b
  )
  return [...ends, bytes.length].map((end, at) => bytes.slice(ends[at - 1] ?? 0, end))
}

describe("the body of an answer", () => {
  const call = (given: string) =>
    `data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"é","arguments":${given}}}]}}]}`

  it.effect.prop(
    "has the arguments of calls as text, wherever its parts and however its lines end",
    [Schema.Array(Schema.Int), Schema.Literals(["\n", "\r\n", "\r"])],
    ([places, end]) =>
      Effect.gen(function* () {
        const linesOf = (first: string, second: string) =>
          [": 😀", call(first), "", call(second)].join(end) + end
        const { body } = source(cutAt(linesOf('{"a":"ü"}', '["b"]'), places))
        const options = { ...roomy, repair: makeTextArguments() }
        assert.deepStrictEqual(yield* Effect.promise(() => read(answerBody(body, options))), [
          linesOf(String.raw`"{\"a\":\"ü\"}"`, String.raw`"[\"b\"]"`),
          undefined
        ])
      })
  )

  it.effect.prop(
    "ends behind its last event, wherever its parts end",
    [Schema.Array(Schema.Int), Schema.Boolean],
    ([places, isOpen]) =>
      Effect.gen(function* () {
        const text = `${call("{}")}\n\ndata: [DONE] is a text\n\ndata:[DONE]\r\n`
        const { body, cancelled } = source(cutAt(text, places), isOpen)
        const options = { ...roomy, repair: makeTextArguments() }
        const [got, error] = yield* Effect.promise(() => read(answerBody(body, options)))
        assert.deepStrictEqual(
          [got.replace(/\r?\n$/, ""), error],
          [text.replace("{}", '"{}"').trimEnd(), undefined]
        )
        assert.deepStrictEqual(cancelled, [])
      })
  )

  it("closes a connection that goes on behind its last event", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] })
    try {
      const { body, cancelled } = source([bytesOf("data: [DONE]\n\n"), bytesOf(": more\n\n")], true)
      const options = { ...roomy, repair: makeTextArguments() }
      assert.deepStrictEqual(await read(answerBody(body, options)), ["data: [DONE]\n\n", undefined])
      await vi.advanceTimersByTimeAsync(1000)
      assert.strictEqual(cancelled.length, 1)
    } finally {
      vi.useRealTimers()
    }
  })

  it("ends with an error above its limits, and cancels what is left", async () => {
    for (const [limits, expected] of [
      [{ maxBytes: 2 ** 20 }, "its answer has over 1 MiB."],
      [{ maxLine: 2 ** 20 }, "its answer has an event of over 1 MiB."]
    ] as const) {
      const part = new Uint8Array(2 ** 19 + 1)
      const { body, cancelled } = source([bytesOf("a\n"), part, part, part], true)
      const [text, error] = await read(
        answerBody(body, { ...roomy, maxBytes: 2 ** 30, maxLine: 2 ** 30, ...limits })
      )
      assert.strictEqual(text.length, 2 + part.length)
      assert.strictEqual((error as Error).message, expected)
      assert.deepStrictEqual(cancelled, [error])
    }
  })

  it("counts a line anew after each end of one", async () => {
    const line = `${"x".repeat(90)}\n`
    const { body } = source([bytesOf(line), bytesOf(`${line}yy`), bytesOf(line)])
    const [text, error] = await read(answerBody(body, { ...roomy, maxLine: 95 }))
    assert.deepStrictEqual([text, error], [`${line}${line}yy${line}`, undefined])
  })

  it("fails with the reason of its signal, before a part and while it waits for one", async () => {
    for (const abortFirst of [true, false]) {
      const controller = new AbortController()
      const { body, cancelled } = source([], true)
      if (abortFirst) controller.abort("enough")
      const reading = read(answerBody(body, { ...roomy, signal: controller.signal }))
      if (!abortFirst) controller.abort("enough")
      assert.deepStrictEqual(await reading, ["", "enough"])
      assert.deepStrictEqual(cancelled, ["enough"])
    }
  })

  it("fails as its source does, and cancels the source when its reader stops", async () => {
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error("it broke") })
    assert.deepStrictEqual(await read(answerBody(broken, roomy)), ["", "it broke"])
    const { body, cancelled } = source([bytesOf("a")], true)
    await answerBody(body, roomy).cancel("stopped")
    assert.deepStrictEqual(cancelled, ["stopped"])
  })
})
