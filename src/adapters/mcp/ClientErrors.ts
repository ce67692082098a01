import { Data } from "effect"
import { type Fields, isFields } from "./Messages.ts"

/** The server answered with a JSON-RPC error. */
export class RpcError extends Data.TaggedError("RpcError")<{
  readonly code: number
  readonly message: string
  readonly data?: unknown
}> {}

/** An answer that is not that of an MCP server. The message says why. */
export class UnusableAnswer extends Data.TaggedError("UnusableAnswer")<{ readonly message: string }> {}

/** The error for a result that is not as MCP defines it, at a place in it. */
export const invalidResult = (method: string, place: string): UnusableAnswer =>
  new UnusableAnswer({ message: `Invalid result for ${method}${place === "" ? "" : ` at "${place}"`}` })

/** The server starts a session in a version that this client does not speak. */
export class OtherVersion extends Data.TaggedError("OtherVersion")<{ readonly spoken: string }> {}

/** A list with more pages than are read. */
export class EndlessList extends Data.TaggedError("EndlessList") {}

/** The server no longer knows the session, and did nothing. */
export class SessionForgotten extends Data.TaggedError("SessionForgotten")<{
  /** It was opened right before. Absent: it may have been idle. */
  readonly isNew?: true
}> {}

/** The server requires input that this client does not offer (MCP 2026-07-28 "Multi Round-Trip Requests"). */
export class InputRequired extends Data.TaggedError("InputRequired")<{
  readonly requests: ReadonlyArray<Fields>
}> {}

/** What a request can fail with besides what the way to the server fails with. */
export type ClientError =
  | RpcError
  | UnusableAnswer
  | OtherVersion
  | EndlessList
  | SessionForgotten
  | InputRequired

/** True for a {@link ClientError}. */
export const isClientError = (error: unknown): error is ClientError =>
  [RpcError, UnusableAnswer, OtherVersion, EndlessList, SessionForgotten, InputRequired].some(
    (kind) => error instanceof kind
  )

/** Codes of JSON-RPC errors (MCP "Errors"). */
export const errorCodes = {
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** The user rejects a sampling request (MCP "Sampling", "Error Handling"). */
  userRejected: -1,
  headerMismatch: -32020,
  urlElicitationRequired: -32042
} as const

/** The revision that `server/discover` negotiates. */
export const discoverVersion = "2026-07-28"

/** The versions that this client can negotiate with `initialize`, the newest first. */
export const initializeVersions = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
  "2024-10-07"
] as const

const isTexts = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string")

/** The versions that an error lists as supported (MCP "Version Negotiation"). `undefined` for other errors. */
export const supportedVersions = (error: unknown): ReadonlyArray<string> | undefined => {
  const data: unknown = error instanceof RpcError ? error.data : undefined
  const supported = isFields(data) ? data["supported"] : undefined
  return isTexts(supported) ? supported : undefined
}

/** The newest version for `initialize` that this client and a server speak, by an error that lists what it supports. */
export const versionToOffer = (error: unknown): string | undefined => {
  const supported = supportedVersions(error)
  return initializeVersions.find((version) => supported?.includes(version) === true)
}

/** The addresses that the user must open before the server goes on (MCP "URL Mode Elicitation"). */
export const urlsToOpen = (error: RpcError | InputRequired): ReadonlyArray<string> => {
  const asked: ReadonlyArray<unknown> =
    error instanceof InputRequired
      ? error.requests.map(({ params }) => params)
      : error.code === errorCodes.urlElicitationRequired && isFields(error.data)
        ? [error.data["elicitations"]].flat()
        : []
  return asked.flatMap((each) =>
    isFields(each) && each["mode"] === "url" && typeof each["url"] === "string" ? [each["url"]] : []
  )
}
