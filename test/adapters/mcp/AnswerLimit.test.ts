import type { IncomingMessage, ServerResponse } from "node:http"
import { createGzip } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, type Scope } from "effect"
import { answerLimit, limitAnswer, type Used } from "../../../src/adapters/mcp/AnswerLimit.ts"
import { LineBuffer } from "../../../src/adapters/mcp/LineBuffer.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import type { StdioServer } from "../../../src/domain/Server.ts"
import { McpConnector, type McpError } from "../../../src/ports/McpConnector.ts"
import { listen } from "./McpServers.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"

const mebibyte = 1024 * 1024
const chunk = Buffer.alloc(64 * 1024, "data: x\n")

const bodyOf = async (
  request: IncomingMessage
): Promise<{ readonly id?: unknown; readonly method?: string }> => {
  const chunks: Array<Buffer> = []
  for await (const part of request) chunks.push(part as Buffer)
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())
}

/** Writes until the client closes the connection. */
const pour = (response: ServerResponse, sink: NodeJS.WritableStream, part: Buffer): void => {
  if (response.destroyed) return
  if (sink.write(part)) setImmediate(pour, response, sink, part)
  else sink.once("drain", () => pour(response, sink, part))
}

/** A server whose tool answers without an end; `closed` completes when the client closes that connection. */
const endless = Effect.fnUntraced(function* (
  type: string,
  options: {
    readonly start?: string
    readonly part?: Buffer
    readonly gzip?: boolean
    readonly pages?: boolean
  } = {}
): Effect.fn.Return<{ readonly url: URL; readonly closed: Effect.Effect<void> }, never, Scope.Scope> {
  const closed = yield* Deferred.make<void>()
  let page = 0
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const { id, method } = await bodyOf(request)
    const result = (value: object) =>
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ jsonrpc: "2.0", id, result: value }))
    if (method === "initialize") {
      const serverInfo = { name: "endless", version: "1" }
      return void result({ protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo })
    }
    if (method === "server/discover") return void response.writeHead(400).end()
    if (method === "tools/list") {
      if (options.pages !== true) return void result({ tools: [] })
      const description = "x".repeat(100 * 1024)
      const tools = [{ name: `tool${page++}`, description, inputSchema: { type: "object" } }]
      return void result({ tools, nextCursor: String(page) })
    }
    if (method !== "tools/call") return void response.writeHead(202).end()
    response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
    response.writeHead(200, {
      "content-type": type,
      ...(options.gzip === true ? { "content-encoding": "gzip" } : {})
    })
    const sink = options.gzip === true ? createGzip() : response
    if (sink !== response) sink.pipe(response)
    sink.write(options.start ?? "")
    pour(response, sink, options.part ?? chunk)
  }
  const origin = yield* listen((request, response) => void listener(request, response))
  return { url: new URL("/mcp", origin), closed: Deferred.await(closed) }
})

const small = Buffer.from(
  `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } })}\n\n`.repeat(
    500
  )
)

