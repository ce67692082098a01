import { Clock, Effect, type Scope, Fiber, Predicate, Result } from "effect"
import { type JsonRpcMessage, jsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { Deliver, PostEnd, PostOptions, Wire } from "../../ports/McpWire.ts"
import type { AccessTokenError } from "../tokens/AccessTokens.ts"
import { maxRenewDelay, renewDelay } from "./ProxyLimits.ts"

/** The errors of the way to a server. */
export type LegError = McpError | AccessTokenError | NetworkError

/** How a message ended, if the session was renewed where the server had forgotten it. */
export type SentEnd = Exclude<PostEnd, { readonly _tag: "SessionLost" }>

/** What a session works with. */
export interface ProxySessionOptions {
  /** The name of the server. */
  readonly server: string
  readonly wire: Wire<AccessTokenError | NetworkError>
  /** Takes the requests and notifications of the server. */
  readonly deliver: Deliver
  /** Shows an error that no request of the client is about. */
  readonly tell: (error: LegError) => Effect.Effect<void>
  /** Begins the ids of the proxy's own requests: no other program has it. */
  readonly prefix: string
  readonly scope: Scope.Scope
}

const uriOf = (request: JsonRpcMessage): string | undefined => {
  const params = request.value("params")
  return Predicate.hasProperty(params, "uri") && typeof params.uri === "string" ? params.uri : undefined
}

/**
 * The session with the server, as the client has opened it. A session that the server has forgotten (404) is opened again with
 * the client's own `initialize`, once for all that notice it, and gets back the client's level of logging and its subscriptions.
 */
export class ProxySession {
  readonly #server: string
  readonly #wire: Wire<AccessTokenError | NetworkError>
  readonly #tell: (error: LegError) => Effect.Effect<void>
  readonly #deliver: Deliver
  readonly #scope: Scope.Scope
  readonly #prefix: string
  #ownRequests = 0
  #initialize: JsonRpcMessage | undefined
  #initialized: JsonRpcMessage | undefined
  #level: JsonRpcMessage | undefined
  readonly #subscriptions = new Map<string, JsonRpcMessage>()
  #renewal: Fiber.Fiber<void, LegError> | undefined
  #listening: Fiber.Fiber<void> | undefined
  /** How many listeners there have been. */
  #listeners = 0
  #renewedAt = 0
  #renewDelay = renewDelay

  constructor(options: ProxySessionOptions) {
    this.#server = options.server
    this.#wire = options.wire
    this.#deliver = options.deliver
    this.#tell = options.tell
    this.#prefix = options.prefix
    this.#scope = options.scope
  }

  /** The next id of the proxy, as JSON. */
  ownId(): string {
    return JSON.stringify(`${this.#prefix}${++this.#ownRequests}`)
  }

  /** The params of the client's `initialize`. */
  get clientParams(): unknown {
    return this.#initialize?.value("params")
  }

  /** Remembers what the server has accepted, for the next session. */
  accepted(request: JsonRpcMessage): void {
    switch (request.method) {
      case "initialize":
        this.#initialize = request
        this.#initialized = undefined
        this.#level = undefined
        this.#subscriptions.clear()
        return
      case "logging/setLevel":
        this.#level = request
        return
      case "resources/subscribe": {
        const uri = uriOf(request)
        if (uri !== undefined) this.#subscriptions.set(uri, request)
        return
      }
      case "resources/unsubscribe":
        this.#subscriptions.delete(uriOf(request) ?? "")
    }
  }

  /**
   * Sends a message of the client. If the server does not know the session, which means that it did nothing, the session is
   * renewed and the message is sent once more.
   */
  readonly send = Effect.fnUntraced(
    { self: this },
    function* (
      this: ProxySession,
      message: JsonRpcMessage,
      deliver: Deliver,
      options?: PostOptions
    ): Effect.fn.Return<SentEnd, LegError> {
      // A server may wait for a response before it answers `initialize`. Anything else belongs to the new session.
      if (this.#running !== undefined && message.kind !== "response") yield* Fiber.await(this.#running)
      const end = yield* this.#wire.post(message, deliver, options)
      if (end._tag !== "SessionLost") return end
      // The request that the client answers here is gone with the session.
      if (message.kind === "response") return { _tag: "Accepted" }
      yield* this.renew(end.session)
      const again = yield* this.#wire.post(message, deliver, options)
      return again._tag === "SessionLost" ? yield* this.#lost : again
    }
  )

  get #lost(): McpError {
    return new McpError({
      server: this.#server,
      detail: "it forgets each session at once.",
      remedies: [{ _tag: "Advice", text: "Try again later, or tell its provider." }]
    })
  }

  /** Sends a request of the proxy, and returns the response. */
  readonly #ask = Effect.fnUntraced(
    { self: this },
    function* (this: ProxySession, request: JsonRpcMessage): Effect.fn.Return<JsonRpcMessage, LegError> {
      const own = request.withId(this.ownId())
      let response: JsonRpcMessage | undefined
      const end = yield* this.#wire.post(own, (message) => {
        if (!message.answers(own)) return this.#deliver(message)
        response = message
        return Effect.void
      })
      if (response !== undefined) return response
      return yield* end._tag === "Unanswered" ? end.error : this.#lost
    }
  )

  /** The renewal under way. */
  get #running(): Fiber.Fiber<void, LegError> | undefined {
    return this.#renewal?.pollUnsafe() === undefined ? this.#renewal : undefined
  }

  /** Opens a session in the place of one that the server has forgotten. */
  renew(lost: string): Effect.Effect<void, LegError> {
    return Effect.gen({ self: this }, function* () {
      // While it runs, the wire may have no session at all.
      for (let running = this.#running; running !== undefined; running = this.#running)
        yield* Fiber.join(running)
      if (this.#wire.session()?.id !== lost) return
      this.#renewal = yield* Effect.forkIn(this.#renewed, this.#scope)
      yield* Fiber.join(this.#renewal)
    })
  }

  get #renewed(): Effect.Effect<void, LegError> {
    return Effect.gen({ self: this }, function* () {
      if (this.#initialize === undefined) return yield* this.#lost
      this.#renewedAt = yield* Clock.currentTimeMillis
      const response = yield* this.#ask(this.#initialize)
      if (response.isError) {
        const error = response.value("error")
        const said = Predicate.hasProperty(error, "message") ? String(error.message) : "no reason"
        return yield* new McpError({
          server: this.#server,
          detail: `it ended the session, and refuses another one: ${said}`,
          remedies: [{ _tag: "Advice", text: "Restart the server in your MCP client." }]
        })
      }
      if (this.#initialized !== undefined) yield* this.#wire.post(this.#initialized, this.#deliver)
      for (const request of [this.#level, ...this.#subscriptions.values()]) {
        if (request === undefined) continue
        yield* this.#ask(request).pipe(Effect.catch(this.#tell))
      }
      if (this.#listening !== undefined) yield* this.#listenAgain
    })
  }

  /** Tells the server that the client is ready, and opens the standing stream. */
  readonly start = Effect.fnUntraced(
    { self: this },
    function* (this: ProxySession, initialized: JsonRpcMessage, options: PostOptions) {
      this.#initialized = initialized
      const end = yield* Effect.result(this.send(initialized, this.#deliver, options))
      if (Result.isFailure(end)) yield* this.#tell(end.failure)
      yield* this.#listenAgain
    }
  )

  /** Opens the standing stream again: a connection may be dead although no side has closed it. */
  readonly reopen = Effect.suspend(() => (this.#listening === undefined ? Effect.void : this.#listenAgain))

  get #listenAgain(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const before = this.#listening
      this.#listening = yield* Effect.forkIn(this.#listen(++this.#listeners), this.#scope)
      if (before !== undefined) yield* Effect.forkIn(Fiber.interrupt(before), this.#scope)
    })
  }

  /**
   * Keeps the standing stream open, over the sessions, until the server says that it has none, or another listener takes its
   * place. That happens in a renewal that this one waits for, and two would end each other's streams.
   */
  #listen(number: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      let told = ""
      const onFailure = (error: LegError) => {
        const isNew = told !== error.message
        told = error.message
        return isNew ? this.#tell(error) : Effect.void
      }
      const onOpen = Effect.sync(() => void (told = ""))
      for (;;) {
        const end = yield* this.#wire.listen(this.#deliver, { onOpen, onFailure })
        if (end._tag === "NotOffered") return
        const age = (yield* Clock.currentTimeMillis) - this.#renewedAt
        if (age > maxRenewDelay) this.#renewDelay = renewDelay
        else {
          yield* Effect.sleep(this.#renewDelay)
          this.#renewDelay = Math.min(this.#renewDelay * 2, maxRenewDelay)
        }
        // It opens another standing stream, and ends this one.
        const renewed = yield* Effect.result(this.renew(end.session))
        if (number !== this.#listeners) return
        if (Result.isFailure(renewed)) {
          yield* onFailure(renewed.failure)
          yield* Effect.sleep(this.#renewDelay)
        }
      }
    })
  }

  /** A notification of the proxy to the client. */
  notification(method: string, params: object): JsonRpcMessage {
    return jsonRpcMessage({ method, params })
  }

  /** A request of the proxy to the client. */
  question(method: string, params: object): JsonRpcMessage {
    return jsonRpcMessage({ method, params }).withId(this.ownId())
  }
}
