import { Clock, Effect, Result, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { redact } from "../../domain/Redaction.ts"
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

/**
 * An error answer (RFC 6749 §5.2); GitHub sends it with status 200. The code decides whether a sign-in is over, so it
 * counts even if the description is null or not a text.
 */
const ErrorAnswer = Schema.fromJsonString(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.Unknown) })
)

/**
 * Codes that count at any status: those of OAuth (RFC 6749 §5.2, 7009, 8628, 8707, 9449), OpenID Connect and GitHub.
 */
const knownCodes = new Set([
  "invalid_request",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "invalid_target",
  "access_denied",
  "authorization_pending",
  "slow_down",
  "expired_token",
  "invalid_token",
  "unsupported_token_type",
  "invalid_dpop_proof",
  "use_dpop_nonce",
  "interaction_required",
  "login_required",
  "consent_required",
  "bad_refresh_token",
  "bad_verification_code",
  "incorrect_client_credentials",
  "incorrect_device_code"
])

/** Codes of gateways and servers that are overloaded or unavailable. */
const transientCode =
  /^(temporarily_unavailable|server_error)$|rate_?limit|too_many|throttl|unavailable|timeout/

/**
 * True if an error comes from the endpoint itself. A gateway in front of it answers an unknown route with JSON of its own,
 * with an `error` in it; that ends no sign-in. An unknown code counts only with the statuses of RFC 6749 §5.2, and 200.
 */
const isOfEndpoint = (error: string, status: number): boolean =>
  knownCodes.has(error) || ([200, 400, 401].includes(status) && /^[a-z][a-z0-9_.-]*$/.test(error))

const failureOf = (
  { error, error_description: description }: typeof ErrorAnswer.Type,
  status: number,
  secrets: ReadonlyArray<string>
): TokenFailure => {
  if (error === "invalid_grant") return new InvalidGrant()
  // Keycloak's code for a wrong secret, and that of the Python MCP SDK 1.x for an unknown client. With another status it is
  // about the grant (RFC 6749 §5.2).
  if (error === "invalid_client" || (error === "unauthorized_client" && status === 401))
    return new InvalidClient()
  const isUnauthorized = status === 401 && !knownCodes.has(error) ? { isUnauthorized: true } : {}
  const shown = printable(redact(error, secrets))
  if (!knownCodes.has(error) && transientCode.test(error)) return new Transient({ detail: shown })
  if (!isOfEndpoint(error, status))
    return new Malformed({ detail: `HTTP ${status}: ${shown}`, ...isUnauthorized })
  return new Refused({
    error: shown,
    ...isUnauthorized,
    ...(typeof description === "string" ? { description: printable(redact(description, secrets)) } : {})
  })
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
 * is too long or breaks off, and an error of RFC 6749 §5.2.
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
  if (isTransientStatus(response.status)) {
    const retryAfter = retryAfterMillis(response.headers.get("retry-after"), yield* Clock.currentTimeMillis)
    yield* discardBody(response)
    return yield* new Transient({ detail: status, ...(retryAfter === undefined ? {} : { retryAfter }) })
  }
  if (response.status >= 300 && response.status < 400) {
    yield* discardBody(response)
    return yield* new Malformed({ detail: `${status}: it redirects, which is not followed` })
  }
  const text = yield* readBody(response).pipe(
    Effect.mapError(({ detail, isTransient }) =>
      isTransient ? new Unanswered({ detail, end: "broke" }) : new Malformed({ detail })
    )
  )
  const refusal = Schema.decodeResult(ErrorAnswer)(text)
  if (Result.isSuccess(refusal)) {
    return yield* failureOf(refusal.success, response.status, secrets)
  }
  if (response.status === 401) return yield* new Malformed({ detail: status, isUnauthorized: true })
  return { status, text }
})
