import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as FlowTrace from "../../../src/app/trace/FlowTrace.ts"
import * as TracedTransport from "../../../src/app/trace/TracedTransport.ts"
import * as TracedUser from "../../../src/app/trace/TracedUser.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { SignInRefused } from "../../../src/domain/SignInError.ts"
import type { ShownText, Trace, TraceEvent } from "../../../src/domain/TraceEvent.ts"
import { Browser, BrowserError } from "../../../src/ports/Browser.ts"
import { CallbackListener } from "../../../src/ports/CallbackListener.ts"
import { HttpTransport, NetworkError } from "../../../src/ports/HttpTransport.ts"
import { UserInteraction } from "../../../src/ports/UserInteraction.ts"
import { Context, Duration } from "effect"
import { readAuthorizationResponse } from "../../../src/domain/AuthorizationResponse.ts"
import { byHand, serverNamed } from "../World.ts"

const notion = serverNamed("notion")

/** A wire on which every request meets this. */
const wire = (send: HttpTransport["Service"]["send"]) =>
  TracedTransport.layer.pipe(Layer.provide(Layer.succeed(HttpTransport, HttpTransport.of({ send }))))

const answering = (answer: (request: Request) => Response) =>
  wire((request) => Effect.sync(() => answer(request)))

const send = (request: Request) => HttpTransport.use((transport) => transport.send(request))

/** Records a flow, and gives what was kept of it however it ended. */
const recorded = <A, E extends { readonly message: string }, R>(
  flow: Effect.Effect<A, E, R>,
  server: RemoteServer = notion,
  urlAsWritten = server.url.href
) =>
  Effect.gen(function* () {
    const kept = yield* Deferred.make<Trace>()
    yield* FlowTrace.record({ server, urlAsWritten, account: undefined }, flow, (page) =>
      Effect.asVoid(Deferred.succeed(kept, page))
    ).pipe(Effect.exit)
    return yield* Deferred.await(kept)
  })

const plain = (text: ShownText): string =>
  text.map((piece) => (piece._tag === "Open" ? piece.text : `#${piece.mark}`)).join("")

type Exchange = Extract<TraceEvent, { readonly _tag: "Exchange" }>
const exchangesOf = ({ events }: Trace): ReadonlyArray<Exchange> =>
  events.filter((event): event is Exchange => event._tag === "Exchange")

const bodyOf = (answer: Exchange["answer"]): unknown =>
  answer._tag !== "Answered"
    ? answer._tag
    : answer.body._tag === "Fields"
      ? Object.fromEntries(answer.body.fields.map(({ name, value }) => [name, plain(value)]))
      : answer.body

const tokenRequest = (parameters: Record<string, string> = {}) =>
  new Request("https://as.test/token", {
    method: "POST",
    body: new URLSearchParams({ grant_type: "authorization_code", code: "the-code-itself", ...parameters })
  })

