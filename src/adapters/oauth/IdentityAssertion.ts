import { Effect, Option, Redacted, Schema } from "effect"
import { secretFormProblem } from "../../domain/SecretForm.ts"
import { Malformed, type IdentityAssertionRequest, type TokenFailure } from "../../ports/TokenEndpoint.ts"
import { secretToSend } from "./SecretText.ts"
import type { TokenPost } from "./TokenPost.ts"

/** The answer of a token exchange (RFC 8693 §2.2.1). */
const ExchangeAnswer = Schema.fromJsonString(
  Schema.Struct({
    access_token: Schema.RedactedFromValue(Schema.NonEmptyString),
    issued_token_type: Schema.String
  })
)

const assertionType = "urn:ietf:params:oauth:token-type:id-jag"

/**
 * Exchanges the user's token for an Identity Assertion JWT at an identity provider (RFC 8693 §2,
 * draft-ietf-oauth-identity-assertion-authz-grant §4).
 */
export const requestIdentityAssertion = Effect.fnUntraced(function* (
  post: TokenPost,
  request: IdentityAssertionRequest
): Effect.fn.Return<Redacted.Redacted, TokenFailure> {
  const form = request.subjectTokenType === "saml2" ? "saml2" : "jwt"
  const subject = yield* secretToSend(request.subjectToken, "subject_token", form)
  const { status, text } = yield* post(request, "urn:ietf:params:oauth:grant-type:token-exchange", {
    requested_token_type: assertionType,
    audience: request.audience,
    subject_token: subject,
    subject_token_type: `urn:ietf:params:oauth:token-type:${request.subjectTokenType}`,
    ...(request.scopes.length === 0 ? {} : { scope: request.scopes.join(" ") })
  })
  const answer = Schema.decodeOption(ExchangeAnswer)(text)
  return Option.isSome(answer) &&
    answer.value.issued_token_type === assertionType &&
    secretFormProblem("jwt", Redacted.value(answer.value.access_token)) === undefined
    ? answer.value.access_token
    : yield* new Malformed({ detail: `${status}, without an assertion of type ${assertionType}` })
})
