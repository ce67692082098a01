import { Schema } from "effect"

/**
 * Authorization server metadata (RFC 8414 §2, OpenID Connect Discovery §3), as far as this client uses it.
 */
export class AuthorizationServerMetadata extends Schema.Class<AuthorizationServerMetadata>(
  "AuthorizationServerMetadata"
)({
  issuer: Schema.NonEmptyString,
  authorization_endpoint: Schema.NonEmptyString,
  token_endpoint: Schema.NonEmptyString,
  registration_endpoint: Schema.optionalKey(Schema.NonEmptyString),
  /** Where tokens can be revoked (RFC 7009). */
  revocation_endpoint: Schema.optionalKey(Schema.NonEmptyString),
  scopes_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  grant_types_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  code_challenge_methods_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  token_endpoint_auth_methods_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  authorization_response_iss_parameter_supported: Schema.optionalKey(Schema.Boolean),
  /** Takes the URL of a document about a client for its identifier (draft-ietf-oauth-client-id-metadata-document). */
  client_id_metadata_document_supported: Schema.optionalKey(Schema.Boolean),
  /** Where a device asks for a code to show (RFC 8628 §4). */
  device_authorization_endpoint: Schema.optionalKey(Schema.NonEmptyString)
}) {}

/**
 * Protected resource metadata (RFC 9728 §2), as far as this client uses it.
 */
export class ProtectedResourceMetadata extends Schema.Class<ProtectedResourceMetadata>(
  "ProtectedResourceMetadata"
)({
  resource: Schema.NonEmptyString,
  authorization_servers: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  scopes_supported: Schema.optionalKey(Schema.Array(Schema.String))
}) {}

/** What discovery found: who issues tokens for a resource, and which scopes it asks for. */
export interface DiscoveredServer {
  readonly metadata: AuthorizationServerMetadata
  /** The `resource` parameter to send: as the server's own metadata writes it. */
  readonly resource: string
  /** Scopes of the challenge, else of the resource's metadata, else none. */
  readonly scopes: ReadonlyArray<string>
}

const wellKnown = (base: URL, name: string, path: string): string =>
  new URL(`/.well-known/${name}${path}`, base.origin).href

const pathOf = (url: URL): string => (url.pathname === "/" ? "" : url.pathname.replace(/\/$/, ""))

/**
 * Where a resource's metadata may be when its challenge does not say: at its path and query, then at the root (RFC 9728
 * §3.1).
 */
export const protectedResourceMetadataUrls = (resource: URL): ReadonlyArray<string> => [
  ...new Set([
    wellKnown(resource, "oauth-protected-resource", `${pathOf(resource)}${resource.search}`),
    wellKnown(resource, "oauth-protected-resource", "")
  ])
]

/**
 * Where an issuer's metadata may be, in the order of the MCP specification: RFC 8414, OpenID Connect with the
 * path inserted, OpenID Connect with the path appended.
 */
export const authorizationServerMetadataUrls = (issuer: URL): ReadonlyArray<string> => {
  const path = pathOf(issuer)
  return [
    ...new Set([
      wellKnown(issuer, "oauth-authorization-server", path),
      wellKnown(issuer, "openid-configuration", path),
      `${issuer.origin}${path}/.well-known/openid-configuration`
    ])
  ]
}

/**
 * Whether metadata that names `declared` as its resource may speak for the server at `requested`: the same
 * origin, a path that is the server's own or above it, and no query but the server's own (RFC 9728 §3.3, MCP
 * "Protected Resource Metadata").
 */
export const resourceCovers = (declared: URL, requested: URL): boolean => {
  const above = `${pathOf(declared)}/`
  return (
    declared.origin === requested.origin &&
    `${pathOf(requested)}/`.startsWith(above) &&
    (declared.search === "" || declared.search === requested.search)
  )
}
