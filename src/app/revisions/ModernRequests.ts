import { Effect, Result } from "effect"
import { jsonOf, membersOf, objectOf, parsedAt, withMembers } from "../../domain/JsonMembers.ts"
import { codeOf, errorCodes } from "../../domain/McpErrorCode.ts"
import type { ByteParts } from "../../domain/ByteParts.ts"
import type { JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import { headerValue } from "../../domain/ParamHeaders.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import type { Deliver, PostEnd, PostOptions, Wire } from "../../ports/McpWire.ts"
import { modernRevision, type NextId, requestOf, revisionOf } from "./ModernRevision.ts"
import { ToolParameters } from "./ToolParameters.ts"

/** The parameter that the `Mcp-Name` header repeats (MCP 2026-07-28 "Standard Request Headers"). */
const nameOf: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri"
}
/** Pages of the list of tools that are read to find one. */
const maxPages = 100

const textOf = (value: ByteParts | undefined): string | undefined => {
  const parsed: unknown = value === undefined ? undefined : JSON.parse(value.text())
  return typeof parsed === "string" ? parsed : undefined
}

/** What {@link ModernRequests} needs. */
export interface ModernRequestOptions<E> {
  readonly wire: Wire<E>
  readonly nextId: NextId
  /** Is called once with the names of tools that are left out of a list, because what they declare for headers is not valid. */
  readonly onLeftOut: (tools: ReadonlyArray<string>) => Effect.Effect<void>
}

/** Sends the requests of revision 2026-07-28 over HTTP: with the headers that repeat parts of the message. */
export class ModernRequests<E> {
  readonly #wire: Wire<E>
  readonly #nextId: NextId
  readonly #onLeftOut: ModernRequestOptions<E>["onLeftOut"]
  readonly #tools = new ToolParameters()
  readonly #told = new Set<string>()

  constructor({ nextId, onLeftOut, wire }: ModernRequestOptions<E>) {
    this.#wire = wire
    this.#nextId = nextId
    this.#onLeftOut = onLeftOut
  }

  /** The headers of a message (MCP 2026-07-28 "Request Metadata"). */
  #headersOf(message: JsonRpcMessage): Readonly<Record<string, string>> {
    const params = message.raw("params")
    const members = new Map(
      (params === undefined ? undefined : membersOf(params))?.map(({ name, value }) => [name, value])
    )
    const method = message.method ?? ""
    const revision = revisionOf(members.get("_meta")) ?? modernRevision
    const name = textOf(members.get(nameOf[method] ?? ""))
    return {
      "mcp-protocol-version": headerValue(revision),
      "mcp-method": headerValue(method),
      ...(name === undefined ? {} : { "mcp-name": headerValue(name) }),
      ...(method === "tools/call" ? this.#tools.headersOf(name ?? "", members.get("arguments")) : {})
    }
  }

  /** Sends a message. It is delivered what the server answers, except for tools that are not valid. */
  post(
    message: JsonRpcMessage,
    deliver: Deliver,
    options: PostOptions = {}
  ): Effect.Effect<PostEnd, McpError | E> {
    if (message.method === "tools/call") return this.#call(message, deliver, options)
    if (message.method !== "tools/list") return this.#send(message, deliver, options)
    return this.#send(
      message,
      (answer) => (answer.answers(message) ? Effect.flatMap(this.#learn(answer), deliver) : deliver(answer)),
      options
    )
  }

  #send(message: JsonRpcMessage, deliver: Deliver, options: PostOptions) {
    return this.#wire.post(message, deliver, {
      ...options,
      headers: { ...this.#headersOf(message), ...options.headers }
    })
  }

  readonly #learn = Effect.fnUntraced(
    { self: this },
    function* (this: ModernRequests<E>, answer: JsonRpcMessage) {
      const { leftOut, message } = this.#tools.learn(answer)
      const untold = leftOut.filter((tool) => !this.#told.has(tool))
      for (const tool of untold) this.#told.add(tool)
      if (untold.length > 0) yield* this.#onLeftOut(untold)
      return message
    }
  )

  /**
   * Calls a tool. A server that misses a header did not run the tool. The tool may have changed since its list was read, or
   * the list was never read: then it is read once, and the call is sent again.
   */
  readonly #call = Effect.fnUntraced(
    { self: this },
    function* (
      this: ModernRequests<E>,
      message: JsonRpcMessage,
      deliver: Deliver,
      options: PostOptions
    ): Effect.fn.Return<PostEnd, McpError | E> {
      const sent = this.#headersOf(message)
      let refusal: JsonRpcMessage | undefined
      const end = yield* this.#send(
        message,
        (answer) => {
          if (!answer.answers(message) || codeOf(answer) !== errorCodes.headerMismatch) return deliver(answer)
          refusal = answer
          return Effect.void
        },
        options
      )
      if (refusal === undefined) return end
      const read = yield* Effect.result(this.#readTools(message, options))
      const isSame = JSON.stringify(this.#headersOf(message)) === JSON.stringify(sent)
      if (Result.isSuccess(read) && !isSame) return yield* this.#send(message, deliver, options)
      yield* deliver(refusal)
      return end
    }
  )

  /** Reads the list of tools up to the one of a call. */
  readonly #readTools = Effect.fnUntraced(
    { self: this },
    function* (this: ModernRequests<E>, call: JsonRpcMessage, options: PostOptions) {
      const params = call.raw("params")
      const meta = membersOf(params ?? objectOf([]))?.findLast(({ name }) => name === "_meta")?.value
      let cursor: unknown
      for (let page = 0; page < maxPages; page++) {
        const request = listRequest(this.#nextId(), withMembers(meta, { progressToken: undefined }), cursor)
        let answer: JsonRpcMessage | undefined
        yield* this.#send(
          request,
          (message) =>
            Effect.sync(() => {
              if (message.answers(request)) answer = message
            }),
          options
        )
        if (answer === undefined) return
        yield* this.#learn(answer)
        cursor = parsedAt(answer.raw("result"), "nextCursor")
        if (typeof cursor !== "string") return
      }
    }
  )
}

const listRequest = (id: string, meta: ByteParts, cursor: unknown): JsonRpcMessage =>
  requestOf(
    id,
    "tools/list",
    objectOf([
      ...(cursor === undefined ? [] : [{ name: "cursor", value: jsonOf(cursor) }]),
      { name: "_meta", value: meta }
    ])
  )
