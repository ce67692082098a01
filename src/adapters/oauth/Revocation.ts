import { Effect, Redacted } from "effect"
import { Malformed, type RevocationRequest, type TokenFailure } from "../../ports/TokenEndpoint.ts"
import { discardBody } from "../../ports/HttpTransport.ts"
import { readEndpointAnswer } from "./EndpointAnswer.ts"
import type { Send } from "./EndpointRequest.ts"

/** Codes by which servers say that a token is invalid already. RFC 7009 §2.2 requires 200 for that. */
const codesOfInvalidTokens = new Set([
  "invalid_token",
  "expired_token",
  "token_expired",
  "token_revoked",
  "bad_refresh_token",
  "invalid_refresh_token",
  "refresh_token_not_found"
])

const isAlreadyInvalid = (failure: TokenFailure): boolean => {
  if (failure._tag === "InvalidGrant") return true
  if (failure._tag !== "Refused") return false
  const { description = "", error } = failure
  return (
    codesOfInvalidTokens.has(error) ||
    (error === "invalid_request" &&
      /\btoken\b.*\b(unknown|not found|does not exist|is invalid|expired|revoked)\b/i.test(description))
  )
}

const isRefusal = ({ _tag }: TokenFailure): boolean =>
  _tag === "Refused" || _tag === "InvalidClient" || _tag === "Malformed"

/**
 * Revokes one token (RFC 7009 §2.1). The status of the answer says everything (§2.2).
 *
 * The Python SDK requires a `client_secret` of public clients too, and accepts an empty one, which is the same as none (RFC
 * 6749 §2.3.1). Other servers take one for an authentication, so it is sent only after a refusal.
 */
export const revokeToken = Effect.fnUntraced(function* (
  send: Send,
  { client, hint, revocationEndpoint, token }: RevocationRequest
): Effect.fn.Return<void, TokenFailure> {
  const attempt = (parameters: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const { response, secrets } = yield* send(
        client,
        revocationEndpoint,
        (oauth, issuer, authenticate, options) =>
          oauth.revocationRequest(
            { issuer, revocation_endpoint: revocationEndpoint.href },
            { client_id: client.clientId },
            authenticate,
            Redacted.value(token),
            { ...options, additionalParameters: { token_type_hint: hint, ...parameters } }
          )
      )
      if (response.status === 200 || response.status === 204) return yield* discardBody(response)
      return yield* readEndpointAnswer(response, secrets).pipe(
        Effect.flatMap(({ status }) => new Malformed({ detail: status })),
        Effect.catchIf(isAlreadyInvalid, () => Effect.void)
      )
    })
  return yield* Effect.catchIf(
    attempt({}),
    (failure) => client.authenticationMethod === "none" && isRefusal(failure),
    // The first answer says what is wrong.
    (failure) => Effect.mapError(attempt({ client_secret: "" }), () => failure)
  )
})
