import { Effect, Exit, Random, Scope } from "effect"
import { ByteParts } from "../../../domain/ByteParts.ts"
import { errorCodes } from "../../../domain/McpErrorCode.ts"
import { errorResponse, type JsonRpcMessage, readJsonRpc } from "../../../domain/JsonRpcMessage.ts"
import type { Remediable } from "../../../domain/Remedy.ts"
import type { RemoteServer } from "../../../domain/Server.ts"
import type { HeaderField, LocalAnswer } from "../../../ports/LocalListener.ts"
import { McpError } from "../../../ports/McpConnector.ts"
import type { ForwardedRequest } from "../../../ports/McpForwarder.ts"
import { type Deliver, McpWire, type OpenOptions, type PostEnd, type Wire } from "../../../ports/McpWire.ts"
import { AuthorizedHttp } from "../../http/AuthorizedHttp.ts"
import { acrossRevisions, type RevisionOptions } from "../../revisions/AcrossRevisions.ts"
import { failed } from "../OwnAnswers.ts"
import { noTimeout } from "../ProxyLimits.ts"
import type { LegError } from "../ProxySession.ts"
import { type Begun, eventStream } from "./EventStream.ts"

/** Begins the ids of sessions that are made here. */
const prefix = "mcp-cli-"
/** Sessions of one server. Clients that leave do not all say so: beyond that, the one that was used first is ended. */
const maxSessions = 64

interface Session {
  readonly id: string
  readonly wire: Wire<LegError>
  readonly scope: Scope.Closeable
}

type Answer = Effect.Effect<LocalAnswer, LegError>

const answerOf = (status: number, message?: JsonRpcMessage, headers: ReadonlyArray<HeaderField> = []) =>
  ({
    status,
    headers: [...(message === undefined ? [] : [["content-type", "application/json"] as const]), ...headers],
    body: message === undefined ? null : message.bytes.text()
  }) satisfies LocalAnswer

/** The answer for a session that is over: the client begins another one (MCP 2025-11-25 "Session Management"). */
const forgotten = () => answerOf(404, errorResponse("null", { code: -32_001, message: "Session not found" }))

const messagesOf = (body: Uint8Array | undefined): ReadonlyArray<JsonRpcMessage> => {
  const read = readJsonRpc(ByteParts.of(body ?? new Uint8Array()))
  return read._tag === "Message" ? [read.message] : read._tag === "Batch" ? read.messages : []
}

/** The first request of a client of revisions before 2026-07-28, if a body is one. It is short. */
export const initializeIn = (body: Uint8Array | undefined): JsonRpcMessage | undefined => {
  if (body === undefined || body.length > 65_536) return undefined
  const [message, ...others] = messagesOf(body)
  return others.length === 0 && message?.method === "initialize" && message.kind === "request"
    ? message
    : undefined
}

/**
 * Sessions of HTTP clients with one server that speaks another revision of MCP, or the transport of 2024-11-05. Their messages are
 * carried one by one, as by the proxy over stdio.
 */
export class TranslatedSessions {
  readonly #server: RemoteServer
  readonly #textOf: (error: Remediable) => string
  readonly #open: (scope: Scope.Scope) => Effect.Effect<Wire<LegError>, McpError>
  readonly #scope: Scope.Scope
  /** In the order of their last use. */
  readonly #sessions = new Map<string, Session>()

  private constructor(
    server: RemoteServer,
    textOf: (error: Remediable) => string,
    open: (scope: Scope.Scope) => Effect.Effect<Wire<LegError>, McpError>,
    scope: Scope.Scope
  ) {
    this.#server = server
    this.#textOf = textOf
    this.#open = open
    this.#scope = scope
  }

  /** @param textOf an error with what can be done, for the user of the client */
  static readonly make = Effect.fnUntraced(function* (
    server: RemoteServer,
    account: string | undefined,
    way: OpenOptions & RevisionOptions,
    textOf: (error: Remediable) => string
  ): Effect.fn.Return<TranslatedSessions, never, AuthorizedHttp | McpWire | Scope.Scope> {
    const http = yield* AuthorizedHttp
    const wires = yield* McpWire
    const context = yield* Effect.context<never>()
    const open = (scope: Scope.Scope) =>
      wires.open(server, http.sendTo(server, account), way).pipe(
        Effect.flatMap((wire) => acrossRevisions<LegError>(server, wire, way)),
        Scope.provide(scope),
        Effect.provideContext(context)
      )
    return new TranslatedSessions(server, textOf, open, yield* Effect.scope)
  })

  /** True if a request belongs to a session of this class, which may be over. */
  static owns({ headers }: ForwardedRequest): boolean {
    return headers.get("mcp-session-id")?.startsWith(prefix) === true
  }

