import { Cause, Effect, Scope } from "effect"
import type { Remediable } from "../../../domain/Remedy.ts"
import * as Remedy from "../../../domain/Remedy.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../../domain/Server.ts"
import { accountName } from "../../../domain/SignInError.ts"
import { discardBody } from "../../../ports/HttpTransport.ts"
import {
  type LocalAnswer,
  LocalListener,
  type LocalListenError,
  type LocalPlace,
  type LocalRequest
} from "../../../ports/LocalListener.ts"
import { McpError } from "../../../ports/McpConnector.ts"
import { type ForwardedRequest, McpForwarder } from "../../../ports/McpForwarder.ts"
import { KnownRevisions } from "../../../ports/KnownRevisions.ts"
import { McpWire, type OpenOptions } from "../../../ports/McpWire.ts"
import { WaitNotice } from "../../../ports/WaitNotice.ts"
import { AuthorizedHttp } from "../../http/AuthorizedHttp.ts"
import type { RevisionOptions } from "../../revisions/AcrossRevisions.ts"
import { noTimeout } from "../ProxyLimits.ts"
import { admission, type AdmissionRules } from "./Admission.ts"
import { errorAnswer, statusOf } from "./Answers.ts"
import { answerHeaders, requestHeaders } from "./ForwardedHeaders.ts"
import { initializeIn, TranslatedSessions } from "./TranslatedSessions.ts"

/** Bytes of a request. A body is held while it is sent, because a request that is answered 401 is sent again. */
const maxRequest = 256 * 2 ** 20

/** What is served at a path: a server, or the reason why it cannot be served. */
export type Served = RemoteServer | { readonly _tag: "Refused"; readonly error: Remediable }

/** Options of {@link serveHttp}. */
export interface HttpProxyOptions extends AdmissionRules<Served> {
  readonly place: LocalPlace
  /** Absent: the default account. */
  readonly account: string | undefined
  /** How servers are reached that do not speak what the client speaks. */
  readonly way?: OpenOptions & RevisionOptions
  /** An error with what can be done, for the user of the client. */
  readonly textOf: (error: Remediable) => string
  /** Tells the user of the proxy an error that a client may not show. The same one is told once in a row. */
  readonly tell: (error: Remediable) => Effect.Effect<void>
}

/** The error of a server that refuses every token. */
const unauthorized = (server: RemoteServer, account: string | undefined) =>
  new McpError({
    server: accountName(server.name, account),
    detail: hasOwnAuthorization(server)
      ? "it answered 401: it does not accept the Authorization header of its entry."
      : "it answered 401, to a new token too.",
    remedies: [
      hasOwnAuthorization(server)
        ? Remedy.check([...Remedy.entryOf(server.name), "headers"], ["Authorization"])
        : Remedy.command("auth login", { server: server.name, account })
    ]
  })

const passed = (response: Response): LocalAnswer => ({
  status: response.status,
  headers: answerHeaders(response.headers),
  body: response.body
})

/** The statuses with which a server refuses `initialize` that speaks only 2026-07-28, or only the transport of 2024-11-05. */
const refusals = [400, 404, 405]

/**
 * Answers a request. It passes as it is, unless the server turns out not to speak what the client does: then a session translates. Only
 * `initialize` finds that out, which a server that refused it has not run.
 */
const exchangeWith =
  <E1, E2, R1, R2>(
    forward: (server: RemoteServer, request: ForwardedRequest) => Effect.Effect<Response, E1, R1>,
    sessionsOf: (server: RemoteServer) => Effect.Effect<TranslatedSessions, E2, R2>,
    { bridge = true, transport }: OpenOptions & RevisionOptions
  ) =>
  (server: RemoteServer, request: ForwardedRequest) =>
    Effect.gen(function* () {
      const isSse = server.transport === "sse"
      if (!isSse && request.method === "GET" && !TranslatedSessions.owns(request))
        return passed(yield* forward(server, request))
      const initialize =
        request.method === "POST" && request.headers.get("mcp-session-id") === null
          ? initializeIn(request.body)
          : undefined
      if (initialize === undefined) {
        return isSse || TranslatedSessions.owns(request)
          ? yield* Effect.flatMap(sessionsOf(server), (sessions) => sessions.answer(request))
          : passed(yield* forward(server, request))
      }
      const { recall } = yield* KnownRevisions
      if (isSse || (bridge && (yield* recall(server)) === "modern"))
        return yield* Effect.flatMap(sessionsOf(server), (sessions) => sessions.begin(initialize))
      const response = yield* forward(server, request)
      const mayTranslate = bridge || transport !== "http-only"
      if (!refusals.includes(response.status) || !mayTranslate) return passed(response)
      const body = yield* Effect.promise(() => response.text().catch(() => ""))
      const refusal = { ...passed(response), body }
      const answer = yield* sessionsOf(server).pipe(
        Effect.flatMap((sessions) => sessions.begin(initialize)),
        Effect.orElseSucceed(() => refusal)
      )
      // The refusal says more than that of the second attempt.
      return answer.headers.some(([name]) => name === "mcp-session-id") ? answer : refusal
    })

