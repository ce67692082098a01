import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import type { OpenSession } from "../../../src/app/session/ServerSession.ts"
import { listenWith } from "./McpServers.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"

type Page = (cursor: string | undefined) => unknown

/** A server that answers each list with a page, in the older revision or in that of 2026-07-28, as JSON or as a stream. */
const listing = (page: Page, { isModern = false, isStream = false } = {}) =>
  listenWith(async (request) => {
    const { id, method, params } = JSON.parse((await request.text()) || "{}")
    const answer = (body: object) => {
      const message = JSON.stringify({ jsonrpc: "2.0", id, ...body })
      return isStream
        ? new Response(`data: ${message}\n\n`, { headers: { "content-type": "text/event-stream" } })
        : new Response(message, { headers: { "content-type": "application/json" } })
    }
    const about = { capabilities: { tools: {}, resources: {}, prompts: {} } }
    switch (method) {
      case "server/discover":
        return isModern
          ? answer({
              result: {
                resultType: "complete",
                supportedVersions: ["2026-07-28"],
                ttlMs: 0,
                cacheScope: "private",
                ...about
              }
            })
          : answer({ error: { code: -32601, message: "Method not found" } })
      case "initialize":
        return answer({
          result: { protocolVersion: "2025-06-18", serverInfo: { name: "raw", version: "1" }, ...about }
        })
      case "tools/list":
      case "resources/list":
      case "prompts/list":
        return answer({ result: page(params?.cursor) })
      default:
        return new Response(null, { status: request.method === "POST" ? 202 : 405 })
    }
  })

/** The names in a list, and the warnings about it. */
const listed = (
  page: Page,
  list: (session: OpenSession) => Effect.Effect<ReadonlyArray<{ readonly name: string }>, unknown>,
  options: Parameters<typeof listing>[1] = {}
) => {
  const warnings: Array<unknown> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") warnings.push(...[message].flat())
  })
  return Effect.gen(function* () {
    const { send, sent } = way()
    const session = yield* connect(httpServer(yield* listing(page, options)), send)
    const names = (yield* list(session as unknown as OpenSession)).map(({ name }) => name)
    return { names, warnings, requests: sent.filter((method) => method.endsWith("/list")).length }
  }).pipe(Effect.provide(Layer.merge(connector, Logger.layer([logger]))))
}

const good = { name: "good", inputSchema: { type: "object" } }
const tools = (session: OpenSession) => session.tools

describe("a list with an odd entry", () => {
  const odd: Readonly<Record<string, readonly [entry: unknown, warning: string | undefined]>> = {
    "without a schema": [{ name: "odd" }, 'the tool "odd" is left out, because its "inputSchema" is'],
    "with a schema of another type": [
      { name: "odd", inputSchema: { type: "string" } },
      'the tool "odd" is left out, because its "inputSchema.type" is'
    ],
    "without a name": [
      { inputSchema: { type: "object" } },
      'a tool without a name is left out, because its "name"'
    ],
    "that is a text": ["odd", "a tool without a name is left out, because it is"],
    "that is null": [null, "a tool without a name is left out, because it is"],
    "with a name that rewrites the screen": [{ name: "o\u001b[2Jdd" }, 'the tool "o[2Jdd" is left out'],
    "with null in its fields": [
      {
        ...good,
        name: "odd",
        description: null,
        title: null,
        annotations: null,
        outputSchema: null,
        _meta: null,
        inputSchema: { type: "object", properties: null, required: null }
      },
      undefined
    ],
    "with optional fields that are not valid": [
      { ...good, name: "odd", description: 7, annotations: "none", icons: {} },
      undefined
    ]
  }
  for (const [what, [entry, warning]] of Object.entries(odd)) {
    for (const options of [{}, { isStream: true }, { isModern: true }]) {
      it.effect(`${what} keeps the others: ${JSON.stringify(options)}`, () =>
        Effect.gen(function* () {
          const { names, warnings } = yield* listed(() => ({ tools: [entry, good] }), tools, options)
          assert.deepStrictEqual(names, warning === undefined ? ["odd", "good"] : ["good"])
          assert.strictEqual(warnings.length, warning === undefined ? 0 : 1)
          if (warning !== undefined) assert.include(warnings[0], `example: ${warning}`)
        })
      )
    }
  }

  it.effect("of resources and prompts keeps the others", () =>
    Effect.gen(function* () {
      const resource = { uri: "test:///a", name: "a", mimeType: null }
      const resources = yield* listed(
        () => ({ resources: [{ uri: "test:///odd" }, resource] }),
        (session) => session.resources
      )
      assert.deepStrictEqual(resources.names, ["a"])
      assert.include(resources.warnings[0], 'the resource "test:///odd" is left out')
      const prompts = yield* listed(
        () => ({ prompts: [{ name: 7 }, { name: "b", arguments: {} }], nextCursor: null }),
        (session) => session.prompts
      )
      assert.deepStrictEqual(prompts.names, ["b"])
      assert.include(prompts.warnings[0], "a prompt without a name is left out")
    })
  )
})

