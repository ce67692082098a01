import type { Redacted } from "effect"
import type { ToolRules } from "./chat/ToolRules.ts"
import type { OptionalEndpoints } from "./OAuthEndpoints.ts"
import { canonicalResource } from "./SecureUrl.ts"

/** How a client authenticates at the token endpoint (RFC 6749 §2.3, RFC 7591 §2, RFC 7523 §2.2). */
export type ClientAuthenticationMethod =
  | "client_secret_basic"
  | "client_secret_post"
  | "private_key_jwt"
  | "none"

/** Every {@link ClientAuthenticationMethod}. */
export const clientAuthenticationMethods = [
  "client_secret_basic",
  "client_secret_post",
  "private_key_jwt",
  "none"
] as const satisfies ReadonlyArray<ClientAuthenticationMethod>

/** A file with one secret. It is read each time, so that a rotated secret is used. */
export interface SecretFile {
  readonly file: string
}

/** A secret in the configuration, or the file that it is read from each time. */
export type SecretSource = Redacted.Redacted | SecretFile

/** The JWS algorithms that a client can sign its assertions with (RFC 7518 §3.1, RFC 8037 §3.1). */
export const signingAlgorithms = ["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"] as const

/** A client's private key, for `private_key_jwt` (RFC 7523 §2.2). */
export interface SigningKey {
  /** PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted. */
  readonly pem: SecretSource
  /** Absent: the algorithm of the key; RS256 for an RSA key. */
  readonly algorithm: (typeof signingAlgorithms)[number] | undefined
  /** The `kid` of the key at the authorization server. */
  readonly keyId: string | undefined
}

/**
 * A client in the configuration, registered beforehand.
 *
 * @typeParam V a secret value: one that can be used, or what stands for it until it is read (see `ConfiguredServer`)
 */
export interface ConfiguredClient<V = Redacted.Redacted> {
  readonly clientId: string
  /** Absent for a public client, and for one that signs. */
  readonly clientSecret: V | SecretFile | undefined
  /** Absent for a client that does not sign. */
  readonly signingKey?: SigningKey | undefined
}

/** The identity provider of a company. It issues the assertions that the authorization server of a server accepts. */
export interface IdentityProvider {
  readonly tokenEndpoint: URL
  /** The client of the user's sign-in at the identity provider. */
  readonly client: ConfiguredClient
  /** The token of that sign-in. */
  readonly subjectToken: SecretSource
  readonly subjectTokenType: "id_token" | "saml2"
}

/**
 * A grant without a user: client credentials (RFC 6749 §4.4), the assertion of a workload (RFC 7523 §2.1), or an assertion
 * of the company's identity provider (MCP "Enterprise-Managed Authorization").
 */
export type NonInteractiveGrant =
  | { readonly _tag: "ClientCredentials" }
  | { readonly _tag: "JwtBearer"; readonly assertion: SecretSource }
  | { readonly _tag: "EnterpriseManaged"; readonly identityProvider: IdentityProvider }

/** How tokens are obtained: a user approves in a browser (RFC 6749 §4.1, RFC 8628), or no user is needed. */
export type Grant =
  | { readonly _tag: "AuthorizationCode" }
  | { readonly _tag: "DeviceCode" }
  | NonInteractiveGrant

/** The grants without a user, and their names in the configuration: the last parts of their names in the OAuth registry. */
export const nonInteractiveGrantTypes = {
  ClientCredentials: "client_credentials",
  JwtBearer: "jwt_bearer",
  EnterpriseManaged: "enterprise_managed"
} as const satisfies Readonly<Record<NonInteractiveGrant["_tag"], string>>

/** Every grant, and its name in the configuration. */
export const grantTypes = {
  AuthorizationCode: "authorization_code",
  DeviceCode: "device_code",
  ...nonInteractiveGrantTypes
} as const satisfies Readonly<Record<Grant["_tag"], string>>

/** True if a grant needs no user. */
export const isNonInteractiveGrant = (grant: Grant): grant is NonInteractiveGrant =>
  Object.hasOwn(nonInteractiveGrantTypes, grant._tag)

/** True if the configured grant can need a user. */
export const needsUser = ({ oauth: { grant } }: RemoteServer<unknown>): boolean =>
  grant === undefined || !isNonInteractiveGrant(grant)

/**
 * Where the authorization server of a server comes from: endpoints by hand, with a client that is registered there
 * or the endpoint that registers one; or discovery from the server's URL (RFC 9728, RFC 8414), with or without a registered client.
 */
export type AuthorizationSource<V = Redacted.Redacted> =
  | {
      readonly _tag: "ByHand"
      /** Absent only for grants without one. */
      readonly authorizationEndpoint?: URL
      readonly tokenEndpoint: URL
      /** Absent: none of them. */
      readonly endpoints?: OptionalEndpoints
      /** Registers a client (RFC 7591). Absent: the configuration names the client. */
      readonly registrationEndpoint?: URL
      readonly client: ConfiguredClient<V> | undefined
    }
  | { readonly _tag: "Discovered"; readonly client: ConfiguredClient<V> | undefined }

