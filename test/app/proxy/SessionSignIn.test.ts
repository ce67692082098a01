import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { realServers } from "../DoorWorld.ts"
import { followRedirects } from "../../servers/BrowserUser.ts"
import { handshake, initialize, initialized, proxied, request, runningPid } from "./RelayWorld.ts"

const login = /Not signed in to demo\. Run: mcp-cli auth login demo/
const approve = (url: URL) =>
  Effect.asVoid(Effect.forkDetach(Effect.promise(() => followRedirects(url.href))))
const call = (id: unknown) => request(id, "tools/call", { name: "echo", arguments: { text: "hi" } })
/** What each request of a client of revision 2026-07-28 says. */
const modern = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {}
}

describe("initialize without a sign-in", () => {
  it.live("is held while the user signs in, and goes on by itself", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* realServers()
      let opened = 0
      const client = yield* proxied(mcpServer.url, { open: (url) => (opened++, approve(url)) })
      const answer = yield* handshake(client)
      assert.property(answer.result, "serverInfo")
      yield* client.write(call(1))
      assert.deepStrictEqual((yield* client.next).result?.["content"], [{ type: "text", text: "hi" }])
      assert.strictEqual(opened, 1)
      assert.strictEqual(authorizationServer.counts.get("register"), 1)
    })
  )

  it.live("holds the probe of a client of revision 2026-07-28 as well, so that it keeps its revision", () =>
    Effect.gen(function* () {
      const { mcpServer } = yield* realServers()
      let opened = 0
      const client = yield* proxied(mcpServer.url, { open: (url) => (opened++, approve(url)) })
      yield* client.write(request(0, "server/discover", { _meta: modern }))
      assert.notMatch(JSON.stringify(yield* client.next), login)
      assert.strictEqual(opened, 1)
      assert.isAbove(mcpServer.counts.get("server/discover") ?? 0, 1)
      assert.isUndefined(mcpServer.counts.get("initialize"))
    })
  )

  it.live("is answered with the command where no browser may be opened, and accepted later", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* realServers()
      const client = yield* proxied(mcpServer.url)
      yield* client.write(initialize())
      yield* client.write(initialized)
      assert.match((yield* client.next).error?.message ?? "", login)
      yield* client.write(call(1))
      const { result } = yield* client.next
      assert.strictEqual(result?.["isError"], true)
      assert.match(JSON.stringify(result), login)
      yield* client.write(request(2, "tools/list"))
      assert.match((yield* client.next).error?.message ?? "", login)
      assert.isUndefined(authorizationServer.counts.get("register"))
    })
  )

  it.live("opens no browser if another process has opened one", () =>
    Effect.gen(function* () {
      const { mcpServer } = yield* realServers()
      let opened = 0
      const time = yield* Clock.currentTimeMillis
      const client = yield* proxied(mcpServer.url, {
        openings: [{ time, pid: runningPid }],
        open: () => Effect.sync(() => void opened++)
      })
      yield* client.write(initialize())
      assert.match((yield* client.next).error?.message ?? "", login)
      assert.strictEqual(opened, 0)
    })
  )

  for (const [name, answer] of [
    ["refuses", { error: "access_denied" }],
    ["is another one, and approves", { code: "c", iss: "https://other.example" }]
  ] as const) {
    it.live(`opens no other browser for a while if the authorization server ${name}`, () =>
      Effect.gen(function* () {
        const { authorizationServer, mcpServer } = yield* realServers()
        let opened = 0
        const open = (url: URL) =>
          Effect.promise(async () => {
            opened++
            const page = await fetch(url, { redirect: "manual" })
            const sent = new URL(page.headers.get("location") ?? url).searchParams
            const parameters = { iss: authorizationServer.issuer, state: sent.get("state") ?? "", ...answer }
            await fetch(`${sent.get("redirect_uri")}?${new URLSearchParams(parameters).toString()}`)
          }).pipe(Effect.forkDetach, Effect.asVoid)
        const client = yield* proxied(mcpServer.url, { open })
        yield* client.write(initialize())
        assert.property(yield* client.next, "error")
        yield* client.write(initialize({}, "later"))
        assert.match((yield* client.next).error?.message ?? "", login)
        assert.strictEqual(opened, 1)
      })
    )
  }

  it.effect("is answered after 45 seconds while the sign-in goes on, and a later one joins it", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* realServers()
      const page = yield* Deferred.make<URL>()
      const client = yield* proxied(mcpServer.url, { open: (url) => Deferred.succeed(page, url) })
      yield* client.write(initialize())
      const url = yield* Deferred.await(page)
      const answered = yield* Effect.forkChild(client.next)
      yield* TestClock.adjust("46 seconds")
      assert.match((yield* Fiber.join(answered)).error?.message ?? "", login)
      yield* client.write(initialize({}, "later"))
      yield* approve(url)
      assert.strictEqual((yield* client.next).id, "later")
      assert.strictEqual(authorizationServer.counts.get("register"), 1)
    })
  )
})

