import { Deferred, Duration, Effect, Predicate, Result } from "effect"
import { errorCodes } from "../../domain/McpErrorCode.ts"
import type { ByteParts } from "../../domain/ByteParts.ts"
import {
  type JsonMember,
  jsonOf,
  membersOf,
  objectOf,
  parsedAt,
  valueAt,
  withMembers
} from "../../domain/JsonMembers.ts"
import { type JsonRpcMessage, jsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { Deliver, PostEnd, PostOptions } from "../../ports/McpWire.ts"
import { errorOf, type NextId, requestOf } from "./ModernRevision.ts"

/** How often one request is sent again because the server requires input for it. The SDK's client has the same limit. */
const maxRounds = 10
/** Most questions of one round: each may open a dialog. */
const maxQuestions = 16
/** How long a request waits that the server only wants to see again. */
const retryDelay = Duration.millis(250)

/** A question that a client was asked. */
interface Question {
  /** The id of the request that waits for the answer. */
  readonly owner: string | undefined
  readonly answer: Deferred.Deferred<JsonRpcMessage>
}

/** Sends a message that is stamped. */
export type SendRequest<E> = (
  message: JsonRpcMessage,
  deliver: Deliver,
  options: PostOptions
) => Effect.Effect<PostEnd, E>

/** A client cannot or will not answer a question: the error of the request, as JSON. */
class NoInput {
  readonly error: ByteParts

  constructor(error: ByteParts) {
    this.error = error
  }
}

const failed = (message: string): Effect.Effect<never, NoInput> =>
  Effect.fail(new NoInput(jsonOf({ code: errorCodes.internal, message })))

/**
 * Requests that a server of revision 2026-07-28 answers with questions (MCP "Multi Round-Trip Requests"). Each question is an
 * ordinary request to a client of an older revision, and the request is sent again with the answers.
 */
export class InputRequests<E> {
  readonly #send: SendRequest<E>
  readonly #nextId: NextId
  readonly #open = new Map<string, Question>()

  constructor(send: SendRequest<E>, nextId: NextId) {
    this.#send = send
    this.#nextId = nextId
  }

  /** True for the requests that may be answered with questions. */
  static mayAsk({ method }: JsonRpcMessage): boolean {
    return method === "tools/call" || method === "prompts/get" || method === "resources/read"
  }

  /** Takes a response of the client. A response to no question has no receiver. */
  answer(response: JsonRpcMessage): Effect.Effect<void> {
    const question = this.#open.get(response.idKey ?? "")
    return question === undefined ? Effect.void : Deferred.succeed(question.answer, response)
  }

  /** Takes the questions back that belong to a request. */
  withdraw(owner: JsonRpcMessage, deliver: Deliver): Effect.Effect<void> {
    const ids = [...this.#open].filter(([, question]) => question.owner === owner.idKey).map(([id]) => id)
    for (const id of ids) this.#open.delete(id)
    return Effect.forEach(
      ids,
      (id) =>
        deliver(jsonRpcMessage({ method: "notifications/cancelled", params: { requestId: JSON.parse(id) } })),
      { discard: true }
    )
  }

  /**
   * Sends a request until the server has no more questions. An error of the client is the error of the request.
   *
   * @param options.capabilities the capabilities of the client
   */
  readonly post = Effect.fnUntraced(
    { self: this },
    function* (
      this: InputRequests<E>,
      message: JsonRpcMessage,
      deliver: Deliver,
      { capabilities, ...options }: PostOptions & { readonly capabilities: ByteParts }
    ): Effect.fn.Return<PostEnd, E> {
      const id = message.id ?? "null"
      /** The ids of elicitations that the client has agreed to. They are over once the request is. */
      const accepted: Array<string> = []
      let sent = message
      for (let round = 0; ; round++) {
        let required: ByteParts | undefined
        const end = yield* this.#send(
          sent,
          (answer) => {
            if (!answer.answers(sent)) return deliver(answer)
            if (answer.resultType !== "input_required")
              return deliver(sent === message ? answer : answer.withId(id))
            required = answer.raw("result")
            return Effect.void
          },
          options
        )
        if (required === undefined) {
          yield* Effect.forEach(accepted, (elicitationId) => deliver(completed(elicitationId)))
          return end
        }
        const again =
          round === maxRounds
            ? failed(`The server still requires input after ${maxRounds} rounds.`)
            : this.#again(message, required, { deliver, capabilities, accepted })
        const next = yield* Effect.result(again)
        if (Result.isFailure(next)) {
          yield* deliver(errorOf(id, next.failure.error))
          return end
        }
        sent = next.success
      }
    }
  )

  /** Asks the questions, and makes the request that is sent with the answers. */
  readonly #again = Effect.fnUntraced(
    { self: this },
    function* (
      this: InputRequests<E>,
      message: JsonRpcMessage,
      required: ByteParts,
      how: {
        readonly deliver: Deliver
        readonly capabilities: ByteParts
        readonly accepted: Array<string>
      }
    ): Effect.fn.Return<JsonRpcMessage, NoInput> {
      const state = valueAt(required, "requestState")
      const questions = valueAt(required, "inputRequests")
      const list = questions === undefined ? [] : membersOf(questions)
      if (list === undefined || (list.length === 0 && state === undefined))
        return yield* failed("The server requires input and does not say which.")
      if (list.length > maxQuestions)
        return yield* failed(`The server asks ${list.length} questions at once.`)
      if (list.length === 0) yield* Effect.sleep(retryDelay)
      const prepared = yield* Effect.forEach(list, (question) => this.#prepare(question, how.capabilities))
      for (const { request } of prepared) {
        this.#open.set(request.idKey ?? "", { owner: message.idKey, answer: Deferred.makeUnsafe() })
      }
      const answers = yield* Effect.forEach(
        prepared,
        ({ elicitationId, name, request }) =>
          Effect.map(this.#ask(request, how.deliver), (value) => {
            if (elicitationId !== undefined && parsedAt(value, "action") === "accept")
              how.accepted.push(elicitationId)
            return { name, value }
          }),
        { concurrency: "unbounded" }
      ).pipe(
        Effect.tapError(() => this.withdraw(message, how.deliver)),
        Effect.ensuring(Effect.sync(() => this.#forget(message)))
      )
      const params = withMembers(message.raw("params"), {
        inputResponses: list.length === 0 ? undefined : objectOf(answers),
        requestState: state
      })
      return message.withParams(params).withId(this.#nextId())
    }
  )

  #forget(owner: JsonRpcMessage): void {
    for (const [id, question] of this.#open) if (question.owner === owner.idKey) this.#open.delete(id)
  }

  /** Makes the request of the older revisions for a question, if the client can answer such questions. */
  #prepare({ name, value }: JsonMember, capabilities: ByteParts) {
    const method = parsedAt(value, "method")
    const params = valueAt(value, "params") ?? objectOf([])
    const isUrl = parsedAt(params, "mode") === "url"
    if (typeof method !== "string" || !isDeclared(method, isUrl, parsedAt(capabilities)))
      return failed(
        `The server asks for ${JSON.stringify(method ?? null)}, which this client does not offer.`
      )
    const isNamed = !isUrl || valueAt(params, "elicitationId") !== undefined
    const id = this.#nextId()
    // Revision 2025-11-25 requires an id for it, and 2026-07-28 has none.
    const elicitationId: string | undefined = isNamed ? undefined : JSON.parse(id)
    const request = requestOf(
      id,
      method,
      elicitationId === undefined ? params : withMembers(params, { elicitationId: jsonOf(elicitationId) })
    )
    return Effect.succeed({ name, request, elicitationId })
  }

  readonly #ask = Effect.fnUntraced(
    { self: this },
    function* (
      this: InputRequests<E>,
      request: JsonRpcMessage,
      deliver: Deliver
    ): Effect.fn.Return<ByteParts, NoInput> {
      const question = this.#open.get(request.idKey ?? "")
      if (question === undefined) return yield* Effect.never
      yield* deliver(request)
      const response = yield* Deferred.await(question.answer)
      this.#open.delete(request.idKey ?? "")
      const error = response.raw("error")
      return response.raw("result") ?? (yield* Effect.fail(new NoInput(error ?? jsonOf(null))))
    }
  )
}

const completed = (elicitationId: string): JsonRpcMessage =>
  jsonRpcMessage({ method: "notifications/elicitation/complete", params: { elicitationId } })

/** True if a client has declared that it answers such questions (MCP 2025-11-25 "Capability Negotiation"). */
const isDeclared = (method: string, isUrl: boolean, capabilities: unknown): boolean => {
  const has = (name: string) => Predicate.hasProperty(capabilities, name)
  if (method === "sampling/createMessage") return has("sampling")
  if (method === "roots/list") return has("roots")
  if (method !== "elicitation/create" || !Predicate.hasProperty(capabilities, "elicitation")) return false
  const { elicitation } = capabilities
  // `{}` means forms, as before the modes.
  const offersUrl = Predicate.hasProperty(elicitation, "url")
  return isUrl ? offersUrl : !offersUrl || Predicate.hasProperty(elicitation, "form")
}
