import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import { openProviderModel } from "../../../src/adapters/model/ProviderModel.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { modelApis } from "../../../src/domain/chat/ModelProvider.ts"
import type { AssistantMessage, ChatMessage } from "../../../src/domain/chat/ChatMessage.ts"
import { modelServer } from "../../servers/ModelServer.ts"
import type { ModelScript } from "../../servers/models/ModelScript.ts"
import { type Mode, Refusal } from "../../servers/models/ModelFault.ts"
import { collectGarbage } from "../../servers/collectGarbage.ts"
import { shared } from "../../servers/shared.ts"
import { addressAt, answerOf, closedPort, openAt, result, secret, tool, user } from "./Providers.ts"

const twoCalls: ModelScript = (messages) =>
  messages.at(-1)?.role === "tool"
    ? { text: "Done." }
    : {
        text: "Let me look.",
        reasoning: "Two tools.",
        calls: [
          { name: "first", arguments: { q: "a and b" } },
          { name: "second", arguments: { n: 2 } }
        ]
      }
const server = shared(modelServer({ script: twoCalls, key: secret }))
const tools = [tool("first"), tool("second")]

/** The next round: the calls, their results, and what follows. */
const after = (
  message: AssistantMessage | undefined,
  ...more: ReadonlyArray<ChatMessage>
): ReadonlyArray<ChatMessage> => {
  const calls = message?.content.filter((part) => part._tag === "ToolCall") ?? []
  return [
    user("go"),
    ...(message === undefined ? [] : [message]),
    ...(calls.length === 0
      ? []
      : [{ _tag: "Tool" as const, results: calls.map(({ id, name }) => result(id, name, "R")) }]),
    ...more
  ]
}

describe("what servers of Chat Completions send", () => {
  const whole = ['{"q":"a and b"}', '{"n":2}']
  const table: Readonly<Partial<Record<Mode, ReadonlyArray<string>>>> = {
    fragments: whole,
    interleaved: whole,
    "no-id": whole,
    "no-index": whole,
    "same-index": whole,
    "empty-ids": whole,
    "object-arguments": whole,
    "stop-after-calls": whole,
    "no-done": whole,
    "left-open": whole,
    comments: whole,
    "reasoning-content": whole,
    reasoning: whole,
    "unknown-tool": whole,
    "cut-arguments": whole.map((text) => text.slice(0, -1)),
    "empty-arguments": ["", ""]
  }
  it.effect.each(Object.entries(table))(
    "%s is an answer, and the next turn is accepted",
    ([mode, expected]) =>
      Effect.gen(function* () {
        const model = yield* openAt("chat_completions", server().origin, mode)
        const answer = yield* answerOf(model, [user("go")], tools)
        assert.strictEqual(answer.failure, undefined)
        assert.deepStrictEqual(
          answer.calls.map((call) => call.arguments),
          expected
        )
        assert.strictEqual(answer.end?.reason, "tool-calls")
        assert.strictEqual(answer.reasoning, "Two tools.")
        const next = yield* answerOf(model, after(answer.end?.message), tools)
        assert.deepInclude(next, { failure: undefined, text: "Done." })
      })
  )
})