describe("the record of a flow", () => {
  it.effect("is of no request outside of it", () =>
    Effect.gen(function* () {
      yield* send(tokenRequest())
      const trace = yield* recorded(Effect.void)
      assert.isUndefined(yield* FlowTrace.CurrentRecording)
      yield* send(tokenRequest())
      assert.deepEqual(trace.events, [])
    }).pipe(Effect.provide(answering(() => new Response())))
  )

  it.effect("is of its own requests, where two flows run at the same time", () =>
    Effect.gen(function* () {
      const flow = (path: string) => recorded(send(new Request(`https://notion.test/${path}`)))
      const flows = Effect.all([flow("one"), flow("two")], { concurrency: 2 })
      const both = yield* Effect.forkChild(flows)
      yield* TestClock.adjust("1 second")
      const paths = (yield* Fiber.join(both)).map((trace) => exchangesOf(trace).length)
      assert.deepEqual(paths, [1, 1])
    }).pipe(Effect.provide(wire(() => Effect.as(Effect.sleep("1 second"), new Response()))))
  )

  it.effect("has method, address, status and the time that an answer took", () =>
    Effect.gen(function* () {
      const flow = yield* Effect.forkChild(recorded(send(new Request("https://notion.test/mcp"))))
      yield* TestClock.adjust("250 millis")
      const trace = yield* Fiber.join(flow)
      const [event] = exchangesOf(trace)
      assert.deepInclude(event, { at: 0, kind: "MCP request", method: "GET" })
      assert.deepInclude(event?.answer, { _tag: "Answered", status: 401, took: 250 })
      assert.strictEqual(trace.endedAt, 250)
      assert.deepEqual(trace.lanes, [{ origin: "https://notion.test", roles: ["MCP server"] }])
    }).pipe(
      Effect.provide(wire(() => Effect.as(Effect.sleep("250 millis"), new Response(null, { status: 401 }))))
    )
  )

  it.effect("leaves request and answer to those whom they are for", () =>
    Effect.gen(function* () {
      let read: unknown
      yield* recorded(
        Effect.gen(function* () {
          const response = yield* send(tokenRequest())
          assert.strictEqual(response.status, 201)
          assert.strictEqual(
            response.headers.get("x-sent"),
            "grant_type=authorization_code&code=the-code-itself"
          )
          read = yield* Effect.promise(() => response.json())
        }).pipe(Effect.orDie)
      )
      assert.deepEqual(read, { access_token: "the-token-itself", expires_in: 60 })
    }).pipe(
      Effect.provide(
        wire((request) =>
          Effect.promise(async () =>
            Response.json(
              { access_token: "the-token-itself", expires_in: 60 },
              { status: 201, headers: { "x-sent": await request.text() } }
            )
          )
        )
      )
    )
  )

  it.effect("has the same mark for the same value, and no value that is not public", () =>
    Effect.gen(function* () {
      const trace = yield* recorded(
        Effect.gen(function* () {
          const response = yield* send(tokenRequest())
          yield* Effect.promise(() => response.text())
          yield* send(
            new Request("https://notion.test/mcp", { headers: { authorization: "Bearer the-token-itself" } })
          )
        })
      )
      const [exchange, request] = exchangesOf(trace)
      const token = (bodyOf(exchange!.answer) as Record<string, string>)["access_token"]
      assert.match(token ?? "", /^#\d+$/)
      assert.strictEqual(
        plain(request!.request.headers.find(({ name }) => name === "authorization")!.value),
        `Bearer ${token}`
      )
      const all = JSON.stringify(trace)
      for (const secret of ["the-token-itself", "the-code-itself", "of nobody's business"]) {
        assert.notInclude(all, secret)
      }
      assert.deepInclude(bodyOf(exchange!.answer), { token_type: "Bearer", expires_in: "60" })
    }).pipe(
      Effect.provide(
        answering(() =>
          Response.json({
            access_token: "the-token-itself",
            token_type: "Bearer",
            expires_in: 60,
            unheard_of: "of nobody's business"
          })
        )
      )
    )
  )

  it.effect("has nothing of the configuration's secrets, wherever a server repeats them", () => {
    const server: RemoteServer = {
      ...byHand("notion", { extraAuthParams: { login_hint: "ada@lovelace.test", prompt: "consent" } }),
      url: new URL("https://notion.test/s/key-in-the-path/mcp?k=key-in-the-query"),
      headers: {
        accept: Redacted.make("secret-of-a-header"),
        authorization: Redacted.make("Bearer token-of-a-header")
      }
    }
    const secrets = [
      "written-secret",
      "ada@lovelace.test",
      "key-in-the-path",
      "key-in-the-query",
      "secret-of-a-header",
      "token-of-a-header"
    ]
    return Effect.gen(function* () {
      const trace = yield* recorded(
        Effect.gen(function* () {
          yield* send(new Request(server.url, { headers: { accept: "secret-of-a-header" } }))
          return yield* new SignInRefused({ server: "notion", error: "no", description: secrets.join(" ") })
        }),
        server,
        "https://notion.test/s/${KEY}/mcp?k=${OTHER}"
      )
      const all = JSON.stringify(trace)
      for (const secret of secrets) assert.notInclude(all, secret)
      assert.match(plain(exchangesOf(trace)[0]!.url.path), /^\/s\/#\d+\/mcp$/)
      assert.strictEqual(trace.outcome._tag, "Failed")
    }).pipe(
      Effect.provide(
        answering(
          () =>
            new Response(null, {
              status: 401,
              headers: {
                "www-authenticate": `Bearer realm="${secrets.join(" ")}"`,
                server: secrets.map((secret) => encodeURIComponent(secret)).join(" "),
                location: `https://notion.test/?error_description=${btoa("written-secret")}`
              }
            })
        )
      )
    )
  })

  it.effect("is kept when nobody answers, with why", () =>
    Effect.gen(function* () {
      const trace = yield* recorded(send(tokenRequest()))
      const [event] = exchangesOf(trace)
      assert.deepInclude(event?.answer, {
        _tag: "NoAnswer",
        detail: [{ _tag: "Open", text: "no such host" }]
      })
      assert.strictEqual(trace.outcome._tag, "Failed")
      assert.include(plain(trace.outcome.message), "no such host")
    }).pipe(
      Effect.provide(
        wire(() => Effect.fail(new NetworkError({ origin: "https://as.test", detail: "no such host" })))
      )
    )
  )

  it.effect("is kept when the flow is interrupted, with the request that was under way", () =>
    Effect.gen(function* () {
      const kept = yield* Deferred.make<Trace>()
      const asked = yield* Deferred.make<void>()
      const flow = yield* FlowTrace.record(
        { server: notion, urlAsWritten: notion.url.href, account: undefined },
        Effect.andThen(
          send(tokenRequest()),
          Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
        ),
        (page) => Effect.asVoid(Deferred.succeed(kept, page))
      ).pipe(Effect.forkChild)
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(flow)
      const trace = yield* Deferred.await(kept)
      assert.strictEqual(trace.outcome._tag, "Interrupted")
      assert.strictEqual(exchangesOf(trace).length, 1)
    }).pipe(Effect.provide(answering(() => new Response(null, { status: 204 }))))
  )

  it.effect("has a request that was not answered before the flow was interrupted", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const program = Effect.gen(function* () {
        const kept = yield* Deferred.make<Trace>()
        const flow = yield* FlowTrace.record(
          { server: notion, urlAsWritten: notion.url.href, account: undefined },
          send(tokenRequest()),
          (page) => Effect.asVoid(Deferred.succeed(kept, page))
        ).pipe(Effect.forkChild)
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(flow)
        return yield* Deferred.await(kept)
      })
      const trace = yield* program.pipe(
        Effect.provide(wire(() => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)))
      )
      assert.deepEqual(exchangesOf(trace)[0]?.answer, { _tag: "Pending" })
    })
  )
})

