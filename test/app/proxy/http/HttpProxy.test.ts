import { createHash, randomBytes } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { connect } from "node:net"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Option, Redacted } from "effect"
import * as FetchTransport from "../../../../src/adapters/http/FetchTransport.ts"
import * as DpopProofs from "../../../../src/adapters/oauth/DpopProofs.ts"
import * as AuthorizedHttp from "../../../../src/app/http/AuthorizedHttp.ts"
import { AccessTokens } from "../../../../src/app/tokens/AccessTokens.ts"
import type { RemoteServer } from "../../../../src/domain/Server.ts"
import { SignInRequired } from "../../../../src/domain/SignInError.ts"
import { TokenSet } from "../../../../src/domain/TokenSet.ts"
import { serverNamed } from "../../World.ts"
import { bearer, proxyOf, upstream } from "./ProxyWorld.ts"

const tokenOf = (server: RemoteServer): string => `upstream-token-of-${encodeURIComponent(server.name)}`

const tokensFor = (server: RemoteServer) =>
  TokenSet.make({ accessToken: Redacted.make(tokenOf(server)), tokenType: "Bearer", obtainedAt: 0 })

/** Tokens that do not change. A second one cannot be had. */
const withTokens = AuthorizedHttp.layer.pipe(
  Layer.provide([
    Layer.mock(AccessTokens, {
      getIfKnown: ({ server }) => Effect.succeedSome(tokensFor(server)),
      reject: () => Effect.void,
      get: ({ server }) => new SignInRequired({ server: server.name, why: "revoked" }),
      stepUp: () => Effect.succeed(Option.none())
    }),
    DpopProofs.layer,
    FetchTransport.layer
  ])
)

const serverAt = (url: URL, more: Partial<RemoteServer> = {}): RemoteServer => ({
  ...serverNamed("demo"),
  url,
  ...more
})

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const authorized = { authorization: `Bearer ${bearer}` }

const ask = (url: URL, init: RequestInit = {}) =>
  Effect.promise(() => fetch(url, { ...init, headers: { ...authorized, ...init.headers } }))

/** Every byte of an answer. */
const raw = (port: number, lines: ReadonlyArray<string>, body = ""): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let received = ""
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(
        [...lines, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close", "", body].join("\r\n")
      )
    })
    socket.on("data", (data) => {
      received += data.toString("latin1")
    })
    socket.on("close", () => resume(Effect.succeed(received)))
    return Effect.sync(() => socket.destroy())
  })

