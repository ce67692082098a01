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

/** Purposes of requests whose failures read differently from those of a sign-in or a refresh. */
export const requestPurposes = [
  "revocation",
  "assertion",
  "identity assertion",
  "device authorization",
  "pushed authorization"
] as const

/** One of {@link requestPurposes}. */
export type RequestPurpose = (typeof requestPurposes)[number]

/** A sentence for each failure, without its subject and its full stop. */
type Sentences = {
  readonly [Tag in TokenFailure["_tag"]]: (reason: Extract<TokenFailure, { readonly _tag: Tag }>) => string
}

const codeOf = ({ description, error }: Extract<TokenFailure, { readonly _tag: "Refused" }>): string =>
  description === undefined ? error : `${error}: ${description}`

/** The sentences of a sign-in and a refresh. */
const usualSentences: Sentences = {
  Transient: ({ detail }) => `is not available now (${detail}). Nothing was lost; try again later`,
  InvalidGrant: () => "no longer accepts this sign-in (invalid_grant). Sign in again",
  InvalidClient: () => "does not accept this client (invalid_client)",
  Refused: (reason) => `refused to issue a token (${codeOf(reason)}). Check the oauth block of this server`,
  Malformed: ({ detail }) =>
    `did not answer like a token endpoint (${detail}). Check "token_url" if the configuration has one, or tell its provider`,
  UnusableSecret: ({ detail }) => `got no request: ${detail}`,
  NotSenderConstrained: () =>
    `issued tokens that are not bound to a key (DPoP), which "dpop" in the oauth block or the server requires. They were discarded; tell its provider, or remove "dpop"`
}

/** The sentences that differ for other purposes. */
const sentencesFor: { readonly [Purpose in RequestPurpose]: Partial<Sentences> } = {
  revocation: {
    Transient: ({ detail }) => `is not available now (${detail})`,
    InvalidGrant: () => "does not know the token (invalid_grant)",
    Refused: (reason) => `refused to revoke the token (${codeOf(reason)})`,
    Malformed: ({ detail }) => `did not answer like a revocation endpoint (${detail})`
  },
  assertion: {
    InvalidGrant: () =>
      `does not accept the assertion (invalid_grant). Check that it has not expired, and that its "iss" and "aud" are those that were agreed`
  },
  "identity assertion": {
    InvalidGrant: () =>
      `no longer accepts the token of the sign-in there (invalid_grant). Sign in to the identity provider again, and put its token where "subject_token" in the oauth block says`,
    InvalidClient: () =>
      `does not accept this client (invalid_client). Check "client_id" and "client_secret" (or the private key) of "identity_provider" in the oauth block`
  },
  "device authorization": {
    Refused: (reason) =>
      `refused to issue a device code (${codeOf(reason)}). Check the oauth block of this server`,
    Malformed: ({ detail }) =>
      `did not answer like a device authorization endpoint (${detail}). Check "device_authorization_url", or tell its provider`
  },
  "pushed authorization": {
    InvalidGrant: () => "refused the authorization request (invalid_grant)",
    Refused: (reason) =>
      `refused the authorization request (${codeOf(reason)}). Check the oauth block of this server`,
    Malformed: ({ detail }) =>
      `did not answer like a pushed authorization request endpoint (${detail}). Check "pushed_authorization_request_url" if the configuration has one, or tell its provider`
  }
}

const explain = (reason: TokenFailure, purpose: RequestPurpose | undefined): string => {
  const sentences: Sentences = { ...usualSentences, ...(purpose === undefined ? {} : sentencesFor[purpose]) }
  // The type checker cannot see that the sentence and the reason have the same tag.
  return (sentences[reason._tag] as (reason: TokenFailure) => string)(reason)
}

