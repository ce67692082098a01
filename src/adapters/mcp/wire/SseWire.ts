import { Clock, Deferred, Effect, Fiber, Latch, type Scope } from "effect"
import type { JsonRpcMessage } from "../../../domain/JsonRpcMessage.ts"
import { isSameOrigin } from "../../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../../domain/Server.ts"
import type { McpError, Send } from "../../../ports/McpConnector.ts"
import type {
  Deliver,
  ListenEnd,
  ListenOptions,
  PostEnd,
  PostOptions,
  Wire,
  WireSession
} from "../../../ports/McpWire.ts"
import { withConfiguredHeaders } from "../ConfiguredHeaders.ts"
import { forgetsSession } from "../HttpFailure.ts"
import { fallbackTimeout, maxMessage } from "../McpLimits.ts"
import { refusingRedirects } from "../RedirectRule.ts"
import { type BodyEnd, readBriefly, readEvents } from "./AnswerBody.ts"
import { WireFailures } from "./WireFailures.ts"
import {
  exchange,
  type McpWireOptions,
  postOf,
  streamOf,
  versionIn,
  type WireRequest
} from "./WireRequests.ts"

/** A request whose response comes on the stream. */
interface Waiting {
  readonly deliver: Deliver
  readonly end: Deferred.Deferred<PostEnd, McpError>
}

/** A stream, which is a session. */
interface OpenStream {
  readonly id: string
  readonly endpoint: Deferred.Deferred<URL, McpError>
  /** Why it has ended. */
  readonly ended: Deferred.Deferred<McpError>
  readonly waiting: Map<string, Waiting>
  protocolVersion: string | undefined
  /** True once `initialize` was answered. */
  isGreeted: boolean
  isOpen: boolean
  /** True once it has had a listener. */
  isHeard: boolean
  fiber: Fiber.Fiber<void> | undefined
}

/** What {@link SseWire} needs. */
export interface SseWireOptions<E> {
  readonly server: RemoteServer
  readonly maxMiB: number
  /** The stream ends with it. */
  readonly scope: Scope.Scope
  readonly send: (
    url: URL,
    request: WireRequest,
    options?: PostOptions
  ) => Effect.Effect<Response, McpError | E>
}

const isEvents = (response: Response): boolean =>
  /^\s*text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")

/**
 * The wire over the transport of revision 2024-11-05, HTTP+SSE: one stream has every message of the server, and each message for
 * it is a POST to the address that the stream names first.
 */
export class SseWire<E> implements Wire<E> {
  readonly #server: RemoteServer
  readonly #maxMiB: number
  readonly #scope: Scope.Scope
  readonly #send: SseWireOptions<E>["send"]
  readonly #failures: WireFailures
  readonly #received = Latch.makeUnsafe(false)
  #stream: OpenStream | undefined
  #streams = 0
  #listener: { readonly deliver: Deliver } | undefined

  constructor({ maxMiB, scope, send, server }: SseWireOptions<E>) {
    this.#server = server
    this.#maxMiB = server.maxAnswerMiB ?? maxMiB
    this.#scope = scope
    this.#send = send
    this.#failures = new WireFailures(server)
  }

  readonly session = (): WireSession | undefined => this.#stream

