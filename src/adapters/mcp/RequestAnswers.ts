import { Context, Effect, Schema } from "effect"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import type { MediaPart, TextPart } from "../../domain/chat/ChatMessage.ts"
import type { Elicitation, RequestHandlers, Sampling } from "../../ports/ServerRequests.ts"
import { errorCodes } from "./ClientErrors.ts"
import { type Fields, isFields } from "./Messages.ts"

/** What a request of a server is answered with. */
export type RequestOutcome =
  | { readonly result: Fields }
  | { readonly error: { readonly code: number; readonly message: string } }

/** How a client answers the requests of its server. */
export interface RequestAnswers {
  /** What the server is told that this client offers. */
  readonly capabilities: Fields
  /** True if there is an answer to such a request. */
  readonly offers: (request: Fields) => boolean
  readonly answer: (request: Fields) => Effect.Effect<RequestOutcome>
}

const failure = (code: number, message: string): RequestOutcome => ({ error: { code, message } })
const notOffered = failure(errorCodes.methodNotFound, "Method not found")

const paramsOf = (request: Fields): Fields => {
  const { params } = request
  return isFields(params) ? params : {}
}

const isUrlMode = (request: Fields): boolean => paramsOf(request)["mode"] === "url"

/** What an elicitation says. Undefined: it is not valid. */
const elicitationOf = (
  server: string,
  { message, mode, requestedSchema, url }: Fields
): Elicitation | undefined => {
  if (typeof message !== "string") return undefined
  if (mode === "url") {
    const address = typeof url === "string" ? URL.parse(url) : null
    return address !== null && isSecureUrl(address)
      ? { _tag: "Url", server, message, url: address.href }
      : undefined
  }
  return isFields(requestedSchema) ? { _tag: "Form", server, message, schema: requestedSchema } : undefined
}

const Block = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({ type: Schema.Literals(["image", "audio"]), data: Schema.String, mimeType: Schema.String })
])
const decodeSampling = Schema.decodeUnknownOption(
  Schema.Struct({
    messages: Schema.NonEmptyArray(
      Schema.Struct({
        role: Schema.Literals(["user", "assistant"]),
        content: Schema.Union([Block, Schema.NonEmptyArray(Block)])
      })
    ),
    systemPrompt: Schema.optionalKey(Schema.String),
    maxTokens: Schema.Int
  })
)

const partOf = (block: typeof Block.Type): TextPart | MediaPart =>
  block.type === "text"
    ? { _tag: "Text", text: block.text }
    : { _tag: "Media", mimeType: block.mimeType, base64: block.data }

/** What a sampling request says. Undefined: it is not valid, or offers the model tools, which was not declared. */
const samplingOf = (server: string, params: Fields): Sampling | undefined => {
  const decoded = decodeSampling(params)
  if (decoded._tag === "None" || "tools" in params) return undefined
  const { maxTokens, messages, systemPrompt } = decoded.value
  return {
    server,
    system: systemPrompt,
    maxTokens,
    messages: messages.map(({ content, role }) => ({ role, content: [content].flat().map(partOf) }))
  }
}

/** The answers of the handlers to a server. What has no handler is not declared, and not answered. */
export const requestAnswers = (server: string, { elicit, sample }: RequestHandlers): RequestAnswers => {
  const answerElicitation = Effect.fnUntraced(function* (request: Fields): Effect.fn.Return<RequestOutcome> {
    const elicitation = elicitationOf(server, paramsOf(request))
    if (elicit === undefined) return notOffered
    if (elicitation === undefined) return failure(errorCodes.invalidParams, "The elicitation is not valid.")
    const answer = yield* elicit(elicitation)
    if (answer._tag !== "Accept") return { result: { action: answer._tag.toLowerCase() } }
    return {
      result: { action: "accept", ...(elicitation._tag === "Form" ? { content: answer.content } : {}) }
    }
  })
  const answerSampling = Effect.fnUntraced(function* (request: Fields): Effect.fn.Return<RequestOutcome> {
    const sampling = samplingOf(server, paramsOf(request))
    if (sample === undefined) return notOffered
    if (sampling === undefined)
      return failure(errorCodes.invalidParams, "The sampling request is not supported.")
    const answer = yield* Effect.result(sample(sampling))
    if (answer._tag === "Failure") return failure(errorCodes.userRejected, answer.failure.detail)
    const { model, reason, text } = answer.success
    return { result: { role: "assistant", content: { type: "text", text }, model, stopReason: reason } }
  })
  return {
    capabilities: {
      ...(elicit === undefined ? {} : { elicitation: { form: {}, url: {} } }),
      ...(sample === undefined ? {} : { sampling: {} })
    },
    offers: ({ method }) =>
      (method === "elicitation/create" && elicit !== undefined) ||
      (method === "sampling/createMessage" && sample !== undefined),
    answer: (request) => {
      if (request["method"] === "elicitation/create") return answerElicitation(request)
      if (request["method"] === "sampling/createMessage") return answerSampling(request)
      return Effect.succeed(notOffered)
    }
  }
}

/** The address that the user is asked to open, as a request of the server (MCP "URL Elicitation Required"). */
export const urlRequests = (data: unknown): ReadonlyArray<Fields> => {
  const listed = isFields(data) ? data["elicitations"] : undefined
  return (Array.isArray(listed) ? listed : [])
    .filter(isFields)
    .map((params) => ({ method: "elicitation/create", params }))
    .filter(isUrlMode)
}

/** How the clients that are made now answer their servers. By default they offer nothing. */
export const CurrentRequestAnswers = Context.Reference<RequestAnswers>(
  "mcp-cli-oauth/adapters/mcp/CurrentRequestAnswers",
  { defaultValue: () => requestAnswers("", {}) }
)