  /** Begins a session. An error of the server is its answer. */
  begin(initialize: JsonRpcMessage): Answer {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.fork(this.#scope)
      let response: JsonRpcMessage | undefined
      const greet = Effect.gen({ self: this }, function* () {
        const wire = yield* this.#open(scope)
        const deliver: Deliver = (message) =>
          Effect.sync(() => {
            if (message.answers(initialize)) response = message
          })
        const end = yield* wire.post(initialize, deliver)
        if (response === undefined) return yield* this.#unanswered(end)
        return { wire, response }
      })
      const greeted = yield* Effect.onError(greet, () => Scope.close(scope, Exit.void))
      if (greeted.response.isError) {
        yield* Scope.close(scope, Exit.void)
        return answerOf(200, greeted.response)
      }
      const numbers = yield* Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 2 ** 32)))
      const id = prefix + numbers.map((number) => number.toString(16).padStart(8, "0")).join("")
      this.#sessions.set(id, { id, wire: greeted.wire, scope })
      const [oldest] = this.#sessions.values()
      if (this.#sessions.size > maxSessions && oldest !== undefined) yield* this.#end(oldest)
      return answerOf(200, greeted.response, [["mcp-session-id", id]])
    })
  }

  /** Answers a request of a session, or one without a session. */
  answer(request: ForwardedRequest): Answer {
    return Effect.suspend(() => {
      const id = request.headers.get("mcp-session-id")
      const session = id === null ? undefined : this.#sessions.get(id)
      if (session === undefined) return Effect.succeed(id === null ? this.#sessionless(request) : forgotten())
      this.#sessions.delete(session.id)
      this.#sessions.set(session.id, session)
      switch (request.method) {
        case "DELETE":
          return Effect.as(this.#end(session), answerOf(204))
        case "GET":
          return this.#listen(session)
        case "POST":
          return this.#post(session, messagesOf(request.body))
      }
    })
  }

  /** A client of 2026-07-28 falls back to the older revisions after these. */
  #sessionless({ body, method }: ForwardedRequest): LocalAnswer {
    if (method === "GET") return answerOf(405, undefined, [["allow", "POST"]])
    const [message] = messagesOf(body)
    const error =
      message?.method === "server/discover"
        ? { code: errorCodes.methodNotFound, message: "Method not found" }
        : { code: -32_000, message: "Bad Request: begin with initialize." }
    return answerOf(400, errorResponse(message?.id ?? "null", error))
  }

  #end({ id, scope }: Session): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#sessions.delete(id)
      return Scope.close(scope, Exit.void)
    })
  }

  #unanswered(end: PostEnd): Effect.Effect<never, McpError> {
    return Effect.fail(
      end._tag === "Unanswered"
        ? end.error
        : new McpError({ server: this.#server.name, detail: "it sent no response to the request." })
    )
  }

  #listen(session: Session): Answer {
    // Whether the server has such a stream may be known later: until then it is silent.
    const run = (deliver: Deliver) =>
      Effect.flatMap(session.wire.listen(deliver), (end) =>
        end._tag === "NotOffered"
          ? Effect.never
          : Effect.asVoid(Effect.forkIn(this.#end(session), this.#scope))
      )
    return Effect.map(eventStream(run, session.scope, true), streamAnswer)
  }

  #post(session: Session, messages: ReadonlyArray<JsonRpcMessage>): Answer {
    const [message, ...others] = messages
    if (message === undefined || messages.some(({ kind }) => kind === "other")) {
      return Effect.succeed(
        answerOf(400, errorResponse("null", { code: -32_700, message: "This is no message of JSON-RPC." }))
      )
    }
    const send = (deliver: Deliver): Effect.Effect<PostEnd, LegError> =>
      others.length === 0
        ? this.#send(session, message, deliver)
        : Effect.as(
            Effect.forEach(messages, (each) => this.#sendInBatch(session, each, deliver), {
              concurrency: "unbounded"
            }),
            { _tag: "Answered" } satisfies PostEnd
          )
    return Effect.flatMap(eventStream(send, session.scope, false), (begun): Answer => {
      if (begun._tag === "Streams") return Effect.succeed(streamAnswer(begun))
      switch (begun.end._tag) {
        case "Answered":
        case "Accepted":
          return Effect.succeed(answerOf(202))
        case "SessionLost":
          return Effect.as(this.#end(session), forgotten())
        case "Unanswered":
          return this.#unanswered(begun.end)
      }
    })
  }

  /** Sends a message. What goes wrong after the first message of the server can only be a message itself. */
  #send(session: Session, message: JsonRpcMessage, deliver: Deliver): Effect.Effect<PostEnd, LegError> {
    let hasBegun = false
    const isOpen = () => hasBegun && message.kind === "request"
    const fail = (error: Remediable) => deliver(failed(message.id ?? "null", this.#textOf(error)))
    const sent = session.wire.post(
      message,
      (other) => {
        hasBegun = true
        return deliver(other)
      },
      { timeout: noTimeout }
    )
    return sent.pipe(
      Effect.tap((end) => {
        if (!isOpen() || end._tag === "Answered" || end._tag === "Accepted") return Effect.void
        return this.#unanswered(end).pipe(Effect.catch(fail))
      }),
      Effect.catch((error) =>
        isOpen() ? Effect.as(fail(error), { _tag: "Answered" } satisfies PostEnd) : Effect.fail(error)
      )
    )
  }

  #sendInBatch(session: Session, message: JsonRpcMessage, deliver: Deliver): Effect.Effect<void> {
    return this.#send(session, message, deliver).pipe(
      Effect.flatMap((end) =>
        end._tag === "Unanswered" || end._tag === "SessionLost" ? this.#unanswered(end) : Effect.void
      ),
      Effect.catch((error) =>
        message.kind === "request" ? deliver(failed(message.id ?? "null", this.#textOf(error))) : Effect.void
      )
    )
  }
}

const streamAnswer = (begun: Begun<unknown>): LocalAnswer => ({
  status: 200,
  headers: [
    ["content-type", "text/event-stream"],
    ["cache-control", "no-cache"]
  ],
  body: begun._tag === "Streams" ? begun.body : null
})
