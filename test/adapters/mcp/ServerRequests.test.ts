import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import { explainer } from "../../../src/adapters/mcp/ErrorOfClient.ts"
import { McpClient, type Receive } from "../../../src/adapters/mcp/McpClient.ts"
import type { Fields } from "../../../src/adapters/mcp/Messages.ts"
import { makeSession } from "../../../src/adapters/mcp/SessionOfClient.ts"
import type { PostEnd } from "../../../src/ports/McpWire.ts"
import {
  type Elicitation,
  type ElicitationAnswer,
  type RequestHandlers,
  type Sampling,
  SamplingRefused,
  ServerRequests
} from "../../../src/ports/ServerRequests.ts"
import { listenWith } from "./McpServers.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"

const form = {
  method: "elicitation/create",
  params: { message: "Who?", requestedSchema: { type: "object", properties: { name: { type: "string" } } } }
}
const page = {
  method: "elicitation/create",
  params: { mode: "url", message: "Pay", url: "https://pay.test/1", elicitationId: "e" }
}
const sampling = {
  method: "sampling/createMessage",
  params: {
    systemPrompt: "Be brief.",
    maxTokens: 100,
    messages: [{ role: "user", content: { type: "text", text: "Summarize." } }]
  }
}
const accept: ElicitationAnswer = { _tag: "Accept", content: { name: "Ada" } }

/** A server of an older revision that asks this before it answers a call, and what it heard. */
const olderSession = (
  handlers: RequestHandlers,
  question: Fields,
  limit: Duration.Duration = Duration.seconds(60)
) =>
  Effect.gen(function* () {
    const heard: Array<Fields> = []
    const answers = yield* Queue.unbounded<Fields>()
    let toClient: Receive = () => Effect.void
    const session = yield* makeSession<never>({
      server: "shop",
      timeout: limit,
      explain: explainer({ server: "shop", configured: {} }),
      open: Effect.gen(function* () {
        const client: McpClient<never> = yield* McpClient.make<never>(
          {
            isRequestOfItsOwn: false,
            ended: Effect.never,
            post: (message): Effect.Effect<PostEnd> =>
              Effect.gen(function* () {
                const fields = { ...message } as Fields
                heard.push(fields)
                if (fields["method"] === "initialize")
                  yield* client.receive({
                    jsonrpc: "2.0",
                    id: fields["id"],
                    result: { protocolVersion: "2025-11-25", capabilities: { tools: {} } }
                  })
                if (fields["method"] === "tools/call") {
                  yield* client.receive({ jsonrpc: "2.0", id: "q", ...question })
                  yield* Effect.forkDetach(
                    Effect.flatMap(Queue.take(answers), () =>
                      client.receive({ jsonrpc: "2.0", id: fields["id"], result: { content: [] } })
                    )
                  )
                }
                if (fields["id"] === "q") yield* Queue.offer(answers, fields)
                return { _tag: "Accepted" as const }
              })
          },
          { name: "t", version: "1" }
        )
        toClient = client.receive
        yield* client.initialize("2025-11-25")
        return { client, isAlive: () => true, end: () => undefined }
      })
    }).pipe(Effect.provideService(ServerRequests, handlers))
    const answer = () => heard.find(({ id }) => id === "q")
    return { session, heard, answer, receive: (message: unknown) => toClient(message) }
  })