/** Endpoints from the configuration. */
export type EndpointsByHand<V = Redacted.Redacted> = Extract<
  AuthorizationSource<V>,
  { readonly _tag: "ByHand" }
>

/** The `oauth` block of a server, decoded. A server without a block has {@link defaultOAuth}. */
export interface OAuthSettings<V = Redacted.Redacted> {
  readonly source: AuthorizationSource<V>
  /** Absent: the authorization code grant, else a grant that the authorization server offers. */
  readonly grant: Grant | undefined
  /** Binds tokens to a key (RFC 9449). Absent: if the server requires it. */
  readonly dpop: boolean | undefined
  /** The scopes to request. Empty: none. Absent: those that the server requires. */
  readonly scopes: ReadonlyArray<string> | undefined
  /** Where the authorization server redirects the browser: a loopback URL with a port. */
  readonly redirectUri: URL
  /** PKCE with S256 (RFC 7636). */
  readonly usePkce: boolean
  /** Takes metadata that does not list S256 to mean it. Absent: only if it lists no methods and the provider is known for it. */
  readonly assumePkce: boolean | undefined
  /** Sends the `resource` parameter (RFC 8707). Absent: except to providers that refuse it. */
  readonly sendResource: boolean | undefined
  /** Applies the known quirks of providers. */
  readonly providerQuirks: boolean
  /** The authorization server to use of those that the server names. Absent: the first. */
  readonly issuer: string | undefined
  /**
   * Address of the document about this client, exactly as published. It is the `client_id` at authorization servers that
   * accept such addresses (draft-ietf-oauth-client-id-metadata-document).
   */
  readonly clientMetadataUrl: string | undefined
  /** Lets a public server name addresses in private networks and on this machine. */
  readonly allowPrivateAddresses: boolean
  /** Parameters that are added to the authorization request; none of them belongs to the protocol. */
  readonly extraAuthParams: Readonly<Record<string, string>>
  /** Absent: as the metadata says, else Basic, then post after `invalid_client`. */
  readonly tokenEndpointAuthMethod: ClientAuthenticationMethod | undefined
}

/** The redirect URI if the configuration has none. */
export const defaultRedirectUri = "http://localhost:8080/callback"

/** The settings of a server that is configured with its URL only. */
export const defaultOAuth: OAuthSettings = {
  source: { _tag: "Discovered", client: undefined },
  grant: undefined,
  dpop: undefined,
  scopes: undefined,
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
export interface RemoteServer<V = Redacted.Redacted> {
  readonly _tag: "Http"
  readonly name: string
  readonly url: URL
  /** Headers of every request; values may be secrets. */
  readonly headers: Readonly<Record<string, V>>
  /** `sse`: only the older HTTP+SSE transport, for entries with `"type": "sse"`. */
  readonly transport: "auto" | "sse"
  readonly oauth: OAuthSettings<V>
  /** The secrets of the token storage that its entry refers to, filled in. No output shows them. Absent: there are none. */
  readonly storedSecrets?: ReadonlyArray<Redacted.Redacted>
  /** Maximum of one answer in MiB, after decompression. Absent: the default of the MCP client. */
  readonly maxAnswerMiB?: number
  /** What a model may do with its tools. Absent: what the user allows. */
  readonly toolRules?: ToolRules
  /** The server and its authorization server may use http in a private network. Absent: only on this machine. */
  readonly allowHttp?: true
}

/** An MCP server that is a program on this machine; it talks over its standard input and output. */
export interface StdioServer<V = Redacted.Redacted> {
  readonly _tag: "Stdio"
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, V>>
  /** The folder to start it in. Absent: that of this process. */
  readonly cwd: string | undefined
  /** The secrets of the token storage that its entry refers to, filled in. No output shows them. Absent: there are none. */
  readonly storedSecrets?: ReadonlyArray<Redacted.Redacted>
  /** Maximum of one message in MiB. Absent: the default of the MCP client. */
  readonly maxAnswerMiB?: number
  /** What a model may do with its tools. Absent: what the user allows. */
  readonly toolRules?: ToolRules
}

/** A server of the configuration, ready to use. */
export type Server<V = Redacted.Redacted> = RemoteServer<V> | StdioServer<V>

/** By the server: each request needs it. */
const resources = new WeakMap<RemoteServer<unknown>, string>()

/** The resource identifier of a server (RFC 8707, RFC 9728). */
export const resourceOf = (server: RemoteServer<unknown>): string => {
  const known = resources.get(server)
  if (known !== undefined) return known
  const resource = canonicalResource(server.url)
  resources.set(server, resource)
  return resource
}

/** True if the configured headers have an `Authorization` of their own: it is sent as it is, and no token is obtained. */
export const hasOwnAuthorization = (server: {
  readonly headers: Readonly<Record<string, unknown>>
}): boolean => Object.keys(server.headers).some((name) => name.toLowerCase() === "authorization")

/** The client in the configuration of a server, if there is one. */
export const configuredClientOf = (server: RemoteServer): ConfiguredClient | undefined =>
  server.oauth.source.client
