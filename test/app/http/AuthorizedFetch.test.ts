import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as AuthorizedHttp from "../../../src/app/http/AuthorizedHttp.ts"
import * as AccessTokens from "../../../src/app/tokens/AccessTokens.ts"
import { authorizedFetch, type Fetch } from "../../../src/app/http/AuthorizedFetch.ts"
import { collectGarbage } from "../../servers/collectGarbage.ts"
import { liveCore, realServers } from "../DoorWorld.ts"
import { serverNamed } from "../World.ts"

/** Lists tools by a client that knows nothing of OAuth, before and after its token was rejected. */
const twice = (list: (url: URL, fetch: typeof globalThis.fetch) => Promise<ReadonlyArray<string>>) =>
  Effect.gen(function* () {
    const { authorizationServer, mcpServer } = yield* realServers()
    const fetch = yield* authorizedFetch({ ...serverNamed("demo"), url: mcpServer.url })
    const first = yield* Effect.promise(() => list(mcpServer.url, fetch))
    mcpServer.rejectSeenTokens()
    const second = yield* Effect.promise(() => list(mcpServer.url, fetch))
    assert.deepEqual(first, ["echo", "add", "fail"])
    assert.deepEqual(second, first)
    assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
    assert.strictEqual(authorizationServer.counts.get("token:refresh_token"), 1)
  }).pipe(Effect.provide(liveCore))

describe("the fetch for MCP clients", () => {
  it.live("signs in and refreshes under version 2 of the SDK", () =>
    twice(async (url, fetch) => {
      const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
      await client.connect(new StreamableHTTPClientTransport(url, { fetch }))
      const { tools } = await client.listTools()
      await client.close()
      return tools.map(({ name }) => name)
    })
  )

  it.live("signs in and refreshes under version 1 of the SDK", () =>
    twice(async (url, fetch) => {
      const client = new OlderClient({ name: "test", version: "1" })
      const transport = new OlderTransport(url, { fetch })
      // The older SDK's own types do not agree with exactOptionalPropertyTypes.
      await client.connect(transport as Parameters<typeof client.connect>[0])
      const { tools } = await client.listTools()
      await client.close()
      return tools.map(({ name }) => name)
    })
  )
})

/** A resource server on loopback; what it does with a request is given. */
const resourceServer = (handle: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: URL; readonly close: () => void }>((resume) => {
      const server = createServer(handle)
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: new URL(`http://127.0.0.1:${port}/mcp`), close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** The fetch for a server, over the platform's HTTP, with these tokens. */
const fetchFor = (url: URL, getIfKnown: AccessTokens.AccessTokens["Service"]["getIfKnown"]) =>
  authorizedFetch({ ...serverNamed("demo"), url }).pipe(
    Effect.provide(
      AuthorizedHttp.layer.pipe(
        Layer.provide([
          Layer.mock(AccessTokens.AccessTokens, { getIfKnown }),
          DpopProofs.layer,
          FetchTransport.layer
        ])
      )
    )
  )

const noTokens = () => Effect.succeedNone

/** What a promise rejects with. */
const rejection = (promise: Promise<unknown>) => {
  const rejected = promise.then(
    () => assert.fail("it was fulfilled"),
    (error: unknown) => error
  )
  return Effect.promise(() => rejected)
}

describe("a request that is aborted", () => {
  const reason = new DOMException("stop", "AbortError")

  it.live("is not sent where that was before it started", () =>
    Effect.gen(function* () {
      let requests = 0
      const server = yield* resourceServer((_, response) => {
        requests++
        response.end()
      })
      const fetch = yield* fetchFor(server.url, noTokens)
      const aborted = fetch(server.url, { signal: AbortSignal.abort(reason) })
      assert.strictEqual(yield* rejection(aborted), reason)
      yield* Effect.promise(() => fetch(server.url))
      assert.strictEqual(requests, 1)
    })
  )

  it.live.each([
    ["that can be interrupted", Effect.interruptible],
    ["that cannot be interrupted, as a refresh", Effect.uninterruptible]
  ] as const)("rejects with the reason while it waits for a token %s", ([, region]) =>
    Effect.gen(function* () {
      const waiting = yield* Deferred.make<void>()
      const refreshed = yield* Deferred.make<void>()
      yield* Effect.addFinalizer(() => Deferred.succeed(refreshed, undefined))
      const fetch = yield* fetchFor(new URL("http://127.0.0.1:9/mcp"), () =>
        Deferred.succeed(waiting, undefined).pipe(
          Effect.andThen(region(Deferred.await(refreshed))),
          Effect.andThen(Effect.succeedNone)
        )
      )
      const controller = new AbortController()
      const aborted = rejection(fetch("http://127.0.0.1:9/mcp", { signal: controller.signal }))
      yield* Deferred.await(waiting)
      controller.abort(reason)
      assert.strictEqual(yield* aborted, reason)
    })
  )

  it.live("rejects with the reason while it is sent, and closes the connection", () =>
    Effect.gen(function* () {
      const arrived = Promise.withResolvers<void>()
      const closed = Promise.withResolvers<void>()
      const server = yield* resourceServer((request) => {
        request.once("close", () => closed.resolve())
        arrived.resolve()
      })
      const fetch = yield* fetchFor(server.url, noTokens)
      const controller = new AbortController()
      const aborted = rejection(fetch(new Request(server.url, { signal: controller.signal })))
      yield* Effect.promise(() => arrived.promise)
      controller.abort(reason)
      assert.strictEqual(yield* aborted, reason)
      yield* Effect.promise(() => closed.promise)
    })
  )

  it.live.each([
    ["its own", (url: URL, init: RequestInit): Parameters<Fetch> => [url, init]],
    ["of a Request", (url: URL, init: RequestInit): Parameters<Fetch> => [new Request(url, init)]]
  ] as const)(
    "rejects with the reason while its answer is read, and closes the connection, by a signal %s",
    ([, made]) =>
      Effect.gen(function* () {
        const closed = Promise.withResolvers<void>()
        const server = yield* resourceServer((request, response) => {
          request.once("close", () => closed.resolve())
          response.writeHead(200).write("the first part")
        })
        const fetch = yield* fetchFor(server.url, noTokens)
        const controller = new AbortController()
        const response = yield* Effect.promise(() =>
          fetch(...made(server.url, { signal: controller.signal }))
        )
        assert.strictEqual(response.url, server.url.href)
        const reader = response.body!.getReader()
        yield* Effect.promise(() => reader.read())
        yield* collectGarbage
        controller.abort(reason)
        assert.strictEqual(yield* rejection(reader.read()), reason)
        yield* Effect.promise(() => closed.promise)
      })
  )

  it.live("rejects with TimeoutError where the signal is one of a timeout", () =>
    Effect.gen(function* () {
      const server = yield* resourceServer(() => undefined)
      const fetch = yield* fetchFor(server.url, noTokens)
      const signal = AbortSignal.timeout(1)
      const error = yield* rejection(fetch(server.url, { signal }))
      assert.strictEqual(error, signal.reason)
      assert.propertyVal(error, "name", "TimeoutError")
    })
  )

  it.live("is an AbortError where no reason is given", () =>
    Effect.gen(function* () {
      const fetch = yield* fetchFor(new URL("http://127.0.0.1:9/mcp"), () => Effect.never)
      const controller = new AbortController()
      const aborted = fetch("http://127.0.0.1:9/mcp", { signal: controller.signal })
      controller.abort()
      assert.propertyVal(yield* rejection(aborted), "name", "AbortError")
    })
  )
})
