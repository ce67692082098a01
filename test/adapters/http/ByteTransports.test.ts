import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { createServer, type RequestListener, type ServerResponse } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net"
import { text } from "node:stream/consumers"
import { brotliCompressSync, createGzip, deflateSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { vi } from "vitest"
import * as CoreTransport from "../../../src/adapters/http/CoreTransport.ts"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import { bareRequest } from "../../../src/domain/BareRequest.ts"
import { byteRequest, repeatable } from "../../../src/domain/ByteRequest.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"

const serveWith = (listener: RequestListener, onConnection: (socket: unknown) => void, port = 0) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer(listener).on("connection", onConnection)
      server.listen(port, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp?of=them#here`,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ url }) => url))

const serve = (listener: RequestListener) => serveWith(listener, () => undefined)

/** A server that answers each request on a connection with these bytes. */
const serveBytes = (
  answer: (socket: Socket) => void,
  onConnection: (socket: Socket) => void = () => undefined
) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createTcpServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => undefined)
        onConnection(socket)
        socket.on("data", () => answer(socket))
      })
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
            close: () => {
              server.close()
              for (const socket of sockets) socket.destroy()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ url }) => url))

/** Every way that sends bytes without `fetch`. */
const ways = [
  ["undici", UndiciTransport.layer, byteRequest],
  ["node:http", CoreTransport.layer, bareRequest]
] as const

const postWith =
  (makeRequest: typeof byteRequest) =>
  (url: string, content = "{}", headers: Readonly<Record<string, string>> = {}) =>
    makeRequest(url, {
      method: "POST",
      headers: Object.entries(headers),
      content: new TextEncoder().encode(content)
    })

const sendWith = (layer: Layer.Layer<HttpTransport>) => (request: Request) =>
  HttpTransport.use((transport) => transport.send(request)).pipe(Effect.provide(layer))
const textOf = (response: Response) => Effect.promise(() => response.text())

const plain = `{"of":"${"a long answer ".repeat(1000)}"}`

