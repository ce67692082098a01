import { Context, type Effect, type Redacted, Schema } from "effect"
import { oauthEndpoints } from "../domain/OAuthEndpoints.ts"
import * as Remedy from "../domain/Remedy.ts"
import type { RequestAuthentication } from "../domain/ClientAuthentication.ts"
import { suggestsSignIn } from "../domain/RefreshFailure.ts"
import type { SecretSource, SigningKey } from "../domain/Server.ts"
import { answerText, TokenFailure, type UnusableSecret } from "../domain/TokenFailure.ts"
import type { TokenSet } from "../domain/TokenSet.ts"

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

/** Purposes of requests whose failures read differently from those of a sign-in or a refresh. */
export const requestPurposes = [
  "sign-in",
  "refresh",
  "revocation",
  "assertion",
  "identity assertion",
  "device authorization",
  "pushed authorization"
] as const

/** One of {@link requestPurposes}. */
export type RequestPurpose = (typeof requestPurposes)[number]

type Purpose = RequestPurpose | undefined

/** What the endpoint of a request is called, is asked to do, and is configured by. */
interface EndpointText {
  readonly name: string
  readonly task: string
  readonly field: string
}

const tokenEndpoint: EndpointText = {
  name: "a token endpoint",
  task: "issue a token",
  field: oauthEndpoints.token.configurationKey
}

const endpoints: Readonly<Record<RequestPurpose, EndpointText>> = {
  "sign-in": tokenEndpoint,
  refresh: tokenEndpoint,
  assertion: tokenEndpoint,
  "identity assertion": tokenEndpoint,
  revocation: {
    name: "a revocation endpoint",
    task: "revoke the token",
    field: oauthEndpoints.revocation.configurationKey
  },
  "device authorization": {
    name: "a device authorization endpoint",
    task: "issue a device code",
    field: oauthEndpoints.deviceAuthorization.configurationKey
  },
  "pushed authorization": {
    name: "a pushed authorization request endpoint",
    task: "accept the authorization request",
    field: oauthEndpoints.pushedAuthorization.configurationKey
  }
}

const endpointOf = (purpose: Purpose): EndpointText =>
  purpose === undefined ? tokenEndpoint : endpoints[purpose]

const invalidGrantOf = (purpose: Purpose): string => {
  switch (purpose) {
    case "revocation":
      return "does not know the token"
    case "assertion":
      return "does not accept the assertion"
    case "pushed authorization":
      return "refused the authorization request"
    case "identity assertion":
      return "no longer accepts the token of the sign-in there"
    case "sign-in":
      return "did not accept the code of this sign-in"
    default:
      return "no longer accepts this sign-in"
  }
}

const predicateOf = (reason: Exclude<TokenFailure, UnusableSecret>, purpose: Purpose): string => {
  switch (reason._tag) {
    case "Transient":
      return `is not available now (${reason.detail})`
    case "Unanswered":
      return `got the request, but its answer was lost (${reason.detail})`
    case "InvalidGrant":
      return `${invalidGrantOf(purpose)} (${answerText(reason)})`
    case "InvalidClient":
      return `does not accept this client (${answerText(reason)})`
    case "Refused":
      return `refused to ${endpointOf(purpose).task} (${answerText(reason)})`
    case "Malformed":
      return `did not answer like ${endpointOf(purpose).name} (${reason.detail})`
    case "NotSenderConstrained":
      return purpose === "revocation"
        ? `did not answer like ${endpointOf(purpose).name}`
        : "issued tokens that are not bound to a key (DPoP), which were discarded"
  }
}

/** What is wrong with a secret: the file, or the field that holds it. */
const secretProblem = (server: string, { field, file, problem }: UnusableSecret): string =>
  file === undefined
    ? `"${field}" of ${server} ${problem}`
    : `${file}, which "${field}_file" of ${server} names, ${problem}`

const secretRemedies = (
  server: string,
  { field, file }: UnusableSecret,
  purpose: Purpose
): ReadonlyArray<Remedy.Remedy> => {
  const oauth = Remedy.oauthOf(server)
  const block = purpose === "identity assertion" ? [...oauth, "identity_provider"] : oauth
  return file === undefined
    ? [Remedy.check(block, [field])]
    : [
        Remedy.check(block, [`${field}_file`]),
        Remedy.advice("If it is right, create the file or correct its content.")
      ]
}

const remediesOf = ({
  account,
  purpose,
  reason,
  server
}: TokenRequestError): ReadonlyArray<Remedy.Remedy> => {
  if (purpose === "revocation") return []
  const oauth = Remedy.oauthOf(server)
  const login = (purpose?: string) => Remedy.command("auth login", { server, account, purpose })
  const way = purpose === "refresh" && suggestsSignIn(reason) ? [login("sign in instead")] : []
  const report = Remedy.advice(`Tell the provider of ${server}.`)
  switch (reason._tag) {
    case "Transient":
      return [
        Remedy.advice(purpose === "sign-in" ? "Sign in again later." : "Nothing was lost. Try again later."),
        ...way
      ]
    case "Unanswered":
      return purpose === "sign-in" ? [login("start again")] : [Remedy.advice("Try again later.")]
    case "InvalidGrant":
      if (purpose === "assertion") {
        return [
          Remedy.advice('Check that the assertion has not expired, and that its "iss" and "aud" are right.')
        ]
      }
      return purpose === "identity assertion"
        ? [
            Remedy.advice("Sign in to the identity provider again, and store the new token."),
            Remedy.check(oauth, ["subject_token"])
          ]
        : [login()]
    case "InvalidClient":
      return purpose === "identity assertion"
        ? [Remedy.check([...oauth, "identity_provider"], ["client_id", "client_secret", "private_key"])]
        : []
    case "Refused":
      return [...way, Remedy.advice(`Check the oauth block of ${server}.`)]
    case "Malformed":
      return [...way, Remedy.check(oauth, [endpointOf(purpose).field], "the configuration sets it"), report]
    case "UnusableSecret":
      return secretRemedies(server, reason, purpose)
    case "NotSenderConstrained":
      return [report, Remedy.remove(oauth, ["dpop"], "the server does not require it")]
  }
}

/** A token request failed; `reason` says how. */
export class TokenRequestError extends Schema.TaggedError<TokenRequestError>()("TokenRequestError", {
  server: Schema.String,
  /** Origin of the endpoint. */
  origin: Schema.String,
  /** What was requested; absent: tokens. */
  purpose: Schema.optionalKey(Schema.Literals(requestPurposes)),
  /** Absent: the default account. */
  account: Schema.optionalKey(Schema.String),
  reason: TokenFailure
}) {
  override get message(): string {
    const { origin, purpose, reason, server } = this
    if (reason._tag === "UnusableSecret") {
      return `${secretProblem(server, reason)}. Nothing was sent to ${origin}.`
    }
    const role = purpose === "identity assertion" ? "identity provider" : "authorization server"
    return `The ${role} of ${server}, ${origin}, ${predicateOf(reason, purpose)}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return remediesOf(this)
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
  readonly authenticationMethod: RequestAuthentication
  /** The configuration allows http for the server of the request. */
  readonly allowHttp?: true
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
