import { Deferred, Effect, Fiber, FiberSet, type Scope } from "effect"
import { NetworkError } from "../../ports/HttpTransport.ts"
import { McpError, type McpProgress } from "../../ports/McpConnector.ts"
import type { PostEnd, PostOptions } from "../../ports/McpWire.ts"
import {
  type ClientError,
  discoverVersion,
  EndlessList,
  errorCodes,
  initializeVersions,
  InputRequired,
  invalidResult,
  OtherVersion,
  RpcError,
  SessionForgotten,
  UnusableAnswer
} from "./ClientErrors.ts"
import { wordsIn } from "./HttpFailure.ts"
import { type ListKind, listKinds, nameOfEntry, repairEntry } from "./ListRepair.ts"
import { maxInputRounds, maxPages, maxQuestions, inputDelay, shutdownTimeout } from "./McpLimits.ts"
import { type CheckedMethod, type CheckedResult, checkResult } from "./McpResults.ts"
import { type Fields, isFields, isMessage, isRequest, type RpcMessage, type RpcRequest } from "./Messages.ts"
import { CurrentOperation, type Operation } from "./Operation.ts"
import { headerValue, type ParamHeader, paramHeadersOf } from "../../domain/ParamHeaders.ts"
import { paramHeaders } from "./ParamHeaders.ts"
import {
  CurrentRequestAnswers,
  type RequestAnswers,
  type RequestOutcome,
  urlRequests
} from "./RequestAnswers.ts"

/** Takes a message of the server. */
export type Receive = (message: unknown) => Effect.Effect<void>

/** A connection with a server that carries messages, whatever they say. */
export interface Connection<E> {
  /** Sends a message. `receive` takes what the server sends for it. */
  readonly post: (
    message: RpcMessage,
    receive: Receive,
    options: PostOptions
  ) => Effect.Effect<PostEnd, McpError | E>
  /** True if each request has an HTTP request of its own, whose end cancels it (MCP 2026-07-28 "Cancellation"). */
  readonly isRequestOfItsOwn: boolean
  /** Fails once the connection has ended. */
  readonly ended: Effect.Effect<never, McpError>
}

/** How a request is sent. */
export interface RequestOptions extends PostOptions {
  readonly onProgress?: ((progress: McpProgress) => void) | undefined
}

/** A request without an answer so far. */
interface Pending<E> {
  readonly answer: Deferred.Deferred<Fields, ClientError | McpError | E>
  readonly onProgress: RequestOptions["onProgress"]
  readonly operation: Operation | undefined
}

/** The entries of a list, and what was wrong with it: sentences without the server. */
export interface Listed {
  readonly entries: ReadonlyArray<Fields>
  readonly faults: ReadonlyArray<string>
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/** The field of a request that its `Mcp-Name` header repeats. */
const nameFields: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri"
}

const meta = "io.modelcontextprotocol/"

/**
 * True if a server has answered a notification that it does not know with an error. It is answered to no one: whether the
 * server is well, the next request shows. 401, 403 and redirects are about the request as such.
 */
const isRefusedNotification = (error: unknown): error is McpError =>
  error instanceof McpError && (error.status ?? 0) >= 400 && ![401, 403].includes(error.status ?? 0)

/**
 * A client of one server, in revision 2026-07-28 or an older one. It offers the server what {@link CurrentRequestAnswers} has
 * answers for: another request of the server is answered with "method not found".
 */
export class McpClient<E> {
  /** Empty before the handshake. */
  protocol = ""
  server: { readonly name: string | undefined; readonly version: string | undefined } | undefined
  instructions: string | undefined
  #capabilities: Fields = {}
  readonly #connection: Connection<E>
  readonly #identity: { readonly name: string; readonly version: string }
  readonly #scope: Scope.Scope
  /** Answers to the server, and cancellations. */
  readonly #background: FiberSet.FiberSet<unknown, unknown>
  readonly #pending = new Map<number, Pending<E>>()
  /** The parameters that the tools of the last list declare for headers. */
  readonly #declared = new Map<string, ReadonlyArray<ParamHeader>>()
  readonly #answers: RequestAnswers
  /** Questions of the server that the user has not answered yet. */
  readonly #questions: FiberSet.FiberSet<unknown, unknown>
  /** Is called when the server says that its tools changed. */
  onToolsChanged: () => void = () => undefined
  #lastId = -1

