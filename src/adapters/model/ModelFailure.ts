import { APICallError, InvalidResponseDataError, JSONParseError, TypeValidationError } from "@ai-sdk/provider"
import { Duration, Predicate, Redacted } from "effect"
import { customProvider } from "../../domain/chat/ModelProvider.ts"
import { quoted, redactor, secretsInHeader } from "../../domain/Redaction.ts"
import { advice, command, type Remedy } from "../../domain/Remedy.ts"
import { type ChatFailure, ChatModelError } from "../../ports/ChatModel.ts"
import { NetworkError } from "../../ports/HttpTransport.ts"
import { retryAfterMillis } from "../http/RetryAfter.ts"
import { ModelHttpError } from "./ModelHttpError.ts"
import { maxDetail, maxErrorText } from "./ModelLimits.ts"

/** The model that failed. */
export interface FailedModel {
  /** `provider:name`. */
  readonly name: string
  readonly provider: string
  readonly key: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** Runs on this machine, so that it may have to be started. */
  readonly isLocal: boolean
}

/** What a provider's package has thrown, or sent as a part of a stream. */
export class Thrown {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** The stream ended before the answer was complete. */
export class Incomplete extends Error {}

/** Nothing came for too long. */
export class Silent {
  readonly duration: Duration.Duration

  constructor(duration: Duration.Duration) {
    this.duration = duration
  }
}

/** What a provider says about a failure, wherever it says it. */
interface Said {
  readonly status: number | undefined
  readonly message: string
  readonly code: string
}

/** The start of a text: searching a long one takes time that grows with the square of its length. */
const textOf = (value: unknown): string =>
  typeof value === "string" ? value.slice(0, maxErrorText) : typeof value === "number" ? String(value) : ""

/** FastAPI lists the problems of a request: `[{ loc, msg, type }]`. */
const problemsIn = (detail: ReadonlyArray<unknown>): string =>
  detail
    .slice(0, 5)
    .map((one) => (Predicate.isReadonlyObject(one) ? textOf(one["msg"]) : textOf(one)))
    .filter((text) => text !== "")
    .join("; ")

/** The message and the code of an error body: `{ error: { message, code, type, status } }`, and its relatives. */
const saidIn = (body: unknown, depth = 0): Omit<Said, "status"> => {
  if (typeof body === "string") return { message: textOf(body), code: "" }
  if (depth > 8) return { message: "", code: "" }
  if (Array.isArray(body)) return saidIn(body[0], depth + 1)
  if (!Predicate.isReadonlyObject(body)) return { message: "", code: "" }
  const inner = body["error"] ?? body["response"]
  if (Predicate.isReadonlyObject(inner) || (typeof inner === "string" && inner !== ""))
    return saidIn(inner, depth + 1)
  const { detail, message } = body
  const said = textOf(message) || (Array.isArray(detail) ? problemsIn(detail) : textOf(detail))
  return { message: said, code: ["code", "type", "status"].map((name) => textOf(body[name])).join(" ") }
}

const jsonOf = (text: string | undefined): unknown => {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return text?.trimStart().startsWith("<") === true ? undefined : text
  }
}

/** Every message that says that a conversation is too long, by OpenAI, Anthropic, Google, llama.cpp, vLLM, Ollama, Groq. */
const tooLong =
  /context_length_exceeded|context.?(length|window|size)|prompt is too long|input is too long|too many tokens|exceeds? the (maximum|available) |token count .*exceeds|maximum.*tokens|request too large|exceed_context_size|reduce the length/i
