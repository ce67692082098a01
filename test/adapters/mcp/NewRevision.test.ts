import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import type { McpAnswer } from "../../../src/ports/McpConnector.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"
import { listenWith } from "./McpServers.ts"

type Result = Readonly<Record<string, unknown>>
interface Heard {
  readonly method: string
  readonly params: Result
  readonly headers: Headers
}

/** A server of revision 2026-07-28 with these tools, which answers calls as it is told. */
const newServer = (
  tools: ReadonlyArray<Result>,
  call: (heard: Heard, count: number) => { readonly result: Result } | { readonly error: Result }
) => {
  const heard: Array<Heard> = []
  return Effect.map(
    listenWith(async (request) => {
      const { id, method, params } = JSON.parse(await request.text())
      heard.push({ method, params, headers: request.headers })
      const calls = heard.filter((each) => each.method === "tools/call").length
      const outcome =
        method === "server/discover"
          ? {
              result: {
                resultType: "complete",
                supportedVersions: ["2026-07-28"],
                capabilities: { tools: {}, prompts: {}, resources: {} }
              }
            }
          : method === "tools/list"
            ? { result: { resultType: "complete", tools } }
            : call({ method, params, headers: request.headers }, calls)
      return Response.json({ jsonrpc: "2.0", id, ...outcome }, { status: "error" in outcome ? 400 : 200 })
    }),
    (url) => ({ url, heard })
  )
}

const done = { result: { resultType: "complete", content: [] } }
const object = (properties: Result, rest: Result = {}) => ({ type: "object", properties, ...rest })

describe("a tool that declares parameters for headers", () => {
  const declared = {
    region: { type: "string", "x-mcp-header": "Region" },
    deep: object({ count: { type: "integer", "x-mcp-header": "Count" } }),
    dry: { type: "boolean", "x-mcp-header": "Dry" }
  }

  it.effect("is called with them", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* newServer([{ name: "run", inputSchema: object(declared) }], () => done)
      const session = yield* connect(httpServer(url), way().send)
      yield* session.tools
      const sent = (args: Result) =>
        Effect.map(session.call("run", args), () => Object.fromEntries(heard.at(-1)?.headers ?? []))
      assert.deepInclude(yield* sent({ region: "eu", deep: { count: 7 }, dry: false }), {
        "mcp-name": "run",
        "mcp-method": "tools/call",
        "mcp-protocol-version": "2026-07-28",
        "mcp-param-region": "eu",
        "mcp-param-count": "7",
        "mcp-param-dry": "false"
      })
      const odd = yield* sent({ region: "Zürich\n", deep: {}, dry: null })
      assert.strictEqual(odd["mcp-param-region"], "=?base64?WsO8cmljaAo=?=")
      assert.notProperty(odd, "mcp-param-count")
      assert.notProperty(odd, "mcp-param-dry")
    }).pipe(Effect.provide(connector))
  )

  it.effect("is read again where the server misses one", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* newServer(
        [{ name: "run", inputSchema: object(declared) }],
        ({ headers }) =>
          headers.has("mcp-param-region") ? done : { error: { code: -32020, message: "Region is missing" } }
      )
      const session = yield* connect(httpServer(url), way().send)
      yield* session.call("run", { region: "eu" })
      assert.deepStrictEqual(
        heard.map(({ method }) => method),
        ["server/discover", "tools/call", "tools/list", "tools/call"]
      )
    }).pipe(Effect.provide(connector))
  )

  const wrong: Readonly<Record<string, Result>> = {
    "of a list": object({ all: { type: "array", items: { type: "string", "x-mcp-header": "A" } } }),
    "of an alternative": object({ a: { anyOf: [{ type: "string", "x-mcp-header": "A" }] } }),
    "of a number": object({ a: { type: "number", "x-mcp-header": "A" } }),
    "of an object": object({ a: { type: "object", "x-mcp-header": "A" } }),
    "twice with the same name": object({
      a: { type: "string", "x-mcp-header": "A" },
      b: { type: "string", "x-mcp-header": "a" }
    }),
    "with a name that no header has": object({ a: { type: "string", "x-mcp-header": "A B" } }),
    "of all": object({}, { "x-mcp-header": "A" })
  }
  for (const [what, inputSchema] of Object.entries(wrong)) {
    it.effect(`is left out where one is ${what}`, () =>
      Effect.gen(function* () {
        const good = { name: "good", inputSchema: object(declared) }
        const { url } = yield* newServer([{ name: "odd", inputSchema }, good], () => done)
        const session = yield* connect(httpServer(url), way().send)
        assert.deepStrictEqual(
          (yield* session.tools).map(({ name }) => name),
          ["good"]
        )
      }).pipe(Effect.provide(connector))
    )
  }
})