  /** Opens a stream in the place of the one before. */
  readonly open: Effect.Effect<void, McpError | E> = Effect.suspend(() => this.#open())

  readonly #open = Effect.fnUntraced({ self: this }, function* (this: SseWire<E>) {
    const before = this.#stream
    this.#stream = undefined
    if (before?.fiber !== undefined) yield* Fiber.interrupt(before.fiber)
    const response = yield* this.#send(this.#server.url, streamOf(undefined, undefined))
    if (!response.ok || !isEvents(response)) {
      const said = yield* readBriefly(response)
      return yield* response.ok
        ? this.#failures.noStream(response.headers.get("content-type"))
        : this.#failures.status(response, said, yield* Clock.currentTimeMillis)
    }
    const stream: OpenStream = {
      id: `stream-${++this.#streams}`,
      endpoint: yield* Deferred.make<URL, McpError>(),
      ended: yield* Deferred.make<McpError>(),
      waiting: new Map(),
      protocolVersion: undefined,
      isGreeted: false,
      isOpen: true,
      isHeard: false,
      fiber: undefined
    }
    stream.fiber = yield* Effect.forkIn(this.#read(stream, response), this.#scope)
    yield* Deferred.await(stream.endpoint).pipe(
      Effect.timeoutOrElse({
        duration: fallbackTimeout,
        orElse: () => this.#failures.endpoint("it does not say where to send messages")
      }),
      Effect.onError(() => (stream.fiber === undefined ? Effect.void : Fiber.interrupt(stream.fiber)))
    )
    this.#stream = stream
  })

