import { Clock, Effect, Exit, Predicate, Result, type Scope } from "effect"
import { ByteParts } from "../../../domain/ByteParts.ts"
import type { JsonRpcMessage } from "../../../domain/JsonRpcMessage.ts"
import type { RemoteServer } from "../../../domain/Server.ts"
import { NetworkError } from "../../../ports/HttpTransport.ts"
import { McpError, type Send } from "../../../ports/McpConnector.ts"
import {
  type Deliver,
  type ListenEnd,
  type ListenOptions,
  type PostEnd,
  type PostOptions,
  type Wire,
  type WireSession
} from "../../../ports/McpWire.ts"
import { spanned } from "../../../ports/Spanned.ts"
import { retryAfterMillis } from "../../http/RetryAfter.ts"
import { withConfiguredHeaders } from "../ConfiguredHeaders.ts"
import { forgetsSession } from "../HttpFailure.ts"
import {
  maxMessage,
  maxReopenDelay,
  maxRequestedDelay,
  maxResumes,
  minReopenDelay,
  minStreamTime,
  reopenDelay,
  shutdownTimeout
} from "../McpLimits.ts"
import { refusingRedirects } from "../RedirectRule.ts"
import { type BodyEnd, type Cursor, messagesIn, readBriefly, readEvents, readText } from "./AnswerBody.ts"
import { WireFailures } from "./WireFailures.ts"
import {
  endOf,
  exchange,
  type McpWireOptions,
  postOf,
  streamOf,
  versionIn,
  type WireRequest
} from "./WireRequests.ts"

/** A session, and where its standing stream ended. */
interface OpenSession extends WireSession {
  readonly cursor: Cursor
  /** True once the server has forgotten it: it needs no DELETE. */
  isLost: boolean
}

const typeOf = (response: Response): string | null => response.headers.get("content-type")
const isEvents = (type: string | null): boolean => /^\s*text\/event-stream\b/i.test(type ?? "")
const isJson = (type: string | null): boolean => /^\s*application\/([\w.+-]+\+)?json\b/i.test(type ?? "")

/** True for a JSON-RPC error, and false for the JSON of a web server that has an `error` of its own. */
const isRpcError = (message: JsonRpcMessage): boolean => {
  const error = message.isError ? message.value("error") : undefined
  return Predicate.hasProperty(error, "code") && Number.isInteger(error.code)
}

/** Milliseconds until a stream is opened again: never sooner than the server requests. */
const delayOf = (requested: number = reopenDelay, failures: number): number => {
  const delay = Math.min(Math.max(requested, minReopenDelay), maxRequestedDelay)
  return Math.max(delay, Math.min(delay * 2 ** failures, maxReopenDelay))
}

/** One message on its way: what is known about the response to it. */
class Exchange {
  readonly request: JsonRpcMessage
  readonly cursor: Cursor = { lastEventId: undefined, retry: undefined }
  readonly deliver: Deliver
  isAnswered = false
  hasInvalid = false

  constructor(request: JsonRpcMessage, deliver: Deliver, onResponse: (response: JsonRpcMessage) => void) {
    this.request = request
    this.deliver = (message) => {
      if (message.answers(request)) {
        this.isAnswered = true
        onResponse(message)
      }
      return deliver(message)
    }
  }

  get isRequest(): boolean {
    return this.request.kind === "request"
  }

  /** The messages of one body. An error without an id belongs to the request, unless another response is there. */
  identified(messages: ReadonlyArray<JsonRpcMessage>): ReadonlyArray<JsonRpcMessage> {
    const { id } = this.request
    if (!this.isRequest || id === undefined) return messages
    if (messages.some((message) => message.answers(this.request))) return messages
    const own = messages.find((message) => (message.id ?? "null") === "null" && isRpcError(message))
    return messages.map((message) => (message === own ? message.withId(id) : message))
  }
}

/** The wire to one server. */
class HttpWire<E> implements Wire<E> {
  readonly #send: (request: WireRequest, options?: PostOptions) => Effect.Effect<Response, McpError | E>
  readonly #failures: WireFailures
  readonly #maxMiB: number
  #session: OpenSession | undefined
  /** False after a request that failed, or was answered 401: the next one could start a sign-in. */
  #isAuthorized = true

