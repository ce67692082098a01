import { createServer, type RequestListener, setGlobalProxyFromEnv } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as CoreTransport from "../../../src/adapters/http/CoreTransport.ts"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import { retryAfterMillis } from "../../../src/adapters/http/RetryAfter.ts"
import { bareRequest } from "../../../src/domain/BareRequest.ts"
import { byteRequest } from "../../../src/domain/ByteRequest.ts"
import { HttpTransport, UserAgent } from "../../../src/ports/HttpTransport.ts"

const serve = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly origin: string; readonly close: () => void }>((resume) => {
      const server = createServer(listener)
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  )

interface Sent {
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

const requestOf = (url: string, { body, headers = {}, method = "GET" }: Sent) =>
  new Request(url, { method, headers, body: body ?? null })

const byteRequestOf = (url: string, { body, headers = {}, method = "GET" }: Sent) =>
  byteRequest(url, {
    method,
    headers: new Headers(headers),
    content: body === undefined ? undefined : new TextEncoder().encode(body)
  })

const bareRequestOf = (url: string, { body, headers = {}, method = "GET" }: Sent) =>
  bareRequest(url, {
    method,
    headers: Object.entries(headers),
    content: body === undefined ? undefined : new TextEncoder().encode(body)
  })

const sending =
  (layer: Layer.Layer<HttpTransport>, toRequest: typeof requestOf) =>
  (url: string, { timeout, fresh, ...sent }: Parameters<HttpTransport["Service"]["send"]>[1] & Sent = {}) =>
    HttpTransport.use((transport) =>
      transport.send(toRequest(url, sent), {
        ...(timeout === undefined ? {} : { timeout }),
        ...(fresh === undefined ? {} : { fresh })
      })
    ).pipe(Effect.provide(layer))

/** Every way that sends requests. */
const ways = [
  ["fetch", FetchTransport.layer, requestOf],
  ["fetch, of bytes", FetchTransport.layer, byteRequestOf],
  ["undici", UndiciTransport.layer, byteRequestOf],
  ["undici, of another body", UndiciTransport.layer, requestOf]
] as const
/** This one uses no proxies: the program does not use it where there are any. */
const core = ["node:http", CoreTransport.layer, bareRequestOf] as const

describe.each([...ways, core])("a request by %s", (_, layer, toRequest) => {
  const send = sending(layer, toRequest)

  it.live("gets its answer as it is: a redirect is not followed", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve((_request, response) =>
        response.writeHead(307, { location: "http://127.0.0.1:1/" }).end("elsewhere")
      )
      const response = yield* send(origin)
      assert.strictEqual(response.status, 307)
      assert.strictEqual(yield* Effect.promise(() => response.text()), "elsewhere")
    })
  )

  it.live.each<readonly [string, Sent["headers"] & {}, string]>([
    ["the program that makes it", {}, "mcp-cli/1.2.3"],
    ["what its maker says", { "user-agent": "another/4" }, "another/4"]
  ])("names %s", ([, headers, expected]) =>
    Effect.gen(function* () {
      const { origin } = yield* serve(({ headers: seen }, response) => response.end(seen["user-agent"]))
      const named = layer.pipe(Layer.provide(Layer.succeed(UserAgent, "mcp-cli/1.2.3")))
      const response = yield* sending(named, toRequest)(origin, { headers })
      assert.strictEqual(yield* Effect.promise(() => response.text()), expected)
    })
  )

  it.live.each<readonly [string, number, string]>([
    ["a text", 200, "hello"],
    ["an error", 400, "no such method"],
    ["nothing", 204, ""]
  ])("that follows another one at once uses its connection, after %s", ([, status, text]) =>
    Effect.gen(function* () {
      const sockets = new Set<Socket>()
      const { origin } = yield* serve((request, response) => {
        sockets.add(request.socket)
        request.resume()
        response.writeHead(status).end(text)
      })
      for (let sent = 0; sent < 3; sent++) {
        const response = yield* send(origin, { method: "POST", body: "{}" })
        assert.strictEqual(yield* Effect.promise(() => response.text()), text)
      }
      assert.strictEqual(sockets.size, 1)
    })
  )

  it.live("that has to be fresh uses a new connection, and closes it", () =>
    Effect.gen(function* () {
      const requests: Array<readonly [isNew: boolean, connection: string | undefined]> = []
      const sockets = new Set<Socket>()
      const { origin } = yield* serve(({ headers, socket }, response) => {
        requests.push([!sockets.has(socket), headers.connection])
        sockets.add(socket)
        response.end()
      })
      for (const fresh of [false, true, true]) yield* send(origin, { fresh })
      assert.deepStrictEqual(requests, [
        [true, "keep-alive"],
        [true, "close"],
        [true, "close"]
      ])
      yield* send(origin)
      assert.deepStrictEqual(requests[3], [false, "keep-alive"])
    })
  )

  it.live("fails in time where there is no answer, although it cannot be interrupted", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve(() => undefined)
      const error = yield* Effect.flip(
        Effect.uninterruptible(send(`${origin}/secret?token=secret`, { timeout: 50 }))
      )
      assert.include(error.message, "no answer within 0.05 seconds")
      assert.notInclude(`${error.message}${JSON.stringify(error)}`, "secret")
    })
  )

  it.live("is given up when its fiber is interrupted", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      const { origin } = yield* serve((request) => {
        Deferred.doneUnsafe(arrived, Effect.void)
        request.once("close", () => Deferred.doneUnsafe(gone, Effect.void))
      })
      const asking = yield* Effect.forkChild(send(origin))
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(asking)
      yield* Deferred.await(gone)
    })
  )

  it.effect("reads a body for as long as it comes, past the time that its head may take", () =>
    Effect.gen(function* () {
      let finish = () => {}
      const { origin } = yield* serve((_request, response) => {
        response.write("first ")
        finish = () => void response.end("last")
      })
      const response = yield* send(origin, { timeout: 200 })
      yield* TestClock.adjust("1 minute")
      finish()
      assert.strictEqual(yield* Effect.promise(() => response.text()), "first last")
    })
  )

  it.live("says why nobody was there", () =>
    Effect.gen(function* () {
      const { origin } = yield* Effect.scoped(serve(() => undefined))
      const error = yield* Effect.flip(send(`${origin}/secret`))
      assert.include(error.message, `${origin}: the connection was refused`)
      assert.notInclude(error.message, "secret")
    })
  )

  it.live.each([
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "SSH-2.0-OpenSSH\r\n",
    "HTTP/1.1 999999 Many\r\n\r\n"
  ])("may have arrived where the answer is none of HTTP: %j", (answer) =>
    Effect.gen(function* () {
      const { origin } = yield* serve(({ socket }) => void socket.write(answer))
      const error = yield* Effect.flip(send(origin, { method: "POST", body: "{}" }))
      assert.match(error.detail, /the connection broke|the request failed/)
      assert.strictEqual(error.unanswered, "broke")
    })
  )

  it.live("does not blame a certificate where nobody speaks TLS", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve((_request, response) => response.end())
      const error = yield* Effect.flip(send(`${origin.replace("http:", "https:")}/secret`))
      assert.include(error.message, "TLS")
      assert.notInclude(error.message, "certificate")
      assert.notInclude(error.message, "secret")
    })
  )
})