describe("a request of a server of an older revision", () => {
  it.effect("is answered by the user, with the name of the server; the capability is declared", () =>
    Effect.gen(function* () {
      const asked: Array<Elicitation> = []
      const { answer, heard, session } = yield* olderSession(
        { elicit: (elicitation) => Effect.sync(() => (asked.push(elicitation), accept)) },
        form
      )
      yield* session.call("buy", {})
      assert.deepStrictEqual(asked, [
        { _tag: "Form", server: "shop", message: "Who?", schema: form.params.requestedSchema }
      ])
      assert.deepStrictEqual(answer()?.["result"], { action: "accept", content: { name: "Ada" } })
      assert.deepInclude(heard[0]?.["params"], { capabilities: { elicitation: { form: {}, url: {} } } })
    })
  )

  const answers: ReadonlyArray<readonly [string, Fields, ElicitationAnswer, Fields]> = [
    ["a form that is declined", form, { _tag: "Decline" }, { result: { action: "decline" } }],
    ["a form that is left", form, { _tag: "Cancel" }, { result: { action: "cancel" } }],
    ["a page", page, { _tag: "Accept", content: { secret: 1 } }, { result: { action: "accept" } }],
    [
      "a page that is no secure address",
      { ...page, params: { ...page.params, url: "javascript:alert(1)" } },
      accept,
      { error: { code: -32602, message: "The elicitation is not valid." } }
    ],
    [
      "a form without a schema",
      { ...form, params: { message: "Who?" } },
      accept,
      { error: { code: -32602, message: "The elicitation is not valid." } }
    ],
    ["another question", sampling, accept, { error: { code: -32601, message: "Method not found" } }]
  ]
  it.effect.each(answers)("for %s gets its answer", ([, question, given, expected]) =>
    Effect.gen(function* () {
      const { answer, session } = yield* olderSession({ elicit: () => Effect.succeed(given) }, question)
      yield* session.call("buy", {})
      const { id: _, jsonrpc: __, ...said } = answer() ?? {}
      assert.deepStrictEqual(said, expected)
    })
  )

  it.effect("is not answered, and not declared, where nothing answers it", () =>
    Effect.gen(function* () {
      const { answer, heard, session } = yield* olderSession({}, form)
      yield* session.call("buy", {})
      assert.deepStrictEqual(answer()?.["error"], { code: -32601, message: "Method not found" })
      assert.deepInclude(heard[0]?.["params"], { capabilities: {} })
    })
  )

  it.effect("is answered by a model if the user approves, and refused otherwise", () =>
    Effect.gen(function* () {
      const asked: Array<Sampling> = []
      const yes = yield* olderSession(
        {
          sample: (request) =>
            Effect.sync(() => {
              asked.push(request)
              return { text: "Short.", model: "scripted:model", reason: "endTurn" as const }
            })
        },
        sampling
      )
      yield* yes.session.call("buy", {})
      assert.deepStrictEqual(yes.answer()?.["result"], {
        role: "assistant",
        content: { type: "text", text: "Short." },
        model: "scripted:model",
        stopReason: "endTurn"
      })
      assert.deepInclude(asked[0], { server: "shop", system: "Be brief.", maxTokens: 100 })
      const no = yield* olderSession(
        { sample: () => Effect.fail(new SamplingRefused({ detail: "The user does not allow it." })) },
        sampling
      )
      yield* no.session.call("buy", {})
      assert.deepStrictEqual(no.answer()?.["error"], { code: -1, message: "The user does not allow it." })
    })
  )

  it.effect("gives the user time: the server does not count as silent", () =>
    Effect.gen(function* () {
      const { session } = yield* olderSession(
        { elicit: () => Effect.succeed(accept).pipe(Effect.delay("30 minutes")) },
        form
      )
      const call = yield* Effect.forkChild(Effect.exit(session.call("buy", {})))
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual((yield* Fiber.join(call))._tag, "Success")
    })
  )

  it.effect("ends with the call that it belongs to, and none comes without a call", () =>
    Effect.gen(function* () {
      let state = ""
      const { answer, receive, session } = yield* olderSession(
        {
          elicit: () =>
            Effect.sync(() => (state = "asked")).pipe(
              Effect.andThen(Effect.never),
              Effect.onInterrupt(() => Effect.sync(() => (state = "withdrawn")))
            )
        },
        form
      )
      const call = yield* Effect.forkChild(session.call("buy", {}))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(state, "asked")
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(state, "withdrawn")
      yield* receive({ jsonrpc: "2.0", id: "q", ...form })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(state, "withdrawn")
      assert.deepStrictEqual(answer()?.["error"], {
        code: -32603,
        message: "No question can be answered now."
      })
    })
  )

  it.effect("that says that the tools changed is counted", () =>
    Effect.gen(function* () {
      const { receive, session } = yield* olderSession({}, form)
      const before = yield* session.toolChanges ?? Effect.succeed(0)
      yield* receive({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })
      yield* receive({ jsonrpc: "2.0", method: "notifications/resources/list_changed" })
      assert.strictEqual(yield* session.toolChanges ?? Effect.succeed(0), before + 1)
    })
  )
})

