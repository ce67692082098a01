import type { AuthorizationServerMetadata, DiscoveredServer } from "../domain/AuthorizationServer.ts"
import { isSecureUrl } from "../domain/SecureUrl.ts"
import type { EndpointsByHand, HttpServer } from "../domain/Server.ts"

/** The authorization server of a flow, however it was found. */
export interface Authority {
  /** Absent where it has none, or the configuration names none. */
  readonly authorizationEndpoint: URL | undefined
  readonly tokenEndpoint: URL
  /** Where a device asks for a code to show (RFC 8628); absent where none are given. */
  readonly deviceAuthorizationEndpoint: URL | undefined
  /** Where tokens can be revoked (RFC 7009); absent where that is not known. */
  readonly revocationEndpoint: URL | undefined
  readonly issuer: string
  /** What to expect as `iss`; absent with endpoints by hand, unless the configuration names an issuer too. */
  readonly responseIssuer: string | undefined
  readonly responseIssuerRequired: boolean
  readonly resource: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly authMethodsSupported: ReadonlyArray<string> | undefined
  /** The MCP server takes only tokens that are bound to a key (RFC 9449). */
  readonly dpopRequired: boolean
  /** What a client can be registered at; absent with endpoints by hand, where there is one already. */
  readonly metadata: AuthorizationServerMetadata | undefined
}

/** The authority that the configuration writes down. */
export const authorityByHand = (server: HttpServer, source: EndpointsByHand): Authority => ({
  authorizationEndpoint: source.authorizationEndpoint,
  tokenEndpoint: source.tokenEndpoint,
  deviceAuthorizationEndpoint: source.deviceAuthorizationEndpoint,
  revocationEndpoint: source.revocationEndpoint,
  issuer: source.tokenEndpoint.href,
  responseIssuer: server.oauth.issuer,
  responseIssuerRequired: false,
  resource: server.oauth.extraAuthParams["resource"],
  scopes: server.oauth.scopes,
  authMethodsSupported: undefined,
  dpopRequired: false,
  metadata: undefined
})

// Secrets are not sent where anybody can read them; signing in goes on without such an endpoint.
const secureUrl = (text: string | undefined): URL | undefined => {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && isSecureUrl(url) ? url : undefined
}

/**
 * What to ask for: the scopes that the configuration writes down and no other; else what the server asks for, and
 * `offline_access` with it where the authorization server has that (MCP "Refresh Tokens"). Where the server asks for
 * nothing in particular nothing is named, and the authorization server decides.
 */
const scopesToAskFor = (
  { oauth: { scopes: byHand } }: HttpServer,
  { metadata: { scopes_supported: supported = [] }, scopes: asked }: DiscoveredServer
): ReadonlyArray<string> => {
  if (byHand.length > 0) return byHand
  const offline = asked.length > 0 && supported.includes("offline_access") ? ["offline_access"] : []
  return [...new Set([...asked, ...offline])]
}

/** The authority that discovery found. */
export const authorityDiscovered = (server: HttpServer, found: DiscoveredServer): Authority => {
  const { metadata, resource } = found
  return {
    authorizationEndpoint:
      metadata.authorization_endpoint === undefined ? undefined : new URL(metadata.authorization_endpoint),
    tokenEndpoint: new URL(metadata.token_endpoint),
    deviceAuthorizationEndpoint: secureUrl(metadata.device_authorization_endpoint),
    revocationEndpoint: secureUrl(metadata.revocation_endpoint),
    issuer: metadata.issuer,
    responseIssuer: metadata.issuer,
    responseIssuerRequired: metadata.authorization_response_iss_parameter_supported === true,
    resource,
    scopes: scopesToAskFor(server, found),
    authMethodsSupported: metadata.token_endpoint_auth_methods_supported,
    dpopRequired: found.dpopRequired === true,
    metadata
  }
}