describe("an answer", () => {
  it.live.each([
    ["JSON", "application/json", { start: '{"a":"' }],
    ["JSON that is compressed", "application/json", { start: '{"a":"', gzip: true }],
    ["one event", "text/event-stream", {}],
    ["one event that is compressed", "Text/Event-Stream; charset=utf-8", { gzip: true }],
    ["one line", "text/event-stream", { start: "data: ", part: Buffer.alloc(64 * 1024, "x") }],
    ["small events", "text/event-stream", { part: small }]
  ] as const)("ends the request at the limit, and closes the connection: %s", ([, type, options]) =>
    Effect.gen(function* () {
      const { closed, url } = yield* endless(type, options)
      const session = yield* connect(httpServer(url, { maxAnswerMiB: 1 }), way().send)
      const error = yield* Effect.flip(session.call("tool", {}))
      assert.strictEqual(
        errorText(error),
        'example: its answer has more than 1 MiB or 32768 values, and the connection was closed. The call may have been carried out.\nCheck whether it was, before you repeat it.\nIf you expect so long an answer, set "maxAnswerMiB": 4 in the entry of example.'
      )
      yield* closed
      // The session goes on.
      assert.deepStrictEqual(yield* session.tools, [])
    }).pipe(Effect.provide(connector))
  )

  it.live("of another type ends the request before its limit, and closes the connection", () =>
    Effect.gen(function* () {
      const { closed, url } = yield* endless("text/html")
      const session = yield* connect(httpServer(url, { maxAnswerMiB: 1 }), way().send)
      const error = yield* Effect.flip(session.call("tool", {}))
      assert.include(errorText(error), "it is text/html")
      yield* closed
    }).pipe(Effect.provide(connector))
  )

  it.live("to a list has the limit for all of its pages", () =>
    Effect.gen(function* () {
      const { url } = yield* endless("text/html", { pages: true })
      const session = yield* connect(httpServer(url, { maxAnswerMiB: 1 }), way().send)
      const error = yield* Effect.flip(Effect.map(session.tools, ({ length }) => length))
      assert.include(errorText(error), "its answer has more than 1 MiB")
    }).pipe(Effect.provide(connector))
  )

  it.live.each([
    ["without an end", "x", "its answer has more than 1 MiB"],
    ["with too many values", "[],", "or 32768 values"],
    ["that is nested too deeply", "[", "nested more than 500 levels deep"]
  ] as const)("%s, of a program, ends the request, and the program", ([, part, expected]) =>
    Effect.gen(function* () {
      const write = `const x = "${part}".repeat(20000); const pour = () => { while (process.stdout.write(x)); process.stdout.once("drain", pour) }; pour()`
      const server: StdioServer = {
        _tag: "Stdio",
        name: "example",
        command: process.execPath,
        args: ["-e", write],
        env: {},
        cwd: undefined,
        maxAnswerMiB: 1
      }
      const error = yield* Effect.flip(McpConnector.use((service) => service.connectStdio(server)))
      assert.include(errorText(error), expected)
    }).pipe(Effect.scoped, Effect.provide(connector))
  )
})