describe.each(ways)("an answer over %s", (_, layer, makeRequest) => {
  const [post, send] = [postWith(makeRequest), sendWith(layer)]

  it.live.each<readonly [coding: string, body: Buffer]>([
    ["gzip", gzipSync(plain)],
    ["x-gzip", gzipSync(plain)],
    ["GZIP", gzipSync(plain)],
    ["deflate", deflateSync(plain)],
    ["br", brotliCompressSync(plain)],
    ["gzip, br", brotliCompressSync(gzipSync(plain))],
    ["identity", Buffer.from(plain)]
  ])("is decoded: %s", ([coding, body]) =>
    Effect.gen(function* () {
      const url = yield* serve((_, response) =>
        response.writeHead(200, { "content-encoding": coding }).end(body)
      )
      assert.strictEqual(yield* textOf(yield* send(post(url))), plain)
    })
  )

  it.live("is passed on part by part, although it is compressed", () =>
    Effect.gen(function* () {
      const url = yield* serve((_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" })
        const gzip = createGzip()
        gzip.pipe(response)
        gzip.write("data: 1\n\n")
        gzip.flush()
      })
      const response = yield* send(post(url))
      const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader()
      const { value } = yield* Effect.promise(() => reader?.read() ?? assert.fail())
      assert.strictEqual(new TextDecoder().decode(value), "data: 1\n\n")
      yield* Effect.promise(() => reader?.cancel() ?? assert.fail())
    })
  )

  it.live.each<readonly [what: string, answer: (response: ServerResponse) => void]>([
    ["broken", (response) => void response.write("half", () => response.destroy())],
    [
      "cut off while it is compressed",
      (response) => {
        response.setHeader("content-encoding", "gzip")
        response.write(gzipSync(plain).subarray(0, 30), () => response.destroy())
      }
    ],
    [
      "no data of the coding that it names",
      (response) => void response.setHeader("content-encoding", "gzip").end("plain text")
    ]
  ])("fails while it is read, where it is %s", ([, answer]) =>
    Effect.gen(function* () {
      const url = yield* serve((_, response) => answer(response))
      const response = yield* send(post(url))
      const read = yield* Effect.promise(() =>
        response.text().then(
          () => "read",
          () => "failed"
        )
      )
      assert.strictEqual(read, "failed")
    })
  )

  it.live.each<readonly [what: string, answer: string, read: string]>([
    ["is no HTTP in the middle", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZZ\r\n", "failed"],
    ["is followed by what is no HTTP", "Content-Length: 5\r\n\r\nhelloworld", "hello"]
  ])("is read as far as it is HTTP, where it %s", ([, answer, expected]) =>
    Effect.gen(function* () {
      const url = yield* serveBytes((socket) => void socket.write(`HTTP/1.1 200 OK\r\n${answer}`))
      const response = yield* send(post(url))
      const read = yield* Effect.promise(() => response.text().catch(() => "failed"))
      assert.strictEqual(read, expected)
    })
  )

  it.live("can be given up when it is complete, but not read", () =>
    Effect.gen(function* () {
      // More than what waits for a reader.
      const url = yield* serve((_, response) => response.end("x".repeat(200_000)))
      for (let sent = 0; sent < 2; sent++) {
        const { body } = yield* send(post(url))
        const reader: ReadableStreamDefaultReader<Uint8Array> = (body ?? assert.fail()).getReader()
        yield* Effect.promise(() => reader.read())
        yield* Effect.sleep(20)
        yield* Effect.promise(() => reader.cancel())
        // An error in a listener of an event would end the process.
        yield* Effect.sleep(20)
      }
    })
  )

  it.live.each<readonly [status: number, reason: string, body: string]>([
    [200, "OK", "text"],
    [204, "No Content", ""],
    [205, "Reset Content", ""],
    [304, "Not Modified", ""],
    [499, "Weird\xe9", "text"],
    [777, "Lucky", "text"]
  ])("has its status: %d", ([status, reason, body]) =>
    Effect.gen(function* () {
      const url = yield* serve((request, response) => {
        request.resume()
        response.writeHead(status, reason).end(body)
      })
      for (let sent = 0; sent < 2; sent++) {
        const response = yield* send(post(url))
        assert.deepEqual([response.status, response.ok], [status, status < 300])
        assert.strictEqual(yield* textOf(response), body)
      }
    })
  )

  it.live("has its headers, each of many, and letters beyond ASCII, after informational ones", () =>
    Effect.gen(function* () {
      const url = yield* serve((_, response) => {
        response.writeEarlyHints({ link: "</style.css>; rel=preload" })
        response
          .writeHead(200, { "set-cookie": ["a=1", "b=2"], "x-name": Buffer.from("é").toString("latin1") })
          .end()
      })
      const { headers } = yield* send(post(url))
      assert.deepEqual(headers.getSetCookie(), ["a=1", "b=2"])
      assert.strictEqual(Buffer.from(headers.get("x-name") ?? "", "latin1").toString(), "é")
      assert.isNull(headers.get("link"))
    })
  )

  it.live("is not read faster than its reader reads it", () =>
    Effect.gen(function* () {
      const size = 64 * 2 ** 20
      let isWritten = false
      const url = yield* serve((_, response) => {
        response.end(Buffer.alloc(size), () => {
          isWritten = true
        })
      })
      const response = yield* send(post(url))
      const reader: ReadableStreamDefaultReader<Uint8Array> = (response.body ?? assert.fail()).getReader()
      yield* Effect.promise(() => reader.read())
      // Another whole exchange: what could be read of the first answer has been read.
      yield* textOf(yield* send(post(yield* serve((_, other) => other.end("x".repeat(2 ** 20))))))
      assert.isFalse(isWritten)
      let length = 0
      for (;;) {
        const { done, value } = yield* Effect.promise(() => reader.read())
        if (done) break
        length += value.length
      }
      assert.isAbove(length, size / 2)
    })
  )
})

describe.each(ways)("a request of bytes over %s", (_, layer, makeRequest) => {
  const [post, send] = [postWith(makeRequest), sendWith(layer)]

  it.live("arrives as it is: path, headers, and a body of any length, each time that it is sent", () =>
    Effect.gen(function* () {
      const seen: Array<readonly [url: string | undefined, length: string | undefined, body: string]> = []
      const url = yield* serve(async (request, response) => {
        seen.push([request.url, request.headers["content-length"], await text(request)])
        response.end()
      })
      const long = "x".repeat(1_000_000)
      for (const content of ["{}", long]) {
        let request: Request = post(url, content)
        for (let sent = 0; sent < 2; sent++) {
          request = repeatable(request)
          yield* textOf(yield* send(request))
        }
      }
      const row = (content: string) => ["/mcp?of=them", String(content.length), content] as const
      assert.deepEqual(seen, [row("{}"), row("{}"), row(long), row(long)])
    })
  )

  it.live.each<readonly [name: string, value: string]>([
    ["transfer-encoding", "chunked"],
    ["expect", "100-continue"],
    ["upgrade", "x"],
    ["keep-alive", "timeout=5"],
    ["content-length", "3"]
  ])("is not sent with a header of the connection: %s", ([name, value]) =>
    Effect.gen(function* () {
      let isSent = false
      const url = yield* serve((_, response) => {
        isSent = true
        response.end()
      })
      assert.include(
        (yield* Effect.flip(send(post(url, "{}", { [name]: value })))).message,
        "the request failed"
      )
      assert.isFalse(isSent)
    })
  )

  it.live("has no length without a body", () =>
    Effect.gen(function* () {
      const url = yield* serve((request, response) => response.end(String(request.headers["content-length"])))
      const headers = [["content-length", "5"]] as const
      const request = makeRequest(url, { method: "GET", headers, content: undefined })
      assert.strictEqual(yield* textOf(yield* send(request)), "undefined")
    })
  )

  it.live("says what it can decode, unless the caller does", () =>
    Effect.gen(function* () {
      const url = yield* serve((request, response) => response.end(request.headers["accept-encoding"]))
      assert.strictEqual(yield* textOf(yield* send(post(url))), "gzip, br")
      assert.strictEqual(
        yield* textOf(yield* send(post(url, "", { "accept-encoding": "identity" }))),
        "identity"
      )
    })
  )
})

describe("a request of bytes", () => {
  it.live.each<readonly [what: string, content: string]>([
    ["short", "{}"],
    ["long", "x".repeat(1_000_000)]
  ])("can be sent by any transport, and again after that: a %s one", ([, content]) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const url = yield* serve(async (request, response) => {
        seen.push(await text(request))
        response.end()
      })
      const request = postWith(byteRequest)(url, content)
      yield* Effect.promise(() => fetch(request))
      yield* Effect.promise(() => fetch(repeatable(request)))
      assert.deepEqual(seen, [content, content])
    })
  )
})

