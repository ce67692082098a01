import { Effect, Schema } from "effect"

/** What a server said about a request that it refused (RFC 6749 §5.2), safe for a terminal and without secrets. */
const answer = {
  error: Schema.String,
  description: Schema.optionalKey(Schema.String)
}

/** The words of a server, as a quotation: `invalid_grant: Token has been revoked`. */
export const answerText = ({
  description,
  error
}: {
  readonly error: string
  readonly description?: string
}): string => (description === undefined ? error : `${error}: ${description.replace(/[.\s]+$/, "")}`)

/** A repeated request may succeed: no network, timeout, 429, 5xx. */
export class Transient extends Schema.TaggedError<Transient>()("Transient", {
  detail: Schema.String,
  /** The HTTP status. Absent: no answer arrived. */
  status: Schema.optionalKey(Schema.Finite),
  /** The error code of the answer, such as `server_error`. Absent: it had none. */
  error: Schema.optionalKey(Schema.String),
  /** Milliseconds that the server requires to wait (`Retry-After`). */
  retryAfter: Schema.optionalKey(Schema.Finite),
  /** No connection was established, so the server got nothing. Absent: it may have got the request. */
  isUnsent: Schema.optionalKey(Schema.Literal(true))
}) {}
/**
 * The request was sent, and no complete answer arrived. The server may have acted on it, or, after a timeout, may still do so.
 * Only for requests that use up what they carry: a code, or a refresh token that may rotate.
 */
export class Unanswered extends Schema.TaggedError<Unanswered>()("Unanswered", {
  detail: Schema.String,
  /** `broke`: the connection or a gateway ended the request. `timeout`: this client did, and it may arrive later. */
  end: Schema.Literals(["broke", "timeout"])
}) {}
const withDefault = (error: string) =>
  Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed(error)))

/**
 * The code or refresh token is invalid, expired or revoked: `invalid_grant` (RFC 6749 §5.2), or what `refreshFailure` takes
 * for it.
 */
export class InvalidGrant extends Schema.TaggedError<InvalidGrant>()("InvalidGrant", {
  ...answer,
  error: withDefault("invalid_grant")
}) {}
/** `invalid_client`: the client is unknown, or its authentication failed (RFC 6749 §5.2). */
export class InvalidClient extends Schema.TaggedError<InvalidClient>()("InvalidClient", {
  ...answer,
  error: withDefault("invalid_client")
}) {}
/** Any other error of RFC 6749 §5.2. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  ...answer,
  /** The HTTP status. Absent: unknown. */
  status: Schema.optionalKey(Schema.Finite)
}) {}
/** The response is not one of a token endpoint. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", {
  detail: Schema.String,
  /** The HTTP status. Absent: it says nothing. */
  status: Schema.optionalKey(Schema.Finite),
  /** The refresh token of the response, which replaces the one that was sent (RFC 6749 §6). */
  refreshToken: Schema.optionalKey(Schema.Redacted(Schema.String))
}) {}

/** A secret of the configuration cannot be used, so nothing was sent. */
export class UnusableSecret extends Schema.TaggedError<UnusableSecret>()("UnusableSecret", {
  /** The field that holds it. With `file`, the field that names the file has the same name and `_file`. */
  field: Schema.Literals(["assertion", "client_secret", "private_key", "subject_token"]),
  /** The file that it is read from. Absent: the configuration holds it. */
  file: Schema.optionalKey(Schema.String),
  /** What is wrong with it, as a predicate: `is empty`. Never a part of the secret. */
  problem: Schema.String
}) {}
/** The tokens are not bound to our key (RFC 9449 §5), although the configuration or the server requires it. */
export class NotSenderConstrained extends Schema.TaggedError<NotSenderConstrained>()("NotSenderConstrained", {
  /** The refresh token of the response, which replaces the one that was sent (RFC 6749 §6). */
  refreshToken: Schema.optionalKey(Schema.Redacted(Schema.String))
}) {}

/** Why a token request failed. */
export const TokenFailure = Schema.Union([
  Transient,
  Unanswered,
  InvalidGrant,
  InvalidClient,
  Refused,
  Malformed,
  UnusableSecret,
  NotSenderConstrained
])
/** Why a token request failed. */
export type TokenFailure = typeof TokenFailure.Type

/** The failure of a request that may be repeated whether or not the server has acted on it. */
export const repeatable = (failure: TokenFailure): TokenFailure =>
  failure._tag === "Unanswered" ? new Transient({ detail: failure.detail }) : failure