const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}`

describe("the bytes of a request and its answer", () => {
  it.live("are those of the program and of the server", () =>
    Effect.gen(function* () {
      const odd = Buffer.concat([
        Buffer.from('  [ {"id" : 12345678901234567890123, "id":1,\r\n\t"x":"\\u00e9é"} ]\n'),
        randomBytes(100)
      ])
      const answer = Buffer.from(
        ': comment\r\n\r\nid: 1\r\nretry: 5\ndata: {"a" : 1e400}\r\ndata:\n\n\uFEFFdata: é\n\n'
      )
      const seen: Array<Buffer> = []
      const server = yield* upstream((request, response) => {
        void bodyOf(request).then((body) => {
          seen.push(body)
          response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" })
          return response.end(answer)
        })
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      for (const method of ["POST", "DELETE"]) {
        const response = yield* ask(proxy.url(), { method, body: odd })
        assert.strictEqual(response.headers.get("content-type"), "text/event-stream; charset=utf-8")
        assert.deepEqual(Buffer.from(yield* Effect.promise(() => response.arrayBuffer())), answer)
      }
      assert.deepEqual(seen, [odd, odd])
    }).pipe(Effect.provide(withTokens))
  )

  it.live("may be many, in both directions", () =>
    Effect.gen(function* () {
      const large = randomBytes(24 * 2 ** 20)
      const server = yield* upstream((request, response) => {
        void bodyOf(request).then((body) => response.end(body))
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const response = yield* ask(proxy.url(), { method: "POST", body: large })
      const back = Buffer.from(yield* Effect.promise(() => response.arrayBuffer()))
      const digest = (data: Buffer) => createHash("sha256").update(data).digest("hex")
      assert.strictEqual(digest(back), digest(large))
    }).pipe(Effect.provide(withTokens))
  )

  it.live("are readable if the server compresses, although it was asked not to", () =>
    Effect.gen(function* () {
      const codings = [
        ["gzip", gzipSync('{"a":1}')],
        ["gzip, br", brotliCompressSync(gzipSync('{"a":1}'))],
        ["deflate,gzip", gzipSync(deflateSync('{"a":1}'))]
      ] as const
      for (const [coding, body] of codings) {
        const server = yield* upstream((_, response) => {
          response.writeHead(200, { "content-encoding": coding, "content-type": "application/json" })
          response.end(body)
        })
        const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
        const answer = yield* raw(proxy.port, [
          "POST /mcp HTTP/1.1",
          `Host: 127.0.0.1:${proxy.port}`,
          `Authorization: Bearer ${bearer}`
        ])
        assert.include(answer, '{"a":1}')
        assert.notInclude(answer.toLowerCase(), "content-encoding", coding)
        assert.include(server.received().toLowerCase(), "accept-encoding: identity")
      }
    }).pipe(Effect.provide(withTokens))
  )

  it.live("pass where the target is a whole URL, as a program with a proxy writes it", () =>
    Effect.gen(function* () {
      const server = yield* upstream((_, response) => response.end("the answer"))
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const answerTo = (target: string) =>
        raw(proxy.port, [
          `POST ${target} HTTP/1.1`,
          `Host: 127.0.0.1:${proxy.port}`,
          `Authorization: Bearer ${bearer}`
        ])
      assert.include(yield* answerTo(`http://127.0.0.1:${proxy.port}/mcp`), "the answer")
      assert.include(yield* answerTo("http://evil.test/mcp"), "HTTP/1.1 403 ")
    }).pipe(Effect.provide(withTokens))
  )

  it.live("pass with every status and with no body", () =>
    Effect.gen(function* () {
      let status = 0
      const server = yield* upstream((request, response) => {
        request.resume()
        response.writeHead(status, { "mcp-session-id": "s1", "retry-after": "7", allow: "POST" })
        response.end(status === 204 || status === 304 ? undefined : "x")
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      for (status of [200, 202, 204, 304, 400, 403, 404, 405, 409, 429, 500, 503]) {
        const response = yield* ask(proxy.url(), { method: "POST", body: call })
        assert.strictEqual(response.status, status)
        assert.strictEqual(response.headers.get("mcp-session-id"), "s1")
        assert.strictEqual(response.headers.get("retry-after"), "7")
        yield* Effect.promise(() => response.text())
      }
    }).pipe(Effect.provide(withTokens))
  )
})

