import { createHash } from "node:crypto"
import { request } from "node:http"
import { connect, createServer, type AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as CallbackListener from "../../../src/adapters/loopback/CallbackListener.ts"
import type { AuthorizationResponse } from "../../../src/domain/AuthorizationResponse.ts"
import { CallbackListener as Port } from "../../../src/ports/CallbackListener.ts"

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** A request as it goes over the wire; `fetch` would not let a test set the Host header. */
const ask = (
  url: URL,
  path: string,
  options: { readonly method?: string; readonly host?: string; readonly at?: string } = {}
) =>
  Effect.callback<Answer>((resume) => {
    const outgoing = request(
      {
        host: options.at ?? url.hostname.replace(/^\[|\]$/g, ""),
        port: url.port,
        path,
        method: options.method ?? "GET",
        headers: { host: options.host ?? url.host }
      },
      (response) => {
        let body = ""
        response.on("data", (chunk: Buffer) => (body += chunk.toString()))
        response.on("end", () =>
          resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body }))
        )
      }
    )
    outgoing.end()
  })

const bind = (redirectUri: string, portMayMove = true) =>
  Port.use((listener) =>
    listener.bind({ server: "<notion>", redirectUri: new URL(redirectUri), portMayMove })
  ).pipe(Effect.provide(CallbackListener.layer))

/** Reads a response the way a flow does whose state is `mine`. */
const read = (parameters: URLSearchParams): AuthorizationResponse => {
  if (parameters.get("state") !== "mine") return { _tag: "Foreign" }
  const error = parameters.get("error")
  return error === null
    ? { _tag: "Granted", code: Redacted.make(parameters.get("code") ?? "") }
    : { _tag: "Denied", error, description: parameters.get("error_description") ?? undefined }
}

/** Something else that listens on a port of loopback. */
/** @param leaves whether it ends, and its port is free, as soon as something connects */
const squatterAt = (host: string, leaves = false) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const server = createServer((socket) => {
        if (!leaves) return
        server.close()
        socket.destroy()
      })
      server.listen(0, host, () =>
        resume(Effect.succeed({ port: (server.address() as AddressInfo).port, close: () => server.close() }))
      )
    }),
    ({ close }) => Effect.sync(close)
  )
const squatter = squatterAt("127.0.0.1")

