import { Clock, Deferred, Effect, Fiber, Latch, Result, type Scope } from "effect"
import { codeOf, errorCodes } from "../../domain/McpErrorCode.ts"
import type { ByteParts } from "../../domain/ByteParts.ts"
import { jsonOf, objectOf, parsedAt } from "../../domain/JsonMembers.ts"
import type { JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import type { Deliver, ListenEnd, ListenOptions, PostEnd, PostOptions } from "../../ports/McpWire.ts"
import { type NextId, requestOf } from "./ModernRevision.ts"

/** Milliseconds until a stream is opened again that was open, and the longest such time after failures. */
const [minDelay, maxDelay] = [1000, 30_000]
/** Milliseconds that a stream must have been open to count as a success. */
const minStreamTime = 5000
/** Most resources that a client can subscribe to: their addresses are in one request. */
const maxResources = 10_000

/** How a subscription ended. */
export type Subscribed =
  | { readonly _tag: "Subscribed" }
  /** A sentence. */
  | { readonly _tag: "Refused"; readonly why: string }

/** A client that waits until the server knows its subscription. */
interface Waiting {
  readonly uri: string
  readonly version: number
  readonly done: Deferred.Deferred<Subscribed>
}

/** Sends a request of this program, without what revision 2026-07-28 adds. */
export type SendOwn<E> = (
  message: JsonRpcMessage,
  deliver: Deliver,
  options?: PostOptions
) => Effect.Effect<PostEnd, McpError | E>

/** What {@link Subscriptions} needs. */
export interface SubscriptionOptions<E> {
  readonly send: SendOwn<E>
  readonly nextId: NextId
  /** The capabilities of the server. */
  readonly capabilities: ByteParts | undefined
}

/**
 * The standing stream of revision 2026-07-28, `subscriptions/listen`, for a client of an older revision: changes of the lists
 * that the server announces, and of the resources that the client has subscribed to. A stream lists all of them when it is
 * opened, so a change opens another one, and then ends the one before.
 */
export class Subscriptions<E> {
  readonly #send: SendOwn<E>
  readonly #nextId: NextId
  readonly #lists: ReadonlyArray<string>
  readonly #uris = new Set<string>()
  readonly #changed = Latch.makeUnsafe(false)
  #version = 0
  #waiting: ReadonlyArray<Waiting> = []
  #listeners = 0
  #isOffered = true

  constructor({ capabilities, nextId, send }: SubscriptionOptions<E>) {
    this.#send = send
    this.#nextId = nextId
    this.#lists = ["tools", "prompts", "resources"].filter(
      (name) => parsedAt(capabilities, name, "listChanged") === true
    )
  }

  /** Subscribes to a resource, and waits until the server knows it. */
  subscribe(uri: string): Effect.Effect<Subscribed> {
    return Effect.suspend(() => {
      if (!this.#isOffered) return refused("The server has no subscriptions.")
      if (this.#uris.has(uri)) return Effect.succeed<Subscribed>({ _tag: "Subscribed" })
      if (this.#uris.size >= maxResources) return refused(`There are ${maxResources} subscriptions already.`)
      this.#uris.add(uri)
      this.#change()
      if (this.#listeners === 0) return Effect.succeed<Subscribed>({ _tag: "Subscribed" })
      const waiting = { uri, version: this.#version, done: Deferred.makeUnsafe<Subscribed>() }
      this.#waiting = [...this.#waiting, waiting]
      return Deferred.await(waiting.done)
    })
  }

  /** Ends the subscription to a resource. */
  unsubscribe(uri: string): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.#uris.delete(uri)) this.#change()
    })
  }

  #change(): void {
    this.#version++
    this.#changed.openUnsafe()
  }

  /** Ends the wait of clients for a stream. */
  #settle(version: number, outcome: (uri: string) => Subscribed): Effect.Effect<void> {
    const ready = this.#waiting.filter((waiting) => waiting.version <= version)
    this.#waiting = this.#waiting.filter((waiting) => waiting.version > version)
    return Effect.forEach(
      ready,
      ({ done, uri }) => {
        const result = outcome(uri)
        if (result._tag === "Refused") this.#uris.delete(uri)
        return Deferred.succeed(done, result)
      },
      { discard: true }
    )
  }

  get #isEmpty(): boolean {
    return this.#lists.length === 0 && this.#uris.size === 0
  }

  #request(): JsonRpcMessage {
    const notifications = {
      ...Object.fromEntries(this.#lists.map((name) => [`${name}ListChanged`, true])),
      ...(this.#uris.size === 0 ? {} : { resourceSubscriptions: [...this.#uris] })
    }
    return requestOf(
      this.#nextId(),
      "subscriptions/listen",
      objectOf([{ name: "notifications", value: jsonOf(notifications) }])
    )
  }

  /** Keeps the stream open for as long as it runs. It opens no stream while there is nothing to listen to. */
  readonly listen = (deliver: Deliver, options: ListenOptions<McpError | E> = {}): Effect.Effect<ListenEnd> =>
    Effect.scoped(this.#run(deliver, options)).pipe(
      Effect.onExit(() =>
        Effect.suspend(() => {
          this.#listeners--
          return this.#settle(this.#version, () => ({ _tag: "Subscribed" }))
        })
      )
    )

  readonly #run = Effect.fnUntraced(
    { self: this },
    function* (
      this: Subscriptions<E>,
      deliver: Deliver,
      { onFailure, onOpen = Effect.void }: ListenOptions<McpError | E>
    ): Effect.fn.Return<ListenEnd, never, Scope.Scope> {
      this.#listeners++
      let streams: ReadonlyArray<Fiber.Fiber<StreamEnd<E>>> = []
      const interruptAll = Effect.suspend(() => {
        const before = streams
        streams = []
        return Fiber.interruptAll(before)
      })
      for (let failures = 0; ;) {
        this.#changed.closeUnsafe()
        if (this.#isEmpty) {
          yield* interruptAll
          yield* this.#changed.await
          continue
        }
        const version = this.#version
        const older = streams
        const stream = yield* Effect.forkScoped(
          this.#stream(
            (notification) => deliver(notification),
            Effect.gen({ self: this }, function* () {
              yield* Fiber.interruptAll(older)
              yield* onOpen
            }),
            version
          )
        )
        streams = [...streams, stream]
        const end = yield* Effect.raceFirst(
          Fiber.join(stream),
          Effect.as(this.#changed.await, "Changed" as const)
        )
        if (end === "Changed") continue
        streams = streams.filter((other) => other !== stream)
        yield* this.#settle(version, () => ({ _tag: "Refused", why: end.why }))
        if (!this.#isOffered) {
          yield* interruptAll
          return { _tag: "NotOffered", status: 404 }
        }
        failures = end.isSuccess ? 0 : failures + 1
        const delay = Math.min(minDelay * 2 ** Math.max(0, failures - 1), maxDelay)
        if (end.error !== undefined && onFailure !== undefined) yield* onFailure(end.error, delay)
        yield* Effect.raceFirst(Effect.sleep(delay), this.#changed.await)
      }
    }
  )

  /** One stream, up to its end. */
  readonly #stream = Effect.fnUntraced(
    { self: this },
    function* (
      this: Subscriptions<E>,
      deliver: Deliver,
      onOpen: Effect.Effect<void>,
      version: number
    ): Effect.fn.Return<StreamEnd<E>> {
      const request = this.#request()
      const start = yield* Clock.currentTimeMillis
      let isUsed = false
      let why = "The server ended the subscription at once."
      const sent = yield* Effect.result(
        this.#send(
          request,
          (message) => {
            if (message.method === "notifications/subscriptions/acknowledged") {
              return Effect.andThen(
                onOpen,
                this.#settle(version, (uri) => acknowledged(message, uri))
              )
            }
            // The end of this stream. The next one follows.
            if (message.method === "notifications/cancelled") return Effect.void
            if (!message.answers(request)) {
              isUsed = true
              return deliver(message)
            }
            const reason = parsedAt(message.raw("error"), "message")
            if (typeof reason === "string") why = reason
            if (codeOf(message) === errorCodes.methodNotFound) this.#isOffered = false
            return Effect.void
          },
          { renew: false }
        )
      )
      const isSuccess = isUsed || (yield* Clock.currentTimeMillis) - start >= minStreamTime
      if (Result.isSuccess(sent)) return { isSuccess, why, error: undefined }
      const { failure } = sent
      return { isSuccess, why: failure instanceof Error ? failure.message : why, error: failure }
    }
  )
}

/** How a stream ended. */
interface StreamEnd<E> {
  readonly isSuccess: boolean
  /** A sentence for those who wait for it. */
  readonly why: string
  readonly error: McpError | E | undefined
}

const refused = (why: string): Effect.Effect<Subscribed> => Effect.succeed({ _tag: "Refused", why })

const acknowledged = (message: JsonRpcMessage, uri: string): Subscribed => {
  const uris = parsedAt(message.raw("params"), "notifications", "resourceSubscriptions")
  return Array.isArray(uris) && uris.includes(uri)
    ? { _tag: "Subscribed" }
    : { _tag: "Refused", why: "The server does not announce changes of this resource." }
}
