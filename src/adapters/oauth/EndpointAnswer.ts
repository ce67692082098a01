import { Clock, Effect, Result, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { redact } from "../../domain/Redaction.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  Transient,
  Refused,
  type TokenFailure
} from "../../ports/TokenEndpoint.ts"
import { discardBody } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"
import { retryAfterMillis } from "../http/RetryAfter.ts"

/**
 * An error answer (RFC 6749 §5.2); GitHub sends it with status 200. What says whether a sign-in is over must not get
 * lost over a description that is null, or no text at all.
 */
const ErrorAnswer = Schema.fromJsonString(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.Unknown) })
)

/**
 * Codes that decide something at whatever status they come: OAuth's own (RFC 6749 §5.2, 7009, 8628, 8707, 9449), OpenID
 * Connect's, and GitHub's.
 */
const decisive = new Set([
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

/** What other programs between us and the endpoint say when there is too much to do, or it is away. */
const passingCode =
  /^(temporarily_unavailable|server_error)$|rate_?limit|too_many|throttl|unavailable|timeout/

/**
 * Whether an error is the endpoint's own. What stands before it has its own JSON for a route that is not there, with an
 * `error` in it: that ends no sign-in. A code that is nobody's counts only with the statuses of RFC 6749 §5.2, and 200.
 */
const isOfEndpoint = (error: string, status: number): boolean =>
  decisive.has(error) || ([200, 400, 401].includes(status) && /^[a-z][a-z0-9_.-]*$/.test(error))

const failureOf = (
  { error, error_description: description }: typeof ErrorAnswer.Type,
  status: number,
  secrets: ReadonlyArray<string>
): TokenFailure => {
  if (error === "invalid_grant") return new InvalidGrant()
  if (error === "invalid_client") return new InvalidClient()
  const shown = printable(redact(error, secrets))
  if (!decisive.has(error) && passingCode.test(error)) return new Transient({ detail: shown })
  if (!isOfEndpoint(error, status)) return new Malformed({ detail: `HTTP ${status}: ${shown}` })
  return new Refused({
    error: shown,
    ...(typeof description === "string" ? { description: printable(redact(description, secrets)) } : {})
  })
}

/**
 * The text of an answer of the token endpoint, or of one like it, that is neither a passing failure nor an error of
 * RFC 6749 §5.2.
 *
 * @param secrets what the request carried: no error repeats it
 */
export const answerOf = Effect.fnUntraced(function* (
  response: Response,
  secrets: ReadonlyArray<string>
): Effect.fn.Return<{ readonly status: string; readonly text: string }, TokenFailure> {
  const status = `HTTP ${response.status}`
  if ([408, 425, 429].includes(response.status) || response.status >= 500) {
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
      isTransient ? new Transient({ detail }) : new Malformed({ detail })
    )
  )
  const refusal = Schema.decodeResult(ErrorAnswer)(text)
  if (Result.isSuccess(refusal)) {
    return yield* failureOf(refusal.success, response.status, secrets)
  }
  return { status, text }
})