describe("the listener for the browser's answer", () => {
  it.live("waits on, whatever else it is asked, until this flow's answer comes", () =>
    Effect.gen(function* () {
      const bound = yield* bind("http://localhost:0/callback")
      const answer = yield* Effect.forkChild(bound.receive(read))
      const { redirectUri } = bound
      yield* Effect.yieldNow
      const statuses = yield* Effect.forEach(
        [
          ask(redirectUri, "/"),
          ask(redirectUri, "/favicon.ico"),
          ask(redirectUri, "//"),
          ask(redirectUri, "//evil.test/callback?state=mine&code=x"),
          ask(redirectUri, "/x/../callback?state=mine&code=x"),
          ask(redirectUri, "/callback/?state=mine&code=x"),
          ask(redirectUri, "/callback?state=mine&code=x", { method: "POST" }),
          ask(redirectUri, "/callback?state=mine&code=x", { method: "HEAD" }),
          ask(redirectUri, "/callback?state=mine&code=x", { host: "evil.test" }),
          ask(redirectUri, "/callback?state=other&code=x"),
          ask(redirectUri, `/callback?state=mine&code=${"x".repeat(17_000)}`)
        ],
        (asking) => Effect.map(asking, ({ status }) => status)
      )
      assert.deepEqual(statuses, [404, 404, 404, 404, 404, 404, 405, 405, 400, 400, 400])
      const page = yield* Effect.forkChild(ask(redirectUri, "/callback?state=mine&code=right"))
      const granted = yield* Fiber.join(answer)
      yield* bound.conclude(true)
      assert.strictEqual((yield* Fiber.join(page)).status, 200)
      assert.isTrue(granted._tag === "Granted" && Redacted.value(granted.code) === "right")
    })
  )

  it.live("listens no longer once this flow's answer has come", () =>
    Effect.gen(function* () {
      const { receive, redirectUri } = yield* bind("http://localhost:0/callback")
      const answer = yield* Effect.forkChild(receive(read))
      yield* Effect.yieldNow
      yield* Effect.forkChild(ask(redirectUri, "/callback?state=mine&code=x"))
      yield* Fiber.join(answer)
      const again = yield* bind(redirectUri.href, false)
      assert.strictEqual(again.redirectUri.href, redirectUri.href)
    })
  )

  /** The page of the browser that has come back with this query, once the sign-in has ended. */
  const pageAt = Effect.fnUntraced(function* (query: string, isSignedIn: boolean) {
    const bound = yield* bind("http://127.0.0.1:0/callback")
    const answer = yield* Effect.forkChild(bound.receive(read))
    yield* Effect.yieldNow
    const page = yield* Effect.forkChild(ask(bound.redirectUri, `/callback?state=mine&${query}`))
    yield* Fiber.join(answer)
    yield* bound.conclude(isSignedIn)
    return yield* Fiber.join(page)
  })

  it.live("shows one page that runs nothing, loads nothing and escapes everything", () =>
    Effect.gen(function* () {
      const description = encodeURIComponent(`<script>alert("1")</script>&'`)
      const { body, headers } = yield* pageAt(`error=access_denied&error_description=${description}`, false)
      assert.notInclude(body, "<script")
      assert.include(body, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;")
      assert.include(body, "&lt;notion&gt;")
      assert.notMatch(body, /https?:|src=|href="(?!data:)/)
      const style = /<style>([^]*)<\/style>/.exec(body)?.[1] ?? ""
      const hash = createHash("sha256").update(style).digest("base64")
      assert.strictEqual(
        headers["content-security-policy"],
        `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'`
      )
      assert.strictEqual(headers["cache-control"], "no-store")
      assert.strictEqual(headers["referrer-policy"], "no-referrer")
    })
  )

  it.live.each([
    ["code=x", true, 200, "Signed in to &lt;notion&gt;", "return to the terminal"],
    ["code=x", false, 400, "Not signed in to &lt;notion&gt;", "could not complete it"],
    ["error=access_denied", false, 200, "Not signed in to &lt;notion&gt;", "access_denied"]
  ] as const)("says how the sign-in has ended: %s, %s", ([query, isSignedIn, status, title, text]) =>
    Effect.gen(function* () {
      const page = yield* pageAt(query, isSignedIn)
      assert.strictEqual(page.status, status)
      assert.include(page.body, `<span>${title}</span>`)
      assert.include(page.body, text)
    })
  )

  it.live("does not say that the user is signed in if the sign-in was interrupted", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const bound = yield* bind("http://127.0.0.1:0/callback").pipe(Scope.provide(scope))
      const answer = yield* Effect.forkChild(bound.receive(read))
      yield* Effect.yieldNow
      const page = yield* Effect.forkChild(ask(bound.redirectUri, "/callback?state=mine&code=x"))
      yield* Fiber.join(answer)
      yield* Scope.close(scope, Exit.void)
      assert.include((yield* Fiber.join(page)).body, "Not signed in")
    })
  )

  it.live("takes another free port where its own is taken and may move", () =>
    Effect.gen(function* () {
      const { port } = yield* squatter
      const { redirectUri } = yield* bind(`http://localhost:${port}/callback`)
      assert.notStrictEqual(redirectUri.port, String(port))
      assert.strictEqual(redirectUri.hostname, "localhost")
    })
  )

  it.live("takes a port on both addresses of localhost or on neither", () =>
    Effect.gen(function* () {
      const { port } = yield* squatterAt("::1")
      const { redirectUri } = yield* bind(`http://localhost:${port}/callback`)
      assert.notStrictEqual(redirectUri.port, String(port))
      const error = yield* Effect.flip(bind(`http://localhost:${port}/callback`, false))
      assert.strictEqual(error._tag, "RedirectPortBusy")
      const free = yield* bind(`http://127.0.0.1:${port}/callback`, false)
      assert.strictEqual(free.redirectUri.port, String(port))
    })
  )

  it.live("names redirect_uri where its port is taken and may not move", () =>
    Effect.gen(function* () {
      const { port } = yield* squatter
      const error = yield* Effect.flip(bind(`http://localhost:${port}/callback`, false))
      assert.deepInclude(error, { _tag: "RedirectPortBusy", isOfSignIn: false })
      assert.include(errorText(error), '"redirect_uri"')
    })
  )

  it.live.each(["127.0.0.1", "::1"])("takes a port whose listener at %s ends when it is asked", (host) =>
    Effect.gen(function* () {
      const { port } = yield* squatterAt(host, true)
      const { redirectUri } = yield* bind(`http://localhost:${port}/callback`, false)
      assert.strictEqual(redirectUri.port, String(port))
    })
  )

  it.live.each(["localhost", "127.0.0.1"])("tells another sign-in at its port on %s from a program", (host) =>
    Effect.gen(function* () {
      const { redirectUri } = yield* bind(`http://${host}:0/callback`)
      for (const path of ["/callback", "/other"]) {
        const error = yield* Effect.flip(bind(`http://${host}:${redirectUri.port}${path}`, false))
        assert.deepInclude(error, { _tag: "RedirectPortBusy", isOfSignIn: true })
      }
    })
  )

  it.live("listens on loopback and nowhere else, and for localhost on both of its addresses", () =>
    Effect.gen(function* () {
      const { redirectUri } = yield* bind("http://localhost:0/callback")
      for (const at of ["127.0.0.1", "::1"]) {
        assert.strictEqual((yield* ask(redirectUri, "/", { at })).status, 404)
      }
      const one = yield* bind("http://127.0.0.1:0/callback")
      assert.strictEqual(one.redirectUri.hostname, "127.0.0.1")
    })
  )

  it.live("redirects the browser once, from an address that cannot be guessed", () =>
    Effect.gen(function* () {
      const { redirectOnce, redirectUri } = yield* bind("http://localhost:0/callback")
      const url = new URL("https://as.test/authorize?state=mine&x=%22")
      const start = yield* redirectOnce(url)
      assert.strictEqual(start.origin, redirectUri.origin)
      assert.match(start.pathname, /^\/start\/[\w-]{43}$/)
      assert.strictEqual((yield* ask(redirectUri, start.pathname, { method: "HEAD" })).status, 405)
      assert.strictEqual((yield* ask(redirectUri, start.pathname, { host: "evil.test" })).status, 400)
      assert.strictEqual((yield* ask(redirectUri, "/start/x")).status, 404)
      const first = yield* ask(redirectUri, start.pathname)
      assert.strictEqual(first.status, 303)
      assert.strictEqual(first.headers["location"], url.href)
      assert.strictEqual(first.headers["referrer-policy"], "no-referrer")
      assert.strictEqual(first.headers["cache-control"], "no-store")
      const second = yield* ask(redirectUri, start.pathname)
      assert.strictEqual(second.status, 410)
      assert.notInclude(JSON.stringify(second), "as.test")
    })
  )

  it.live("closes with its scope, although somebody keeps a connection open", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { redirectUri } = yield* bind("http://127.0.0.1:0/callback").pipe(Scope.provide(scope))
      const socket = connect(Number(redirectUri.port), "127.0.0.1")
      yield* Effect.callback<void>((resume) => void socket.once("connect", () => resume(Effect.void)))
      const closed = Effect.callback<void>((resume) => void socket.once("close", () => resume(Effect.void)))
      yield* Effect.all([closed, Scope.close(scope, Exit.void)], { concurrency: 2 })
      const again = yield* bind(redirectUri.href, false)
      assert.strictEqual(again.redirectUri.href, redirectUri.href)
    })
  )
})