  private constructor(
    connection: Connection<E>,
    identity: { readonly name: string; readonly version: string },
    scope: Scope.Scope,
    fibers: Readonly<Record<"background" | "questions", FiberSet.FiberSet<unknown, unknown>>>,
    answers: RequestAnswers
  ) {
    this.#connection = connection
    this.#identity = identity
    this.#scope = scope
    this.#background = fibers.background
    this.#questions = fibers.questions
    this.#answers = answers
  }

  /** Makes a client whose requests end with the scope. Cancellations are sent before. */
  static readonly make = Effect.fnUntraced(function* <E>(
    connection: Connection<E>,
    identity: { readonly name: string; readonly version: string }
  ): Effect.fn.Return<McpClient<E>, never, Scope.Scope> {
    const background = yield* FiberSet.make<unknown, unknown>()
    yield* Effect.addFinalizer(() =>
      FiberSet.awaitEmpty(background).pipe(Effect.interruptible, Effect.timeoutOption(shutdownTimeout))
    )
    const questions = yield* FiberSet.make<unknown, unknown>()
    const answers = yield* CurrentRequestAnswers
    return new McpClient(connection, identity, yield* Effect.scope, { background, questions }, answers)
  })

  get isModern(): boolean {
    return this.protocol === discoverVersion
  }