describe("the schema of a tool", () => {
  for (const [what, schema] of Object.entries({
    "without a type": { properties: { text: { type: "string" } } },
    "that allows null as well": { type: ["object", "null"], required: ["text"] },
    "with null as its type": { type: null, required: null }
  })) {
    it.effect(`${what} is that of an object`, () =>
      Effect.gen(function* () {
        const { names, warnings } = yield* listed(
          () => ({ tools: [{ name: "odd", inputSchema: schema }] }),
          tools
        )
        assert.deepStrictEqual([names, warnings], [["odd"], []])
      })
    )
  }
})

describe("the pages of a list", () => {
  const page = (name: string, nextCursor?: unknown) => ({ tools: [{ ...good, name }], nextCursor })
  const ends: Readonly<Record<string, unknown>> = {
    null: null,
    false: false,
    "an object": {}
  }
  for (const [what, cursor] of Object.entries(ends)) {
    it.effect(`end where the cursor is ${what}`, () =>
      Effect.gen(function* () {
        const { names, warnings } = yield* listed(() => page("a", cursor), tools)
        assert.deepStrictEqual([names, warnings], [["a"], []])
      })
    )
  }

  it.effect("go on where the cursor is a number, and where it is empty", () =>
    Effect.gen(function* () {
      const next: Readonly<Record<string, unknown>> = { first: 0, "0": "", "": undefined }
      const { names } = yield* listed((cursor) => page(`at ${cursor}`, next[cursor ?? "first"]), tools)
      assert.deepStrictEqual(names, ["at undefined", "at 0", "at "])
    })
  )

  for (const [what, next, expected] of [
    ["the same one", () => "a", ["at undefined", "at a"]],
    ["an earlier one", (cursor?: string) => (cursor === "a" ? "b" : "a"), ["at undefined", "at a", "at b"]],
    ["an empty one for ever", () => "", ["at undefined", "at "]],
    [
      "one of three",
      (cursor = "c") => ({ c: "a", a: "b", b: "c" })[cursor],
      ["at undefined", "at a", "at b", "at c"]
    ]
  ] as const) {
    it.effect(`end where the cursor is ${what} again`, () =>
      Effect.gen(function* () {
        const answer = (cursor?: string) => page(`at ${cursor}`, next(cursor))
        const { names, requests, warnings } = yield* listed(answer, tools)
        assert.deepStrictEqual(names, [...expected])
        assert.strictEqual(requests, expected.length)
        assert.deepStrictEqual(warnings, [
          "example: its list of tools names a page twice, and may not be complete."
        ])
      })
    )
  }

  it.effect("end without a warning where an empty cursor leads to the same page", () =>
    Effect.gen(function* () {
      const { names, warnings } = yield* listed(() => page("a", ""), tools)
      assert.deepStrictEqual([names, warnings], [["a"], []])
    })
  )

  it.effect("show no entry of a page that is sent again", () =>
    Effect.gen(function* () {
      const { names } = yield* listed(() => page("a", "again"), tools)
      assert.deepStrictEqual(names, ["a"])
    })
  )

  it.effect("are apart where two callers read them at once", () =>
    Effect.gen(function* () {
      const url = yield* listing((cursor) =>
        page(`at ${cursor}`, cursor === "2" ? undefined : cursor === "1" ? "2" : "1")
      )
      const session = yield* connect(httpServer(url), way().send)
      const [one, other] = yield* Effect.all([session.tools, session.tools], { concurrency: "unbounded" })
      assert.strictEqual(one.length, 3)
      assert.deepStrictEqual(one, other)
    }).pipe(Effect.provide(connector))
  )

  it.effect("may be null where there are none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* listed(() => ({ tools: null }), tools)).names, [])
    })
  )
})

describe("an answer that is no list", () => {
  for (const [what, result] of Object.entries({
    "an object": { tools: { a: good } },
    "a text": { tools: "none" },
    "another list": { resources: [] },
    "a number": { tools: 7, nextCursor: "1" }
  })) {
    for (const isModern of [false, true]) {
      it.effect(`but ${what} is reported in words${isModern ? " in 2026-07-28" : ""}`, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(listed(() => result, tools, { isModern }))
          const text = errorText(error as Parameters<typeof errorText>[0])
          assert.include(text, 'Invalid result for tools/list at "tools"')
          assert.notMatch(text, /invalid_|expected|\[ *\{/)
        })
      )
    }
  }
})
