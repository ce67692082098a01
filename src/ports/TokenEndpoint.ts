import { Context, type Effect, type Redacted, Schema } from "effect"
import type { ClientAuthenticationMethod } from "../domain/Server.ts"
import type { TokenSet } from "../domain/TokenSet.ts"

/** It may work later: no network, timeout, 429, 5xx. */
export class Passing extends Schema.TaggedClass<Passing>()("Passing", {
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

/** Why there are no tokens. */
export const TokenFailure = Schema.Union([Passing, InvalidGrant, InvalidClient, Refused, Malformed])
/** Why there are no tokens. */
export type TokenFailure = typeof TokenFailure.Type

const explain = (reason: TokenFailure): string => {
  switch (reason._tag) {
    case "Passing":
      return `is not available now (${reason.detail}). Nothing was lost; try again later`
    case "InvalidGrant":
      return "no longer accepts this sign-in (invalid_grant). Sign in again"
    case "InvalidClient":
      return "does not accept this client (invalid_client)"
    case "Refused":
      return `refused to give a token (${reason.error}${reason.description === undefined ? "" : `: ${reason.description}`}). Check the oauth block of this server`
    case "Malformed":
      return `gave an answer that is none of a token endpoint (${reason.detail}). Check "token_url", or tell its provider`
  }
}

/** A token request failed; `reason` says how. */
export class TokenRequestError extends Schema.TaggedError<TokenRequestError>()("TokenRequestError", {
  server: Schema.String,
  /** Origin of the token endpoint. */
  origin: Schema.String,
  reason: TokenFailure
}) {
  override get message(): string {
    return `The authorization server of ${this.server}, ${this.origin}, ${explain(this.reason)}.`
  }
}

/** What every token request says of the client and the place. */
export interface TokenRequest {
  readonly server: string
  readonly tokenEndpoint: URL
  readonly client: {
    readonly clientId: string
    readonly clientSecret: Redacted.Redacted | undefined
    readonly authenticationMethod: ClientAuthenticationMethod
  }
  /** The `resource` parameter (RFC 8707), where the flow sends one. */
  readonly resource: string | undefined
}

/**
 * The token endpoint (RFC 6749 §3.2). A request is sent once and within 15 seconds: it is for the caller to know
 * whether a code or a rotating refresh token may be sent again.
 */
export class TokenEndpoint extends Context.Service<
  TokenEndpoint,
  {
    /** Exchanges a code (RFC 6749 §4.1.3). */
    readonly exchange: (
      request: TokenRequest & {
        readonly code: Redacted.Redacted
        readonly redirectUri: URL
        readonly codeVerifier: Redacted.Redacted | undefined
      }
    ) => Effect.Effect<TokenSet, TokenRequestError>
    /** Refreshes (RFC 6749 §6). The answer holds only what the server sent. */
    readonly refresh: (
      request: TokenRequest & { readonly refreshToken: Redacted.Redacted }
    ) => Effect.Effect<TokenSet, TokenRequestError>
  }
>()("mcp-cli-oauth/ports/TokenEndpoint") {}