describe("a request of a server of revision 2026-07-28", () => {
  /** A server that asks these questions before it answers a call. */
  const asking = (first: Fields) => {
    const heard: Array<Fields> = []
    return Effect.map(
      listenWith(async (request) => {
        const { id, method, params } = JSON.parse(await request.text())
        if (method === "tools/call") heard.push(params)
        const outcome =
          method === "server/discover"
            ? {
                result: {
                  resultType: "complete",
                  supportedVersions: ["2026-07-28"],
                  capabilities: { tools: {} }
                }
              }
            : heard.length > 1
              ? { result: { resultType: "complete", content: [] } }
              : first
        return Response.json({ jsonrpc: "2.0", id, ...outcome }, { status: "error" in outcome ? 400 : 200 })
      }),
      (url) => ({ url, heard })
    )
  }
  const call = (url: URL, handlers: RequestHandlers) =>
    Effect.gen(function* () {
      const session = yield* connect(httpServer(url), way().send)
      return yield* session.call("buy", { what: "tea" })
    }).pipe(Effect.provideService(ServerRequests, handlers), Effect.provide(connector))
  const required = (inputRequests: Fields) => ({
    result: { resultType: "input_required", inputRequests, requestState: "s" }
  })

  it.live("is answered in the call that is sent again", () =>
    Effect.gen(function* () {
      const { heard, url } = yield* asking(required({ who: form, pay: page }))
      yield* call(url, { elicit: () => Effect.succeed(accept) })
      assert.deepInclude(heard[1], {
        arguments: { what: "tea" },
        requestState: "s",
        inputResponses: {
          who: { action: "accept", content: { name: "Ada" } },
          pay: { action: "accept" }
        }
      })
      assert.deepInclude(heard[0]?.["_meta"], {
        "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {}, url: {} } }
      })
    })
  )

  it.live(
    "for a page that a tool requires is shown, and the call is sent once more if the user opens it",
    () =>
      Effect.gen(function* () {
        const error = { code: -32042, message: "no", data: { elicitations: [page.params] } }
        const opened = yield* asking({ error })
        yield* call(opened.url, { elicit: () => Effect.succeed(accept) })
        assert.strictEqual(opened.heard.length, 2)
        const declined = yield* asking({ error })
        const failure = yield* Effect.flip(
          call(declined.url, { elicit: () => Effect.succeed({ _tag: "Decline" }) })
        )
        assert.strictEqual(declined.heard.length, 1)
        assert.include(failure.message, "the user did not open the page")
        assert.notInclude(failure.message, "pay.test")
      })
  )

  const unanswered: ReadonlyArray<readonly [string, Fields]> = [
    ["that is not offered", { a: form, b: sampling }],
    ["that is not valid", { a: { ...form, params: {} } }],
    ["that is one of too many", Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`q${at}`, form]))]
  ]
  it.live.each(unanswered)("%s is the end of the call", ([, questions]) =>
    Effect.gen(function* () {
      const { heard, url } = yield* asking(required(questions))
      const failure = yield* Effect.flip(call(url, { elicit: () => Effect.succeed(accept) }))
      assert.include(failure.message, "requires input")
      assert.strictEqual(heard.length, 1)
    })
  )
})
