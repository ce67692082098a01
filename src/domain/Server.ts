import type { Redacted } from "effect"
import type { OptionalEndpoints } from "./OAuthEndpoints.ts"
import { canonicalResource } from "./SecureUrl.ts"

/** How a client proves who it is at the token endpoint (RFC 6749 §2.3, RFC 7591 §2, RFC 7523 §2.2). */
export type ClientAuthenticationMethod =
  | "client_secret_basic"
  | "client_secret_post"
  | "private_key_jwt"
  | "none"

/** All of {@link ClientAuthenticationMethod}. */
export const clientAuthenticationMethods: ReadonlyArray<ClientAuthenticationMethod> = [
  "client_secret_basic",
  "client_secret_post",
  "private_key_jwt",
  "none"
]

/** A secret of the configuration, or the file that it is read from each time that it is used. */
export type SecretSource = Redacted.Redacted | { readonly file: string }

/** The JWS algorithms that a client can sign its assertions with (RFC 7518 §3.1, RFC 8037 §3.1). */
export const signingAlgorithms = ["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"] as const

/** A client's private key, for `private_key_jwt` (RFC 7523 §2.2). */
export interface SigningKey {
  /** PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted. */
  readonly pem: SecretSource
  /** Absent: what fits the key; RS256 for an RSA key. */
  readonly algorithm: (typeof signingAlgorithms)[number] | undefined
  /** The `kid` that the authorization server knows the key by. */
  readonly keyId: string | undefined
}

/** A client that somebody registered beforehand and wrote into the configuration. */
export interface ConfiguredClient {
  readonly clientId: string
  /** Absent for a public client, and for one that signs. */
  readonly clientSecret: Redacted.Redacted | undefined
  /** Absent for every client that does not sign. */
  readonly signingKey?: SigningKey | undefined
}

/** Who vouches for a user in a company: asked for the assertion that a server's authorization server takes. */
export interface IdentityProvider {
  readonly tokenEndpoint: URL
  /** The client that the user signed in to the identity provider with. */
  readonly client: ConfiguredClient
  /** What the identity provider gave for that sign-in. */
  readonly subjectToken: SecretSource
  readonly subjectTokenType: "id_token" | "saml2"
}

/**
 * How tokens are come by where nobody approves in a browser for them: by the client's own right (RFC 6749 §4.4), by
 * the assertion of a workload (RFC 7523 §2.1), or by one of the company's identity provider (MCP "Enterprise-Managed
 * Authorization").
 */
export type NonInteractiveGrant =
  | { readonly _tag: "ClientCredentials" }
  | { readonly _tag: "JwtBearer"; readonly assertion: SecretSource }
  | { readonly _tag: "EnterpriseManaged"; readonly identityProvider: IdentityProvider }

/** How tokens are come by: with a user at a browser (RFC 6749 §4.1, RFC 8628), or without. */
export type Grant =
  | { readonly _tag: "AuthorizationCode" }
  | { readonly _tag: "DeviceCode" }
  | NonInteractiveGrant

/** Whether a grant needs no user. */
export const isNonInteractiveGrant = (grant: Grant): grant is NonInteractiveGrant =>
  grant._tag !== "AuthorizationCode" && grant._tag !== "DeviceCode"

/** True if the configured grant can need the user. False: the server is configured with a machine grant. */
export const needsUser = ({ oauth: { grant } }: RemoteServer): boolean =>
  grant === undefined || !isNonInteractiveGrant(grant)

/**
 * Where a server's authorization server comes from: both endpoints by hand, with a client that it knows; or
 * discovery from the server's URL (RFC 9728, RFC 8414), with or without such a client.
 */
export type AuthorizationSource =
  | {
      readonly _tag: "ByHand"
      /** Absent only where the grant needs none. */
      readonly authorizationEndpoint?: URL
      readonly tokenEndpoint: URL
      /** Absent: none of them. */
      readonly endpoints?: OptionalEndpoints
      readonly client: ConfiguredClient
    }
  | { readonly _tag: "Discovered"; readonly client: ConfiguredClient | undefined }