describe("Retry-After", () => {
  it.each([
    ["7", 7000],
    [" 0 ", 0],
    ["Thu, 01 Jan 1970 00:01:00 GMT", 50_000],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["999999999", 86_400_000],
    ["soon", undefined],
    ["-5", undefined],
    ["1.5", undefined],
    ["2030-01-01", undefined],
    ["Thursday, 01-Jan-70 00:01:00 GMT", 50_000],
    ["", undefined],
    [null, undefined]
  ])("of %s is %s ms, ten seconds after the epoch", (header, expected) => {
    assert.strictEqual(retryAfterMillis(header, 10_000), expected)
  })

  it.prop("is a wait between nothing and a day, or none", [Schema.String], ([header]) => {
    const wait = retryAfterMillis(header, 0)
    assert.isTrue(wait === undefined || (wait >= 0 && wait <= 86_400_000))
  })
})

describe.each(ways)("a request to this machine by %s", (_, layer, toRequest) => {
  const send = sending(layer, toRequest)

  /** Uses a proxy for everything, as `NODE_USE_ENV_PROXY=1` does, and notes what reaches it. */
  const proxied = Effect.gen(function* () {
    const seen: Array<string> = []
    const proxy = createServer((request, response) => {
      seen.push(request.url ?? "")
      response.end()
    })
    proxy.on("connect", (request, client: Socket) => {
      seen.push(request.url ?? "")
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n")
    })
    yield* Effect.acquireRelease(
      Effect.callback<() => void>((resume) => {
        proxy.listen(0, "127.0.0.1", () => {
          const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
          resume(
            Effect.succeed(setGlobalProxyFromEnv({ http_proxy: address, https_proxy: address, no_proxy: "" }))
          )
        })
      }),
      (restore) =>
        Effect.sync(() => {
          restore()
          proxy.closeAllConnections()
          proxy.close()
        })
    )
    return seen
  })

  it.live.each([
    "localhost",
    "localhost.",
    "LOCALHOST",
    "app.localhost",
    "127.0.0.1",
    "127.9.9.9",
    "127.1",
    "[::1]",
    "[::ffff:127.0.0.1]"
  ])("never goes through a proxy: %s", (host) =>
    Effect.gen(function* () {
      const seen = yield* proxied
      const { origin } = yield* serve((_request, response) => response.end())
      const { port } = new URL(origin)
      for (const scheme of ["http", "https"])
        yield* Effect.result(send(`${scheme}://${host}:${port}/`, { timeout: 5000 }))
      assert.deepEqual(seen, [])
    })
  )

  it.live.each(["localhost.test", "notlocalhost", "128.0.0.1", "[::ffff:128.0.0.1]", "[::2]"])(
    "means no other one: %s",
    (host) =>
      Effect.gen(function* () {
        const seen = yield* proxied
        yield* Effect.result(send(`https://${host}:4433/`, { timeout: 5000 }))
        assert.lengthOf(seen, 1)
      })
  )
})
