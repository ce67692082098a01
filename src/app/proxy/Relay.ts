import { Deferred, Effect, Fiber, FiberSet, Option, Predicate, type Scope, Semaphore } from "effect"
import { ByteParts } from "../../domain/ByteParts.ts"
import { valueAt } from "../../domain/JsonMembers.ts"
import { idKeyOf, type JsonRpcMessage, messageOf } from "../../domain/JsonRpcMessage.ts"
import type { Remediable } from "../../domain/Remedy.ts"
import type { ClientText } from "../../ports/LocalClient.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import type { Deliver } from "../../ports/McpWire.ts"
import { fromClient, fromServer, type MessageRule } from "./MessageRule.ts"
import { failed, noMessage, pong, signInNeeded, unreadable } from "./OwnAnswers.ts"
import { type PendingRequest, PendingRequests } from "./PendingRequests.ts"
import {
  cancelGrace,
  endGrace,
  initializedTimeout,
  maxBytesOnTheWay,
  maxSilence,
  noTimeout,
  signInHold
} from "./ProxyLimits.ts"
import { type LegError, ProxySession, type ProxySessionOptions, type SentEnd } from "./ProxySession.ts"
import { SignInPages } from "./SignInPages.ts"
import { Silence } from "./Silence.ts"
import type { SessionSignIn, SignInNeed } from "./SessionSignIn.ts"

/** What a relay works with. */
export interface RelayOptions extends Pick<ProxySessionOptions, "prefix" | "server" | "wire"> {
  readonly signIn: SessionSignIn
  /** Milliseconds that the server may say nothing about a request; 0: any time. Absent: an hour. */
  readonly silence?: number | undefined
  readonly rules: ReadonlyArray<MessageRule>
  /** Writes a message to the client. */
  readonly toClient: Deliver
  /** An error with what can be done, for the user of the client. */
  readonly textOf: (error: Remediable) => string
  /** Shows an error on stderr that no request of the client is about. */
  readonly tell: (error: Remediable) => Effect.Effect<void>
}

const isSignInNeed = (error: { readonly _tag: string }): error is SignInNeed =>
  error._tag === "SignInRequired" || error._tag === "ScopeRequired"

/** Bytes that a permit of {@link Relay} stands for. Shorter messages need none. */
const permitBytes = 65_536

/** True for the first request of a client: `initialize`, or since revision 2026-07-28 the question which revisions there are. */
const isFirst = ({ method }: JsonRpcMessage): boolean =>
  method === "initialize" || method === "server/discover"

/** The id of the request that a notification cancels, as a key. */
const cancelledBy = (notification: JsonRpcMessage): string | undefined => {
  const id = valueAt(notification.raw("params"), "requestId")
  return id === undefined ? undefined : idKeyOf(id.text())
}

const acceptsUrls = (params: unknown): boolean =>
  Predicate.hasProperty(params, "capabilities") &&
  Predicate.hasProperty(params.capabilities, "elicitation") &&
  Predicate.hasProperty(params.capabilities.elicitation, "url")

/**
 * Passes messages between a client and a server, unchanged and in order as far as the protocol needs it:
 *
 * - What follows `initialize` is held until its response, and what follows `notifications/initialized` until the server has it:
 *   requests of HTTP overtake each other. A ping after `initialize` is answered here at once: a sign-in may take minutes, and
 *   the client may end what does not answer (MCP 2025-11-25 "Ping").
 * - Each request of the client gets one response: that of the server, or one that says why it is missing.
 * - Nothing that the server may have run is sent again.
 */
export class Relay {
  readonly #options: RelayOptions
  readonly #session: ProxySession
  readonly #running: FiberSet.FiberSet<void>
  readonly #scope: Scope.Scope
  readonly #room = Semaphore.makeUnsafe(Math.floor(maxBytesOnTheWay / permitBytes))
  readonly #pending = new PendingRequests()
  readonly #silence: Silence
  readonly #pages: SignInPages
  /** Questions of the proxy to the client, by id. */
  readonly #questions = new Map<string, Deferred.Deferred<JsonRpcMessage>>()
  /** True while later messages wait for the handshake. */
  #isHolding = false
  /** True while that is `initialize`: the server has no session yet. */
  #isOpening = false
  /** True while what was held is let go: what arrives meanwhile comes after it. */
  #isReleasing = false
  readonly #held: Array<JsonRpcMessage> = []
  /** The page that the client shows to its user for all requests. True: the user has signed in. */
  #elicitation: Fiber.Fiber<boolean, LegError> | undefined