  constructor(
    server: RemoteServer,
    maxMiB: number,
    send: (request: WireRequest, options?: PostOptions) => Effect.Effect<Response, McpError | E>
  ) {
    this.#failures = new WireFailures(server)
    this.#maxMiB = server.maxAnswerMiB ?? maxMiB
    this.#send = (request, options) =>
      send(request, options).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            // An interruption says nothing: a standing stream ends so, before it is open or after.
            if (Exit.hasInterrupts(exit)) return
            this.#isAuthorized = Exit.isSuccess(exit) && exit.value.status !== 401
          })
        )
      )
  }

  readonly session = (): WireSession | undefined => this.#session

  readonly post = Effect.fnUntraced(
    { self: this },
    function* (this: HttpWire<E>, message: JsonRpcMessage, deliver: Deliver, options: PostOptions = {}) {
      const isStart = message.method === "initialize"
      const session = isStart ? undefined : this.#session
      const response = yield* this.#send(postOf(message, session, options), options)
      const exchange = new Exchange(message, deliver, (answer) => {
        if (isStart && !answer.isError) this.#start(response, answer)
      })
      return yield* this.#answer(response, exchange, session)
    },
    spanned("McpWire.post")
  )

  #start(response: Response, answer: JsonRpcMessage): void {
    this.#session = {
      id: response.headers.get("mcp-session-id") ?? undefined,
      protocolVersion: versionIn(answer),
      cursor: { lastEventId: undefined, retry: undefined },
      isLost: false
    }
  }

  #lose(session: OpenSession | undefined): string | undefined {
    if (session?.id === undefined) return undefined
    session.isLost = true
    return session.id
  }

  /** Reads the answer to a message. */
  readonly #answer = Effect.fnUntraced(
    { self: this },
    function* (
      this: HttpWire<E>,
      response: Response,
      exchange: Exchange,
      session: OpenSession | undefined
    ): Effect.fn.Return<PostEnd, McpError | E> {
      const type = typeOf(response)
      if (!response.ok) return yield* this.#refusal(response, exchange, session)
      if (isEvents(type)) {
        const end = yield* this.#readStream(response, exchange)
        return yield* this.#afterStream(end, exchange, session)
      }
      if (!isJson(type) && !exchange.isRequest) {
        yield* readBriefly(response)
        return { _tag: "Accepted" }
      }
      if (!isJson(type)) {
        const isEmpty = (yield* readBriefly(response)) === ""
        if (isEmpty) return this.#end(exchange, () => this.#failures.empty(response.status))
        return yield* this.#failures.contentType(type)
      }
      const { end, text } = yield* readText(response, this.#maxBytes)
      if (end === "Ended" && text.length === 0)
        return this.#end(exchange, () => this.#failures.empty(response.status))
      if (end === "Broke") return this.#end(exchange, () => this.#failures.broke)
      if (end === "TooLong") return yield* this.#failures.tooLong(this.#maxMiB)
      const messages = messagesIn(text)
      if (messages === undefined && exchange.isRequest) return yield* this.#failures.unusable("it is no JSON")
      for (const message of exchange.identified(messages ?? [])) yield* exchange.deliver(message)
      return this.#end(exchange, () => this.#failures.unusable("it belongs to another request"))
    }
  )

  get #maxBytes(): number {
    return this.#maxMiB * 1024 * 1024
  }

  /** The end of an exchange. The error is made only where it is needed: that takes longer than most answers. */
  #end(exchange: Exchange, error: () => McpError): PostEnd {
    if (!exchange.isRequest) return { _tag: "Accepted" }
    return exchange.isAnswered ? { _tag: "Answered" } : { _tag: "Unanswered", error: error() }
  }

  /** Reads an HTTP error. */
  readonly #refusal = Effect.fnUntraced(
    { self: this },
    function* (
      this: HttpWire<E>,
      response: Response,
      exchange: Exchange,
      session: OpenSession | undefined
    ): Effect.fn.Return<PostEnd, McpError> {
      const { status } = response
      const said = yield* readBriefly(response)
      // It belongs to the request, whatever its id is: servers write `null` or "server-error" where they did not read that far.
      const answer = messagesIn(ByteParts.ofText(said))?.find(isRpcError)
      const { id } = exchange.request
      const hasRead = answer?.answers(exchange.request) === true && status !== 404
      if (forgetsSession(status, said) && !hasRead && !isUnknownMethod(answer)) {
        const lost = this.#lose(session)
        if (lost !== undefined) return { _tag: "SessionLost", session: lost }
      }
      // What to do about the other two, only this program can say.
      if (
        answer !== undefined &&
        exchange.isRequest &&
        id !== undefined &&
        status !== 401 &&
        status !== 403
      ) {
        yield* exchange.deliver(answer.withId(id))
        return { _tag: "Answered", status }
      }
      return yield* this.#failures.status(response, said, yield* Clock.currentTimeMillis)
    }
  )

  #readStream(response: Response, exchange: Exchange): Effect.Effect<BodyEnd> {
    return readEvents(response, {
      maxBytes: this.#maxBytes,
      cursor: exchange.cursor,
      deliver: exchange.deliver,
      isEnough: () => exchange.isAnswered,
      onInvalid: () => {
        exchange.hasInvalid = true
      }
    })
  }

  /** Goes on after the end of a stream: with the next stream of the same events, if the server numbers them. */
  readonly #afterStream = Effect.fnUntraced(
    { self: this },
    function* (
      this: HttpWire<E>,
      first: BodyEnd,
      exchange: Exchange,
      session: OpenSession | undefined
    ): Effect.fn.Return<PostEnd, McpError | E> {
      const { cursor } = exchange
      let end = first
      for (let failures = 0; exchange.isRequest && !exchange.isAnswered;) {
        if (end === "TooLong") return yield* this.#failures.tooLong(this.#maxMiB)
        if (exchange.hasInvalid) return yield* this.#failures.unusable("it is no JSON")
        if (cursor.lastEventId === undefined || failures > maxResumes) break
        yield* Effect.sleep(delayOf(cursor.retry, failures))
        const sent = yield* Effect.result(this.#send(streamOf(session, cursor.lastEventId)))
        if (Result.isFailure(sent)) {
          if (!(sent.failure instanceof NetworkError)) return yield* Effect.fail(sent.failure)
          failures++
          continue
        }
        const response = sent.success
        if (response.ok && isEvents(typeOf(response))) {
          failures = 0
          end = yield* this.#readStream(response, exchange)
          continue
        }
        yield* readBriefly(response)
        if (response.status === 404 && this.#lose(session) !== undefined)
          return this.#end(exchange, () => this.#failures.forgotten)
        if (response.status < 500 && response.status !== 429) break
        failures++
      }
      return this.#end(exchange, () => (end === "Broke" ? this.#failures.broke : this.#failures.closed))
    }
  )

  readonly listen = Effect.fn("McpWire.listen")(
    { self: this },
    function* (
      this: HttpWire<E>,
      deliver: Deliver,
      { onFailure, onOpen = Effect.void }: ListenOptions<McpError | E> = {}
    ): Effect.fn.Return<ListenEnd> {
      const session = this.#session
      const cursor = session?.cursor ?? { lastEventId: undefined, retry: undefined }
      for (let failures = 0; ; failures++) {
        const sent = yield* Effect.result(this.#send(streamOf(session, cursor.lastEventId)))
        const now = yield* Clock.currentTimeMillis
        let error: McpError | E | undefined
        let requested = cursor.retry
        if (Result.isFailure(sent)) error = sent.failure
        else if (sent.success.ok && isEvents(typeOf(sent.success))) {
          yield* onOpen
          let isUsed = false
          yield* readEvents(sent.success, {
            maxBytes: this.#maxBytes,
            cursor,
            deliver: (message) => {
              isUsed = true
              return deliver(message)
            },
            isEnough: () => false,
            onInvalid: () => undefined
          })
          if (isUsed || (yield* Clock.currentTimeMillis) - now >= minStreamTime) failures = 0
          requested = cursor.retry
        } else {
          const { status } = sent.success
          const said = yield* readBriefly(sent.success)
          const isRefused = status !== 401 && status !== 429 && status < 500
          const lost = isRefused && status === 404 ? this.#lose(session) : undefined
          if (lost !== undefined) return { _tag: "SessionLost", session: lost }
          if (isRefused) return { _tag: "NotOffered", status }
          error = this.#failures.status(sent.success, said, now)
          requested = retryAfterMillis(sent.success.headers.get("retry-after"), now) ?? requested
        }
        const delay = delayOf(requested, failures)
        if (error !== undefined && onFailure !== undefined) yield* onFailure(error, delay)
        yield* Effect.sleep(delay)
      }
    }
  )

  /** Ends the session. Servers also end those that are idle, so a failure has no consequence. */
  readonly end = Effect.suspend(() => {
    const session = this.#session
    if (session?.id === undefined || session.isLost || !this.#isAuthorized) return Effect.void
    session.isLost = true
    return this.#send(endOf(session), { renew: false }).pipe(
      Effect.flatMap(readBriefly),
      Effect.interruptible,
      Effect.timeoutOption(shutdownTimeout),
      Effect.ignore
    )
  })
}

/** A 404 may also mean this (MCP 2026-07-28 "Streamable HTTP"). */
const isUnknownMethod = (answer: JsonRpcMessage | undefined): boolean => {
  const error = answer?.value("error")
  return Predicate.hasProperty(error, "code") && error.code === -32601
}

/** Opens a wire over streamable HTTP. Requests carry the configured headers of the server. */
export const open = Effect.fn("McpWire.open")(function* <E, R>(
  server: RemoteServer,
  send: Send<E, R>,
  { makeRequest, maxMessageMiB = maxMessage }: McpWireOptions = {}
): Effect.fn.Return<Wire<E>, McpError, R | Scope.Scope> {
  const context = yield* Effect.context<R>()
  const configured = refusingRedirects(server, yield* withConfiguredHeaders(server, send))
  const wire = new HttpWire<E>(server, maxMessageMiB, (request, options) =>
    Effect.provideContext(exchange(server, configured, request, options, makeRequest), context)
  )
  yield* Effect.addFinalizer(() => wire.end)
  return wire
})