/** A request to an endpoint at which clients authenticate failed; `reason` says how. */
export class TokenRequestError extends Schema.TaggedError<TokenRequestError>()("TokenRequestError", {
  server: Schema.String,
  /** Origin of the endpoint. */
  origin: Schema.String,
  /** Absent: tokens, by a code, a refresh token or a grant without a purpose of its own. */
  purpose: Schema.optionalKey(Schema.Literals(requestPurposes)),
  reason: TokenFailure
}) {
  override get message(): string {
    const who = this.purpose === "identity assertion" ? "identity provider" : "authorization server"
    return `The ${who} of ${this.server}, ${this.origin}, ${explain(this.reason, this.purpose)}.`
  }
}

/** A client, and how it authenticates. */
export interface RequestClient {
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted | undefined
  /**
   * The key of a client that signs, and the audience of its assertions (RFC 7523 §3): the issuer, or the token endpoint if
   * no issuer is known. Absent for every method but `private_key_jwt`.
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

/** What every token request has. */
export interface TokenRequest {
  readonly server: string
  readonly tokenEndpoint: URL
  readonly client: RequestClient
  /** The `resource` parameter (RFC 8707), if the flow sends one. */
  readonly resource: string | undefined
  /** The key that the tokens are bound to (RFC 9449 §5). Absent: bearer tokens. */
  readonly dpopKey?: Redacted.Redacted | undefined
}

/** A request for an Identity Assertion JWT at an identity provider. */
export interface IdentityAssertionRequest extends TokenRequest {
  /** Issuer of the authorization server that the assertion is for. */
  readonly audience: string
  readonly scopes: ReadonlyArray<string>
  readonly subjectToken: SecretSource
  readonly subjectTokenType: "id_token" | "saml2"
}

/** A token to revoke (RFC 7009 §2.1). */
export interface RevocationRequest {
  readonly server: string
  readonly revocationEndpoint: URL
  readonly client: RequestClient
  readonly token: Redacted.Redacted
  /** The kind of token (`token_type_hint`). */
  readonly hint: "refresh_token" | "access_token"
}

/** An authorization request to push (RFC 9126 §2.1). */
export interface PushRequest {
  readonly server: string
  readonly pushedAuthorizationEndpoint: URL
  readonly client: RequestClient
  /** The parameters of the authorization request. */
  readonly parameters: URLSearchParams
}

/** A pushed authorization request (RFC 9126 §2.2). */
export interface PushedAuthorization {
  /** What the browser takes to the authorization endpoint instead of the parameters: at most 2048 visible characters. */
  readonly requestUri: string
  /** How long the browser can use it, in seconds. */
  readonly expiresIn: number
}

/**
 * The token endpoint (RFC 6749 §3.2), and the endpoints for revocation (RFC 7009) and pushed authorization requests
 * (RFC 9126) beside it. Sends each request once, with a
 * timeout of 15 seconds. The caller knows whether a code or a rotating refresh token may be sent again.
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
    /** Refreshes tokens (RFC 6749 §6). The answer holds only what the server sent. */
    readonly refresh: (
      request: TokenRequest & { readonly refreshToken: Redacted.Redacted }
    ) => Effect.Effect<TokenSet, TokenRequestError>
    /** Requests tokens with another grant. May be sent again, unless a device code has been exchanged. */
    readonly grant: (
      request: TokenRequest & { readonly grant: FurtherGrant; readonly scopes: ReadonlyArray<string> }
    ) => Effect.Effect<TokenSet, TokenRequestError>
    /**
     * Requests an Identity Assertion JWT from an identity provider (RFC 8693,
     * draft-ietf-oauth-identity-assertion-authz-grant §4). Another authorization server accepts it as an assertion. May
     * be sent again.
     */
    readonly identityAssertion: (
      request: IdentityAssertionRequest
    ) => Effect.Effect<Redacted.Redacted, TokenRequestError>
    /** Revokes a token (RFC 7009 §2). Succeeds for a token that the server does not know. May be sent again. */
    readonly revoke: (request: RevocationRequest) => Effect.Effect<void, TokenRequestError>
    /** Pushes an authorization request (RFC 9126 §2). May be sent again. */
    readonly pushAuthorization: (
      request: PushRequest
    ) => Effect.Effect<PushedAuthorization, TokenRequestError>
  }
>()("mcp-cli-oauth/ports/TokenEndpoint") {}