  #read(stream: OpenStream, response: Response): Effect.Effect<void> {
    return readEvents(response, {
      maxBytes: this.#maxMiB * 1024 * 1024,
      cursor: { lastEventId: undefined, retry: undefined },
      deliver: (message) => this.#deliver(stream, message),
      isEnough: () => false,
      onInvalid: () => undefined,
      onOther: (name, data) => (name === "endpoint" ? this.#setEndpoint(stream, data.text()) : Effect.void)
    }).pipe(
      Effect.onExit((exit) => this.#end(stream, exit._tag === "Success" ? exit.value : "Ended")),
      Effect.asVoid
    )
  }

  #setEndpoint({ endpoint }: OpenStream, text: string): Effect.Effect<boolean> {
    const target = URL.parse(text, this.#server.url)
    return target !== null && isSameOrigin(target, this.#server.url)
      ? Deferred.succeed(endpoint, target)
      : Deferred.fail(endpoint, this.#failures.endpoint(`it names an address of another origin: ${text}`))
  }

  /** Ends a stream, and with it every request whose response would have come on it. */
  #end(stream: OpenStream, end: BodyEnd): Effect.Effect<void> {
    return Effect.suspend(() => {
      stream.isOpen = false
      const error =
        end === "TooLong"
          ? this.#failures.tooLong(this.#maxMiB)
          : end === "Broke"
            ? this.#failures.broke
            : this.#failures.closed
      const waiting = [...stream.waiting.values()]
      stream.waiting.clear()
      return Effect.all(
        [
          Deferred.fail(stream.endpoint, error),
          Deferred.succeed(stream.ended, error),
          ...waiting.map((request) => Deferred.succeed(request.end, { _tag: "Unanswered", error }))
        ],
        { discard: true }
      )
    })
  }

  /** Passes a message on: a response to its request, and anything else to the listener. Without one, the stream waits. */
  #deliver(stream: OpenStream, message: JsonRpcMessage): Effect.Effect<void> {
    const key = message.idKey ?? ""
    const request = message.kind === "response" ? stream.waiting.get(key) : undefined
    if (request !== undefined) {
      stream.waiting.delete(key)
      return Effect.andThen(request.deliver(message), Deferred.succeed(request.end, { _tag: "Answered" }))
    }
    return Effect.suspend(() => {
      const receiver = this.#listener ?? [...stream.waiting.values()].at(-1)
      if (receiver !== undefined) return receiver.deliver(message)
      // Before the address, nothing was requested.
      if (!Deferred.isDoneUnsafe(stream.endpoint)) return Effect.void
      this.#received.closeUnsafe()
      return Effect.andThen(this.#received.await, this.#deliver(stream, message))
    })
  }

  readonly post = Effect.fn("SseWire.post")(
    { self: this },
    function* (
      this: SseWire<E>,
      message: JsonRpcMessage,
      deliver: Deliver,
      options: PostOptions = {}
    ): Effect.fn.Return<PostEnd, McpError | E> {
      const isStart = message.method === "initialize"
      // `initialize` belongs to a stream of its own. One that was just opened for it has had none.
      const isUsed = this.#stream?.isOpen !== true || this.#stream.isGreeted
      if (this.#stream === undefined || (isStart && isUsed)) yield* this.#open()
      const stream = this.#stream
      if (stream === undefined) return yield* this.#failures.closed
      if (!stream.isOpen) return { _tag: "SessionLost", session: stream.id }
      const waiting: Waiting = {
        deliver: (answer) => {
          if (isStart && !answer.isError) {
            stream.isGreeted = true
            stream.protocolVersion = versionIn(answer)
          }
          return deliver(answer)
        },
        end: yield* Deferred.make<PostEnd, McpError>()
      }
      const key = message.kind === "request" ? message.idKey : undefined
      if (key !== undefined) {
        stream.waiting.set(key, waiting)
        this.#received.openUnsafe()
      }
      return yield* this.#exchange(stream, message, options).pipe(
        Effect.flatMap((end) =>
          end === undefined && key !== undefined
            ? Deferred.await(waiting.end)
            : Effect.succeed(end ?? accepted)
        ),
        Effect.ensuring(
          Effect.sync(() => {
            if (key !== undefined && stream.waiting.get(key) === waiting) stream.waiting.delete(key)
          })
        )
      )
    }
  )

  /** Sends a message. Gives how that ended; `undefined` if the server took it. */
  readonly #exchange = Effect.fnUntraced(
    { self: this },
    function* (
      this: SseWire<E>,
      stream: OpenStream,
      message: JsonRpcMessage,
      options: PostOptions
    ): Effect.fn.Return<PostEnd | undefined, McpError | E> {
      const url = yield* Deferred.await(stream.endpoint)
      const session = { id: undefined, protocolVersion: stream.protocolVersion }
      const response = yield* this.#send(url, postOf(message, session, options), options)
      const said = yield* readBriefly(response)
      if (response.ok) return undefined
      if (forgetsSession(response.status, said) && message.method !== "initialize") {
        if (stream.fiber !== undefined) yield* Fiber.interrupt(stream.fiber)
        return { _tag: "SessionLost", session: stream.id }
      }
      return yield* this.#failures.status(response, said, yield* Clock.currentTimeMillis)
    }
  )

  readonly listen = Effect.fn("SseWire.listen")(
    { self: this },
    function* (
      this: SseWire<E>,
      deliver: Deliver,
      { onOpen = Effect.void }: ListenOptions<McpError | E> = {}
    ): Effect.fn.Return<ListenEnd> {
      const stream = this.#stream
      if (stream === undefined) return { _tag: "NotOffered", status: 404 }
      // To listen again means that the connection may be dead. Another one is another session.
      if (stream.isHeard && stream.fiber !== undefined) yield* Fiber.interrupt(stream.fiber)
      stream.isHeard = true
      const listener = { deliver }
      this.#listener = listener
      this.#received.openUnsafe()
      yield* onOpen
      yield* Deferred.await(stream.ended).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            if (this.#listener === listener) this.#listener = undefined
          })
        )
      )
      return { _tag: "SessionLost", session: stream.id }
    }
  )
}

const accepted: PostEnd = { _tag: "Accepted" }

/** Makes the wire of a server. Requests carry the configured headers of the server. */
export const open = Effect.fnUntraced(function* <E, R>(
  server: RemoteServer,
  send: Send<E, R>,
  { makeRequest, maxMessageMiB = maxMessage }: McpWireOptions = {}
): Effect.fn.Return<SseWire<E>, McpError, R | Scope.Scope> {
  const context = yield* Effect.context<R>()
  const scope = yield* Effect.scope
  const configured = refusingRedirects(server, yield* withConfiguredHeaders(server, send))
  return new SseWire<E>({
    server,
    maxMiB: maxMessageMiB,
    scope,
    send: (url, request, options) =>
      Effect.provideContext(exchange({ ...server, url }, configured, request, options, makeRequest), context)
  })
})