describe.each(modelApis)("a model of the API %s", (api) => {
  it.effect("fails if its answer has calls without end", () =>
    Effect.gen(function* () {
      const calls = Array.from({ length: 500 }, () => ({ name: "first", arguments: {} }))
      const { origin } = yield* modelServer({ script: () => ({ calls }), key: secret })
      const { failure } = yield* answerOf(yield* openAt(api, origin, "scripted"), [user("go")], tools)
      assert.deepInclude(failure, { failure: "bad-answer", detail: "its answer has over 128 calls." })
    })
  )

  it.effect.each([
    ["429", "rate-limit", /HTTP 429/],
    ["overloaded", "unavailable", /HTTP 529: Overloaded/],
    ["context-full", "context-full", /HTTP 400/],
    ["no-tools", "no-tools", /does not support tools/],
    ["missing", "unknown-model", /HTTP 404/],
    ["stream-error", "unavailable", /it reported an error: /],
    ["cut", "unreachable", /broke off|before it was complete/],
    ["html", "bad-answer", /a page of HTML/],
    ["json", "bad-answer", /JSON in place of a stream/],
    ["json-error", "unavailable", /it reported an error: Overloaded/],
    ["redirect", "refused", /redirects to http:\/\/localhost:9/]
  ] as const)("fails for %s as %s", ([mode, failure, detail]) =>
    Effect.gen(function* () {
      const model = yield* openAt(api, server().origin, mode)
      const answer = yield* answerOf(model, [user("go")], tools)
      assert.strictEqual(answer.failure?.failure, failure)
      assert.match(answer.failure?.detail ?? "", detail)
      assert.strictEqual(answer.failure?.retryAfter, mode === "429" ? 7000 : undefined)
    })
  )

  it.effect("reports a wrong key, and shows none", () =>
    Effect.gen(function* () {
      const key = "sk-wrong-key-of-a-user"
      const model = yield* openAt(api, server().origin, "scripted", { key: Redacted.make(key) })
      const { failure } = yield* answerOf(model, [user("go")])
      assert.strictEqual(failure?.failure, "authentication")
      assert.include(failure?.message, "HTTP 401")
      assert.notInclude(JSON.stringify(failure), key)
    })
  )

  it.effect("ends an answer that is cut at its length, empty or filtered with its reason", () =>
    Effect.gen(function* () {
      for (const [mode, reason] of [
        ["length", "length"],
        ["filtered", "content-filter"],
        ["empty", "stop"]
      ] as const) {
        const model = yield* openAt(api, server().origin, mode)
        const { end, failure } = yield* answerOf(model, [user("go")])
        assert.strictEqual(failure, undefined, mode)
        assert.strictEqual(end?.reason, reason)
        assert.strictEqual(end?.message === undefined, mode === "empty")
      }
    })
  )

  it.effect("counts tokens, with those of a cache", () =>
    Effect.gen(function* () {
      const { end } = yield* answerOf(yield* openAt(api, server().origin, "scripted"), [user("go")])
      assert.deepStrictEqual(end?.usage, { input: 100, cachedInput: 40, output: 20 })
    })
  )

  it.effect(
    "gets ids of calls that it takes in place of those of another model, and its own as they are",
    () =>
      Effect.gen(function* () {
        const model = yield* openAt(api, server().origin, "scripted")
        // As Kimi, vLLM and proxies write them.
        const ids = ["functions.first:0", "functions.first:1", `chatcmpl-tool-${"f".repeat(90)}`]
        const round = (id: string, by: string): ReadonlyArray<ChatMessage> => [
          {
            _tag: "Assistant",
            content: [{ _tag: "ToolCall", id, name: "first", arguments: "{}" }],
            model: by
          },
          { _tag: "Tool", results: [result(id, "first", "R")] }
        ]
        const messages = [
          user("go"),
          ...ids.flatMap((id) => round(id, "kimi:k2")),
          ...round("call00002", model.name)
        ]
        assert.strictEqual((yield* answerOf(model, messages, tools)).failure, undefined)
        const sent = JSON.stringify(server().requests.at(-1)?.body)
        for (const id of ids) assert.notInclude(sent, id)
        for (const id of ["call00001", "call00002", "call00003", "call00004"])
          assert.strictEqual(sent.split(`"${id}"`).length - 1, 2)
      })
  )

  it.effect("reads a conversation of another model, with made-up names, broken arguments and pictures", () =>
    Effect.gen(function* () {
      // Gemini 3 requires the signature of thoughts with every call.
      const name = api === "google" ? "gemini-3-pro-preview" : "scripted"
      let seen = 0
      const script: ModelScript = (messages, given) => {
        seen = messages.reduce((sum, { pictures = 0 }) => sum + pictures, 0)
        return twoCalls(messages, given)
      }
      const own = yield* modelServer({ script, models: [name] })
      const other = api === "anthropic" ? "openai" : "anthropic"
      const before = yield* answerOf(yield* openAt(other, own.origin, "scripted"), [user("go")], tools)
      const picture = { _tag: "Media" as const, mimeType: "image/png", base64: "aGVsbG8=" }
      const unreadable = { ...picture, mimeType: "application/x-unknown" }
      const strange: ChatMessage = {
        _tag: "Assistant",
        content: [
          { _tag: "ToolCall", id: "c1", name: "my tool.v2", arguments: "{broken" },
          { _tag: "ToolCall", id: "c2", name: "first", arguments: "[1]" }
        ]
      }
      const results: ChatMessage = {
        _tag: "Tool",
        results: [
          { id: "c1", name: "my tool.v2", isError: true, content: [] },
          {
            id: "c2",
            name: "first",
            isError: false,
            content: [{ _tag: "Text", text: "seen" }, picture, unreadable]
          }
        ]
      }
      const count = own.requests.length
      const model = yield* openAt(api, own.origin, name)
      const asked: ChatMessage = {
        _tag: "User",
        content: [{ _tag: "Text", text: "and?" }, picture, unreadable]
      }
      const answer = yield* answerOf(model, [...after(before.end?.message), strange, results, asked], tools)
      assert.strictEqual(answer.failure, undefined)
      const sent = JSON.stringify(own.requests[count]?.body)
      assert.strictEqual(seen, 2)
      assert.strictEqual(sent.split("aGVsbG8=").length - 1, 2)
      assert.include(
        sent,
        "A file of the type application/x-unknown with 6 bytes is here. You cannot see it."
      )
      assert.notInclude(sent, "Two tools.")
    })
  )

  it.effect("offers tools whose schemas the provider would refuse", () =>
    Effect.gen(function* () {
      const schemas = {
        empty: {},
        "1st": {
          type: "object",
          properties: { list: { type: "array" } },
          $schema: "https://json-schema.org/draft/2020-12/schema"
        },
        choice: {
          type: "object",
          anyOf: [{ properties: { a: { type: "string" } } }, { properties: { b: { type: "number" } } }]
        },
        nested: {
          type: "object",
          properties: { deep: { type: "object", properties: { all: { type: "array" } } } },
          required: ["deep", "gone"]
        }
      }
      const offered = Object.entries(schemas).map(([name, schema]) => tool(name, schema))
      const script: ModelScript = (_, given) => ({
        calls: given.map(({ name }) => ({ name, arguments: {} }))
      })
      const own = yield* modelServer({ script })
      const answer = yield* answerOf(yield* openAt(api, own.origin, "scripted"), [user("go")], offered)
      assert.strictEqual(answer.failure, undefined)
      assert.deepStrictEqual(
        answer.calls.map(({ name }) => name),
        Object.keys(schemas)
      )
    })
  )

  it.effect("ends its request when the reader stops", () =>
    Effect.gen(function* () {
      const own = yield* modelServer({ script: twoCalls })
      const model = yield* openAt(api, own.origin, "silent")
      const first = yield* Stream.runHead(model.stream({ system: "", messages: [user("go")], tools: [] }))
      assert.strictEqual(first._tag, "Some")
      const begun = yield* Deferred.make<void>()
      const waiting = yield* model.stream({ system: "", messages: [user("go")], tools: [] }).pipe(
        Stream.runForEach(() => Deferred.succeed(begun, undefined)),
        Effect.forkChild
      )
      yield* Deferred.await(begun)
      // The signal of a request is lost with it: an answer without an end would go on.
      yield* collectGarbage
      yield* Fiber.interrupt(waiting)
      yield* Effect.promise(() => own.ended(2))
      assert.deepStrictEqual(
        own.requests.map(({ aborted }) => aborted()),
        [true, true]
      )
    })
  )
})

