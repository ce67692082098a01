import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import { acrossRevisions } from "../../../src/app/revisions/AcrossRevisions.ts"
import { KnownRevisions } from "../../../src/ports/KnownRevisions.ts"
import type { Wire } from "../../../src/ports/McpWire.ts"
import { httpServer } from "../../adapters/mcp/McpWorld.ts"
import { initialize, initialized, message, post, request } from "../../adapters/mcp/wire/WireWorld.ts"
import { rememberedRevisions } from "./RememberedRevisions.ts"
import { type Answer, discovered, error, fakeWire, refused, result } from "./FakeWire.ts"

const server = httpServer(new URL("https://mcp.example/mcp"))
const across = <E>(wire: Wire<E>, known = rememberedRevisions(), bridge = true) =>
  Effect.provideService(acrossRevisions(server, wire, { bridge }), KnownRevisions, known)

const prefix = "io.modelcontextprotocol/"
const _meta = {
  [`${prefix}protocolVersion`]: "2026-07-28",
  [`${prefix}clientInfo`]: { name: "new", version: "1" },
  [`${prefix}clientCapabilities`]: {}
}
const discover = request("server/discover", { _meta })
const parsed = (texts: ReadonlyArray<string>) => texts.map((text) => JSON.parse(text))

describe("a client and a server of the same revision", () => {
  it.effect("of 2025 exchange the bytes that they wrote, and nothing else", () =>
    Effect.gen(function* () {
      const { sent, state, wire } = fakeWire({
        initialize: result({ protocolVersion: "2025-11-25" }),
        "tools/list": result({ tools: [{ name: "a", inputSchema: { "x-mcp-header": 1 } }] }),
        ping: result({})
      })
      const both = yield* across(wire)
      yield* post(both, initialize)
      assert.deepInclude(both.session(), { id: "one" })
      const texts = [
        initialized,
        message('{"jsonrpc":"2.0", "id":9007199254740993, "method":"tools/call","params":{"b":1e400,"b":2}}'),
        message('{"method":"ping","id":"\\u0061","jsonrpc":"2.0","_x":1}'),
        message('{"jsonrpc":"2.0","id":7,"method":"tools/list","params":[1, 2]}'),
        message('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}'),
        message('{"jsonrpc":"2.0","id":3,"result":{}}')
      ]
      for (const each of texts) {
        const { delivered } = yield* post(both, each)
        if (each.method === "tools/list") assert.include(delivered[0], '"x-mcp-header":1')
      }
      assert.deepEqual(
        sent.map(({ message: { bytes } }) => bytes.text()),
        [initialize, ...texts].map(({ bytes }) => bytes.text())
      )
      assert.isTrue(sent.every(({ headers }) => Object.keys(headers).length === 0))
      yield* Effect.forkChild(
        both.listen(() => Effect.void),
        { startImmediately: true }
      )
      assert.strictEqual(state.listening, 1)
    })
  )

  it.effect.prop(
    "of 2026-07-28 exchange the bytes that they wrote, whatever they are",
    [
      Schema.Literals(["tools/call", "tools/list", "resources/read", "server/discover", "x/y"]),
      Schema.Json,
      Schema.Json,
      Schema.Literals(["", " ", "\n\t"])
    ],
    ([method, value, answer, space]) =>
      Effect.gen(function* () {
        const params = { _meta, name: value, uri: value, arguments: value }
        const text = JSON.stringify({ id: 1, method, params })
        const asked = message(`{"jsonrpc":${space}"2.0",${space}${text.slice(1)}`)
        const answered = `{"id":1,"jsonrpc":"2.0",${space}"result":${JSON.stringify({ answer, tools: answer })}}`
        const { sent, wire } = fakeWire({
          [method]: (_, deliver) => Effect.as(deliver(message(answered)), { _tag: "Answered" })
        })
        const { delivered } = yield* post(yield* across(wire), asked)
        assert.deepEqual(
          sent.map(({ message: { bytes } }) => bytes.text()),
          [asked.bytes.text()]
        )
        assert.deepEqual(delivered, [answered])
      })
  )

  const rows: ReadonlyArray<readonly [object, Readonly<Record<string, string>>]> = [
    [
      { method: "tools/call", params: { name: "a" } },
      { "mcp-method": "tools/call", "mcp-name": "a" }
    ],
    [{ method: "tools/call", params: { name: "日本" } }, { "mcp-name": "=?base64?5pel5pys?=" }],
    [{ method: "tools/call", params: { name: "a\r\nX: 1" } }, { "mcp-name": "=?base64?YQ0KWDogMQ==?=" }],
    [{ method: "prompts/get", params: { name: " a" } }, { "mcp-name": "=?base64?IGE=?=" }],
    [{ method: "resources/read", params: { uri: "file:///a b" } }, { "mcp-name": "file:///a b" }],
    [
      { method: "resources/read", params: { uri: "=?base64?YQ==?=" } },
      { "mcp-name": "=?base64?PT9iYXNlNjQ/WVE9PT89?=" }
    ],
    [{ method: "tools/list", params: { name: "no" } }, { "mcp-method": "tools/list" }],
    [{ method: "é" }, { "mcp-method": "=?base64?w6k=?=" }],
    [{ method: "tools/call", params: { name: 5 } }, { "mcp-method": "tools/call" }]
  ]
  for (const [asked, headers] of rows)
    it.effect(`of 2026-07-28 get the headers of ${JSON.stringify(asked)}`, () =>
      Effect.gen(function* () {
        const { sent, wire } = fakeWire({})
        const { params = {}, ...rest } = asked as { readonly params?: object }
        yield* post(
          yield* across(wire),
          message({ jsonrpc: "2.0", id: 1, ...rest, params: { ...params, _meta } })
        )
        assert.deepInclude(sent[0]?.headers, { "mcp-protocol-version": "2026-07-28", ...headers })
        if (headers["mcp-name"] === undefined) assert.notProperty(sent[0]?.headers, "mcp-name")
      })
    )

  it.effect("of 2026-07-28 have no standing stream, and a cancelled request ends", () =>
    Effect.gen(function* () {
      let isStopped = false
      const slow: Answer = () =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (isStopped = true)))
      const { methods, state, wire } = fakeWire({ "tools/call": slow })
      const both = yield* across(wire)
      const call = yield* Effect.forkChild(post(both, request("tools/call", { name: "a", _meta }, "x")), {
        startImmediately: true
      })
      const cancel = (id: unknown) =>
        post(both, message({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }))
      yield* cancel("y")
      assert.isFalse(isStopped)
      yield* cancel("x")
      assert.deepEqual((yield* Fiber.join(call)).delivered, [])
      assert.isTrue(isStopped)
      assert.deepEqual(yield* both.listen(() => Effect.void), { _tag: "NotOffered", status: 405 })
      assert.deepEqual([methods(), state.listening], [["tools/call"], 0])
    })
  )

  it.effect("of 2026-07-28 leave out tools that are not valid, and warn once", () =>
    Effect.gen(function* () {
      const warnings: Array<unknown> = []
      const logger = Logger.make(({ message: said }) => void warnings.push(said))
      const tool =
        '{"name":"b" ,"inputSchema":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}'
      const invalid = '{"name":"bad","inputSchema":{"properties":{"n":{"type":"number","x-mcp-header":"N"}}}}'
      const { wire } = fakeWire({
        "tools/list": (_, deliver) =>
          Effect.as(
            deliver(message(`{"jsonrpc":"2.0","id":1,"result":{"ttlMs":1.0,"tools":[${invalid},${tool}]}}`)),
            { _tag: "Answered" }
          )
      })
      const both = yield* across(wire)
      for (let time = 0; time < 2; time++) {
        const { delivered } = yield* post(both, request("tools/list", { _meta })).pipe(
          Effect.provide(Logger.layer([logger]))
        )
        assert.deepEqual(delivered, [`{"jsonrpc":"2.0","id":1,"result":{"ttlMs":1.0,"tools":[${tool}]}}`])
      }
      assert.strictEqual(warnings.length, 1)
      assert.match(String(warnings[0]), /example: .*not valid: bad\.$/)
    })
  )
})

