import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Queue, Ref, Stream } from "effect"
import {
  FetchHttpClient,
  HttpBody,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse
} from "effect/http"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import { authorizedHttpClient } from "../../../src/app/http/AuthorizedHttpClient.ts"
import { liveCore, realServers } from "../DoorWorld.ts"
import { byHand, serverNamed, world } from "../World.ts"

const question = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }

const ask = (url: URL) =>
  HttpClientRequest.post(url).pipe(
    HttpClientRequest.setHeaders({ accept: "application/json, text/event-stream" }),
    HttpClientRequest.bodyJsonUnsafe(question)
  )

/** A server that shows what it is sent, and the head of each request. */
const mirror = Effect.acquireRelease(
  Effect.promise(async () => {
    const seen: Array<string | undefined> = []
    const http = createServer((request, response) => {
      seen.push(request.headers.authorization)
      response.writeHead(200, { "content-type": "application/octet-stream" })
      response.flushHeaders()
      request.pipe(response)
    })
    await new Promise<void>((done) => http.listen(0, "127.0.0.1", done))
    return { seen, http, url: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`) }
  }),
  ({ http }) =>
    Effect.promise(
      () =>
        new Promise<void>((done) => {
          http.close(() => done())
          http.closeAllConnections()
        })
    )
)

const clients = [
  ["fetch", FetchHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["node:http", NodeHttpClient.layerNodeHttp]
] as const

for (const [name, layer] of clients) {
  describe(`an HttpClient with the token in it, over ${name}`, () => {
    it.live("signs in at the first 401, and refreshes at a later one, without a second sign-in", () =>
      Effect.gen(function* () {
        const { authorizationServer, mcpServer } = yield* realServers()
        const client = yield* HttpClient.HttpClient.pipe(
          Effect.flatMap(authorizedHttpClient({ ...serverNamed("demo"), url: mcpServer.url }))
        )
        const first = yield* client.execute(ask(mcpServer.url))
        assert.strictEqual(first.status, 200)
        assert.include(yield* first.text, '"echo"')
        mcpServer.rejectSeenTokens()
        const second = yield* client.execute(ask(mcpServer.url))
        assert.include(yield* second.text, '"echo"')
        assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
        assert.strictEqual(authorizationServer.counts.get("token:refresh_token"), 1)
        assert.strictEqual(mcpServer.counts.get("401"), 2)
        assert.strictEqual(mcpServer.counts.get("tools/list"), 4)
      }).pipe(Effect.provide(Layer.mergeAll(liveCore, layer)))
    )

    it.live("sends nothing of the token to another origin", () =>
      Effect.gen(function* () {
        const { mcpServer } = yield* realServers()
        const other = yield* mirror
        const client = yield* HttpClient.HttpClient.pipe(
          Effect.flatMap(authorizedHttpClient({ ...serverNamed("demo"), url: mcpServer.url }))
        )
        assert.strictEqual((yield* client.execute(ask(mcpServer.url))).status, 200)
        const echoed = yield* client.execute(ask(other.url))
        assert.deepEqual(yield* echoed.json, question)
        assert.deepEqual(other.seen, [undefined])
      }).pipe(Effect.provide(Layer.mergeAll(liveCore, layer)))
    )

    it.live("streams both ways at the same time", () =>
      Effect.gen(function* () {
        const { url } = yield* mirror
        const client = yield* HttpClient.HttpClient.pipe(
          Effect.flatMap(authorizedHttpClient({ ...serverNamed("demo"), url }))
        )
        const sent = yield* Queue.unbounded<Uint8Array>()
        const request = HttpClientRequest.post(url).pipe(
          HttpClientRequest.setBody(HttpBody.stream(Stream.fromQueue(sent)))
        )
        // Neither side ends: what comes back was sent while the request was still under way.
        yield* Queue.offer(sent, new TextEncoder().encode("half"))
        const response = yield* client.execute(request)
        const head = yield* Stream.runHead(Stream.decodeText(response.stream))
        assert.deepEqual(head, Option.some("half"))
      }).pipe(Effect.provide(Layer.mergeAll(liveCore, layer)))
    )

    it.live("runs a stream again for the second sending", () =>
      Effect.gen(function* () {
        const { mcpServer } = yield* realServers()
        const client = yield* HttpClient.HttpClient.pipe(
          Effect.flatMap(authorizedHttpClient({ ...serverNamed("demo"), url: mcpServer.url }))
        )
        const runs = yield* Ref.make(0)
        const body = Stream.fromEffect(Ref.update(runs, (count) => count + 1)).pipe(
          Stream.map(() => new TextEncoder().encode(JSON.stringify(question)))
        )
        const response = yield* client.execute(
          ask(mcpServer.url).pipe(HttpClientRequest.setBody(HttpBody.stream(body, "application/json")))
        )
        assert.include(yield* response.text, '"echo"')
        assert.strictEqual(yield* Ref.get(runs), 2)
      }).pipe(Effect.provide(Layer.mergeAll(liveCore, layer)))
    )

    it.live("fails with the client's own error where nothing answers", () =>
      Effect.gen(function* () {
        const url = new URL("http://127.0.0.1:1/mcp")
        const client = yield* HttpClient.HttpClient.pipe(
          Effect.flatMap(authorizedHttpClient({ ...serverNamed("demo"), url }))
        )
        const error = yield* Effect.flip(client.get(url))
        assert.isTrue(HttpClientError.isHttpClientError(error))
        assert.strictEqual(error._tag === "HttpClientError" && error.reason._tag, "TransportError")
      }).pipe(Effect.provide(Layer.mergeAll(liveCore, layer)))
    )
  })
}

/** A client in memory, whose answers are these by turns; bodies that were opened and closed are counted. */
const inMemory = (answers: ReadonlyArray<(closed: Ref.Ref<number>) => Response>) =>
  Effect.gen(function* () {
    const closed = yield* Ref.make(0)
    const seen: Array<HttpClientRequest.HttpClientRequest> = []
    const client = HttpClient.make((request) =>
      Effect.sync(() => {
        seen.push(request)
        const answer = answers[Math.min(seen.length, answers.length) - 1]
        assert.isDefined(answer)
        return HttpClientResponse.fromWeb(request, answer(closed))
      })
    )
    return { client, closed, seen }
  })

const unauthorized = (closed: Ref.Ref<number>) =>
  new Response(
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1024)),
      cancel: () => Effect.runPromise(Ref.update(closed, (count) => count + 1))
    }),
    { status: 401 }
  )

describe("an HttpClient with the token in it", () => {
  const notion = serverNamed("notion")
  const core = (options: Parameters<typeof world>[0] = {}) => Layer.mergeAll(world(options), DpopProofs.layer)

  it.live("lets go of the endless body of an answer that it takes no further", () =>
    Effect.gen(function* () {
      const { client, closed, seen } = yield* inMemory([unauthorized, () => new Response("hello")])
      const authorized = yield* authorizedHttpClient(notion)(client)
      const response = yield* authorized.get(notion.url)
      assert.strictEqual(yield* response.text, "hello")
      assert.strictEqual(yield* Ref.get(closed), 1)
      assert.isUndefined(seen[0]?.headers["authorization"])
      assert.match(seen[1]?.headers["authorization"] ?? "", /^Bearer ./)
    }).pipe(Effect.provide(core()))
  )

  it.live("gives back a second 401 as it is, with its body", () =>
    Effect.gen(function* () {
      const { client, closed, seen } = yield* inMemory([
        unauthorized,
        () => new Response("still no", { status: 401 })
      ])
      const authorized = yield* authorizedHttpClient(notion)(client)
      const response = yield* authorized.get(notion.url)
      assert.strictEqual(response.status, 401)
      assert.strictEqual(yield* response.text, "still no")
      assert.strictEqual(seen.length, 2)
      assert.strictEqual(yield* Ref.get(closed), 1)
    }).pipe(Effect.provide(core()))
  )

  it.live("fails with a typed error where nobody is there to sign in", () =>
    Effect.gen(function* () {
      const { client } = yield* inMemory([unauthorized])
      const authorized = yield* authorizedHttpClient(notion)(client)
      const said = yield* authorized.get(notion.url).pipe(
        Effect.as("answered"),
        Effect.catchTag("SignInRequired", (error) => Effect.succeed(error))
      )
      assert.deepInclude(said, { _tag: "SignInRequired", message: "Not signed in to notion." })
    }).pipe(Effect.provide(core({ present: false })))
  )

  it.live("keeps what the client does to requests, and can be changed as any client", () =>
    Effect.gen(function* () {
      const { client, seen } = yield* inMemory([unauthorized, () => new Response(null, { status: 204 })])
      const before = HttpClient.mapRequest(client, HttpClientRequest.prependUrl("https://notion.test"))
      const authorized = (yield* authorizedHttpClient(notion)(before)).pipe(
        HttpClient.mapRequest(HttpClientRequest.setHeader("x-after", "2"))
      )
      const response = yield* authorized.post("/mcp", { urlParams: { cursor: "a b" } })
      assert.strictEqual(response.status, 204)
      assert.deepEqual(
        seen.map(({ headers, method, url }) => [method, url, headers["x-after"]]),
        [
          ["POST", "https://notion.test/mcp", "2"],
          ["POST", "https://notion.test/mcp", "2"]
        ]
      )
      assert.match(seen[1]?.headers["authorization"] ?? "", /^Bearer ./)
    }).pipe(Effect.provide(core()))
  )

  it.live("sends no token where the request would be echoed, or names a user itself", () =>
    Effect.gen(function* () {
      const { client, seen } = yield* inMemory([() => new Response("hello")])
      const authorized = yield* authorizedHttpClient(byHand("notion"))(client)
      yield* authorized.execute(HttpClientRequest.trace(notion.url))
      yield* authorized.get("https://me:secret@notion.test/mcp")
      yield* authorized.get(notion.url)
      assert.deepEqual(
        seen.map(({ headers }) => headers["authorization"]?.split(" ")[0]),
        [undefined, undefined, "Bearer"]
      )
    }).pipe(Effect.provide(core()))
  )

  it.live("ends its requests with the scope of a client that has one", () =>
    Effect.gen(function* () {
      const signals: Array<AbortSignal> = []
      const client = HttpClient.make((request, _url, signal) =>
        Effect.sync(() => {
          signals.push(signal)
          return HttpClientResponse.fromWeb(request, new Response("hello"))
        })
      )
      const authorized = yield* authorizedHttpClient(byHand("notion"))(HttpClient.withScope(client))
      yield* Effect.scoped(authorized.get(notion.url))
      assert.deepEqual(
        signals.map(({ aborted }) => aborted),
        [true]
      )
    }).pipe(Effect.provide(core()))
  )

  it.live("looks at each step of a redirect", () =>
    Effect.gen(function* () {
      const { client, seen } = yield* inMemory([
        () => new Response(null, { status: 307, headers: { location: "https://notion.test/next" } }),
        () => new Response(null, { status: 307, headers: { location: "https://elsewhere.test/" } }),
        () => new Response("hello")
      ])
      const authorized = (yield* authorizedHttpClient(byHand("notion"))(client)).pipe(
        HttpClient.followRedirects()
      )
      assert.strictEqual((yield* authorized.get(notion.url)).status, 200)
      assert.deepEqual(
        seen.map(({ headers, url }) => [url, headers["authorization"] !== undefined]),
        [
          ["https://notion.test/mcp", true],
          ["https://notion.test/next", true],
          ["https://elsewhere.test/", false]
        ]
      )
    }).pipe(Effect.provide(core()))
  )

  it.live("leaves a URL that is none to the client", () =>
    Effect.gen(function* () {
      const { client, seen } = yield* inMemory([() => new Response("hello")])
      const authorized = yield* authorizedHttpClient(notion)(client)
      const error = yield* Effect.flip(authorized.get("no url"))
      assert.strictEqual(error._tag === "HttpClientError" && error.reason._tag, "InvalidUrlError")
      assert.strictEqual(seen.length, 0)
    }).pipe(Effect.provide(core()))
  )
})
