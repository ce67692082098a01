import { Cause, Effect, type Scope } from "effect"
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
import { WaitNotice } from "../../../ports/WaitNotice.ts"
import { AuthorizedHttp } from "../../http/AuthorizedHttp.ts"
import { noTimeout } from "../ProxyLimits.ts"
import { admission, type AdmissionRules } from "./Admission.ts"
import { errorAnswer, statusOf } from "./Answers.ts"
import { answerHeaders, requestHeaders } from "./ForwardedHeaders.ts"

/** Bytes of a request. A body is held while it is sent, because a request that is answered 401 is sent again. */
const maxRequest = 256 * 2 ** 20

/** What is served at a path: a server, or the reason why it cannot be served. */
export type Served = RemoteServer | { readonly _tag: "Refused"; readonly error: Remediable }

/** Options of {@link serveHttp}. */
export interface HttpProxyOptions extends AdmissionRules<Served> {
  readonly place: LocalPlace
  /** Absent: the default account. */
  readonly account: string | undefined
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
  AuthorizedHttp | LocalListener | McpForwarder | Scope.Scope
> {
  const http = yield* AuthorizedHttp
  const forwarder = yield* McpForwarder
  const listener = yield* LocalListener
  const { account, place, tell, textOf } = options
  /** The message that was told last, by server. */
  const told = new Map<RemoteServer, string>()
  const forward = Effect.fnUntraced(function* (server: RemoteServer, request: ForwardedRequest) {
    const send = yield* forwarder.to(server, http.sendTo(server, account))
    // A tool may work for days: the client has its own timeout, and hangs up.
    const response = yield* send(request, { timeout: noTimeout })
    if (response.status !== 401) return response
    yield* discardBody(response)
    return yield* unauthorized(server, account)
  })

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
    return yield* forward(server, forwarded).pipe(
      Effect.map((response): LocalAnswer => {
        told.delete(server)
        return {
          status: response.status,
          headers: [...headers, ...answerHeaders(response.headers)],
          body: response.body
        }
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
