import { assert, describe, it } from "@effect/vitest"
import { Client as NewClient } from "@modelcontextprotocol/client"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema
} from "@modelcontextprotocol/sdk/types.js"
import { Deferred, Effect } from "effect"
import { wires } from "../../adapters/mcp/wire/WireWorld.ts"
import { askingServer } from "./AskingServer.ts"
import { call, said, until } from "./OldClient.ts"
import { openAcross, transportOver } from "./RevisionWorld.ts"

const info = { name: "old", version: "1.0.0" }
const everything = {
  capabilities: { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } }
}

/** A client of SDK v1, connected across revisions. */
const oldClient = (url: URL, options: ConstructorParameters<typeof OldClient>[1] = everything) =>
  Effect.gen(function* () {
    const transport = yield* transportOver(yield* openAcross(url))
    const client = new OldClient(info, options)
    return { client, connect: Effect.promise(() => client.connect(transport)) }
  })

describe("a client of 2025 at a server of 2026-07-28 only", () => {
  it.live("connects with two requests, and calls a tool", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const { client, connect } = yield* oldClient(server.url)
      yield* connect
      assert.deepEqual(client.getServerVersion(), { name: "asking", version: "1.0.0" })
      assert.strictEqual(client.getInstructions(), "Ask.")
      assert.deepEqual(client.getServerCapabilities()?.tools, { listChanged: true })
      assert.deepEqual(said(yield* call(client, "echo", { a: "ü" })), { a: "ü" })
      yield* Effect.promise(() => client.ping())
      assert.sameMembers(server.methods(), [
        "initialize",
        "server/discover",
        "subscriptions/listen",
        "tools/call"
      ])
      const { "io.modelcontextprotocol/clientCapabilities": declared, ...rest } = said(
        yield* call(client, "capabilities")
      ) as Record<string, unknown>
      assert.deepEqual(declared, { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} })
      assert.deepInclude(rest, {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": info
      })
    }).pipe(Effect.provide(wires))
  )

  it.live("is asked what the server requires, and its answers go back with the state as it was", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const { client, connect } = yield* oldClient(server.url)
      client.setRequestHandler(ElicitRequestSchema, ({ params }) =>
        params.mode === "url"
          ? { action: params.url === "https://login.example/start" ? "accept" : "decline" }
          : { action: "accept", content: { city: "Zürich" } }
      )
      client.setRequestHandler(CreateMessageRequestSchema, () => ({
        role: "assistant",
        model: "test",
        content: { type: "text", text: "Paris" }
      }))
      client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///a" }] }))
      const completed: Array<string> = []
      client.fallbackNotificationHandler = async ({ method }) => void completed.push(method)
      yield* connect
      const where = { action: "accept", content: { city: "Zürich" } }
      const capital = { role: "assistant", model: "test", content: { type: "text", text: "Paris" } }
      const folders = { roots: [{ uri: "file:///a" }] }
      assert.deepEqual(said(yield* call(client, "ask")), {
        responses: { where },
        state: 'é \\ "opaque" \u2028 state'
      })
      assert.deepEqual(said(yield* call(client, "visit")), { responses: { login: { action: "accept" } } })
      yield* until(() => completed.includes("notifications/elicitation/complete"))
      assert.deepEqual(said(yield* call(client, "sample")), { responses: { capital } })
      assert.deepEqual(said(yield* call(client, "roots")), { responses: { folders } })
      assert.deepEqual(said(yield* call(client, "all")), { responses: { where, capital, folders } })
      const prompt = yield* Effect.promise(() => client.getPrompt({ name: "any" }))
      assert.deepInclude(prompt.messages[0]?.content, { text: JSON.stringify({ where }) })
      const ids = server.heard
        .filter(({ method }) => method === "tools/call")
        .map(({ text }) => JSON.parse(text).id)
      assert.strictEqual(new Set(ids).size, ids.length)
    }).pipe(Effect.provide(wires))
  )

  it.live("gets an error for questions that it cannot answer, or refuses to", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const none = yield* oldClient(server.url, { capabilities: { elicitation: {} } })
      none.client.setRequestHandler(ElicitRequestSchema, () => {
        throw new Error("Closed")
      })
      yield* none.connect
      const failure = (name: string) =>
        Effect.promise(() =>
          none.client.callTool({ name }).then(
            () => "",
            (error) => String(error.message)
          )
        )
      assert.match(yield* failure("ask"), /Closed/)
      assert.match(yield* failure("sample"), /sampling/)
      assert.match(yield* failure("roots"), /roots/)
      assert.match(yield* failure("visit"), /elicitation/)
      assert.deepEqual(said(yield* call(none.client, "again")), "there")
      assert.deepEqual(server.noticed.splice(0), ["", "round 1", "round 2"])
    }).pipe(Effect.provide(wires))
  )

  it.live("sends the headers that tools declare, before and after the list was read", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const { client, connect } = yield* oldClient(server.url)
      yield* connect
      const args = { region: "Île", count: 7 }
      const methods = () => server.methods().filter((method) => method.startsWith("tools/"))
      assert.deepEqual(said(yield* call(client, "region", args)), args)
      assert.deepEqual(methods(), ["tools/call", "tools/list", "tools/call"])
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepEqual(
        tools.map(({ name }) => name),
        ["ask", "region"]
      )
      assert.deepEqual(said(yield* call(client, "region", args)), args)
      assert.deepEqual(methods().slice(3), ["tools/list", "tools/call"])
      server.declared.name = "Place"
      assert.deepEqual(said(yield* call(client, "region", args)), args)
      assert.deepEqual(methods().slice(5), ["tools/call", "tools/list", "tools/call"])
      const { headers } = server.heard.findLast(({ method }) => method === "tools/call") ?? {}
      assert.strictEqual(headers?.get("mcp-param-place"), "=?base64?w45sZQ==?=")
      assert.strictEqual(headers?.get("mcp-param-count"), "7")
    }).pipe(Effect.provide(wires))
  )

  it.live("stops the tool of a request that it cancels", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const { client, connect } = yield* oldClient(server.url)
      yield* connect
      const controller = new AbortController()
      const running = client.callTool({ name: "slow" }, undefined, { signal: controller.signal })
      const outcome = running.then(
        () => "answered",
        () => "cancelled"
      )
      yield* until(() => server.noticed.includes("started"))
      controller.abort()
      yield* until(() => server.noticed.includes("aborted"))
      assert.strictEqual(yield* Effect.promise(() => outcome), "cancelled")
      assert.notInclude(server.methods(), "notifications/cancelled")
      assert.deepEqual(said(yield* call(client, "echo", { a: 1 })), { a: 1 })
    }).pipe(Effect.provide(wires))
  )

  it.live("takes a question back when the client cancels the request", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const { client, connect } = yield* oldClient(server.url)
      const asked = yield* Deferred.make<AbortSignal>()
      client.setRequestHandler(ElicitRequestSchema, (_, { signal }) => {
        Deferred.doneUnsafe(asked, Effect.succeed(signal))
        return new Promise(() => undefined)
      })
      yield* connect
      const controller = new AbortController()
      const outcome = client
        .callTool({ name: "ask" }, undefined, { signal: controller.signal })
        .catch(() => "cancelled")
      const signal = yield* Deferred.await(asked)
      controller.abort()
      yield* until(() => signal.aborted)
      assert.strictEqual(yield* Effect.promise(() => outcome), "cancelled")
    }).pipe(Effect.provide(wires))
  )

  it.live("is told of changes, of progress, and of what it wants logged", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const { client, connect } = yield* oldClient(server.url)
      const told: Array<string> = []
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push("tools"))
      client.setNotificationHandler(
        ResourceUpdatedNotificationSchema,
        ({ params }) => void told.push(params.uri)
      )
      client.setNotificationHandler(
        LoggingMessageNotificationSchema,
        ({ params }) => void told.push(String(params.data))
      )
      yield* connect
      const works = () =>
        Effect.promise(() =>
          client.callTool({ name: "works" }, undefined, {
            onprogress: ({ progress }) => void told.push(`${progress}`)
          })
        )
      yield* works()
      assert.deepEqual(told.splice(0), ["1"])
      yield* Effect.promise(() => client.setLoggingLevel("info"))
      yield* works()
      assert.deepEqual(told.splice(0), ["working", "1"])
      yield* Effect.promise(() => client.subscribeResource({ uri: "test:///a" }))
      server.notify.resourceUpdated("test:///a")
      yield* until(() => told.includes("test:///a"))
      server.notify.toolsChanged()
      yield* until(() => told.includes("tools"))
      yield* Effect.promise(() => client.subscribeResource({ uri: "test:///b" }))
      yield* Effect.promise(() => client.unsubscribeResource({ uri: "test:///a" }))
      const filters = () =>
        server.heard
          .filter(({ method }) => method === "subscriptions/listen")
          .map(({ text }) => JSON.parse(text).params.notifications.resourceSubscriptions ?? [])
      yield* until(() => filters().length === 4)
      assert.deepEqual(filters(), [[], ["test:///a"], ["test:///a", "test:///b"], ["test:///b"]])
      told.splice(0)
      server.notify.resourceUpdated("test:///b")
      yield* until(() => told.includes("test:///b"))
    }).pipe(Effect.provide(wires))
  )

  it.live("may be one of SDK v2", () =>
    Effect.gen(function* () {
      const server = yield* askingServer()
      const client = new NewClient(info, { capabilities: { elicitation: {} } })
      client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { city: "Bern" } }))
      const transport = yield* transportOver(yield* openAcross(server.url))
      yield* Effect.promise(() => client.connect(transport))
      const result = yield* Effect.promise(() => client.callTool({ name: "ask" }))
      assert.deepInclude(said(result) as object, {
        responses: { where: { action: "accept", content: { city: "Bern" } } }
      })
    }).pipe(Effect.provide(wires))
  )
})
