import { Schema } from "effect"

/** It may work later: no network, timeout, 429, 5xx. */
export class Transient extends Schema.TaggedClass<Transient>()("Transient", {
  detail: Schema.String,
  /** Milliseconds that the server asked to wait (`Retry-After`). */
  retryAfter: Schema.optionalKey(Schema.Finite)
}) {}
/** `invalid_grant`: this code or refresh token is worth nothing any more (RFC 6749 §5.2). */
export class InvalidGrant extends Schema.TaggedClass<InvalidGrant>()("InvalidGrant", {}) {}
/** `invalid_client`: the client is unknown, or was authenticated in a wrong way. */
export class InvalidClient extends Schema.TaggedClass<InvalidClient>()("InvalidClient", {}) {}
/** Any other error of RFC 6749 §5.2. */
export class Refused extends Schema.TaggedClass<Refused>()("Refused", {
  error: Schema.String,
  description: Schema.optionalKey(Schema.String)
}) {}
/** Not an answer of a token endpoint. */
export class Malformed extends Schema.TaggedClass<Malformed>()("Malformed", { detail: Schema.String }) {}

/** A secret of the configuration cannot be used, so nothing was sent. */
export class UnusableSecret extends Schema.TaggedClass<UnusableSecret>()("UnusableSecret", {
  /** Which, and why, as the beginning of a sentence; never anything of its contents. */
  detail: Schema.String
}) {}
/** The tokens are not bound to our key (RFC 9449 §5), where the configuration or the server wants them so. */
export class NotSenderConstrained extends Schema.TaggedClass<NotSenderConstrained>()("NotSenderConstrained", {
  /** The refresh token in the answer: it has taken the place of the one that was sent (RFC 6749 §6). */
  refreshToken: Schema.optionalKey(Schema.Redacted(Schema.String))
}) {}

/** Why there are no tokens. */
export const TokenFailure = Schema.Union([
  Transient,
  InvalidGrant,
  InvalidClient,
  Refused,
  Malformed,
  UnusableSecret,
  NotSenderConstrained
])
/** Why there are no tokens. */
export type TokenFailure = typeof TokenFailure.Type
