import type { AuthorizationServerMetadata, DiscoveredServer } from "../domain/AuthorizationServer.ts"
import type { AuthorizationSource, HttpServer } from "../domain/Server.ts"

/** The authorization server of a flow, however it was found. */
export interface Authority {
  readonly authorizationEndpoint: URL
  readonly tokenEndpoint: URL
  readonly issuer: string
  /** What to expect as `iss`; absent with endpoints by hand. */
  readonly responseIssuer: string | undefined
  readonly responseIssuerRequired: boolean
  readonly resource: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly authMethodsSupported: ReadonlyArray<string> | undefined
  /** What a client can be registered at; absent with endpoints by hand, where there is one already. */
  readonly metadata: AuthorizationServerMetadata | undefined
}

/** The authority that the configuration writes down. */
export const authorityByHand = (
  server: HttpServer,
  source: Extract<AuthorizationSource, { readonly _tag: "ByHand" }>
): Authority => ({
  authorizationEndpoint: source.authorizationEndpoint,
  tokenEndpoint: source.tokenEndpoint,
  issuer: source.tokenEndpoint.href,
  responseIssuer: undefined,
  responseIssuerRequired: false,
  resource: server.oauth.extraAuthParams["resource"],
  scopes: server.oauth.scopes,
  authMethodsSupported: undefined,
  metadata: undefined
})

/** The authority that discovery found. */
export const authorityDiscovered = (
  server: HttpServer,
  { metadata, resource, scopes }: DiscoveredServer
): Authority => ({
  authorizationEndpoint: new URL(metadata.authorization_endpoint),
  tokenEndpoint: new URL(metadata.token_endpoint),
  issuer: metadata.issuer,
  responseIssuer: metadata.issuer,
  responseIssuerRequired: metadata.authorization_response_iss_parameter_supported === true,
  resource,
  scopes: server.oauth.scopes.length > 0 ? server.oauth.scopes : scopes,
  authMethodsSupported: metadata.token_endpoint_auth_methods_supported,
  metadata
})