describe("the body of an answer", () => {
  it.live("that never ends is neither held back nor waited for, where it is an MCP stream", () =>
    Effect.gen(function* () {
      let read: string | undefined
      const trace = yield* recorded(
        Effect.gen(function* () {
          const response = yield* send(new Request("https://notion.test/mcp"))
          const reader = response.body!.getReader()
          const { value } = yield* Effect.promise(() => reader.read())
          read = new TextDecoder().decode(value)
        })
      )
      assert.strictEqual(read, "data: 1\n\n")
      assert.deepEqual(bodyOf(exchangesOf(trace)[0]!.answer), {
        _tag: "Omitted",
        why: "it is neither JSON nor a form"
      })
    }).pipe(Effect.provide(answering(() => endless("text/event-stream", "data: 1\n\n"))))
  )

  it.live("that never ends is not waited for by whoever lets go of it, and ends with the flow", () =>
    Effect.gen(function* () {
      let cancelled = false
      const trace = yield* recorded(
        Effect.gen(function* () {
          const response = yield* send(tokenRequest())
          yield* Effect.promise(() => response.body!.cancel())
        })
      ).pipe(Effect.provide(answering(() => endless("application/json", "{", () => (cancelled = true)))))
      assert.deepInclude(bodyOf(exchangesOf(trace)[0]!.answer) as object, { _tag: "Omitted" })
      assert.isTrue(cancelled)
    })
  )

  it.live("that nobody reads is in the record all the same: a refusal is what the record is for", () =>
    Effect.gen(function* () {
      const trace = yield* recorded(
        Effect.gen(function* () {
          const response = yield* send(tokenRequest())
          yield* Effect.promise(() => response.body!.cancel())
        })
      )
      assert.deepEqual(bodyOf(exchangesOf(trace)[0]!.answer), { error: "server_error" })
    }).pipe(Effect.provide(answering(() => Response.json({ error: "server_error" }, { status: 503 }))))
  )

  it.live("is recorded up to 64 KiB, and whole for its reader", () =>
    Effect.gen(function* () {
      const long = JSON.stringify({ error: "x".repeat(100_000) })
      let length = 0
      const trace = yield* recorded(
        Effect.gen(function* () {
          const response = yield* send(tokenRequest())
          length = (yield* Effect.promise(() => response.text())).length
        })
      ).pipe(
        Effect.provide(
          answering(() => new Response(long, { headers: { "content-type": "application/json" } }))
        )
      )
      assert.strictEqual(length, long.length)
      assert.deepEqual(bodyOf(exchangesOf(trace)[0]!.answer), { _tag: "Omitted", why: "it is over 64 KiB" })
    })
  )

  it.live("is told of where it does not say what it is, and where there is none", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode("away")
      for (const [response, shown] of [
        [() => new Response(bytes), { _tag: "Omitted", why: "it has no content type" }],
        [() => new Response(null), { _tag: "None" }],
        [() => new Response("", { headers: { "content-length": "0" } }), { _tag: "None" }]
      ] as const) {
        const trace = yield* recorded(send(tokenRequest())).pipe(Effect.provide(answering(response)))
        assert.deepEqual(bodyOf(exchangesOf(trace)[0]!.answer), shown)
      }
    })
  )

  it.live("is no reason for the flow to fail: nested without end, or no JSON at all", () =>
    Effect.gen(function* () {
      for (const body of [
        "[".repeat(60_000),
        `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
        "nothing",
        "[1]",
        ""
      ]) {
        const trace = yield* recorded(
          Effect.gen(function* () {
            const response = yield* send(tokenRequest())
            assert.strictEqual(yield* Effect.promise(() => response.text()), body)
          })
        ).pipe(
          Effect.provide(
            answering(() => new Response(body, { headers: { "content-type": "application/json" } }))
          )
        )
        assert.strictEqual(trace.outcome._tag, "SignedIn")
        assert.deepInclude(bodyOf(exchangesOf(trace)[0]!.answer) as object, { _tag: "Omitted" })
      }
    })
  )
})

/** A body that begins and does not end. */
const endless = (type: string, beginning: string, onCancel: () => void = () => undefined): Response =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(beginning)),
      cancel: onCancel
    }),
    { headers: { "content-type": type } }
  )

describe("the part of the browser", () => {
  const flow = {
    issuer: "https://as.test",
    issuerRequired: false,
    secrets: {
      state: Redacted.make("state-of-the-flow"),
      codeVerifier: Redacted.make("verifier-of-the-flow"),
      codeChallenge: "challenge-of-the-flow"
    }
  }
  const authorization = new URL(
    "https://as.test/authorize?client_id=me&state=state-of-the-flow&login_hint=ada%40lovelace.test"
  )
  /** A browser that comes back with each of these in turn. */
  const people = (answers: ReadonlyArray<string>, pasted: Effect.Effect<string> = Effect.never) =>
    TracedUser.layer.pipe(
      Layer.provide(
        Layer.succeedContext(
          Context.make(
            UserInteraction,
            UserInteraction.of({
              present: true,
              timeout: Duration.minutes(5),
              askToSignIn: () => Effect.void,
              askToUseDevice: () => Effect.void,
              pastedRedirect: () => pasted,
              tell: () => Effect.void
            })
          ).pipe(
            Context.add(
              Browser,
              Browser.of({ open: () => Effect.fail(new BrowserError({ detail: "there is no display" })) })
            ),
            Context.add(
              CallbackListener,
              CallbackListener.of({
                bind: ({ redirectUri }) =>
                  Effect.succeed({
                    redirectUri,
                    checksUser: true,
                    conclude: () => Effect.void,
                    redirectOnce: Effect.succeed,
                    receive: (read) =>
                      Effect.suspend(() => {
                        for (const answer of answers) {
                          const meaning = read(new URLSearchParams(answer))
                          if (meaning._tag !== "Foreign") return Effect.succeed(meaning)
                        }
                        return Effect.never
                      })
                  })
              })
            )
          )
        )
      ),
      Layer.merge(
        TracedTransport.layer.pipe(
          Layer.provide(
            Layer.succeed(
              HttpTransport,
              HttpTransport.of({
                send: () =>
                  Effect.succeed(
                    new Response(null, {
                      status: 302,
                      headers: { location: "http://localhost:8080/callback?error=login_required" }
                    })
                  )
              })
            )
          )
        )
      )
    )

  const signIn = Effect.gen(function* () {
    const listener = yield* CallbackListener
    const bound = yield* listener.bind({
      server: "notion",
      redirectUri: new URL("http://localhost:8080/callback"),
      portMayMove: true
    })
    yield* send(new Request(authorization))
    yield* UserInteraction.use((user) =>
      user.askToSignIn("notion", authorization, { redirectUri: authorization, byCode: undefined })
    )
    yield* TestClock.adjust("3 seconds")
    yield* Browser.use((browser) => browser.open(authorization)).pipe(Effect.ignore)
    return yield* bound.receive((parameters) => readAuthorizationResponse(flow, parameters))
  })

  it.effect("is where it was sent to, and all that came back, with the state under one mark", () =>
    Effect.gen(function* () {
      const trace = yield* recorded(Effect.scoped(signIn))
      assert.deepEqual(
        trace.events.map(({ _tag }) => _tag),
        ["Note", "Exchange", "BrowserOpened", "Note", "BrowserReturned", "BrowserReturned"]
      )
      const queries = trace.events.flatMap((event) =>
        event._tag === "BrowserOpened" || event._tag === "BrowserReturned"
          ? [Object.fromEntries(event.url.query.map(({ name, value }) => [name, plain(value)]))]
          : []
      )
      const [sent, foreign, back] = queries
      assert.deepInclude(trace.events.at(-1), { took: 3000 })
      const { answer } = exchangesOf(trace)[0]!
      assert.strictEqual(
        answer._tag === "Answered" ? answer.headers.map(({ value }) => plain(value)).join() : "",
        "http://localhost:8080/callback?error=login_required"
      )
      assert.deepInclude(sent, { client_id: "me" })
      assert.match(sent?.["login_hint"] ?? "", /^#\d+$/)
      assert.strictEqual(sent?.["state"], back?.["state"])
      assert.notStrictEqual(sent?.["state"], foreign?.["state"])
      assert.match(back?.["code"] ?? "", /^#\d+$/)
      assert.strictEqual(back?.["iss"], "https://as.test")
      const all = JSON.stringify(trace)
      for (const secret of ["state-of-the-flow", "lovelace", "code-of-the-flow"])
        assert.notInclude(all, secret)
      assert.include(all, "there is no display")
      assert.deepInclude(trace.lanes, { origin: "https://as.test", roles: ["authorization server"] })
    }).pipe(
      Effect.provide(
        people([
          "code=stolen-code&state=another-state",
          "code=code-of-the-flow&state=state-of-the-flow&iss=https%3A%2F%2Fas.test"
        ])
      )
    )
  )

  it.effect("shows a refusal in the server's words", () =>
    Effect.gen(function* () {
      const trace = yield* recorded(Effect.scoped(signIn))
      const back = trace.events.at(-1)
      assert.strictEqual(back?._tag, "BrowserReturned")
      assert.include(JSON.stringify(back), "The user said no")
    }).pipe(
      Effect.provide(
        people(["error=access_denied&error_description=The+user+said+no&state=state-of-the-flow"])
      )
    )
  )

  it.effect("is an address that was pasted, too", () =>
    Effect.gen(function* () {
      const trace = yield* recorded(UserInteraction.use((user) => user.pastedRedirect("notion")))
      const [back] = trace.events
      assert.deepInclude(back, { _tag: "BrowserReturned", pasted: true })
      assert.notInclude(JSON.stringify(trace), "code-of-the-flow")
    }).pipe(
      Effect.provide(
        people([], Effect.succeed(" http://localhost:8080/callback?code=code-of-the-flow&state=x "))
      )
    )
  )
})
