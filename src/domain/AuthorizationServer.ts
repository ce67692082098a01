import { Schema } from "effect"
import { endpointMembers } from "./OAuthEndpoints.ts"
import { hasUserInformation, isSameOrigin } from "./SecureUrl.ts"

/**
 * Authorization server metadata (RFC 8414 §2, OpenID Connect Discovery §3), as far as this client uses it.
 */
export class AuthorizationServerMetadata extends Schema.Class<AuthorizationServerMetadata>(
  "AuthorizationServerMetadata"
)({
  issuer: Schema.NonEmptyString,
  ...endpointMembers,
  token_endpoint: Schema.NonEmptyString,
  scopes_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  grant_types_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  code_challenge_methods_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  token_endpoint_auth_methods_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  authorization_response_iss_parameter_supported: Schema.optionalKey(Schema.Boolean),
  /** Accepts the URL of a document about a client as its `client_id` (draft-ietf-oauth-client-id-metadata-document). */
  client_id_metadata_document_supported: Schema.optionalKey(Schema.Boolean),
  /** Algorithms of DPoP proofs (RFC 9449 §5.1). */
  dpop_signing_alg_values_supported: Schema.optionalKey(Schema.Array(Schema.String))
}) {}

/**
 * Protected resource metadata (RFC 9728 §2), as far as this client uses it.
 */
export class ProtectedResourceMetadata extends Schema.Class<ProtectedResourceMetadata>(
  "ProtectedResourceMetadata"
)({
  resource: Schema.NonEmptyString,
  authorization_servers: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  scopes_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Accepts only tokens that are bound to a key (RFC 9728 §2, RFC 9449). */
  dpop_bound_access_tokens_required: Schema.optionalKey(Schema.Boolean)
}) {}

/** The result of discovery: the authorization server of a resource, and what the resource requires of tokens. */
export interface DiscoveredServer {
  readonly metadata: AuthorizationServerMetadata
  /** The `resource` parameter to send, as the metadata of the server writes it. */
  readonly resource: string
  /** The scopes of the challenge, else of the metadata of the resource, else none. */
  readonly scopes: ReadonlyArray<string>
  /** The server accepts only tokens that are bound to a key (RFC 9449). */
  readonly dpopRequired?: boolean
  /** The issuer as the MCP server spells it. Absent: as the metadata of the issuer does. */
  readonly issuerSpelling?: string
}

const wellKnown = (base: URL, name: string, path: string): string =>
  new URL(`/.well-known/${name}${path}`, base.origin).href

const pathOf = (url: URL): string => (url.pathname === "/" ? "" : url.pathname.replace(/\/$/, ""))

/**
 * The addresses of a resource's metadata if its challenge names none: with its path and query, then at the root (RFC 9728
 * §3.1).
 */
export const protectedResourceMetadataUrls = (resource: URL): ReadonlyArray<string> => [
  ...new Set([
    wellKnown(resource, "oauth-protected-resource", `${pathOf(resource)}${resource.search}`),
    wellKnown(resource, "oauth-protected-resource", "")
  ])
]

/**
 * The addresses of an issuer's metadata, in the order of the MCP specification: RFC 8414, OpenID Connect with the path
 * inserted, OpenID Connect with the path appended. Some servers append the path of RFC 8414 as well, so it is the last.
 */
export const authorizationServerMetadataUrls = (issuer: URL): ReadonlyArray<string> => {
  const path = pathOf(issuer)
  return [
    ...new Set([
      wellKnown(issuer, "oauth-authorization-server", path),
      wellKnown(issuer, "openid-configuration", path),
      `${issuer.origin}${path}/.well-known/openid-configuration`,
      `${issuer.origin}${path}/.well-known/oauth-authorization-server`
    ])
  ]
}

/**
 * The issuer whose metadata is at an address: some servers name that instead of the issuer (RFC 8414 §3.1, OpenID Connect
 * Discovery §4). Any other text as it is.
 */
export const issuerOfMetadataUrl = (text: string): string => {
  const { href, origin, pathname } = URL.parse(text) ?? { href: undefined, origin: "", pathname: "" }
  const path =
    /^\/\.well-known\/(?:oauth-authorization-server|openid-configuration)(\/.*)?$/.exec(pathname) ??
    /^(\/.+)\/\.well-known\/(?:oauth-authorization-server|openid-configuration)$/.exec(pathname)
  // An issuer has no user name, query or fragment.
  return path === null || href !== `${origin}${pathname}` ? text : `${origin}${path[1] ?? ""}`
}

/** Maximum number of path segments of an issuer that is looked for above an endpoint. */
const maxIssuerSegments = 4

/**
 * The issuers that a page of an authorization server may belong to: its origin, and each path above it, as in
 * `/realms/NAME/protocol/openid-connect/auth` of Keycloak.
 */
export const issuersAbove = ({ origin, pathname }: URL): ReadonlyArray<URL> => {
  const segments = pathname.split("/").slice(1, -1).slice(0, maxIssuerSegments)
  return [[], ...segments.map((_, last) => segments.slice(0, last + 1))].map(
    (path) => new URL(`/${path.join("/")}`, origin)
  )
}

/**
 * True if a URL can identify an issuer: neither query nor fragment (RFC 8414 §2), nor user information.
 */
export const isIssuerUrl = (url: URL): boolean => !/[?#]/.test(url.href) && !hasUserInformation(url)

/**
 * The endpoints of a server without metadata, by revision 2025-03-26 of MCP ("Fallbacks for Servers without Metadata
 * Discovery"). That revision requires PKCE, so S256 is assumed.
 */
export const endpointsWithoutMetadata = (server: URL): AuthorizationServerMetadata =>
  new AuthorizationServerMetadata({
    issuer: server.origin,
    authorization_endpoint: `${server.origin}/authorize`,
    token_endpoint: `${server.origin}/token`,
    registration_endpoint: `${server.origin}/register`,
    code_challenge_methods_supported: ["S256"]
  })

/** Takes metadata to announce S256, whatever PKCE methods it lists. */
export const assumingPkce = (metadata: AuthorizationServerMetadata): AuthorizationServerMetadata =>
  new AuthorizationServerMetadata({ ...metadata, code_challenge_methods_supported: ["S256"] })

/**
 * True if metadata of the resource `declared` counts for the server at `requested`: the same origin, the server's path or
 * one above it, no query but the server's, and no fragment (RFC 9728 §1.2 and §3.3, MCP "Protected Resource Metadata").
 */
export const resourceCovers = (declared: URL, requested: URL): boolean => {
  const above = `${pathOf(declared)}/`
  return (
    isSameOrigin(declared, requested) &&
    !declared.href.includes("#") &&
    !hasUserInformation(declared) &&
    `${pathOf(requested)}/`.startsWith(above) &&
    (declared.search === "" || declared.search === requested.search)
  )
}