  /** True if the server says that it has tools, and so on. */
  offers(capability: "tools" | "resources" | "prompts" | "completions"): boolean {
    return (this.#capabilities[capability] ?? undefined) !== undefined
  }

  /** Takes a message that came outside of the answer to a request. */
  readonly receive: Receive = (message) => {
    if (!isMessage(message)) return Effect.void
    if (isRequest(message)) return this.#answer(message)
    return Effect.suspend(() => {
      if ("method" in message) {
        if (message.method === "notifications/progress") this.#onProgress(message.params ?? {})
        if (message.method === "notifications/tools/list_changed") this.onToolsChanged()
        return Effect.void
      }
      const pending = this.#pending.get(Number(message.id))
      if (pending === undefined) return Effect.void
      return "result" in message
        ? Deferred.succeed(pending.answer, message.result)
        : Deferred.fail(pending.answer, new RpcError(message.error))
    })
  }

  #onProgress({ message, progress, progressToken, total }: Fields): void {
    if (typeof progress !== "number") return
    this.#pending.get(Number(progressToken))?.onProgress?.({
      progress,
      total: typeof total === "number" ? total : undefined,
      message: text(message)
    })
  }

  /** Servers of revision 2026-07-28 send no requests. */
  #answer({ id, method, params }: RpcRequest): Effect.Effect<void> {
    if (this.isModern) return Effect.void
    const reply = (outcome: RequestOutcome) => this.#post({ jsonrpc: "2.0", id, ...outcome })
    if (method === "ping") return this.#inBackground(reply({ result: {} }))
    const request = { method, params }
    if (!this.#answers.offers(request))
      return this.#inBackground(
        reply({ error: { code: errorCodes.methodNotFound, message: "Method not found" } })
      )
    return Effect.flatMap(FiberSet.size(this.#questions), (open) =>
      // A question belongs to what this client has asked for: a server cannot start one.
      this.#pending.size === 0 || open >= maxQuestions
        ? this.#inBackground(
            reply({ error: { code: errorCodes.internal, message: "No question can be answered now." } })
          )
        : this.#ask(Effect.flatMap(this.#answers.answer(request), reply))
    )
  }

  /** Runs what waits for the user. That time does not count as silence of the server. */
  #ask(question: Effect.Effect<unknown, unknown>): Effect.Effect<void> {
    const operations = [...this.#pending.values()].flatMap(({ operation }) => operation ?? [])
    return FiberSet.run(
      this.#questions,
      operations
        .reduce((run, operation) => operation.sending(run), question)
        .pipe(Effect.provideService(CurrentOperation, undefined), Effect.ignore),
      { startImmediately: true }
    )
  }

  #post(message: RpcMessage, options: PostOptions = {}): Effect.Effect<PostEnd, McpError | E> {
    return this.#connection.post(message, this.receive, options)
  }

  /** Runs what belongs to no operation. The next request shows whether the server can be reached. */
  #inBackground(effect: Effect.Effect<unknown, unknown>): Effect.Effect<void> {
    return FiberSet.run(
      this.#background,
      Effect.ignore(Effect.provideService(effect, CurrentOperation, undefined)),
      { startImmediately: true }
    )
  }

  /** A request with what revision 2026-07-28 adds to each, and its headers. */
  #enveloped(
    message: RpcRequest,
    headers: PostOptions["headers"]
  ): { readonly message: RpcRequest; readonly headers: Readonly<Record<string, string>> } {
    const { method, params = {} } = message
    if (!this.isModern && method !== "server/discover") return { message, headers: {} }
    const about = {
      [`${meta}protocolVersion`]: discoverVersion,
      [`${meta}clientInfo`]: this.#identity,
      [`${meta}clientCapabilities`]: this.#answers.capabilities
    }
    const name = text(params[nameFields[method] ?? ""])
    return {
      message: { ...message, params: { ...params, _meta: { ...about, ...asFields(params["_meta"]) } } },
      headers: {
        ...headers,
        "mcp-protocol-version": discoverVersion,
        "mcp-method": method,
        ...(name === undefined ? {} : { "mcp-name": headerValue(name) })
      }
    }
  }

  /**
   * Sends a request and returns its result. Interruption cancels it at the server.
   *
   * A request whose connection breaks before an answer starts is sent once more. A tool call is not: the tool may have run.
   */
  readonly request = Effect.fnUntraced(
    { self: this },
    function* (
      this: McpClient<E>,
      method: string,
      params: Fields,
      { headers, onProgress, ...options }: RequestOptions = {}
    ): Effect.fn.Return<Fields, ClientError | McpError | E> {
      const id = ++this.#lastId
      const answer = yield* Deferred.make<Fields, ClientError | McpError | E>()
      const withToken =
        onProgress === undefined
          ? params
          : { ...params, _meta: { ...asFields(params["_meta"]), progressToken: id } }
      const enveloped = this.#enveloped({ jsonrpc: "2.0", id, method, params: withToken }, headers)
      const post = this.#exchange(enveloped.message, { ...options, headers: enveloped.headers })
      const sent =
        method === "tools/call"
          ? post
          : Effect.catchIf(
              post,
              (error) => error instanceof NetworkError && error.unanswered === "broke",
              () => post
            )
      this.#pending.set(id, { answer, onProgress, operation: yield* CurrentOperation })
      // The rest of the answer is read after the response, so that its connection can be used again.
      const sending = yield* sent.pipe(
        Effect.onExit((exit) => Deferred.done(answer, exit)),
        Effect.ignoreCause,
        Effect.forkIn(this.#scope, { startImmediately: true })
      )
      return yield* Deferred.await(answer).pipe(
        Effect.onInterrupt(() => this.#cancel(id, method, sending)),
        Effect.ensuring(this.#forget(id))
      )
    }
  )

  /** Ends a request. Questions of the server end with the last one. */
  #forget(id: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#pending.delete(id)
      return this.#pending.size === 0 ? FiberSet.clear(this.#questions) : Effect.void
    })
  }

  /** Sends a request. Ends with the reason why there is no answer. */
  readonly #exchange = Effect.fnUntraced(
    { self: this },
    function* (
      this: McpClient<E>,
      request: RpcRequest,
      options: PostOptions
    ): Effect.fn.Return<never, ClientError | McpError | E> {
      let misread: UnusableAnswer | undefined
      const receive: Receive = (message) => {
        if (!isMessage(message))
          misread ??= new UnusableAnswer({ message: wordsIn(asFields(message)) ?? "not valid" })
        return this.receive(message)
      }
      const end = yield* this.#connection.post(request, receive, options)
      switch (end._tag) {
        case "Answered":
          return yield* misread ?? new UnusableAnswer({ message: "not valid" })
        case "Accepted":
          return yield* this.#connection.ended
        case "Unanswered":
          return yield* Effect.fail(misread ?? end.error)
        case "SessionLost":
          return yield* new SessionForgotten({})
      }
    }
  )

  #cancel(id: number, method: string, sending: Fiber.Fiber<unknown>): Effect.Effect<void> {
    const isByItsEnd = (this.isModern && this.#connection.isRequestOfItsOwn) || this.protocol === ""
    const notification = {
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: id }
    } as const
    const stop = Fiber.interrupt(sending)
    return this.#inBackground(
      isByItsEnd || method === "initialize" ? stop : Effect.ensuring(this.#post(notification), stop)
    )
  }

  /** Asks whether the server speaks revision 2026-07-28, and speaks it from then on. */
  readonly discover = Effect.fnUntraced(
    { self: this },
    function* (
      this: McpClient<E>,
      options: RequestOptions = {}
    ): Effect.fn.Return<void, ClientError | McpError | E> {
      const result = yield* this.request("server/discover", {}, options)
      const { capabilities, supportedVersions } = result
      const isSpoken = Array.isArray(supportedVersions) && supportedVersions.includes(discoverVersion)
      if (!isSpoken) return yield* invalidResult("server/discover", "supportedVersions")
      if (!isFields(capabilities)) return yield* invalidResult("server/discover", "capabilities")
      this.#meet(result, asFields(result["_meta"])[`${meta}serverInfo`])
      this.protocol = discoverVersion
    }
  )

  /**
   * Starts a session in an older revision.
   *
   * @param version the version to offer
   */
  readonly initialize = Effect.fnUntraced(
    { self: this },
    function* (
      this: McpClient<E>,
      version: string,
      options: RequestOptions = {}
    ): Effect.fn.Return<void, ClientError | McpError | E> {
      const result = yield* this.request(
        "initialize",
        { protocolVersion: version, capabilities: this.#answers.capabilities, clientInfo: this.#identity },
        options
      )
      const spoken = text(result["protocolVersion"])
      if (spoken === undefined) return yield* invalidResult("initialize", "protocolVersion")
      if (!isFields(result["capabilities"])) return yield* invalidResult("initialize", "capabilities")
      if (!initializeVersions.some((known) => known === spoken)) return yield* new OtherVersion({ spoken })
      this.#meet(result, result["serverInfo"])
      yield* Effect.catchIf(
        this.#post({ jsonrpc: "2.0", method: "notifications/initialized" }, options),
        isRefusedNotification,
        () => Effect.void
      )
      this.protocol = spoken
    }
  )

  #meet({ capabilities, instructions }: Fields, info: unknown): void {
    this.#capabilities = asFields(capabilities)
    this.instructions = text(instructions)
    this.server = isFields(info) ? { name: text(info["name"]), version: text(info["version"]) } : undefined
  }

  /**
   * Sends a request for a result that is checked, and returns it with its raw form. A server of revision 2026-07-28 may
   * request that it is sent again (MCP "Multi Round-Trip Requests").
   */
  readonly ask = Effect.fnUntraced({ self: this }, function* <
    M extends CheckedMethod
  >(this: McpClient<E>, method: M, params: Fields, options: RequestOptions = {}): Effect.fn.Return<
    { readonly result: CheckedResult<M>; readonly raw: Fields },
    ClientError | McpError | E
  > {
    let again: Fields = {}
    for (let round = 1; ; round++) {
      const { resultType, ...raw } = yield* this.request(method, { ...params, ...again }, options)
      if (!this.isModern || resultType === undefined || resultType === "complete")
        return { result: yield* checkResult(method, raw), raw }
      if (resultType !== "input_required")
        return yield* new UnusableAnswer({ message: `Unsupported result type for ${method}` })
      const state = text(raw["requestState"])
      const questions = asFields(raw["inputRequests"])
      const inputResponses = round === maxInputRounds ? undefined : yield* this.#answered(questions, state)
      if (inputResponses === undefined)
        return yield* new InputRequired({ requests: Object.values(questions).filter(isFields) })
      again = { ...inputResponses, ...(state === undefined ? {} : { requestState: state }) }
    }
  })

  /** The answers to the questions of a server, for the request that is sent again. Undefined: there are none. */
  readonly #answered = Effect.fnUntraced(
    { self: this },
    function* (
      this: McpClient<E>,
      questions: Fields,
      state: string | undefined
    ): Effect.fn.Return<Fields | undefined> {
      const asked = Object.entries(questions)
      if (asked.length === 0) {
        if (state !== undefined) yield* Effect.sleep(inputDelay)
        return state === undefined ? undefined : {}
      }
      const isOffered = asked.every(([, question]) => isFields(question) && this.#answers.offers(question))
      if (!isOffered || asked.length > maxQuestions) return undefined
      const all = Effect.forEach(asked, ([name, question]) =>
        Effect.map(this.#answers.answer(asFields(question)), (outcome) => [name, outcome] as const)
      )
      const operation = yield* CurrentOperation
      const outcomes = yield* operation === undefined ? all : operation.sending(all)
      const results = outcomes.flatMap(([name, outcome]) =>
        "result" in outcome ? [[name, outcome.result]] : []
      )
      return results.length < outcomes.length ? undefined : { inputResponses: Object.fromEntries(results) }
    }
  )

  /**
   * Calls a tool, with the headers that its schema declares. A server that misses one may have changed the schema: then the
   * list is read once more.
   */
  readonly call = Effect.fnUntraced(
    { self: this },
    function* (this: McpClient<E>, name: string, args: Fields, options: RequestOptions = {}) {
      const call = Effect.suspend(() =>
        this.ask(
          "tools/call",
          { name, arguments: args },
          { ...options, headers: paramHeaders(this.#declared.get(name) ?? [], args) }
        )
      )
      return yield* call.pipe(
        Effect.catchIf(
          (error) => error instanceof RpcError && error.code === errorCodes.headerMismatch && this.isModern,
          () => Effect.andThen(this.list(listKinds.tools), call)
        ),
        Effect.catchIf(
          (error) => error instanceof RpcError && error.code === errorCodes.urlElicitationRequired,
          (error) => Effect.andThen(this.#openPages(error), call)
        )
      )
    }
  )

  /** Lets the user open the pages that a server requires before it runs a tool. Fails if the user does not. */
  readonly #openPages = Effect.fnUntraced(
    { self: this },
    function* (
      this: McpClient<E>,
      error: ClientError | McpError | E
    ): Effect.fn.Return<void, ClientError | McpError | E> {
      const pages = error instanceof RpcError ? urlRequests(error.data) : []
      const named = Object.fromEntries(pages.map((page, at) => [at, page]))
      const answered = pages.length === 0 ? undefined : yield* this.#answered(named, undefined)
      if (answered === undefined) return yield* Effect.fail(error)
      const isOpened = Object.values(asFields(answered["inputResponses"])).every(
        (result) => asFields(result)["action"] === "accept"
      )
      if (!isOpened)
        return yield* new RpcError({
          code: errorCodes.urlElicitationRequired,
          message: "the user did not open the page that it requires"
        })
    }
  )

  /** Reads all pages of a list. A cursor that was there before ends it. */
  readonly list = Effect.fnUntraced(
    { self: this },
    function* (this: McpClient<E>, kind: ListKind): Effect.fn.Return<Listed, ClientError | McpError | E> {
      const method = `${kind.key}/list`
      const mirrorsParameters = this.isModern && this.#connection.isRequestOfItsOwn
      const entries: Array<Fields> = []
      const faults: Array<string> = []
      const cursors = new Set<string>()
      const seen = new Set<string>()
      let cursor: string | undefined
      for (let page = 0; page < maxPages; page++) {
        const result = yield* this.request(method, cursor === undefined ? {} : { cursor })
        const { nextCursor } = result
        const next = typeof nextCursor === "number" ? String(nextCursor) : text(nextCursor)
        const isRepeated = next !== undefined && cursors.has(next)
        const listed = result[kind.key] === null ? [] : result[kind.key]
        if (!Array.isArray(listed)) return yield* invalidResult(method, kind.key)
        const before = entries.length
        for (const entry of listed as ReadonlyArray<unknown>) {
          const name = nameOfEntry(entry)
          if (isRepeated && seen.has(name)) continue
          const repaired = repairEntry(kind, entry, mirrorsParameters)
          if (typeof repaired === "string") faults.push(repaired)
          else {
            seen.add(name)
            entries.push(repaired)
            if (mirrorsParameters && kind.key === "tools")
              this.#declared.set(name, paramHeadersOf(repaired["inputSchema"]) ?? [])
          }
        }
        // Some servers write an empty cursor on the last page, and send the first one for it.
        if (isRepeated && (next !== "" || entries.length > before))
          faults.push(`its list of ${kind.key} names a page twice, and may not be complete`)
        if (next === undefined || isRepeated) return { entries, faults }
        cursors.add(next)
        cursor = next
      }
      return yield* new EndlessList()
    }
  )
}

const asFields = (value: unknown): Fields => (isFields(value) ? value : {})
