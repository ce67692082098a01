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

const explainRevocation = (reason: TokenFailure): string => {
  switch (reason._tag) {
    case "Passing":
      return `is not available now (${reason.detail})`
    case "InvalidGrant":
      return "does not know the token (invalid_grant)"
    case "InvalidClient":
      return "does not accept this client (invalid_client)"
    case "Refused":
      return `refused to revoke the token (${reason.error}${reason.description === undefined ? "" : `: ${reason.description}`})`
    case "Malformed":
      return `gave an answer that is none of a revocation endpoint (${reason.detail})`
  }
}

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
  /** Origin of the endpoint. */
  origin: Schema.String,
  /** What was asked for; absent: tokens. */
  purpose: Schema.optionalKey(Schema.Literal("revocation")),
  reason: TokenFailure
}) {
  override get message(): string {
    const said = (this.purpose === "revocation" ? explainRevocation : explain)(this.reason)
    return `The authorization server of ${this.server}, ${this.origin}, ${said}.`
  }
}

/** A client, and how it proves who it is. */
export interface RequestClient {
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted | undefined
  readonly authenticationMethod: ClientAuthenticationMethod
}

/** What every token request says of the client and the place. */
export interface TokenRequest {
  readonly server: string
  readonly tokenEndpoint: URL
  readonly client: RequestClient
  /** The `resource` parameter (RFC 8707), where the flow sends one. */
  readonly resource: string | undefined
}

/** A token to revoke (RFC 7009 §2.1). */
export interface RevocationRequest {
  readonly server: string
  readonly revocationEndpoint: URL
  readonly client: RequestClient
  readonly token: Redacted.Redacted
  /** What kind of token it is (`token_type_hint`). */
  readonly hint: "refresh_token" | "access_token"
}

/**
 * The token endpoint (RFC 6749 §3.2), and the revocation endpoint beside it (RFC 7009). A request is sent once and within
 * 15 seconds: it is for the caller to know whether a code or a rotating refresh token may be sent again.
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
    /**
     * Revokes a token (RFC 7009 §2). A token that the server does not know, or not any more, is revoked as well. May be
     * sent again.
     */
    readonly revoke: (request: RevocationRequest) => Effect.Effect<void, TokenRequestError>
  }
>()("mcp-cli-oauth/ports/TokenEndpoint") {}