const noTools =
  /(does|do) ?n[o']t support (tools|tool|function)|tool(s| use| calling)? (is|are|use is)? ?not supported|no endpoints found that support tool|"?auto"? tool choice requires|tool-call-parser|--jinja|function calling is not (enabled|supported)/i
const unknownModel =
  /model_not_found|not_found_error|model .*(not found|does not exist|not exist|is not available)|no such model|unknown model|is not a valid model|invalid model|try pulling it/i
const badKey =
  /invalid.?api.?key|incorrect api key|api key not valid|authentication_error|permission|unauthorized|no auth credentials|API_KEY_INVALID/i
const overload = /overloaded|server_error|api_error|internal|unavailable|UNAVAILABLE|capacity/i
const limited = /rate.?limit|RESOURCE_EXHAUSTED|insufficient_quota|too many requests|quota/i

const failureOf = ({ code, message, status }: Said): ChatFailure => {
  const text = `${code} ${message}`
  if (status === 401 || status === 403 || (status === 400 && badKey.test(text))) return "authentication"
  // OpenAI answers 429 to a request that is too long for the limit of a minute: waiting would not help.
  if (status === 413 || tooLong.test(text)) return "context-full"
  if (status === 402 || status === 429 || (status === undefined && limited.test(text))) return "rate-limit"
  if (noTools.test(text)) return "no-tools"
  if (status === 404 || unknownModel.test(text)) return "unknown-model"
  if (status !== undefined && status >= 500) return "unavailable"
  if (status === undefined && badKey.test(text)) return "authentication"
  return status === undefined && overload.test(text) ? "unavailable" : "refused"
}

/** Every error in a chain of causes, the outermost first. */
const chain = (error: unknown, depth = 0): ReadonlyArray<unknown> =>
  depth > 8 || error === undefined || error === null
    ? []
    : [error, ...(error instanceof Error ? chain(error.cause, depth + 1) : [])]

const delayOf = (
  headers: Readonly<Record<string, string>> | undefined,
  body: unknown,
  now: number
): number | undefined => {
  const milliseconds = Number(headers?.["retry-after-ms"] ?? Number.NaN)
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds
  const byHeader = retryAfterMillis(headers?.["retry-after"] ?? null, now)
  if (byHeader !== undefined) return byHeader
  // google.rpc.RetryInfo
  const delay = /"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"/.exec(typeof body === "string" ? body : "")?.[1]
  return delay === undefined ? undefined : Number(delay) * 1000
}

const remediesOf = (failure: ChatFailure, { isLocal, provider }: FailedModel): ReadonlyArray<Remedy> => {
  switch (failure) {
    case "authentication":
      return [
        provider === customProvider
          ? advice("Set MCP_CLI_MODEL_API_KEY to the key of this server.")
          : command("models key", { operand: provider, purpose: "store another key" }),
        advice("Check that the key may use this model.")
      ]
    case "rate-limit":
      return [advice("Wait, or check the quota and the credit at the provider.")]
    case "unknown-model":
      return [command("models", { purpose: "see which models there are" })]
    case "no-tools":
      return [command("models", { purpose: "see which models can call tools" })]
    case "wrong-address":
      return [advice("Check the address and the port of the model server.")]
    case "not-running":
      return [advice("Start the model server, then try again.")]
    case "unreachable":
      return isLocal
        ? [advice("Start the model server, then try again.")]
        : [advice("Check the address, the network and the proxy settings, then try again.")]
    default:
      return []
  }
}

/** Shortens a text of a provider to one line that may be shown. It never contains the key, or a header. */
const shown = (text: string, { headers, key }: FailedModel): string => {
  const secrets = Object.values(headers).flatMap((value) => secretsInHeader(Redacted.value(value)))
  const all = key === undefined ? secrets : [Redacted.value(key), ...secrets]
  const line = quoted(text.slice(0, maxErrorText), redactor(all)).replace(/\s+/g, " ")
  return line.length > maxDetail ? `${line.slice(0, maxDetail)}...` : line
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)

/**
 * What an error of a provider's package means. There are three kinds: a request that was refused, an error within the stream,
 * and a stream that failed.
 *
 * @param now milliseconds since the epoch, for `Retry-After`
 */
export const modelFailure = (model: FailedModel, failure: Thrown | Silent, now: number): ChatModelError => {
  const make = (failure: ChatFailure, detail: string, retryAfter?: number) =>
    new ChatModelError({
      model: model.name,
      failure,
      detail: sentence(shown(detail, model)),
      ...(retryAfter === undefined ? {} : { retryAfter }),
      remedies: [...remediesOf(failure, model)]
    })
  if (failure instanceof Silent) {
    return make("silent", `it sent nothing for ${Math.round(Duration.toSeconds(failure.duration))} seconds`)
  }
  const { error } = failure
  const errors = chain(error)
  const ours = errors.find((cause) => cause instanceof ModelHttpError || cause instanceof NetworkError)
  if (ours instanceof NetworkError) {
    if (ours.isLasting === true) return make("wrong-address", ours.message)
    if (ours.unanswered === "timeout") return make("silent", ours.message)
    return make(model.isLocal && ours.unanswered === undefined ? "not-running" : "unreachable", ours.message)
  }
  const saying = (body: unknown) => {
    const said = saidIn(body)
    return make(
      failureOf({ ...said, status: undefined }),
      said.message === "" ? "it reported an error without a message" : `it reported an error: ${said.message}`
    )
  }
  if (ours instanceof ModelHttpError) {
    if (saidIn(ours.reported).message !== "") return saying(ours.reported)
    return make(
      ours.problem === "plain-http" || ours.problem === "redirect" ? "refused" : "bad-answer",
      ours.message
    )
  }
  const call = errors.find((cause) => APICallError.isInstance(cause))
  if (call !== undefined) {
    const { responseBody, responseHeaders, statusCode } = call
    // A stream that broke has the status of its head.
    if (statusCode === undefined || statusCode < 400) return make("unreachable", "the answer broke off")
    const said = saidIn(jsonOf(responseBody))
    const told = said.message === "" ? "" : `: ${said.message}`
    return make(
      failureOf({ ...said, status: statusCode }),
      `it answered HTTP ${statusCode}${told}`,
      delayOf(responseHeaders, responseBody, now)
    )
  }
  if (errors.some((cause) => cause instanceof Incomplete)) {
    return make("unreachable", "the answer ended before it was complete")
  }
  const broken = errors.find((cause) => InvalidResponseDataError.isInstance(cause))
  if (broken !== undefined) {
    return /without a finish reason/.test(broken.message)
      ? make("unreachable", "the answer ended before it was complete")
      : make("bad-answer", `its answer breaks the protocol: ${broken.message}`)
  }
  if (errors.some((cause) => JSONParseError.isInstance(cause) || TypeValidationError.isInstance(cause))) {
    return make("bad-answer", "its answer breaks the protocol: an event is not what the API defines")
  }
  if (errors.some((cause) => cause instanceof Error)) {
    const [first] = errors
    return errors.some((cause) => cause instanceof TypeError && /terminated|fetch failed/.test(cause.message))
      ? make("unreachable", "the answer broke off")
      : make("bad-answer", first instanceof Error ? first.message : "the answer cannot be read")
  }
  return saying(error)
}