describe("a server that requires input", () => {
  const required = (rest: Result) => ({ result: { resultType: "input_required", ...rest } })

  it.live("is asked again with its state where it requires none of this client", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* newServer([], (_, count) =>
        count < 3 ? required({ requestState: `state ${count}` }) : done
      )
      const session = yield* connect(httpServer(url), way().send)
      yield* session.call("run", { a: 1 })
      assert.deepStrictEqual(
        heard.slice(1).map(({ params }) => params["requestState"]),
        [undefined, "state 1", "state 2"]
      )
      for (const { params } of heard.slice(1)) assert.deepStrictEqual(params["arguments"], { a: 1 })
    }).pipe(Effect.provide(connector))
  )

  const form = { method: "elicitation/create", params: { mode: "form", message: "Who?" } }
  const page = { method: "elicitation/create", params: { mode: "url", url: "https://mcp.test/consent" } }
  for (const [what, outcome, expected] of [
    ["a form", required({ inputRequests: { a: form } }), "it requires input that mcp-cli cannot give"],
    ["nothing", required({}), "it requires input that mcp-cli cannot give"],
    [
      "a page",
      required({ inputRequests: { a: page } }),
      "it requires you to open https://mcp.test/consent first"
    ],
    [
      "a page, by an error",
      { error: { code: -32042, message: "no", data: { elicitations: [page.params] } } },
      "it requires you to open https://mcp.test/consent first"
    ],
    ["what no revision has", { result: { resultType: "later" } }, "Unsupported result type for tools/call"]
  ] as const) {
    it.effect(`is reported where that is ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* newServer([], () => outcome)
        const session = yield* connect(httpServer(url), way().send)
        assert.include(errorText(yield* Effect.flip(session.call("run", {}))), expected)
      }).pipe(Effect.provide(connector))
    )
  }
})

/** The texts that a call or a prompt shows. */
const shown = ({ content }: McpAnswer) => content.map((piece) => (piece._tag === "Text" ? piece.text : ""))

describe("a result that is not as MCP defines it", () => {
  // The tool has run by then.
  for (const [what, result, texts] of [
    ["no content", { content: null, structuredContent: null }, []],
    ["a text in place of the list", { content: "hello" }, ["hello"]],
    ["a block in place of the list", { content: { type: "text", text: "hello" } }, ["hello"]],
    ["texts in place of blocks", { content: ["hello", 7, null] }, ["hello", "7", "null"]],
    [
      "texts that are none",
      { content: [{ type: "text" }, { type: "text", text: null }, { type: "text", text: 7 }] },
      ["", "", "7"]
    ],
    [
      "a block of an unknown type",
      { content: [{ type: "film" }, { type: "text", text: "hello" }] },
      ['{"type":"film"}', "hello"]
    ],
    ["an image without data", { content: [{ type: "image", data: 5 }] }, ['{"type":"image","data":5}']]
  ] as const) {
    it.effect(`shows what it holds: ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* newServer([], () => ({ result: { resultType: "complete", ...result } }))
        const session = yield* connect(httpServer(url), way().send)
        assert.deepStrictEqual(shown(yield* session.call("run", {})), [...texts])
      }).pipe(Effect.provide(connector))
    )
  }

  it.effect("is an error of the tool where it says so as text", () =>
    Effect.gen(function* () {
      const { url } = yield* newServer([], () => ({ result: { resultType: "complete", isError: "true" } }))
      const session = yield* connect(httpServer(url), way().send)
      assert.isTrue((yield* session.call("run", {})).isError)
    }).pipe(Effect.provide(connector))
  )

  it.effect("shows the messages of a prompt", () =>
    Effect.gen(function* () {
      const messages = [
        { role: "user", content: "hello" },
        { role: "assistant", content: [{ type: "film" }, { type: "text", text: "there" }] }
      ]
      const { url } = yield* newServer([], () => ({ result: { resultType: "complete", messages } }))
      const session = yield* connect(httpServer(url), way().send)
      assert.deepStrictEqual(shown(yield* session.prompt("p", {})), [
        "user: hello",
        'assistant: {"type":"film"}',
        "assistant: there"
      ])
    }).pipe(Effect.provide(connector))
  )

  it.effect("is reported by its place where nothing can be shown", () =>
    Effect.gen(function* () {
      const { url } = yield* newServer([], () => ({ result: { resultType: "complete", contents: [7] } }))
      const session = yield* connect(httpServer(url), way().send)
      const error = errorText(yield* Effect.flip(session.read("test:///a")))
      assert.include(error, 'Invalid result for resources/read at "contents.0')
    }).pipe(Effect.provide(connector))
  )
})
