import { Option } from "effect"
import { isKnownErrorCode } from "../../domain/RefreshFailure.ts"
import { type JsonMembers, readJsonObject } from "./JsonAnswer.ts"

/** What an error answer of an endpoint says, unchecked. */
export interface ErrorAnswer {
  /** The error code. Absent: the answer has none. */
  readonly error?: string | undefined
  /** The words for a developer. */
  readonly description?: string | undefined
}

const objectOf = (value: unknown): JsonMembers =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonMembers) : {}

const textOf = (json: JsonMembers, names: ReadonlyArray<string>): string | undefined =>
  names.map((name) => json[name]).find((value): value is string => typeof value === "string" && value !== "")

/** The first problem in a list of them, as FastAPI writes it: `{"detail": [{"loc": ["body", "scope"], "msg": "..."}]}`. */
const firstProblem = ({ detail }: JsonMembers): string | undefined => {
  const { loc, msg } = objectOf(Array.isArray(detail) ? detail[0] : undefined)
  if (typeof msg !== "string") return undefined
  return Array.isArray(loc) && loc.length > 0 ? `${String(loc.at(-1))}: ${msg}` : msg
}

const descriptionNames = ["error_description", "message", "detail", "description", "title"]

/** Codes are in lower case (RFC 6749 §5.2). */
const normalized = (code: string): string => (/^[A-Z_]+$/.test(code) ? code.toLowerCase() : code)

/** Codes of registration endpoints (RFC 7591 §3.2.2). */
const registrationCodes = ["invalid_redirect_uri", "invalid_client_metadata"]

/** A code outside of `error`. A member with such a name may be anything, so only a known code counts. */
const knownCode = (json: JsonMembers): string | undefined => {
  const code = normalized(textOf(json, ["code", "error_code", "error", "type", "status"]) ?? "")
  return isKnownErrorCode(code) || registrationCodes.includes(code) ? code : undefined
}

/**
 * Reads the error of an answer: that of RFC 6749 §5.2, as JSON or, by GitHub, as a form; or the members that servers have
 * instead (`{"error": {"code": ...}}`, `{"errors": [...]}`, `{"code": ...}`, `{"message": ...}`, RFC 9457). None for an answer
 * with an access token, and for a page.
 */
export const readErrorAnswer = (text: string): ErrorAnswer => {
  const json = Option.getOrUndefined(readJsonObject(text))
  if (json === undefined) {
    if (!/^[\w.%+-]+=[^\s<>]*$/.test(text)) return {}
    const form = new URLSearchParams(text)
    return { error: form.get("error") || undefined, description: form.get("error_description") || undefined }
  }
  const { error } = json
  if (typeof error === "string") {
    return { error: normalized(error), description: textOf(json, descriptionNames) }
  }
  if (json["access_token"] !== undefined) return {}
  const nested = objectOf(error ?? (Array.isArray(json["errors"]) ? json["errors"][0] : undefined))
  return {
    error: knownCode(nested) ?? knownCode(json),
    description: textOf(nested, descriptionNames) ?? textOf(json, descriptionNames) ?? firstProblem(json)
  }
}