describe("a client of 2026-07-28 at an older server", () => {
  const rows: ReadonlyArray<readonly [string, Answer, unknown]> = [
    ["400 and its own error", error(-32000, 400), -32601],
    ["an unknown method", error(-32601), -32601],
    ["invalid parameters", error(-32602), -32601],
    ["404", refused(404), -32601],
    ["405", refused(405), -32601],
    ["500", refused(500), -32601],
    ["a web page", refused(), -32601],
    ["a lost session", () => Effect.succeed({ _tag: "SessionLost", session: "a" }), -32601],
    ["an error of its revision", error(-32022, 400), -32022],
    ["another one of its revision", error(-32020, 400), -32020]
  ]
  for (const [name, answer, code] of rows)
    it.effect(`is told what makes it fall back: ${name}`, () =>
      Effect.gen(function* () {
        const { methods, wire } = fakeWire({ "server/discover": answer, initialize: result({}) })
        const both = yield* across(wire)
        const { delivered, end } = yield* post(both, discover)
        assert.strictEqual(end._tag, "Answered")
        assert.deepEqual(
          parsed(delivered).map(({ error: { code: got }, id }) => [id, got]),
          [[1, code]]
        )
        yield* post(both, initialize)
        assert.deepEqual(methods(), ["server/discover", "initialize"])
      })
    )

  it.effect("is told so at once the next time, unless it asks again", () =>
    Effect.gen(function* () {
      const known = rememberedRevisions()
      for (const [answer, isRemembered] of [
        [error(-32603), false],
        [refused(500), false],
        [refused(408), false],
        [refused(400), true],
        [error(-32000, 400), true],
        [error(-32601), true]
      ] as const) {
        known.known.clear()
        yield* post(yield* across(fakeWire({ "server/discover": answer }).wire, known), discover)
        assert.strictEqual(known.known.get(server.url.href), isRemembered ? "older" : undefined)
      }
      const { methods, wire } = fakeWire({ "server/discover": discovered })
      const both = yield* across(wire, known)
      assert.include((yield* post(both, discover)).delivered[0], "-32601")
      assert.deepEqual(methods(), [])
      assert.include((yield* post(both, discover)).delivered[0], "2026-07-28")
    })
  )

  it.effect("gets an error that says nothing about revisions as it is", () =>
    Effect.gen(function* () {
      for (const status of [401, 403, 429]) {
        const { wire } = fakeWire({ "server/discover": refused(status) })
        assert.strictEqual((yield* Effect.flip(post(yield* across(wire), discover))).status, status)
      }
    })
  )
})