  private constructor(options: RelayOptions, running: FiberSet.FiberSet<void>, scope: Scope.Scope) {
    this.#options = options
    this.#running = running
    this.#scope = scope
    this.#session = new ProxySession({ ...options, deliver: (message) => this.#deliver(message), scope })
    const { signIn, tell } = options
    this.#pages = new SignInPages({ signIn, ownId: () => this.#session.ownId(), scope, tell })
    this.#silence = new Silence(options.server, options.silence ?? maxSilence, this.#pending)
  }

  /** Makes a relay. What it runs ends with the scope. */
  static readonly make = Effect.fnUntraced(function* (
    options: RelayOptions
  ): Effect.fn.Return<Relay, never, Scope.Scope> {
    const relay = new Relay(options, yield* FiberSet.make<void>(), yield* Effect.scope)
    if (options.silence !== 0) yield* Effect.forkScoped(relay.#silence.watch(relay.#endSilent))
    return relay
  })

  /** Takes what the client wrote. It ends at once, unless more is on its way than the memory should hold. */
  readonly take = (text: ClientText): Effect.Effect<void> => {
    switch (text._tag) {
      case "Message":
        return this.#accept(text.message)
      case "Batch":
        // Revision 2025-03-26 has them. Each member is answered alone, which JSON-RPC allows.
        return text.messages.length === 0
          ? this.#options.toClient(noMessage())
          : Effect.forEach(text.messages, (message) => this.#accept(message), { discard: true })
      case "Invalid":
        return this.#options.toClient(unreadable("This line is no JSON."))
      case "TooLong":
        return this.#options.toClient(
          unreadable(`A message has at most ${text.maxMiB} MiB, and this one has more.`, text.id)
        )
    }
  }

  /** Gives what runs a moment to end, once the client has ended its input. */
  get settle(): Effect.Effect<void> {
    return FiberSet.awaitEmpty(this.#running).pipe(Effect.timeoutOption(endGrace), Effect.asVoid)
  }

  /** Opens the streams of the server again: after a sleep of the machine their connections are dead. */
  get reopen(): Effect.Effect<void> {
    return this.#session.reopen
  }

  #accept(message: JsonRpcMessage): Effect.Effect<void> {
    if (message.kind === "other") return this.#options.toClient(noMessage(message.id))
    if (message.kind === "response") this.#silence.answered(message)
    const question = message.kind === "response" ? this.#questions.get(message.idKey ?? "") : undefined
    if (question !== undefined) return Effect.asVoid(Deferred.succeed(question, message))
    if (this.#isOpening && message.kind === "request" && message.method === "ping")
      return this.#options.toClient(pong(message.id))
    if (this.#isHolding || this.#isReleasing) {
      this.#held.push(message)
      return Effect.void
    }
    return this.#dispatch(message)
  }

  #dispatch(message: JsonRpcMessage): Effect.Effect<void> {
    const passed = fromClient(this.#options.rules, message)
    if (message.kind === "request") {
      if (passed.kind === "response") return this.#options.toClient(passed)
      return passed.method === "initialize" ? this.#start(passed) : this.#run(passed, this.#exchange(passed))
    }
    if (passed.method === "notifications/initialized") {
      this.#isHolding = true
      const options = { timeout: initializedTimeout }
      return this.#run(passed, Effect.ensuring(this.#session.start(passed, options), this.#release))
    }
    if (passed.method === "notifications/cancelled") return this.#cancel(passed)
    return this.#run(passed, this.#notify(passed))
  }

  /** Passes a cancellation on. The server may still answer for a moment, and then its stream is closed, or not resumed. */
  #cancel(notification: JsonRpcMessage): Effect.Effect<void> {
    const pending = this.#pending.cancel(cancelledBy(notification) ?? "")
    const end = Effect.andThen(
      Effect.sleep(cancelGrace),
      Effect.sync(() => pending?.stop?.())
    )
    return this.#run(
      notification,
      Effect.andThen(
        this.#notify(notification),
        pending === undefined ? Effect.void : Effect.asVoid(Effect.forkIn(end, this.#scope))
      )
    )
  }

  /** Runs what becomes of a message. Waits if too many bytes are on their way. */
  #run(message: JsonRpcMessage, effect: Effect.Effect<void>): Effect.Effect<void> {
    const permits = Math.floor(message.bytes.length / permitBytes)
    if (permits === 0) return Effect.asVoid(FiberSet.run(this.#running, effect))
    return Effect.uninterruptibleMask((restore) =>
      Effect.andThen(
        restore(this.#room.take(permits)),
        FiberSet.run(this.#running, Effect.ensuring(effect, this.#room.release(permits)))
      )
    ).pipe(Effect.asVoid)
  }

  /** Lets go what was held, up to the next message that others must wait for. */
  get #release(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.#isHolding = false
      if (this.#isReleasing) return
      this.#isReleasing = true
      while (!this.#isHolding) {
        const next = this.#held.shift()
        if (next === undefined) break
        yield* this.#dispatch(next)
      }
      // In one step with the last look: what comes between the two would be held for ever.
      this.#isReleasing = false
    }).pipe(Effect.uninterruptible)
  }

  #notify(message: JsonRpcMessage): Effect.Effect<void> {
    return this.#session
      .send(message, (other) => this.#deliver(other))
      .pipe(Effect.asVoid, Effect.catch(this.#options.tell))
  }

  #start(request: JsonRpcMessage): Effect.Effect<void> {
    this.#isHolding = true
    this.#isOpening = true
    // Later messages go on as soon as the client has the response, which is before the server has ended its stream.
    let isReleased = false
    const release = Effect.suspend(() => {
      if (isReleased) return Effect.void
      isReleased = true
      this.#isOpening = false
      return this.#release
    })
    return this.#run(request, Effect.ensuring(this.#exchange(request, release), release))
  }

  /** Sends a request, and sees to it that it gets a response. */
  #exchange(request: JsonRpcMessage, onResponse: Effect.Effect<void> = Effect.void): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const pending = this.#pending.add(request)
      pending.stop = () => fiber.interruptUnsafe()
      const deliver: Deliver = (message) =>
        Effect.andThen(
          this.#deliver(message, pending),
          Effect.suspend(() => (message.kind === "response" && pending.isAnswered ? onResponse : Effect.void))
        )
      const { silence } = this.#options
      const options = silence === undefined ? {} : { timeout: silence === 0 ? noTimeout : silence }
      const resumed = this.#pages.resume(request)
      const sending = this.#session.send(resumed?.request ?? request, deliver, options)
      const send = Effect.suspend(() => {
        pending.silentLooks = 0
        return sending
      })
      const sent =
        resumed !== undefined
          ? this.#answered(pending, resumed.ready, this.#asking(pending, send))
          : isFirst(request)
            ? this.#signingIn(pending, send)
            : this.#asking(pending, send)
      return sent.pipe(
        Effect.flatMap((end) => (end._tag === "Unanswered" ? this.#fail(pending, end.error) : Effect.void)),
        Effect.catch((error) => this.#fail(pending, error)),
        Effect.catchDefect((defect) =>
          Effect.andThen(
            Effect.logError(defect),
            this.#respond(pending, failed(request.id ?? "null", "Internal error of the proxy."))
          )
        ),
        Effect.ensuring(Effect.sync(() => this.#pending.remove(pending)))
      )
    })
  }

  /** Holds a first request while the user signs in. */
  #signingIn(
    pending: PendingRequest,
    send: Effect.Effect<SentEnd, LegError>
  ): Effect.Effect<SentEnd, LegError> {
    const { signIn } = this.#options
    return send.pipe(
      Effect.catchTag("SignInRequired", (error) => {
        if (!signIn.mayOpenBrowser) return Effect.fail(error)
        pending.silentLooks = undefined
        return signIn.join(error).pipe(
          Effect.timeoutOption(signInHold),
          Effect.flatMap((ended) => (Option.isNone(ended) || pending.isCancelled ? Effect.fail(error) : send))
        )
      })
    )
  }

  /** Lets the client show the page of a sign-in to its user, if it can. */
  #asking(pending: PendingRequest, send: Effect.Effect<SentEnd, LegError>): Effect.Effect<SentEnd, LegError> {
    return send.pipe(
      Effect.catchTag(["SignInRequired", "ScopeRequired"], (error) => {
        if (SignInPages.canShow(pending.request)) {
          pending.silentLooks = undefined
          return this.#answered(pending, this.#pages.show(error, pending.request), send)
        }
        if (!acceptsUrls(this.#session.clientParams)) return Effect.fail(error)
        pending.silentLooks = undefined
        return Effect.flatMap(this.#elicited(error), (isSignedIn) =>
          isSignedIn && !pending.isCancelled ? send : Effect.fail(error)
        )
      })
    )
  }

  /** Answers a request with a page of a sign-in, or goes on without one. */
  #answered(
    pending: PendingRequest,
    page: Effect.Effect<JsonRpcMessage | undefined, SignInNeed>,
    goOn: Effect.Effect<SentEnd, LegError>
  ): Effect.Effect<SentEnd, LegError> {
    return Effect.flatMap(page, (answer): Effect.Effect<SentEnd, LegError> => {
      if (answer === undefined) return goOn
      return Effect.as(this.#respond(pending, answer), { _tag: "Answered" })
    })
  }

  /** Shares one page among the requests that need it. One that is cancelled leaves it to the others. */
  #elicited(need: SignInNeed): Effect.Effect<boolean, LegError> {
    return Effect.gen({ self: this }, function* () {
      if (this.#elicitation === undefined || this.#elicitation.pollUnsafe() !== undefined) {
        this.#elicitation = yield* Effect.forkIn(this.#elicit(need), this.#scope)
      }
      return yield* Fiber.join(this.#elicitation)
    })
  }

  /** Signs in by a page that the client opens (URL mode elicitation, MCP 2025-11-25). False: the user does not want to. */
  #elicit(need: SignInNeed): Effect.Effect<boolean, LegError> {
    return Effect.gen({ self: this }, function* () {
      const refused = yield* Deferred.make<boolean>()
      const elicitationId = JSON.parse(this.#session.ownId()) as string
      let isShown = false
      const show = (url: URL) => {
        isShown = true
        const message = `${need.server} needs you to sign in.`
        const params = { mode: "url", elicitationId, url: url.href, message }
        return this.#ask("elicitation/create", params).pipe(
          Effect.flatMap((response) => {
            const result = response.value("result")
            const isAccepted = Predicate.hasProperty(result, "action") && result.action === "accept"
            return isAccepted ? Effect.void : Deferred.succeed(refused, false)
          }),
          (asked) => FiberSet.run(this.#running, Effect.asVoid(asked)),
          Effect.asVoid
        )
      }
      const { join, stop } = this.#options.signIn
      const signedIn = join(need, show).pipe(
        Effect.as(true),
        Effect.catch((error) => Effect.as(this.#options.tell(error), false))
      )
      const ended = yield* Effect.raceFirst(signedIn, Deferred.await(refused))
      // The next request asks again, in place of waiting for a page that the user has closed.
      if (!ended) yield* stop
      if (isShown && ended) {
        yield* this.#options.toClient(
          this.#session.notification("notifications/elicitation/complete", { elicitationId })
        )
      }
      return ended
    })
  }

  #ask(method: string, params: object): Effect.Effect<JsonRpcMessage> {
    return Effect.gen({ self: this }, function* () {
      const question = this.#session.question(method, params)
      const answer = yield* Deferred.make<JsonRpcMessage>()
      this.#questions.set(question.idKey ?? "", answer)
      yield* this.#options.toClient(question)
      return yield* Deferred.await(answer).pipe(
        Effect.ensuring(Effect.sync(() => this.#questions.delete(question.idKey ?? "")))
      )
    })
  }

  #fail(pending: PendingRequest, error: LegError): Effect.Effect<void> {
    const { request } = pending
    const id = request.id ?? "null"
    const text = this.#options.textOf(error)
    // A client that has cancelled a request expects no response to it.
    if (pending.isCancelled) return Effect.void
    return this.#respond(pending, isSignInNeed(error) ? signInNeeded(request, id, text) : failed(id, text))
  }

  /** Answers a request about which the server says nothing, and tells the server that no one waits for it. */
  readonly #endSilent = (pending: PendingRequest, error: McpError): Effect.Effect<void> =>
    Effect.gen({ self: this }, function* () {
      yield* this.#fail(pending, error)
      pending.stop?.()
      const { request } = pending
      // The specification forbids to cancel it.
      if (request.method === "initialize") return
      const params = `{"requestId":${request.id ?? "null"},"reason":${JSON.stringify(error.detail)}}`
      const cancelled = messageOf(
        ByteParts.ofText(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`)
      )
      yield* FiberSet.run(this.#running, this.#notify(cancelled))
    })

  #respond(pending: PendingRequest, response: JsonRpcMessage): Effect.Effect<void> {
    if (pending.isAnswered) return Effect.void
    pending.isAnswered = true
    return this.#options.toClient(response)
  }

  /**
   * Passes a message of the server on.
   *
   * @param expected the request on whose stream it came
   */
  #deliver(message: JsonRpcMessage, expected?: PendingRequest): Effect.Effect<void> {
    const { rules, toClient } = this.#options
    if (message.kind === "other")
      return Effect.logDebug("The server sent JSON that is no message. It is dropped.")
    if (message.kind !== "response") {
      this.#silence.heard(message, expected)
      return toClient(fromServer(rules, message, undefined))
    }
    const pending = this.#pending.answer(message, expected)
    if (pending === undefined) {
      return Effect.logDebug("A response of the server is dropped: no request waits for it.")
    }
    const { request } = pending
    if (!message.isError) this.#session.accepted(request)
    const passed = toClient(fromServer(rules, message, request))
    return pending === expected
      ? passed
      : Effect.andThen(
          passed,
          Effect.sync(() => pending.stop?.())
        )
  }
}
