import { Deferred, Effect, Result } from "effect"
import { membersOf, valueAt } from "../../domain/JsonMembers.ts"
import { errorResponse, idKeyOf, type JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import { codeOf, errorCodes, isModernError } from "../../domain/McpErrorCode.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { McpError } from "../../ports/McpConnector.ts"
import { KnownRevisions, type RevisionMemory } from "../../ports/KnownRevisions.ts"
import type { Deliver, ListenEnd, ListenOptions, PostEnd, PostOptions, Wire } from "../../ports/McpWire.ts"
import { BridgedSession } from "./BridgedSession.ts"
import { ModernRequests } from "./ModernRequests.ts"
import { type NextId, ownIds, revisionOf } from "./ModernRevision.ts"
import { discoveredIn, discoverRequest, initializeResponse, olderClientOf } from "./OlderClient.ts"

/** Options of {@link acrossRevisions}. */
export interface RevisionOptions {
  /** False: a client of an older revision gets the refusal of a server that speaks only revision 2026-07-28. */
  readonly bridge?: boolean
}

/** Warns of tools that the client does not get (MCP 2026-07-28 "x-mcp-header"). */
const warnOf =
  ({ name }: RemoteServer) =>
  (tools: ReadonlyArray<string>): Effect.Effect<void> =>
    Effect.logWarning(
      `${name}: left out of its tools, because what they declare for headers is not valid: ${tools.map((tool) => printable(tool)).join(", ")}.`
    )

/** A request on its way, which the client may cancel. */
interface Running {
  readonly cancelled: Deferred.Deferred<void>
}

/**
 * Lets a client and a server exchange messages that do not speak the same revision of MCP.
 *
 * - Where they do, messages pass as they are, and nothing else is sent. Requests of revision 2026-07-28 get the headers that
 *   repeat parts of them.
 * - A client of an older revision at a server that refuses `initialize`, because it speaks only revision 2026-07-28: what one
 *   of them sends is translated for the other.
 * - A client of revision 2026-07-28 at an older server: `server/discover` is an unknown method, so that the client speaks the
 *   older revision.
 *
 * A request that its client cancels ends with `Answered`.
 */
export const acrossRevisions = <E>(
  server: RemoteServer,
  wire: Wire<E>,
  options: RevisionOptions = {}
): Effect.Effect<Wire<E>> =>
  Effect.gen(function* () {
    return new RevisionWire(server, wire, options, yield* ownIds, yield* KnownRevisions)
  })

class RevisionWire<E> implements Wire<E> {
  readonly #server: RemoteServer
  readonly #wire: Wire<E>
  readonly #mayBridge: boolean
  readonly #nextId: NextId
  readonly #known: RevisionMemory
  readonly #requests: ModernRequests<E>
  /** Is there after `initialize` at a server that speaks only revision 2026-07-28. */
  #bridged: BridgedSession<E> | undefined
  /** True once the client has sent a request of revision 2026-07-28. */
  #isModernClient = false
  /** True once the server has turned out to speak only revision 2026-07-28 while this runs. */
  #isModernServer = false
  /** True once the probe of the client was answered from memory. */
  #hasRecalled = false
  readonly #running = new Map<string, Array<Running>>()

  constructor(
    server: RemoteServer,
    wire: Wire<E>,
    { bridge = true }: RevisionOptions,
    nextId: NextId,
    known: RevisionMemory
  ) {
    this.#server = server
    this.#wire = wire
    this.#mayBridge = bridge
    this.#nextId = nextId
    this.#known = known
    this.#requests = new ModernRequests<E>({ wire, nextId, onLeftOut: warnOf(server) })
  }

  readonly session = () => this.#bridged?.session ?? this.#wire.session()

  readonly listen = (deliver: Deliver, options?: ListenOptions<McpError | E>): Effect.Effect<ListenEnd> => {
    if (this.#bridged !== undefined) return this.#bridged.listen(deliver, options)
    // Such a client opens streams by requests.
    if (this.#isModernClient) return Effect.succeed({ _tag: "NotOffered", status: 405 })
    return this.#wire.listen(deliver, options)
  }

  readonly post = (
    message: JsonRpcMessage,
    deliver: Deliver,
    options: PostOptions = {}
  ): Effect.Effect<PostEnd, McpError | E> =>
    Effect.suspend(() => {
      if (message.method === "initialize" && message.kind === "request") {
        this.#bridged = undefined
        this.#isModernClient = false
        return this.#mayBridge
          ? this.#initialize(message, deliver, options)
          : this.#wire.post(message, deliver, options)
      }
      if (this.#bridged === undefined && !this.#isModern(message))
        return this.#wire.post(message, deliver, options)
      if (message.method === "notifications/cancelled") return this.#cancel(message)
      if (message.kind === "request") return this.#cancellable(message, deliver, options)
      return this.#send(message, deliver, options)
    })

  /** True if a message is one of revision 2026-07-28. A session belongs to an older one. */
  #isModern(message: JsonRpcMessage): boolean {
    if (this.#wire.session() !== undefined) return false
    if (message.kind === "request") {
      const params = message.raw("params")
      const meta = params === undefined ? undefined : membersOf(params)
      const isModern = revisionOf(meta?.findLast(({ name }) => name === "_meta")?.value) !== undefined
      this.#isModernClient ||= isModern
      return isModern
    }
    return this.#isModernClient
  }

  #send(
    message: JsonRpcMessage,
    deliver: Deliver,
    options: PostOptions
  ): Effect.Effect<PostEnd, McpError | E> {
    if (this.#bridged !== undefined) return this.#bridged.post(message, deliver, options)
    return message.method === "server/discover"
      ? this.#discover(message, deliver, options)
      : this.#requests.post(message, deliver, options)
  }

  /** Sends a request until the client cancels it. The end of its HTTP request tells the server (MCP "Cancellation"). */
  #cancellable(message: JsonRpcMessage, deliver: Deliver, options: PostOptions) {
    const key = message.idKey ?? ""
    const running: Running = { cancelled: Deferred.makeUnsafe() }
    this.#running.set(key, [...(this.#running.get(key) ?? []), running])
    const cancelled = Deferred.await(running.cancelled).pipe(
      Effect.andThen(Effect.suspend(() => this.#bridged?.withdraw(message, deliver) ?? Effect.void)),
      Effect.as<PostEnd>({ _tag: "Answered" })
    )
    return Effect.raceFirst(this.#send(message, deliver, options), cancelled).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          const others = this.#running.get(key)?.filter((other) => other !== running) ?? []
          if (others.length === 0) this.#running.delete(key)
          else this.#running.set(key, others)
        })
      )
    )
  }

  #cancel(notification: JsonRpcMessage): Effect.Effect<PostEnd> {
    const id = valueAt(notification.raw("params"), "requestId")
    const running = id === undefined ? undefined : this.#running.get(idKeyOf(id.text()))?.[0]
    return Effect.as(running === undefined ? Effect.void : Deferred.succeed(running.cancelled, undefined), {
      _tag: "Accepted"
    })
  }

  /** Sends the probe of a client that speaks both: an older server answers it with any error, or not at all. */
  readonly #discover = Effect.fnUntraced(
    { self: this },
    function* (
      this: RevisionWire<E>,
      message: JsonRpcMessage,
      deliver: Deliver,
      options: PostOptions
    ): Effect.fn.Return<PostEnd, McpError | E> {
      // A client that asks again does not speak the older revisions, or does not believe it.
      if (!this.#hasRecalled && (yield* this.#known.recall(this.#server)) === "older") {
        this.#hasRecalled = true
        return yield* this.#unknownMethod(message, deliver)
      }
      let isAnswered = false
      let code: number | undefined
      const sent = yield* Effect.result(
        this.#requests.post(
          message,
          (answer) => {
            if (!answer.answers(message)) return deliver(answer)
            if (answer.isError && !isModernError(answer)) {
              code = codeOf(answer)
              return Effect.void
            }
            isAnswered = true
            return deliver(answer)
          },
          options
        )
      )
      if (Result.isFailure(sent) && !saysNothingOf(sent.failure)) return yield* Effect.fail(sent.failure)
      if (isAnswered) return { _tag: "Answered" }
      const status = Result.isSuccess(sent)
        ? sent.success._tag === "Answered"
          ? sent.success.status
          : undefined
        : sent.failure instanceof McpError
          ? sent.failure.status
          : undefined
      // Trouble of a server is no verdict about it.
      if (isClientError(status) || code === errorCodes.methodNotFound)
        yield* this.#known.remember(this.#server, "older")
      return yield* this.#unknownMethod(message, deliver)
    }
  )

  #unknownMethod(message: JsonRpcMessage, deliver: Deliver): Effect.Effect<PostEnd> {
    this.#isModernClient = false
    const error = { code: errorCodes.methodNotFound, message: "Method not found" }
    return Effect.as(deliver(errorResponse(message.id ?? "null", error)), { _tag: "Answered" })
  }

  /** Greets a server in an older revision. One that refuses this may speak only revision 2026-07-28. */
  readonly #initialize = Effect.fnUntraced(
    { self: this },
    function* (
      this: RevisionWire<E>,
      message: JsonRpcMessage,
      deliver: Deliver,
      options: PostOptions
    ): Effect.fn.Return<PostEnd, McpError | E> {
      const isKnown = this.#isModernServer || (yield* this.#known.recall(this.#server)) === "modern"
      if (isKnown) {
        const bridged = yield* Effect.result(this.#bridge(message, deliver, options))
        if (Result.isSuccess(bridged) && bridged.success) return { _tag: "Answered" }
        // Without a token or a network it is not known whether the memory is wrong.
        if (Result.isFailure(bridged) && !(bridged.failure instanceof McpError))
          return yield* Effect.fail(bridged.failure)
      }
      let refusal: JsonRpcMessage | undefined
      const sent = yield* Effect.result(
        this.#wire.post(
          message,
          (answer) => {
            if (!answer.answers(message) || !answer.isError) return deliver(answer)
            refusal = answer
            return Effect.void
          },
          options
        )
      )
      const mayBeModern = refusal !== undefined || (Result.isFailure(sent) && mayHideRevision(sent.failure))
      const bridge = Effect.orElseSucceed(this.#bridge(message, deliver, options), () => false)
      if (mayBeModern && (yield* bridge)) {
        if (!isKnown) yield* this.#known.remember(this.#server, "modern")
        this.#isModernServer = true
        return { _tag: "Answered" }
      }
      if (isKnown && Result.isSuccess(sent) && refusal === undefined) {
        this.#isModernServer = false
        yield* this.#known.remember(this.#server, undefined)
      }
      if (refusal !== undefined) yield* deliver(refusal)
      return yield* Effect.fromResult(sent)
    }
  )

  /** Answers `initialize` for a server of revision 2026-07-28. False if it says that it is another one. */
  readonly #bridge = Effect.fnUntraced(
    { self: this },
    function* (this: RevisionWire<E>, message: JsonRpcMessage, deliver: Deliver, options: PostOptions) {
      const client = olderClientOf(message)
      const request = discoverRequest(this.#nextId(), client)
      let answer: JsonRpcMessage | undefined
      const take: Deliver = (other) =>
        Effect.sync(() => {
          if (other.answers(request)) answer = other
        })
      const sent = yield* Effect.result(this.#requests.post(request, take, options))
      if (answer === undefined) {
        yield* Effect.fromResult(sent)
        return false
      }
      const discovered = discoveredIn(answer)
      if (discovered === undefined) return false
      this.#bridged = new BridgedSession<E>({
        requests: this.#requests,
        nextId: this.#nextId,
        client,
        discovered
      })
      yield* deliver(initializeResponse(message.id ?? "null", client, discovered, this.#server.url.host))
      return true
    }
  )
}

/** True for a status that says that a request is wrong: the probe of a server that does not know it. */
const isClientError = (status: number | undefined): boolean =>
  status !== undefined && status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status)

/** True for an answer to the probe that an older server may give. Without a token, and under load, both answer the same. */
const saysNothingOf = (error: unknown): boolean =>
  error instanceof McpError && ![401, 403, 429].includes(error.status ?? 0)

/** True for a refusal of `initialize` that a gateway in front of a server of revision 2026-07-28 may give: 400 and no JSON. */
const mayHideRevision = (error: unknown): boolean => error instanceof McpError && error.status === 400