describe("what does not pass", () => {
  const about = [
    "Cookie: session=local-cookie",
    "Forwarded: for=local-forwarded",
    "X-Forwarded-For: local-forwarded",
    "X-Forwarded-Host: local-forwarded",
    "X-Forwarded-Access-Token: local-forwarded",
    "X-Real-IP: local-forwarded",
    "Via: 1.1 local-forwarded",
    "True-Client-IP: local-forwarded",
    "Proxy-Authorization: Basic local-proxy",
    "X-Authorization: local-forwarded",
    "DPoP: local-proof",
    "X-HTTP-Method-Override: DELETE",
    "X-Original-URL: /local-other",
    "Referer: http://local-referer/",
    "Sec-Fetch-Mode: cors",
    "TE: trailers",
    "Upgrade: websocket",
    "Keep-Alive: timeout=1",
    "Accept-Encoding: gzip",
    "Mcp-Secret\u00a0: x"
  ]

  it.live("is every header of the program but those of MCP, and the bearer least of all", () =>
    Effect.gen(function* () {
      const server = yield* upstream((request, response) => {
        request.resume()
        response.end("{}")
      })
      const configured = { "X-Team": Redacted.make("configured") }
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url, { headers: configured }) })
      yield* raw(
        proxy.port,
        [
          "POST /mcp HTTP/1.1",
          `Host: localhost:${proxy.port}`,
          `Authorization: Bearer ${bearer}`,
          ...about.slice(0, -1),
          "X-Team: local-team",
          "Accept: application/json, text/event-stream",
          "Content-Type: application/json",
          "Last-Event-ID: event-5",
          "MCP-Protocol-Version: 2025-11-25",
          "Mcp-Session-Id: session-6",
          "Mcp-Param-Region: =?base64?w6k=?=",
          "traceparent: 00-1-2-01",
          "User-Agent: their-client/1"
        ],
        call
      )
      const [head = "", body] = server.received().split("\r\n\r\n")
      const lines = head.split("\r\n").map((line) => line.toLowerCase())
      assert.strictEqual(body, call)
      assert.sameMembers(
        lines.filter((line) => !/^(post |connection:|sec-fetch-mode: cors|accept-language: \*)/.test(line)),
        [
          `host: ${server.url.host}`,
          `authorization: bearer ${tokenOf(serverNamed("demo"))}`,
          "x-team: configured",
          "accept: application/json, text/event-stream",
          "accept-encoding: identity",
          "content-type: application/json",
          `content-length: ${call.length}`,
          "last-event-id: event-5",
          "mcp-protocol-version: 2025-11-25",
          "mcp-session-id: session-6",
          "mcp-param-region: =?base64?w6k=?=",
          "traceparent: 00-1-2-01",
          "user-agent: their-client/1"
        ]
      )
      assert.notInclude(server.received(), bearer)
      assert.notInclude(server.received(), "local-")
    }).pipe(Effect.provide(withTokens))
  )

  it.live("is every header of the server that a browser or a client acts on, and no byte of its token", () =>
    Effect.gen(function* () {
      const token = tokenOf(serverNamed("demo"))
      const server = yield* upstream((request, response) => {
        request.resume()
        response.writeHead(403, {
          "www-authenticate": 'Bearer resource_metadata="https://evil.test/"',
          "proxy-authenticate": "Basic",
          "set-cookie": ["a=1", "b=2"],
          "access-control-allow-origin": "*",
          "access-control-allow-credentials": "true",
          "strict-transport-security": "max-age=99999999",
          "clear-site-data": '"*"',
          "alt-svc": 'h3=":443"',
          refresh: "0; url=https://evil.test/",
          link: "<https://evil.test/>; rel=preload",
          location: "https://evil.test/",
          "content-disposition": "attachment",
          "authentication-info": token,
          "x-echo": token,
          "content-type": "application/json",
          "mcp-session-id": "s"
        })
        response.end("{}")
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const answer = yield* raw(
        proxy.port,
        ["POST /mcp HTTP/1.1", `Host: localhost:${proxy.port}`, `Authorization: Bearer ${bearer}`],
        call
      )
      const [head = ""] = answer.split("\r\n\r\n")
      const names = head
        .split("\r\n")
        .slice(1)
        .map((line) => line.split(":")[0]?.toLowerCase())
      assert.sameMembers(names, ["content-type", "mcp-session-id", "date", "connection", "transfer-encoding"])
      assert.notInclude(answer, token)
      assert.notInclude(answer, "evil")
    }).pipe(Effect.provide(withTokens))
  )

  it.live("is the token of one server to another, nor to another origin by a redirect", () =>
    Effect.gen(function* () {
      const redirecting = yield* upstream((request, response) => {
        request.resume()
        response.writeHead(307, { location: other.url.href })
        response.end()
      })
      const other = yield* upstream((request, response) => {
        request.resume()
        response.end("{}")
      })
      const first = serverAt(redirecting.url, { name: "first" })
      const proxy = yield* proxyOf({ "/first": first, "/a%20b": serverAt(other.url, { name: "a b" }) })
      const response = yield* ask(proxy.url("/first"), { method: "POST", body: call })
      assert.strictEqual(response.status, 502)
      assert.include(yield* Effect.promise(() => response.text()), "it redirects to another origin")
      assert.strictEqual(other.received(), "")
      yield* ask(proxy.url("/a b"), { method: "POST", body: call })
      assert.include(other.received(), tokenOf(serverAt(other.url, { name: "a b" })))
      assert.notInclude(other.received(), tokenOf(first))
      assert.notInclude(redirecting.received(), tokenOf(serverAt(other.url, { name: "a b" })))
    }).pipe(Effect.provide(withTokens))
  )

  it.live("is a request whose redirect keeps method and origin: the program does not see it", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const server = yield* upstream((request, response) => {
        void bodyOf(request).then((body) => {
          bodies.push(`${request.method} ${request.url} ${body.toString()}`)
          if (request.url === "/loop") return response.writeHead(308, { location: "/loop" }).end()
          if (request.url === "/mcp") return response.writeHead(307, { location: "/mcp/" }).end()
          return response.end("{}")
        })
      })
      const proxy = yield* proxyOf({
        "/mcp": serverAt(server.url),
        "/loop": serverAt(new URL("/loop", server.url))
      })
      assert.strictEqual((yield* ask(proxy.url(), { method: "POST", body: call })).status, 200)
      assert.deepEqual(bodies, [`POST /mcp ${call}`, `POST /mcp/ ${call}`])
      const looping = yield* ask(proxy.url("/loop"), { method: "POST", body: call })
      assert.include(yield* Effect.promise(() => looping.text()), "it redirects more than 5 times")
    }).pipe(Effect.provide(withTokens))
  )
})