describe.each(ways)(
  "a connection that is opened before the first request over %s",
  (name, layer, makeRequest) => {
    const [post, send] = [postWith(makeRequest), sendWith(layer)]

    /** A server that counts: connections, and requests by path. */
    const counting = Effect.gen(function* () {
      const sockets = new Set<unknown>()
      const paths: Array<string | undefined> = []
      const connected = Promise.withResolvers<void>()
      const url = yield* serveWith(
        (request, response) => {
          paths.push(request.url)
          response.end("answer")
        },
        (socket) => void sockets.add(socket)
      )
      const isOurs = (port: unknown) => String(port) === new URL(url).port
      const listeners = {
        "undici:client:connected": ({
          connectParams
        }: {
          readonly connectParams: { readonly port: string }
        }) => {
          if (isOurs(connectParams.port)) connected.resolve()
        },
        "net.client.socket": ({ socket }: { readonly socket: Socket }) =>
          void socket.once("connect", () => {
            if (name === "node:http" && isOurs(socket.remotePort)) connected.resolve()
          })
      }
      for (const [channel, listener] of Object.entries(listeners)) {
        const listen = listener as (message: unknown) => void
        subscribe(channel, listen)
        yield* Effect.addFinalizer(() => Effect.sync(() => unsubscribe(channel, listen)))
      }
      return { url, sockets, paths, connected: Effect.promise(() => connected.promise) }
    })
    const connect = (url: string) =>
      HttpTransport.use((transport) => transport.connect?.(new URL(url)) ?? Effect.void).pipe(
        Effect.provide(layer)
      )

    it.live("sends nothing, and is the one that the requests use", () =>
      Effect.gen(function* () {
        const { connected, paths, sockets, url } = yield* counting
        yield* connect(url)
        yield* connected
        assert.deepEqual(paths, [])
        for (let sent = 0; sent < 2; sent++)
          assert.strictEqual(yield* textOf(yield* send(post(url))), "answer")
        assert.deepEqual([sockets.size, paths], [1, ["/mcp?of=them", "/mcp?of=them"]])
      })
    )

    it.live("is waited for by a request that starts meanwhile, and is opened once", () =>
      Effect.gen(function* () {
        const { paths, sockets, url } = yield* counting
        yield* connect(url)
        yield* connect(url)
        assert.strictEqual(yield* textOf(yield* send(post(url))), "answer")
        yield* connect(url)
        assert.strictEqual(yield* textOf(yield* send(post(url))), "answer")
        assert.deepEqual([sockets.size, paths.length], [1, 2])
      })
    )

    it.live("is not used after it was idle for as long as servers may keep it", () =>
      Effect.gen(function* () {
        const { connected, sockets, url } = yield* counting
        yield* connect(url)
        yield* connected
        yield* Effect.acquireRelease(
          Effect.sync(() => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2000 })),
          () => Effect.sync(() => vi.useRealTimers())
        )
        assert.strictEqual(yield* textOf(yield* send(post(url))), "answer")
        assert.strictEqual(sockets.size, 2)
      })
    )

    it.live("is not used if the server has sent something on it", () =>
      Effect.gen(function* () {
        let connections = 0
        const refusal = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        const refused = Promise.withResolvers<void>()
        const url = yield* serveBytes(
          (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"),
          (socket) => {
            if (connections++ === 0) socket.end(refusal, () => refused.resolve())
          }
        )
        yield* connect(url)
        yield* Effect.promise(() => refused.promise)
        yield* Effect.sleep(50)
        assert.strictEqual(yield* textOf(yield* send(post(url))), "answer")
        assert.strictEqual(connections, 2)
      })
    )

    it.live("fails as the request that waits for it does, and not for the ones after that", () =>
      Effect.gen(function* () {
        const port = yield* Effect.scoped(
          Effect.map(
            serve(() => undefined),
            (url) => new URL(url).port
          )
        )
        const url = `http://127.0.0.1:${port}/`
        yield* connect(url)
        for (let sent = 0; sent < 2; sent++) {
          const { message, unanswered } = yield* Effect.flip(send(post(url)))
          assert.include(message, "the connection was refused")
          assert.isUndefined(unanswered)
        }
        yield* serveWith(
          (_, response) => response.end("answer"),
          () => undefined,
          Number(port)
        )
        assert.strictEqual(yield* textOf(yield* send(post(url))), "answer")
      })
    )

    it.live("does not hold a request that is given up", () =>
      Effect.gen(function* () {
        // Its first packet is never answered (TLS): the connection stays in opening.
        const silent = yield* Effect.acquireRelease(
          Effect.callback<Server>((resume) => {
            const server = createTcpServer((socket) => void socket.resume()).listen(0, "127.0.0.1", () =>
              resume(Effect.succeed(server))
            )
          }),
          (server) => Effect.sync(() => server.close())
        )
        const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`
        yield* connect(url)
        const error = yield* Effect.flip(
          HttpTransport.use((transport) => transport.send(post(url), { timeout: 20 })).pipe(
            Effect.provide(layer)
          )
        )
        assert.include(error.message, "no answer within")
      })
    )
  }
)
