import { Effect, Redacted } from "effect"
import { Malformed, type RevocationRequest, type TokenFailure } from "../../ports/TokenEndpoint.ts"
import { discardBody } from "../../ports/HttpTransport.ts"
import { readEndpointAnswer } from "./EndpointAnswer.ts"
import type { Send } from "./EndpointRequest.ts"

/**
 * True if an error says that the token is invalid already. RFC 7009 §2.2 requires 200 for that; some servers answer 400
 * with one of these codes.
 */
const isAlreadyInvalid = (failure: TokenFailure): boolean =>
  failure._tag === "InvalidGrant" || (failure._tag === "Refused" && failure.error === "invalid_token")

/** Revokes one token (RFC 7009 §2.1). The status of the answer says everything (§2.2). */
export const revokeToken = Effect.fnUntraced(function* (
  send: Send,
  { client, hint, revocationEndpoint, token }: RevocationRequest
): Effect.fn.Return<void, TokenFailure> {
  const { response, secrets } = yield* send(
    client,
    revocationEndpoint,
    (oauth, issuer, authenticate, options) =>
      oauth.revocationRequest(
        { issuer, revocation_endpoint: revocationEndpoint.href },
        { client_id: client.clientId },
        authenticate,
        Redacted.value(token),
        { ...options, additionalParameters: { token_type_hint: hint } }
      )
  )
  if (response.status === 200 || response.status === 204) return yield* discardBody(response)
  return yield* readEndpointAnswer(response, secrets).pipe(
    Effect.flatMap(({ status }) => new Malformed({ detail: status })),
    Effect.catchIf(isAlreadyInvalid, () => Effect.void)
  )
})
