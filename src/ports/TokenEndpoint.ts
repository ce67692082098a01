import { Context, type Effect, type Redacted, Schema } from "effect"
import type { ClientAuthenticationMethod, SecretSource, SigningKey } from "../domain/Server.ts"
import { TokenFailure } from "../domain/TokenFailure.ts"
import type { TokenSet } from "../domain/TokenSet.ts"

export {
  InvalidClient,
  InvalidGrant,
  Malformed,
  NotSenderConstrained,
  Transient,
  Refused,
  TokenFailure,
  UnusableSecret
} from "../domain/TokenFailure.ts"

const explainRevocation = (reason: TokenFailure): string => {
  switch (reason._tag) {
    case "Transient":
      return `is not available now (${reason.detail})`
    case "InvalidGrant":
      return "does not know the token (invalid_grant)"
    case "InvalidClient":
      return "does not accept this client (invalid_client)"
    case "Refused":
      return `refused to revoke the token (${reason.error}${reason.description === undefined ? "" : `: ${reason.description}`})`
    case "Malformed":
      return `gave an answer that is none of a revocation endpoint (${reason.detail})`
    case "UnusableSecret":
      return `was not asked: ${reason.detail}`
    case "NotSenderConstrained":
      return "gave an answer that is none of a revocation endpoint"
  }
}

/** What a token request was for, where its failure is told in other words than those of a sign-in. */
type Purpose = "revocation" | "assertion" | "identity assertion" | "device authorization" | undefined

const explainInvalidGrant = (purpose: Purpose): string => {
  switch (purpose) {
    case "assertion":
      return `does not accept the assertion (invalid_grant). Check that it has not ended, and that its "iss" and "aud" are those that were agreed`
    case "identity assertion":
      return `no longer accepts the token of the sign-in there (invalid_grant). Sign in to the identity provider again, and put what it gives where "subject_token" in the oauth block says`
    default:
      return "no longer accepts this sign-in (invalid_grant). Sign in again"
  }
}

const explain = (reason: TokenFailure, purpose: Purpose): string => {
  switch (reason._tag) {
    case "Transient":
      return `is not available now (${reason.detail}). Nothing was lost; try again later`
    case "InvalidGrant":
      return explainInvalidGrant(purpose)
    case "InvalidClient":
      return purpose === "identity assertion"
        ? `does not accept this client (invalid_client). Check "client_id" and "client_secret" (or the private key) of "identity_provider" in the oauth block`
        : "does not accept this client (invalid_client)"
    case "Refused":
      return `refused to give a ${purpose === "device authorization" ? "device code" : "token"} (${reason.error}${reason.description === undefined ? "" : `: ${reason.description}`}). Check the oauth block of this server`
    case "Malformed":
      return purpose === "device authorization"
        ? `gave an answer that is none of a device authorization endpoint (${reason.detail}). Check "device_authorization_url", or tell its provider`
        : `gave an answer that is none of a token endpoint (${reason.detail}). Check "token_url" where the configuration has one, or tell its provider`
    case "UnusableSecret":
      return `was not asked: ${reason.detail}`
    case "NotSenderConstrained":
      return `gave tokens that are not bound to a key (DPoP), as "dpop" in the oauth block or the server asks for. They were thrown away; tell its provider, or take "dpop" out`
  }
}

/** A token request failed; `reason` says how. */
export class TokenRequestError extends Schema.TaggedError<TokenRequestError>()("TokenRequestError", {
  server: Schema.String,
  /** Origin of the endpoint. */
  origin: Schema.String,
  /** What was asked for; absent: tokens. */
  purpose: Schema.optionalKey(
    Schema.Literals(["revocation", "assertion", "identity assertion", "device authorization"])
  ),
  reason: TokenFailure
}) {
  override get message(): string {
    const said =
      this.purpose === "revocation" ? explainRevocation(this.reason) : explain(this.reason, this.purpose)
    const who = this.purpose === "identity assertion" ? "identity provider" : "authorization server"
    return `The ${who} of ${this.server}, ${this.origin}, ${said}.`
  }
}

/** A client, and how it proves who it is. */
export interface RequestClient {
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted | undefined
  /**
   * What it signs with, and whom that is for (RFC 7523 §3): the issuer, or else the token endpoint; absent for every
   * method but `private_key_jwt`.
   */
  readonly signing?: { readonly key: SigningKey; readonly audience: string } | undefined
  readonly authenticationMethod: ClientAuthenticationMethod
}

/** A grant that is neither a code nor a refresh token. */
export type FurtherGrant =
  /** RFC 6749 §4.4. */
  | { readonly _tag: "ClientCredentials" }
  /** RFC 7523 §2.1. */
  | { readonly _tag: "JwtBearer"; readonly assertion: SecretSource }
  /** RFC 8628 §3.4. */
  | { readonly _tag: "DeviceCode"; readonly deviceCode: Redacted.Redacted }

/** What every token request says of the client and the place. */
export interface TokenRequest {
  readonly server: string
  readonly tokenEndpoint: URL
  readonly client: RequestClient
  /** The `resource` parameter (RFC 8707), where the flow sends one. */
  readonly resource: string | undefined
  /** The key that the tokens are to be bound to, or are (RFC 9449 §5); absent: plain bearer tokens. */
  readonly dpopKey?: Redacted.Redacted | undefined
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
    /** Asks for tokens by another grant. May be sent again, unless the device code has become tokens. */
    readonly grant: (
      request: TokenRequest & { readonly grant: FurtherGrant; readonly scopes: ReadonlyArray<string> }
    ) => Effect.Effect<TokenSet, TokenRequestError>
    /**
     * Asks an identity provider for an Identity Assertion JWT (RFC 8693, draft-ietf-oauth-identity-assertion-authz-grant
     * §4), which another authorization server takes as an assertion. May be sent again.
     */
    readonly identityAssertion: (
      request: TokenRequest & {
        /** Issuer of the authorization server that the assertion is for. */
        readonly audience: string
        readonly scopes: ReadonlyArray<string>
        readonly subjectToken: SecretSource
        readonly subjectTokenType: "id_token" | "saml2"
      }
    ) => Effect.Effect<Redacted.Redacted, TokenRequestError>
    /**
     * Revokes a token (RFC 7009 §2). A token that the server does not know, or not any more, is revoked as well. May be
     * sent again.
     */
    readonly revoke: (request: RevocationRequest) => Effect.Effect<void, TokenRequestError>
  }
>()("mcp-cli-oauth/ports/TokenEndpoint") {}
