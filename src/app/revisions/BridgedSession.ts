import { Effect } from "effect"
import { errorCodes } from "../../domain/McpErrorCode.ts"
import type { ByteParts } from "../../domain/ByteParts.ts"
import { objectOf, parsedAt, valueAt } from "../../domain/JsonMembers.ts"
import { errorResponse, type JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import type { Deliver, PostEnd, PostOptions, WireSession } from "../../ports/McpWire.ts"
import { InputRequests } from "./InputRequests.ts"
import type { ModernRequests } from "./ModernRequests.ts"
import { type NextId, responseOf } from "./ModernRevision.ts"
import { type OlderClient, stamped } from "./OlderClient.ts"
import { Subscriptions } from "./Subscriptions.ts"

const logLevels: ReadonlyArray<unknown> = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency"
]

/** Notifications of the older revisions that revision 2026-07-28 does not have. */
const dropped: ReadonlySet<string> = new Set([
  "notifications/initialized",
  "notifications/roots/list_changed",
  "notifications/progress",
  "notifications/tasks/status"
])

/** What {@link BridgedSession} needs. */
export interface BridgeOptions<E> {
  readonly requests: ModernRequests<E>
  readonly nextId: NextId
  readonly client: OlderClient
  /** The result of `server/discover`. */
  readonly discovered: ByteParts
}

/** The session of a client of an older revision with a server that speaks only revision 2026-07-28, which has no sessions. */
export class BridgedSession<E> {
  readonly #requests: ModernRequests<E>
  readonly #client: OlderClient
  readonly #input: InputRequests<McpError | E>
  readonly #subscriptions: Subscriptions<E>
  #logLevel: string | undefined

  constructor({ client, discovered, nextId, requests }: BridgeOptions<E>) {
    this.#requests = requests
    this.#client = client
    this.#input = new InputRequests((message, deliver, how) => requests.post(message, deliver, how), nextId)
    this.#subscriptions = new Subscriptions<E>({
      send: (message, deliver, how) => requests.post(stamped(message, client), deliver, how),
      nextId,
      capabilities: valueAt(discovered, "capabilities")
    })
  }

  get session(): WireSession {
    return { id: undefined, protocolVersion: this.#client.revision }
  }

  get listen(): Subscriptions<E>["listen"] {
    return this.#subscriptions.listen
  }

  /** Takes back what the client was asked for a request that it has cancelled. */
  withdraw(request: JsonRpcMessage, deliver: Deliver): Effect.Effect<void> {
    return this.#input.withdraw(request, deliver)
  }

  post(
    message: JsonRpcMessage,
    deliver: Deliver,
    options: PostOptions
  ): Effect.Effect<PostEnd, McpError | E> {
    switch (message.kind) {
      case "request":
        return this.#request(message, deliver, options)
      case "response":
        return Effect.as(this.#input.answer(message), { _tag: "Accepted" })
      case "notification":
        return dropped.has(message.method ?? "")
          ? Effect.succeed({ _tag: "Accepted" })
          : this.#requests.post(stamped(message, this.#client), deliver, options)
      case "other":
        return this.#requests.post(message, deliver, options)
    }
  }

  #request(message: JsonRpcMessage, deliver: Deliver, options: PostOptions) {
    const id = message.id ?? "null"
    const params = message.raw("params")
    const answer = (response: JsonRpcMessage) => Effect.as(deliver(response), answered)
    const done = responseOf(id, objectOf([]))
    const invalid = (why: string) => errorResponse(id, { code: errorCodes.invalidParams, message: why })
    switch (message.method) {
      case "ping":
        return answer(done)
      case "logging/setLevel": {
        const level = parsedAt(params, "level")
        if (typeof level !== "string" || !logLevels.includes(level))
          return answer(invalid("There is no such log level."))
        this.#logLevel = level
        return answer(done)
      }
      case "resources/subscribe":
      case "resources/unsubscribe": {
        const uri = parsedAt(params, "uri")
        if (typeof uri !== "string") return answer(invalid('"uri" is missing.'))
        if (message.method === "resources/unsubscribe")
          return Effect.andThen(this.#subscriptions.unsubscribe(uri), answer(done))
        return Effect.flatMap(this.#subscriptions.subscribe(uri), (outcome) =>
          answer(
            outcome._tag === "Subscribed"
              ? done
              : errorResponse(id, { code: errorCodes.internal, message: outcome.why })
          )
        )
      }
      default: {
        const sent = stamped(message, this.#client, this.#logLevel)
        return InputRequests.mayAsk(message)
          ? this.#input.post(sent, deliver, { ...options, capabilities: this.#client.capabilities })
          : this.#requests.post(sent, deliver, options)
      }
    }
  }
}

const answered = { _tag: "Answered" } as const
