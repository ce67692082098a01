import { Context, type Effect, type Redacted } from "effect"
import type { RequestAuthentication } from "../domain/ClientAuthentication.ts"
import type { SecretSource, SigningKey } from "../domain/Server.ts"
import type { TokenSet } from "../domain/TokenSet.ts"
import type { TokenRequestError } from "./TokenRequestError.ts"

export {
  InvalidClient,
  InvalidGrant,
  Malformed,
  NotSenderConstrained,
  repeatable,
  Transient,
  Refused,
  TokenFailure,
  Unanswered,
  UnusableSecret
} from "../domain/TokenFailure.ts"
export { type RequestPurpose, requestPurposes, TokenRequestError } from "./TokenRequestError.ts"

/** A client, and how it authenticates. */
export interface RequestClient {
  readonly clientId: string
  readonly clientSecret: SecretSource | undefined
  /**
   * The key of a client that signs, and the audience of its assertions (RFC 7523 §3): the issuer, or the token endpoint if
   * no issuer is known. Absent for every method but `private_key_jwt`.
   */
  readonly signing?: { readonly key: SigningKey; readonly audience: string } | undefined
  readonly authenticationMethod: RequestAuthentication
  /** The configuration allows http for the server of the request. */
  readonly allowHttp?: true
  /** The configuration names the endpoint of the request, so a wrong one is for the user to correct. Absent: unknown. */
  readonly isByHand?: true
}

/** A grant that is neither a code nor a refresh token. */
export type FurtherGrant =
  /** RFC 6749 §4.4. */
  | { readonly _tag: "ClientCredentials" }
  /** RFC 7523 §2.1. */
  | { readonly _tag: "JwtBearer"; readonly assertion: SecretSource }
  /** RFC 8628 §3.4. */
  | {
      readonly _tag: "DeviceCode"
      readonly deviceCode: Redacted.Redacted
      /** The verifier of the challenge in the device authorization request. Absent: it had none. */
      readonly codeVerifier?: Redacted.Redacted | undefined
    }

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
 * (RFC 9126) beside it. Sends each request once, with a timeout. The caller knows whether a code or a rotating refresh
 * token may be sent again. Only `exchange` and `refresh` fail with `Unanswered`: every other request may be sent again, and fails with `Transient`.
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