/** Endpoints and a client by hand. */
export type EndpointsByHand = Extract<AuthorizationSource, { readonly _tag: "ByHand" }>

/** The `oauth` block of a server, decoded. A server without a block has {@link defaultOAuth}. */
export interface OAuthSettings {
  readonly source: AuthorizationSource
  /** Absent: the authorization code grant, or else what the authorization server offers. */
  readonly grant: Grant | undefined
  /** Tokens bound to a key of ours (RFC 9449); absent: where the server requires it. */
  readonly dpop: boolean | undefined
  /** Scopes to ask for; empty means "what the server asks for". */
  readonly scopes: ReadonlyArray<string>
  /** Where the browser comes back to: a loopback URL with a port. */
  readonly redirectUri: URL
  /** PKCE with S256 (RFC 7636). */
  readonly usePkce: boolean
  /** Metadata that says nothing of PKCE is taken to mean S256; absent: for providers that are known for that. */
  readonly assumePkce: boolean | undefined
  /** Sends the `resource` parameter (RFC 8707) or does not; absent: sends it, but to providers that refuse it. */
  readonly sendResource: boolean | undefined
  /** What is known of single providers counts. */
  readonly providerQuirks: boolean
  /** The one authorization server to use of those that the server names, written exactly as there; absent: the first. */
  readonly issuer: string | undefined
  /**
   * Address of the document about this client, letter by letter: its `client_id` where an authorization server takes
   * such addresses (draft-ietf-oauth-client-id-metadata-document).
   */
  readonly clientMetadataUrl: string | undefined
  /** Lets a public server point to addresses of private networks and of this machine. */
  readonly allowPrivateAddresses: boolean
  /** Parameters added to the authorization request; none of them is one of the protocol's own. */
  readonly extraAuthParams: Readonly<Record<string, string>>
  /** Absent: by metadata, else Basic, else post once after `invalid_client`. */
  readonly tokenEndpointAuthMethod: ClientAuthenticationMethod | undefined
}

/** Where the browser comes back to when the configuration does not say. */
export const defaultRedirectUri = "http://localhost:8080/callback"

/** The settings of a server that is configured by its URL alone. */
export const defaultOAuth: OAuthSettings = {
  source: { _tag: "Discovered", client: undefined },
  grant: undefined,
  dpop: undefined,
  scopes: [],
  redirectUri: new URL(defaultRedirectUri),
  usePkce: true,
  assumePkce: undefined,
  sendResource: undefined,
  providerQuirks: true,
  issuer: undefined,
  clientMetadataUrl: undefined,
  allowPrivateAddresses: false,
  extraAuthParams: {},
  tokenEndpointAuthMethod: undefined
}

/** An MCP server over HTTP. */
export interface RemoteServer {
  readonly _tag: "Http"
  readonly name: string
  readonly url: URL
  /** Headers that every request carries; values may be secrets. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** The older HTTP+SSE transport only, where the entry says `"type": "sse"`. */
  readonly transport: "auto" | "sse"
  readonly oauth: OAuthSettings
}

/** An MCP server that is a program on this machine, spoken to over its standard input and output. */
export interface StdioServer {
  readonly _tag: "Stdio"
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, Redacted.Redacted>>
  /** Folder to start it in; absent: ours. */
  readonly cwd: string | undefined
}

/** A server of the configuration, ready to use. */
export type Server = RemoteServer | StdioServer

/** The identifier of a server as a protected resource (RFC 8707, RFC 9728). */
export const resourceOf = (server: RemoteServer): string => canonicalResource(server.url)

/** True if the configured headers have an `Authorization` of their own: it is sent as it is, and no token is obtained. */
export const hasOwnAuthorization = (server: {
  readonly headers: Readonly<Record<string, unknown>>
}): boolean => Object.keys(server.headers).some((name) => name.toLowerCase() === "authorization")

/** The client written into the configuration of a server, if there is one. */
export const configuredClientOf = (server: RemoteServer): ConfiguredClient | undefined =>
  server.oauth.source.client