describe("a stream", () => {
  const event = (response: ServerResponse, data: string) => response.write(`data: ${data}\n\n`)

  it.live("of a GET stays open while requests run, and its events pass at once", () =>
    Effect.gen(function* () {
      let stream: ServerResponse | undefined
      const server = yield* upstream((request, response) => {
        if (request.method === "GET") {
          stream = response.writeHead(200, { "content-type": "text/event-stream" })
          response.flushHeaders()
          return
        }
        request.resume()
        if (stream !== undefined) event(stream, "of the server")
        response.end(`{"id":1}`)
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      // Its head comes before any event.
      const listening = yield* ask(proxy.url(), { headers: { accept: "text/event-stream" } })
      const reader = listening.body!.getReader()
      for (let count = 0; count < 20; count++) {
        const answered = yield* ask(proxy.url(), { method: "POST", body: call })
        assert.strictEqual(yield* Effect.promise(() => answered.text()), `{"id":1}`)
        const { value } = yield* Effect.promise(() => reader.read())
        assert.strictEqual(new TextDecoder().decode(value), "data: of the server\n\n")
      }
      yield* Effect.promise(() => reader.cancel())
    }).pipe(Effect.provide(withTokens))
  )

  it.live("and a request end at the server as soon as the program hangs up", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const ended = [yield* Deferred.make<string>(), yield* Deferred.make<string>()] as const
      const server = yield* upstream((request, response) => {
        const isStream = request.method === "GET"
        response.on("close", () => Deferred.doneUnsafe(ended[isStream ? 0 : 1], Effect.succeed("closed")))
        if (isStream) return event(response, "first")
        request.resume()
        return Deferred.doneUnsafe(arrived, Effect.void)
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const stopStream = new AbortController()
      const stream = yield* ask(proxy.url(), { signal: stopStream.signal })
      yield* Effect.promise(() => stream.body!.getReader().read())
      stopStream.abort()
      assert.strictEqual(yield* Deferred.await(ended[0]), "closed")

      const stop = new AbortController()
      const outcome = fetch(proxy.url(), {
        method: "POST",
        body: call,
        headers: authorized,
        signal: stop.signal
      }).then(
        () => "answered",
        () => "aborted"
      )
      yield* Deferred.await(arrived)
      stop.abort()
      assert.strictEqual(yield* Deferred.await(ended[1]), "closed")
      assert.strictEqual(yield* Effect.promise(() => outcome), "aborted")
    }).pipe(Effect.provide(withTokens))
  )

  it.live("that breaks at the server breaks at the program", () =>
    Effect.gen(function* () {
      const server = yield* upstream((request, response) => {
        request.resume()
        event(response, "first")
        setImmediate(() => response.destroy())
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const read = Effect.tryPromise(async () => (await fetch(proxy.url(), { headers: authorized })).text())
      assert.isTrue(Exit.isFailure(yield* Effect.exit(read)))
    }).pipe(Effect.provide(withTokens))
  )
})

describe("an error of the proxy", () => {
  const bodyWith = (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`
  const errorOf = (response: Response) =>
    Effect.promise(
      () => response.json() as Promise<{ id: unknown; error: { code: number; message: string } }>
    )

  it.live("after a 401 to every token names the command that signs in, and the request", () =>
    Effect.gen(function* () {
      const server = yield* upstream((request, response) => {
        request.resume()
        response.writeHead(401, { "www-authenticate": "Bearer" }).end("no")
      })
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) })
      const ids = [
        [`7`, 7],
        [`"a-7"`, "a-7"],
        [`12345678901234567890`, null],
        [`1.5`, null],
        [`null`, null],
        [`{}`, null]
      ] as const
      for (const [sent, expected] of ids) {
        const response = yield* ask(proxy.url(), { method: "POST", body: bodyWith(sent) })
        assert.strictEqual(response.status, 502)
        assert.isNull(response.headers.get("www-authenticate"))
        const { error, id } = yield* errorOf(response)
        assert.strictEqual(id, expected)
        assert.include(error.message, "mcp-cli auth login demo")
      }
      for (const body of ["[]", "nonsense", `[${bodyWith("1")}]`, `{"method":"x"}`]) {
        const response = yield* ask(proxy.url(), { method: "POST", body })
        assert.isNull((yield* errorOf(response)).id)
      }
      const get = yield* errorOf(yield* ask(proxy.url()))
      assert.include(get.error.message, "mcp-cli auth login demo")
    }).pipe(Effect.provide(withTokens))
  )

  it.live("about a header of the configuration names that header", () =>
    Effect.gen(function* () {
      const server = yield* upstream((request, response) => {
        request.resume()
        response.writeHead(401).end("no")
      })
      const own = { headers: { Authorization: Redacted.make("Basic configured") } }
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url, own) })
      const response = yield* ask(proxy.url(), { method: "POST", body: call })
      const { error } = yield* errorOf(response)
      assert.include(error.message, `"Authorization"`)
      assert.include(server.received(), "Basic configured")
      assert.notInclude(JSON.stringify(error), "Basic configured")
    }).pipe(Effect.provide(withTokens))
  )

  it.live("says what is wrong where the server is not there, or cannot be served", () =>
    Effect.gen(function* () {
      const refused = new SignInRequired({ server: "x", why: "expired" })
      const proxy = yield* proxyOf({
        "/mcp": serverAt(new URL("http://127.0.0.1:9/mcp")),
        "/headers": serverAt(new URL("http://127.0.0.1:9/mcp"), {
          headers: { "X-Bad": Redacted.make("a\r\nAuthorization: b") }
        }),
        "/x": { _tag: "Refused", error: refused }
      })
      const expected = [
        ["/mcp", "No answer from http://127.0.0.1:9"],
        ["/headers", `its header "X-Bad" has a name or value that HTTP does not allow`],
        ["/x", refused.message]
      ] as const
      for (const [path, message] of expected) {
        const response = yield* ask(proxy.url(path), { method: "POST", body: call })
        assert.strictEqual(response.status, 502)
        assert.include((yield* errorOf(response)).error.message, message)
      }
    }).pipe(Effect.provide(withTokens))
  )

  it.live("is told to the user of the proxy, too, and once as long as it stays the same", () =>
    Effect.gen(function* () {
      let status = 401
      const server = yield* upstream((request, response) => {
        request.resume()
        response.writeHead(status).end("{}")
      })
      const told: Array<string> = []
      const tell = ({ message }: { readonly message: string }) => Effect.sync(() => void told.push(message))
      const proxy = yield* proxyOf({ "/mcp": serverAt(server.url) }, { tell })
      for (status of [401, 401, 200, 401, 401]) yield* ask(proxy.url(), { method: "POST", body: call })
      const message = "The sign-in to demo is over: it is no longer accepted."
      assert.deepEqual(told, [message, message])
    }).pipe(Effect.provide(withTokens))
  )
})