describe("a sign-in that ends in mid-session", () => {
  const over = Effect.fnUntraced(function* (capabilities: object) {
    const { authorizationServer, mcpServer } = yield* realServers()
    const client = yield* proxied(mcpServer.url, { open: approve })
    yield* handshake(client, capabilities)
    yield* client.write(call(0))
    yield* client.next
    authorizationServer.forgetTokens()
    mcpServer.rejectSeenTokens()
    return { client, authorizationServer, mcpServer }
  })
  const expired = /mcp-cli auth login demo/

  it.live("is the result of a tool and the error of other requests, without a browser", () =>
    Effect.gen(function* () {
      const { authorizationServer, client } = yield* over({ elicitation: {} })
      const before = authorizationServer.counts.get("authorize")
      yield* client.write(call(1))
      const { result } = yield* client.next
      assert.strictEqual(result?.["isError"], true)
      assert.match(JSON.stringify(result), expired)
      yield* client.write(request(2, "prompts/list"))
      assert.match((yield* client.next).error?.message ?? "", expired)
      assert.strictEqual(authorizationServer.counts.get("authorize"), before)
    })
  )

  it.live("is asked for by a page that the client shows, and the request goes on by itself", () =>
    Effect.gen(function* () {
      const { client, mcpServer } = yield* over({ elicitation: { url: {} } })
      yield* client.write(call(1))
      const question = yield* client.next
      assert.strictEqual(question.method, "elicitation/create")
      assert.deepInclude(question.params, { mode: "url" })
      yield* client.write({ jsonrpc: "2.0", id: question.id, result: { action: "accept" } })
      yield* approve(new URL(String(question.params?.["url"])))
      const complete = yield* client.next
      assert.strictEqual(complete.method, "notifications/elicitation/complete")
      assert.strictEqual(complete.params?.["elicitationId"], question.params?.["elicitationId"])
      assert.deepStrictEqual((yield* client.next).result?.["content"], [{ type: "text", text: "hi" }])
      // The server never got the answer of the client to the proxy.
      assert.isFalse([...mcpServer.counts.keys()].includes("undefined"))
    })
  )

  for (const [name, reply] of [
    ["declines", { result: { action: "decline" } }],
    ["cancels", { result: { action: "cancel" } }],
    ["cannot show it", { error: { code: -32_601, message: "?" } }]
  ] as const) {
    it.live(`is an error if the user ${name}`, () =>
      Effect.gen(function* () {
        const { client } = yield* over({ elicitation: { url: {}, form: {} } })
        yield* client.write(call(1))
        const question = yield* client.next
        yield* client.write({ jsonrpc: "2.0", id: question.id, ...reply })
        const { result } = yield* client.next
        assert.strictEqual(result?.["isError"], true)
        assert.match(JSON.stringify(result), expired)
        yield* client.write(call(2))
        assert.strictEqual((yield* client.next).method, "elicitation/create")
      })
    )
  }

  it.live("is asked for once for all requests that need it", () =>
    Effect.gen(function* () {
      const { client } = yield* over({ elicitation: { url: {} } })
      for (const id of [1, 2, 3]) yield* client.write(call(id))
      const question = yield* client.next
      yield* approve(new URL(String(question.params?.["url"])))
      const answers = []
      for (let at = 0; at < 4; at++) answers.push(yield* client.next)
      assert.sameMembers(
        answers.map(({ id, method }) => method ?? id),
        ["notifications/elicitation/complete", 1, 2, 3]
      )
    })
  )
})

