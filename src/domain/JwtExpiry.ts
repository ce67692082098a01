import { Option, Redacted, Result, Schema } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"

const Claims = Schema.fromJsonString(Schema.Struct({ exp: Schema.Finite }))

/**
 * When a token expires that is a JWT (RFC 7519 §4.1.4), in milliseconds since the epoch; not verified. None for other tokens.
 * A server can accept such a token without a request to its issuer, so that a revocation does not end it.
 */
export const jwtExpiry = (token: Redacted.Redacted): Option.Option<number> => {
  const [, payload, signature] = Redacted.value(token).split(".")
  if (payload === undefined || signature === undefined) return Option.none()
  return Result.getSuccess(Base64Url.decodeString(payload)).pipe(
    Option.flatMap(Schema.decodeOption(Claims)),
    Option.map(({ exp }) => exp * 1000)
  )
}