describe("a client of 2025 at a server that refuses initialize", () => {
  const rows: ReadonlyArray<readonly [string, Answer]> = [
    ["with the versions that it speaks", error(-32022, 400)],
    ["with missing headers", error(-32020, 400)],
    ["with missing metadata", error(-32602, 400)],
    ["as an unknown method", error(-32601, 404)],
    ["without JSON", refused(400)]
  ]
  for (const [name, refusal] of rows)
    it.effect(`${name} is connected, and the next time at once`, () =>
      Effect.gen(function* () {
        const known = rememberedRevisions()
        const first = fakeWire({ initialize: refusal, "server/discover": discovered })
        const { delivered } = yield* post(yield* across(first.wire, known), initialize)
        assert.deepEqual(parsed(delivered), [
          {
            jsonrpc: "2.0",
            id: 1,
            result: {
              protocolVersion: "2025-11-25",
              capabilities: { tools: {} },
              serverInfo: { name: "mcp.example", version: "0" }
            }
          }
        ])
        assert.deepEqual(first.methods(), ["initialize", "server/discover"])
        const second = fakeWire({ initialize: refusal, "server/discover": discovered })
        yield* post(yield* across(second.wire, known), initialize)
        assert.deepEqual(second.methods(), ["server/discover"])
        // It was replaced by an older one.
        const third = fakeWire({ initialize: result({ protocolVersion: "2025-06-18" }) })
        const both = yield* across(third.wire, known)
        assert.include((yield* post(both, initialize)).delivered[0], "2025-06-18")
        assert.deepEqual(third.methods(), ["server/discover", "initialize"])
        yield* post(both, initialize)
        assert.deepEqual(third.methods().slice(2), ["initialize"])
        assert.strictEqual(known.known.size, 0)
      })
    )

  const troubles: ReadonlyArray<readonly [string, Answer, ReadonlyArray<string>]> = [
    ["has trouble", refused(503), ["server/discover", "initialize", "server/discover"]],
    ["wants a sign-in", refused(401), ["server/discover", "initialize"]]
  ]
  for (const [name, trouble, methods] of troubles)
    it.effect(`is remembered as one where it ${name}`, () =>
      Effect.gen(function* () {
        const known = rememberedRevisions(new Map([[server.url.href, "modern"]]))
        const wire = fakeWire({
          initialize: name === "has trouble" ? error(-32022, 400) : refused(401),
          "server/discover": trouble
        })
        yield* Effect.result(post(yield* across(wire.wire, known), initialize))
        assert.deepEqual(wire.methods(), methods)
        assert.strictEqual(known.known.get(server.url.href), "modern")
      })
    )

  it.effect("is greeted once while the network, or a token, is missing", () =>
    Effect.gen(function* () {
      const known = rememberedRevisions(new Map([[server.url.href, "modern"]]))
      let count = 0
      const wire: Wire<string> = {
        ...fakeWire({}).wire,
        post: () => Effect.suspend(() => Effect.fail(`no network ${++count}`))
      }
      assert.strictEqual(yield* Effect.flip(post(yield* across(wire, known), initialize)), "no network 1")
      assert.strictEqual(known.known.get(server.url.href), "modern")
    })
  )

  it.effect("gets the refusal as it is if the server is none of 2026-07-28, or without a bridge", () =>
    Effect.gen(function* () {
      for (const [answer, bridge, count] of [
        [error(-32000), true, 2],
        [error(-32022, 400), false, 1]
      ] as const) {
        const { methods, wire } = fakeWire({
          initialize: answer,
          ...(bridge ? {} : { "server/discover": discovered })
        })
        const { delivered } = yield* post(yield* across(wire, undefined, bridge), initialize)
        assert.strictEqual(parsed(delivered).length, 1)
        assert.property(parsed(delivered)[0], "error")
        assert.strictEqual(methods().length, count)
      }
      for (const status of [401, 403, 404, 500]) {
        const { methods, wire } = fakeWire({ initialize: refused(status), "server/discover": discovered })
        assert.strictEqual((yield* Effect.flip(post(yield* across(wire), initialize))).status, status)
        assert.deepEqual(methods(), ["initialize"])
      }
    })
  )

  /** A bridged client, and what its server is sent for each further message. */
  const bridged = (answers: Readonly<Record<string, Answer>>) =>
    Effect.gen(function* () {
      const fake = fakeWire({ initialize: error(-32022, 400), "server/discover": discovered, ...answers })
      const both = yield* across(fake.wire)
      yield* post(both, initialize)
      fake.sent.length = 0
      return { ...fake, both }
    })

  it.effect("keeps the digits of what it sends, and its own metadata", () =>
    Effect.gen(function* () {
      const { both, sent } = yield* bridged({ "x/y": result({}) })
      const params =
        '{"a":9007199254740993,"b":1.0,"_meta":{"progressToken":12345678901234567890,"mine":"\\u0041"}}'
      yield* post(both, message(`{"jsonrpc":"2.0","extra":1e2,"id":1.50,"method":"x/y","params":${params}}`))
      const text = sent[0]?.message.bytes.text() ?? ""
      for (const part of [
        '"a":9007199254740993,"b":1.0',
        '"progressToken":12345678901234567890,"mine":"\\u0041"',
        '"extra":1e2,"id":1.50',
        `"${prefix}protocolVersion":"2026-07-28"`
      ])
        assert.include(text, part)
    })
  )

  it.effect("gets answers to what the server has no method for", () =>
    Effect.gen(function* () {
      const { both, sent } = yield* bridged({})
      const asked = [
        [request("ping"), { result: {} }],
        [request("logging/setLevel", { level: "debug" }), { result: {} }],
        [request("logging/setLevel", { level: "loud" }), { code: -32602 }],
        [request("logging/setLevel"), { code: -32602 }],
        [request("resources/subscribe", { uri: "a:b" }), { result: {} }],
        [request("resources/subscribe"), { code: -32602 }],
        [request("resources/unsubscribe", { uri: "a:b" }), { result: {} }]
      ] as const
      for (const [each, expected] of asked) {
        const [answer] = parsed((yield* post(both, each)).delivered)
        if ("code" in expected) assert.strictEqual(answer.error.code, expected.code)
        else assert.deepEqual(answer.result, {})
      }
      for (const each of [
        initialized,
        message({ jsonrpc: "2.0", method: "notifications/roots/list_changed" }),
        message({ jsonrpc: "2.0", id: "unknown", result: {} })
      ])
        assert.deepEqual(yield* post(both, each), { end: { _tag: "Accepted" }, delivered: [] })
      assert.deepEqual(sent, [])
      yield* post(both, request("tools/list"))
      assert.include(sent[0]?.message.bytes.text(), `"${prefix}logLevel":"debug"`)
    })
  )

  it.effect("gets an error for input that is not required as it should be", () =>
    Effect.gen(function* () {
      const required = (rest: object) => result({ resultType: "input_required", ...rest })
      const question = { method: "roots/list" }
      const many = Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`q${at}`, question]))
      for (const [rest, why] of [
        [{}, /does not say which/],
        [{ inputRequests: {} }, /does not say which/],
        [{ inputRequests: [question] }, /does not say which/],
        [{ inputRequests: many }, /asks 17 questions/],
        [{ inputRequests: { a: 5 } }, /asks for null/],
        [{ inputRequests: { a: { method: "evil/run" } } }, /asks for "evil\/run"/]
      ] as const) {
        const { both, sent } = yield* bridged({ "tools/call": required(rest) })
        const { delivered } = yield* post(both, request("tools/call", { name: "a" }))
        assert.strictEqual(delivered.length, 1)
        assert.match(parsed(delivered)[0].error.message, why)
        assert.strictEqual(sent.length, 1)
      }
    })
  )

  it.effect("stops after ten rounds, each with the state of the one before", () =>
    Effect.gen(function* () {
      let round = 0
      const { both, sent } = yield* bridged({
        "tools/call": (asked, deliver, options) =>
          result({ resultType: "input_required", requestState: `state ${round++}` })(asked, deliver, options)
      })
      const call = yield* Effect.forkChild(post(both, request("tools/call", { name: "a" })), {
        startImmediately: true
      })
      for (let time = 0; time < 10; time++) yield* TestClock.adjust("1 second")
      const { delivered } = yield* Fiber.join(call)
      assert.match(parsed(delivered)[0].error.message, /10 rounds/)
      assert.strictEqual(parsed(delivered)[0].id, 1)
      assert.deepEqual(
        sent.map(({ message: { bytes } }) => JSON.parse(bytes.text()).params.requestState),
        [undefined, ...Array.from({ length: 10 }, (_, at) => `state ${at}`)]
      )
    })
  )

  it.effect("keeps its stream open with growing pauses, and without renewing a token", () =>
    Effect.gen(function* () {
      const delays: Array<number> = []
      const renewals: Array<unknown> = []
      const fake = fakeWire({
        initialize: error(-32022, 400),
        "server/discover": result({
          supportedVersions: ["2026-07-28"],
          capabilities: { tools: { listChanged: true } }
        }),
        "subscriptions/listen": (_, __, options) => {
          renewals.push(options.renew)
          return refused(503)(_, __, options)
        }
      })
      const both = yield* across(fake.wire)
      yield* post(both, initialize)
      yield* Effect.forkChild(
        both.listen(() => Effect.void, {
          onFailure: (_, delay) => Effect.sync(() => void delays.push(delay))
        }),
        { startImmediately: true }
      )
      for (let time = 0; time < 9; time++) yield* TestClock.adjust("30 seconds")
      assert.deepEqual(delays.slice(0, 7), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
      assert.isTrue(renewals.every((renew) => renew === false))
      assert.strictEqual(fake.state.listening, 0)
    })
  )

  it.effect("opens no stream where nothing is announced, and says so where there are none", () =>
    Effect.gen(function* () {
      const { both, methods } = yield* bridged({})
      const listening = yield* Effect.forkChild(
        both.listen(() => Effect.void),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      assert.deepEqual(methods(), [])
      const { delivered } = yield* post(both, request("resources/subscribe", { uri: "a:b" }))
      assert.property(parsed(delivered)[0], "error")
      assert.deepEqual(yield* Fiber.join(listening), { _tag: "NotOffered", status: 404 })
      assert.property(
        parsed((yield* post(both, request("resources/subscribe", { uri: "a:c" }))).delivered)[0],
        "error"
      )
      assert.deepEqual(methods(), ["subscriptions/listen"])
    })
  )
})