describe("a sign-in that ends in mid-session of a client of revision 2026-07-28", () => {
  const _meta = {
    ...modern,
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { url: {}, form: {} } }
  }
  const ask = (id: unknown, more: object = {}, meta: object = _meta) =>
    request(id, "tools/call", { name: "echo", arguments: { text: "hi" }, _meta: meta, ...more })
  const accept = { "mcp-cli-sign-in": { action: "accept" } }
  const over = Effect.gen(function* () {
    const { authorizationServer, mcpServer } = yield* realServers()
    const client = yield* proxied(mcpServer.url, { open: approve })
    yield* client.write(request("d", "server/discover", { _meta }))
    yield* client.next
    authorizationServer.forgetTokens()
    mcpServer.rejectSeenTokens()
    return { client, mcpServer, authorizationServer }
  })
  interface Required {
    readonly resultType?: string
    readonly requestState?: string
    readonly inputRequests?: Record<
      string,
      { readonly method: string; readonly params: { readonly url: string } }
    >
  }
  /** The page that a request is answered with. */
  const page = ({ result }: { readonly result?: object }) => {
    const { inputRequests, requestState, resultType } = (result ?? {}) as Required
    assert.strictEqual(resultType, "input_required")
    const { method, params } = inputRequests?.["mcp-cli-sign-in"] ?? {}
    assert.strictEqual(method, "elicitation/create")
    assert.propertyVal(params, "mode", "url")
    return { requestState, url: new URL(params?.url ?? "") }
  }

  it.live("is the question that a tool is answered with, and the same request goes on after it", () =>
    Effect.gen(function* () {
      const { client } = yield* over
      yield* client.write(ask(1))
      const { requestState, url } = page(yield* client.next)
      yield* client.write(ask(2, { requestState, inputResponses: accept }))
      yield* approve(url)
      const { id, result } = yield* client.next
      assert.strictEqual(id, 2)
      assert.deepStrictEqual(result?.["content"], [{ type: "text", text: "hi" }])
    })
  )

  for (const action of ["decline", "cancel"]) {
    it.live(`is the result of the tool if the user answers ${action}, and asked for the next time`, () =>
      Effect.gen(function* () {
        const { client } = yield* over
        yield* client.write(ask(1))
        const { requestState } = page(yield* client.next)
        yield* client.write(ask(2, { requestState, inputResponses: { "mcp-cli-sign-in": { action } } }))
        const { result } = yield* client.next
        assert.strictEqual(result?.["isError"], true)
        assert.match(JSON.stringify(result), /mcp-cli auth login demo/)
        yield* client.write(ask(3))
        page(yield* client.next)
      })
    )
  }

  it.live("is one page for all requests, which go on after it", () =>
    Effect.gen(function* () {
      const { authorizationServer, client } = yield* over
      const before = authorizationServer.counts.get("register")
      for (const id of [1, 2, 3]) yield* client.write(ask(id))
      const pages = [page(yield* client.next), page(yield* client.next), page(yield* client.next)]
      assert.strictEqual(new Set(pages.map(({ url }) => url.href)).size, 1)
      yield* approve(pages[0]?.url ?? new URL("about:blank"))
      for (const [at, { requestState }] of pages.entries())
        yield* client.write(ask(`again ${at}`, { requestState, inputResponses: accept }))
      for (let at = 0; at < 3; at++) assert.property((yield* client.next).result, "content")
      assert.strictEqual(authorizationServer.counts.get("register"), before)
    })
  )

  it.live("is the result of a tool of a client that shows no pages", () =>
    Effect.gen(function* () {
      const { client } = yield* over
      for (const elicitation of [{}, { form: {} }]) {
        const meta = { ...modern, "io.modelcontextprotocol/clientCapabilities": { elicitation } }
        yield* client.write(ask(1, {}, meta))
        const { result } = yield* client.next
        assert.strictEqual(result?.["isError"], true)
      }
      // Only three methods may be answered with a question.
      yield* client.write(request(2, "tools/list", { _meta }))
      assert.match((yield* client.next).error?.message ?? "", /mcp-cli auth login demo/)
    })
  )
})