describe("a limited answer", () => {
  const limited = (
    parts: ReadonlyArray<string>,
    isSession = false,
    type = "text/event-stream",
    used: Used = { bytes: 0, values: 0 }
  ) => {
    const errors: Array<McpError> = []
    const body = new ReadableStream({
      start: (controller) => {
        for (const part of parts) controller.enqueue(new TextEncoder().encode(part))
        controller.close()
      }
    })
    const limit = answerLimit(httpServer(new URL("https://mcp.test/"), { maxAnswerMiB: 1 }))
    const response = new Response(body, { status: 201, headers: { "content-type": type } })
    const onExceeded = (error: McpError) => errors.push(error)
    return {
      errors,
      response: limitAnswer(response, { limit, used: isSession ? undefined : used, onExceeded })
    }
  }

  it.each([[["a: 1\n\n", "b"]], [["a\r", "\n\r", "\nb\r\r", "c\n", "\n"]], [["", "\n", "x"]]])(
    "has the same text: %j",
    async (parts) => {
      for (const type of ["text/event-stream", "application/json"]) {
        const { errors, response } = limited(parts, false, type)
        assert.strictEqual(await response.text(), parts.join(""))
        assert.strictEqual(response.status, 201)
        assert.lengthOf(errors, 0)
      }
    }
  )

  it("passes on an event as soon as it is complete, and not before", async () => {
    const reader = limited(["data: 1", "\r\n\r", "\ndata: 2\n\ndata"]).response.body?.getReader()
    const read = async () => Buffer.from((await reader?.read())?.value ?? []).toString()
    assert.deepStrictEqual(
      [await read(), await read(), await read(), await read()],
      ["data: 1", "\r\n\r", "\ndata: 2\n\n", "data"]
    )
  })

  it.each([
    ["lists", "[],"],
    ["objects", "{},"],
    ["numbers", "1,"],
    ["values after a quote in another line", '\r,"a\\\\",', ': "\ndata:['],
    ["values after an escaped quote", '"\\"",']
  ])("has fewer values than memory holds: %s", async (_, value, start = "[") => {
    const { errors, response } = limited([start, value.repeat(40_000)], false, "application/json")
    assert.strictEqual(await response.text().catch((error: unknown) => error), errors[0])
    assert.lengthOf(errors, 1)
  })

  it("may have as many commas in a text as it has bytes", async () => {
    const text = `["\\"${"[{,".repeat(mebibyte / 4)}"]`
    const { errors, response } = limited([text.slice(0, 3), text.slice(3)], false, "application/json")
    assert.strictEqual(await response.text(), text)
    assert.lengthOf(errors, 0)
  })

  it.each([
    ["lists", [`${"[".repeat(501)}`]],
    ["objects, in parts", ['{"a":'.repeat(300), '{"a":'.repeat(201)]],
    ["after ends that end nothing", ["]".repeat(1000), "[".repeat(501)]],
    ["after a quote in another line", ['x: "\n', "[".repeat(501)]]
  ])("is nested no deeper than programs can follow: %s", async (_, parts) => {
    for (const type of ["text/event-stream", "application/json"]) {
      const { errors, response } = limited(parts, false, type)
      assert.strictEqual(await response.text().catch((error: unknown) => error), errors[0])
      assert.include(errors[0]?.message, "nested more than 500 levels deep")
    }
  })

  it("may have texts with as many brackets, and as many small lists, as it has space for", async () => {
    const text = `["${"[".repeat(1000)}",${"[[1]],".repeat(5000)}1]`
    const { errors, response } = limited([text.slice(0, 700), text.slice(700)], false, "application/json")
    assert.strictEqual(await response.text(), text)
    assert.lengthOf(errors, 0)
  })

  it("counts with the other pages of a list", async () => {
    const used = { bytes: 0, values: 0 }
    const page = "x".repeat(600 * 1024)
    assert.lengthOf(await limited([page], false, "application/json", used).response.text(), page.length)
    const { errors, response } = limited([page], false, "application/json", used)
    assert.strictEqual(await response.text().catch((error: unknown) => error), errors[0])
    assert.include(errors[0]?.message, "more than 1 MiB")
  })

  it("of a session is measured event by event, however deep its events are together", async () => {
    const event = `: ${"[".repeat(400)}\n\n`
    assert.lengthOf(await limited([event, event, event], true).response.text(), 3 * event.length)
  })

  it("of a session counts the values of each event", async () => {
    const event = `data: [${"[],".repeat(10_000)}[]]\n\n`
    assert.lengthOf(await limited([event, event], true).response.text(), 2 * event.length)
  })

  it("of a session counts each event, and of a request all of them", async () => {
    const event = `data: ${"x".repeat(mebibyte / 2)}\n\n`
    assert.lengthOf(await limited([event, event, event], true).response.text(), 3 * event.length)
    const { errors, response } = limited([event, event, event])
    assert.strictEqual(await response.text().catch((error: unknown) => error), errors[0])
  })

  it.each([
    ["a MiB at once", ["x".repeat(mebibyte)], 0],
    ["more than a MiB at once", ["x".repeat(mebibyte + 1)], 1],
    ["three MiB in halves", Array.from({ length: 6 }, () => "x".repeat(mebibyte / 2)), 1]
  ])("is called large once if it is: %s", async (_, parts, times) => {
    let announced = 0
    const limit = answerLimit(httpServer(new URL("https://mcp.test/")), () => (announced += 1))
    const response = limitAnswer(new Response(new Blob(parts)), {
      limit,
      used: { bytes: 0, values: 0 },
      onExceeded: () => assert.fail()
    })
    await response.text()
    assert.strictEqual(announced, times)
    announced = 0
    const lines = new LineBuffer(
      () => assert.fail(),
      limit,
      () => assert.fail()
    )
    for (const part of parts) lines.append(Buffer.from(part))
    assert.strictEqual(announced, times)
  })

  it.each([
    ["a long list in one event", [`data: ${"[],".repeat(1000)}\n\n`], 0],
    ["99 events", ["data: 1\n\n".repeat(99), "data: 1\n"], 0],
    ["a hundred events at once", ["data: 1\r\n\r\n".repeat(100)], 1],
    ["a hundred events, one by one", Array.from({ length: 100 }, () => "data: 1\n\n"), 1],
    ["thousands of events", ["data: 1\n\n".repeat(5000)], 1]
  ])("is called large before many events are parsed: %s", async (_, parts, times) => {
    let announced = 0
    const limit = answerLimit(httpServer(new URL("https://mcp.test/")), () => (announced += 1))
    const headers = { "content-type": "text/event-stream" }
    await limitAnswer(new Response(new Blob(parts), { headers }), {
      limit,
      used: { bytes: 0, values: 0 },
      onExceeded: () => assert.fail()
    }).text()
    assert.strictEqual(announced, times)
  })
})
