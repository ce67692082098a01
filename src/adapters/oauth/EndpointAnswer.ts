import { Clock, Effect } from "effect"
import { quoted, redactor } from "../../domain/Redaction.ts"
import { isKnownErrorCode } from "../../domain/RefreshFailure.ts"
import { answerText } from "../../domain/TokenFailure.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { discardBody } from "../../ports/HttpTransport.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  Transient,
  Refused,
  type TokenFailure,
  Unanswered
} from "../../ports/TokenEndpoint.ts"
import { readBody } from "../http/BoundedBody.ts"
import { retryAfterMillis } from "../http/RetryAfter.ts"
import { type ErrorAnswer, readErrorAnswer } from "./ErrorAnswer.ts"
import { redirectText } from "./RedirectText.ts"

/** True for a code of gateways and servers that are overloaded or unavailable. */
const isTransientCode = (error: string): boolean =>
  error === "server_error" ||
  error === "temporarily_unavailable" ||
  (!isKnownErrorCode(error) && /rate_?limit|too_many|throttl|unavailable|timeout/.test(error))

/**
 * True if an error comes from the endpoint itself. A gateway in front of it answers an unknown route with JSON of its own,
 * with an `error` in it; that ends no sign-in. An unknown code counts only with the statuses of RFC 6749 §5.2, and 200.
 */
const isOfEndpoint = (error: string, status: number): boolean =>
  isKnownErrorCode(error) || ([200, 400, 401].includes(status) && /^[a-z][a-z0-9_.-]*$/.test(error))

/** Statuses of a server that did nothing, whatever its answer says. */
const notNow = [408, 425, 429, 503]

/** A failure by what its answer says. None if it says nothing, and the status is that of no error. */
const failureOf = (
  { description, error }: ErrorAnswer,
  status: number,
  retryAfter: number | undefined,
  secrets: ReadonlyArray<string>
): TokenFailure | undefined => {
  const redacted = redactor(secrets)
  const quote = (text: string) => quoted(text, redacted)
  const words = description === undefined ? {} : { description: quote(description) }
  const said = error === undefined ? undefined : { error: quote(error), ...words }
  if (said === undefined && status < 400) return undefined
  const text = said === undefined ? words.description : answerText(said)
  const detail = text === undefined ? `HTTP ${status}` : `HTTP ${status}: ${text}`
  const transient = new Transient({
    detail,
    status,
    ...(said === undefined ? {} : { error: said.error }),
    ...(retryAfter === undefined ? {} : { retryAfter })
  })
  if (notNow.includes(status) || (error !== undefined && isTransientCode(error))) return transient
  if (said?.error === "invalid_grant") return new InvalidGrant(said)
  // Keycloak answers a wrong secret, and the Python SDK an unknown client, with the second.
  if (said?.error === "invalid_client" || (said?.error === "unauthorized_client" && status === 401)) {
    return new InvalidClient(said)
  }
  if (said !== undefined && isOfEndpoint(said.error, status)) return new Refused({ ...said, status })
  return isTransientStatus(status) ? transient : new Malformed({ detail, status })
}

/**
 * Statuses of gateways that did not get an answer to what they passed on (RFC 9110 §15.6.3, §15.6.5; the others are
 * Cloudflare's). A server that answers 500 or 503 itself has done nothing.
 */
const ends: Readonly<Record<number, Unanswered["end"]>> = {
  502: "broke",
  504: "timeout",
  520: "broke",
  524: "timeout"
}

/**
 * Reads the answer of an endpoint at which clients authenticate. Fails for a transient status, a redirect, a body that
 * is too long or breaks off, a status of an error, and an error of RFC 6749 §5.2.
 *
 * @param secrets the secrets of the request; no error repeats them
 * @returns the status, for messages, and the body
 */
export const readEndpointAnswer = Effect.fnUntraced(function* (
  response: Response,
  secrets: ReadonlyArray<string>
): Effect.fn.Return<{ readonly status: string; readonly text: string }, TokenFailure> {
  const status = `HTTP ${response.status}`
  const end = ends[response.status]
  if (end !== undefined) {
    yield* discardBody(response)
    return yield* new Unanswered({ detail: status, end })
  }
  if (response.status >= 300 && response.status < 400) {
    yield* discardBody(response)
    return yield* new Malformed({ detail: `${status}: ${redactor(secrets)(redirectText(response))}` })
  }
  const isTransient = isTransientStatus(response.status)
  const retryAfter = isTransient
    ? retryAfterMillis(response.headers.get("retry-after"), yield* Clock.currentTimeMillis)
    : undefined
  const text = yield* readBody(response).pipe(
    Effect.catch((error): Effect.Effect<string, TokenFailure> => {
      // The status says enough.
      if (isTransient) return Effect.succeed("")
      const { detail } = error
      return error.isTransient ? new Unanswered({ detail, end: "broke" }) : new Malformed({ detail })
    })
  )
  const failure = failureOf(readErrorAnswer(text), response.status, retryAfter, secrets)
  return failure === undefined ? { status, text } : yield* failure
})
