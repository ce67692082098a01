import * as Remedy from "../../domain/Remedy.ts"

/** A server's own words after ours. */
export const inSentence = (words: string): string => (words === "" ? "" : `: ${words.replace(/[.\s]+$/, "")}`)

/** The body of an HTTP error as far as a user can read it: nothing of a web page. */
export const readable = (body: unknown): string =>
  typeof body !== "string" || body.trimStart().startsWith("<") ? "" : body

/** What to do after an answer with this HTTP status. */
export const nextStep = (server: string, status: number): Remedy.Remedy => {
  if (status === 403) return Remedy.advice("The account that is signed in may not be allowed to use it.")
  if (status === 429 || status >= 500) return Remedy.advice("Try again later.")
  return Remedy.check(Remedy.entryOf(server), ["url"])
}

/**
 * True if an answer says that the server no longer knows the session of the request, and did nothing: 404 by the
 * specification, 400 by many servers that follow the first examples of the SDK.
 */
export const forgetsSession = (status: number, body: string): boolean =>
  status === 404 || (status === 400 && /session/i.test(body))