/**
 * Serves MCP servers over HTTP to local programs that do not sign in. Each request gets the token of its server, which is
 * refreshed before it expires and after a 401; no request opens a browser.
 *
 * Bodies are forwarded byte for byte. An answer is a stream that has no time limit, is read only as fast as the program
 * reads it, and ends on both sides as soon as one hangs up.
 */
export const serveHttp = Effect.fnUntraced(function* (
  options: HttpProxyOptions
): Effect.fn.Return<
  LocalPlace,
  LocalListenError,
  AuthorizedHttp | LocalListener | McpForwarder | McpWire | Scope.Scope
> {
  const http = yield* AuthorizedHttp
  const forwarder = yield* McpForwarder
  const listener = yield* LocalListener
  const { account, place, tell, textOf, way = {} } = options
  const scope = yield* Effect.scope
  const context = yield* Effect.context<AuthorizedHttp | McpWire>()
  /** The message that was told last, by server. */
  const told = new Map<RemoteServer, string>()
  const translated = new Map<RemoteServer, TranslatedSessions>()
  const translatedOf = Effect.fnUntraced(function* (server: RemoteServer) {
    const known = translated.get(server)
    if (known !== undefined) return known
    const made = yield* TranslatedSessions.make(server, account, way, textOf).pipe(
      Scope.provide(scope),
      Effect.provideContext(context)
    )
    translated.set(server, made)
    return made
  })
  const forward = Effect.fnUntraced(function* (server: RemoteServer, request: ForwardedRequest) {
    const send = yield* forwarder.to(server, http.sendTo(server, account))
    // A tool may work for days: the client has its own timeout, and hangs up.
    const response = yield* send(request, { timeout: noTimeout })
    if (response.status !== 401) return response
    yield* discardBody(response)
    return yield* unauthorized(server, account)
  })
  const exchange = exchangeWith(forward, translatedOf, way)

  const handle = Effect.fnUntraced(function* (request: LocalRequest, at: LocalPlace) {
    const admitted = admission(request, at, options)
    const { headers } = admitted
    switch (admitted._tag) {
      case "Refused":
        return errorAnswer(admitted.status, admitted.message, headers)
      case "Preflight":
        return { status: 204, headers, body: null } satisfies LocalAnswer
    }
    const { method, route: server } = admitted
    if (server._tag === "Refused") return errorAnswer(502, textOf(server.error), headers)
    const body = yield* method === "GET" ? Effect.succeed(new Uint8Array()) : request.body(maxRequest)
    if (body === undefined) {
      return errorAnswer(413, `A request has at most ${maxRequest / 2 ** 20} MiB.`, headers)
    }
    const forwarded = {
      method,
      headers: requestHeaders(request.headers),
      body: body.length === 0 ? undefined : body
    }
    return yield* exchange(server, forwarded).pipe(
      Effect.map((answer): LocalAnswer => {
        told.delete(server)
        return { ...answer, headers: [...headers, ...answer.headers] }
      }),
      Effect.catch((error) => {
        const isNew = told.get(server) !== error.message
        told.set(server, error.message)
        return Effect.as(
          isNew ? tell(error) : Effect.void,
          errorAnswer(statusOf(error), textOf(error), headers, body)
        )
      })
    )
  })

  return yield* listener.listen(place, (request, at) =>
    handle(request, at).pipe(
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => Effect.as(Effect.logError(cause), errorAnswer(500, "Internal error of the proxy.", []))
      ),
      // No user waits for one request of many.
      Effect.provideService(WaitNotice, undefined)
    )
  )
})