describe("a model", () => {
  it.live("of Anthropic has answered with its last event, whatever its connection does then", () =>
    Effect.gen(function* () {
      for (const mode of ["left-open", "broken-end"] as const) {
        const model = yield* openAt("anthropic", server().origin, mode)
        const { end, failure, text } = yield* answerOf(model, [user("go")], tools)
        assert.deepStrictEqual([text, end?.reason, failure], ["Let me look.", "tool-calls", undefined], mode)
      }
    })
  )

  it.live("is silent for as long as the configuration lets it", () =>
    Effect.gen(function* () {
      const model = yield* openAt("chat_completions", server().origin, "silent", {
        silence: Duration.millis(200)
      })
      const { failure, text } = yield* answerOf(model, [user("go")])
      assert.strictEqual(failure?.failure, "silent")
      assert.strictEqual(text, "Let me look.")
    })
  )

  it.effect("is not silent as long as its server says something, however little", () =>
    Effect.gen(function* () {
      const parts = yield* Effect.sync(() =>
        Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>()
      )
      const headers = { "content-type": "text/event-stream" }
      const body = new ReadableStream<Uint8Array>({ start: (controller) => parts.resolve(controller) })
      const address = addressAt("chat_completions", "http://127.0.0.1:9", "m", {
        silence: Duration.seconds(10)
      })
      const model = yield* openProviderModel(address).pipe(
        Effect.provideService(HttpTransport, { send: () => Effect.succeed(new Response(body, { headers })) })
      )
      const reading = yield* answerOf(model, [user("go")]).pipe(Effect.forkChild)
      const controller = yield* Effect.promise(() => parts.promise)
      const say = (delta: object) =>
        Effect.promise(async () => {
          const event = { id: "1", choices: [{ index: 0, delta }] }
          controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`))
          // Whatever reads it does so in this turn of the event loop.
          await new Promise((resolve) => setImmediate(resolve))
        })
      for (const delta of [{ role: "assistant" }, {}, { content: "" }, { content: "so" }, {}]) {
        yield* say(delta)
        yield* TestClock.adjust("8 seconds")
      }
      yield* say({ content: "on" })
      yield* TestClock.adjust("10 seconds")
      const { failure, text } = yield* Fiber.join(reading)
      assert.deepStrictEqual([text, failure?.failure], ["soon", "silent"])
    })
  )

  it.effect("gets no key over http, and none at another address", () =>
    Effect.gen(function* () {
      for (const origin of [
        "http://models.example.com",
        "http://192.168.1.5:8080",
        "http://127.0.0.1.evil.test"
      ]) {
        const { failure } = yield* answerOf(yield* openAt("chat_completions", origin, "scripted"), [
          user("go")
        ])
        assert.strictEqual(failure?.failure, "refused")
        assert.match(failure?.detail ?? "", /has http, over which no key is sent/)
      }
    })
  )

  it.effect("gives every call an id of its own", () =>
    Effect.gen(function* () {
      const model = yield* openAt("chat_completions", server().origin, "scripted")
      const call = { _tag: "ToolCall" as const, name: "first", arguments: "{}" }
      const ids = ["call_4_0", "call_4_1"]
      const before: ChatMessage = { _tag: "Assistant", content: ids.map((id) => ({ ...call, id })) }
      const results: ChatMessage = { _tag: "Tool", results: ids.map((id) => result(id, "first", "R")) }
      // The server counts messages for its ids.
      const conversation = [user("go"), before, results, user("more")]
      const answer = yield* answerOf(model, conversation, tools)
      const all = [...ids, ...answer.calls.map(({ id }) => id)]
      assert.strictEqual(new Set(all).size, 4)
      assert.strictEqual(answer.calls.length, 2)
    })
  )

  it.effect("that refuses pictures reads a sentence in their place from then on", () =>
    Effect.gen(function* () {
      const script: ModelScript = (messages) => {
        if (messages.some(({ pictures = 0 }) => pictures > 0)) {
          throw new Refusal("This model does not support image input.")
        }
        return { text: "I see no picture." }
      }
      const own = yield* modelServer({ script })
      const model = yield* openAt("chat_completions", own.origin, "scripted")
      const asked: ChatMessage = {
        _tag: "User",
        content: [
          { _tag: "Text", text: "What is it?" },
          { _tag: "Media", mimeType: "image/png", base64: "aGVsbG8=" }
        ]
      }
      const first = yield* answerOf(model, [asked])
      assert.deepInclude(first.failure, {
        failure: "refused",
        detail: "it answered HTTP 400: This model does not support image input."
      })
      assert.strictEqual((yield* answerOf(model, [asked])).text, "I see no picture.")
    })
  )

  it.effect.each<[what: string, address: Effect.Effect<string>, failure: string, detail: RegExp]>([
    [
      "where no server listens on this machine",
      Effect.map(closedPort, (port) => `http://127.0.0.1:${port}`),
      "not-running",
      /the connection was refused/
    ],
    [
      "at a port that browsers block",
      Effect.succeed("http://127.0.0.1:1"),
      "not-running",
      /the connection was refused/
    ]
  ])("is not asked again %s", ([, address, failure, detail]) =>
    Effect.gen(function* () {
      const model = yield* openAt("chat_completions", yield* address, "m")
      const { failure: error } = yield* answerOf(model, [user("go")])
      assert.strictEqual(error?.failure, failure)
      assert.match(error?.detail ?? "", detail)
    })
  )
})
