import { Option, Schema } from "effect"
import { laterText } from "../../domain/LaterText.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { type Fields, isFields } from "./Messages.ts"

/** A server's own words after ours. */
export const inSentence = (words: string): string => (words === "" ? "" : `: ${words.replace(/[.\s]+$/, "")}`)

const decodeFields = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
)

/**
 * The words of a server in JSON that is no answer, or none of MCP; the best first. Undefined: it has none. A JSON-RPC error,
 * and that of many servers, is an object in `error`.
 */
export const wordsIn = ({ error, ...fields }: Fields): string | undefined => {
  const nested = isFields(error) ? error : {}
  return [
    nested["message"],
    fields["error_description"],
    fields["message"],
    fields["detail"],
    error,
    fields["title"]
  ].find((words): words is string => typeof words === "string" && words !== "")
}

/** The body of an HTTP error as far as a user can read it: the words in a JSON object, and nothing of a web page. */
export const readable = (body: unknown): string => {
  if (typeof body !== "string" || body.trimStart().startsWith("<")) return ""
  const words = Option.map(decodeFields(body), wordsIn)
  return Option.getOrUndefined(words) ?? body
}

/**
 * What to do after an answer with this HTTP status.
 *
 * @param retryAfter milliseconds that the server requires to wait
 */
export const nextStep = (server: string, status: number, retryAfter?: number): Remedy.Remedy => {
  if (status === 403) return Remedy.advice("The account that is signed in may not be allowed to use it.")
  if (status === 429 || status >= 500) return Remedy.advice(`Try again ${laterText(retryAfter)}.`)
  return Remedy.check(Remedy.entryOf(server), ["url"])
}

/**
 * True if an answer says that the server no longer knows the session of the request, and did nothing: 404 by the
 * specification, 400 by many servers that follow the first examples of the SDK.
 */
export const forgetsSession = (status: number, body: string): boolean =>
  status === 404 || (status === 400 && /session/i.test(body))
