import { Effect, Result } from "effect"
import { codeOf, errorCodes, isModernError } from "../../../domain/McpErrorCode.ts"
import type { JsonRpcMessage } from "../../../domain/JsonRpcMessage.ts"
import type { RemoteTransport } from "../../../domain/RemoteCommandLine.ts"
import { McpError } from "../../../ports/McpConnector.ts"
import type { Deliver, ListenOptions, PostEnd, PostOptions, Wire } from "../../../ports/McpWire.ts"
import { inSentence } from "../HttpFailure.ts"
import type { SseWire } from "./SseWire.ts"

/** The statuses with which a server refuses `initialize` that has only the other transport (MCP "Backward Compatibility"). */
const refusals: ReadonlyArray<number | undefined> = [400, 404, 405]

/** True for an error that says that the server has streamable HTTP. */
const isOfStreamableHttp = (error: JsonRpcMessage): boolean =>
  isModernError(error) || codeOf(error) === errorCodes.methodNotFound

/** A wire over the first of two transports that the server has. `initialize` finds that out. */
export class FallbackWire<E> implements Wire<E> {
  readonly #http: Wire<E>
  readonly #sse: SseWire<E>
  #current: Wire<E>
  #isChosen = false

  constructor(http: Wire<E>, sse: SseWire<E>, order: Extract<RemoteTransport, `${string}-first`>) {
    this.#http = http
    this.#sse = sse
    this.#current = order === "sse-first" ? sse : http
  }

  readonly session = () => this.#current.session()

  readonly listen = (deliver: Deliver, options?: ListenOptions<McpError | E>) =>
    this.#current.listen(deliver, options)

  readonly post = (
    message: JsonRpcMessage,
    deliver: Deliver,
    options?: PostOptions
  ): Effect.Effect<PostEnd, McpError | E> =>
    Effect.suspend(() => {
      if (this.#isChosen || message.method !== "initialize")
        return this.#current.post(message, deliver, options)
      return this.#current === this.#sse
        ? this.#sseFirst(message, deliver, options)
        : this.#httpFirst(message, deliver, options)
    })

  #choose(wire: Wire<E>): Wire<E> {
    this.#current = wire
    this.#isChosen = true
    return wire
  }

  readonly #sseFirst = Effect.fnUntraced(
    { self: this },
    function* (this: FallbackWire<E>, message: JsonRpcMessage, deliver: Deliver, options?: PostOptions) {
      const opened = yield* Effect.result(this.#sse.open)
      if (Result.isFailure(opened) && !(opened.failure instanceof McpError))
        return yield* Effect.fail(opened.failure)
      const wire = this.#choose(Result.isSuccess(opened) ? this.#sse : this.#http)
      return yield* wire.post(message, deliver, options)
    }
  )

  readonly #httpFirst = Effect.fnUntraced(
    { self: this },
    function* (
      this: FallbackWire<E>,
      message: JsonRpcMessage,
      deliver: Deliver,
      options?: PostOptions
    ): Effect.fn.Return<PostEnd, McpError | E> {
      let refusal: JsonRpcMessage | undefined
      const sent = yield* Effect.result(
        this.#http.post(
          message,
          (answer) => {
            if (!answer.answers(message) || !answer.isError || isOfStreamableHttp(answer))
              return deliver(answer)
            refusal = answer
            return Effect.void
          },
          options
        )
      )
      const status = Result.isSuccess(sent)
        ? sent.success._tag === "Answered" && refusal !== undefined
          ? sent.success.status
          : undefined
        : sent.failure instanceof McpError
          ? sent.failure.status
          : undefined
      if (!refusals.includes(status)) {
        if (refusal !== undefined) yield* deliver(refusal)
        this.#isChosen = Result.isSuccess(sent) && refusal === undefined
        return yield* Effect.fromResult(sent)
      }
      const opened = yield* Effect.result(this.#sse.open)
      if (Result.isSuccess(opened)) return yield* this.#choose(this.#sse).post(message, deliver, options)
      if (refusal !== undefined) yield* deliver(refusal)
      if (Result.isSuccess(sent)) return sent.success
      if (!(sent.failure instanceof McpError)) return yield* Effect.fail(sent.failure)
      return yield* bothRefused(sent.failure, opened.failure)
    }
  )
}

/** The error for a server that has neither transport. */
export const bothRefused = (http: McpError, sse: unknown): McpError =>
  sse instanceof McpError
    ? new McpError({
        server: http.server,
        detail: `${http.detail} Nor does it serve the older SSE transport${sse.detail === http.detail ? "" : inSentence(sse.detail)}.`,
        remedies: http.remedies,
        ...(http.status === undefined ? {} : { status: http.status })
      })
    : http
