import {
  assumingPkce,
  type AuthorizationServerMetadata,
  type DiscoveredServer
} from "../../domain/AuthorizationServer.ts"
import { oauthEndpoints, type OptionalEndpoints, optionalEndpointsFrom } from "../../domain/OAuthEndpoints.ts"
import { providerOf, type ProviderQuirks } from "../../domain/ProviderQuirks.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { type EndpointsByHand, type RemoteServer, resourceOf } from "../../domain/Server.ts"

/** The authorization server of a flow, however it was found. */
export interface ResolvedAuthorizationServer {
  /** Absent where it has none, or the configuration names none. */
  readonly authorizationEndpoint: URL | undefined
  readonly tokenEndpoint: URL
  readonly endpoints: OptionalEndpoints
  readonly issuer: string
  /** What to expect as `iss`; absent with endpoints by hand, unless the configuration names an issuer too. */
  readonly responseIssuer: string | undefined
  readonly responseIssuerRequired: boolean
  readonly resource: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly authMethodsSupported: ReadonlyArray<string> | undefined
  /** Added to the authorization request. */
  readonly extraAuthParams: Readonly<Record<string, string>>
  /** What is known of the provider; absent: nothing, or the configuration does not want it to count. */
  readonly provider: ProviderQuirks | undefined
  /** The MCP server takes only tokens that are bound to a key (RFC 9449). */
  readonly dpopRequired: boolean
  /** What a client can be registered at; absent with endpoints by hand, where there is one already. */
  readonly metadata: AuthorizationServerMetadata | undefined
}

const providerAt = ({ oauth }: RemoteServer, ...endpoints: ReadonlyArray<URL | undefined>) =>
  oauth.providerQuirks ? providerOf(...endpoints) : undefined

/** What the configuration adds to the authorization request, over what the provider is known to need. */
const extraAuthParamsFor = ({ oauth }: RemoteServer, provider: ProviderQuirks | undefined) => ({
  ...provider?.extraAuthParams?.value,
  ...oauth.extraAuthParams
})

/** The authorizationServer that the configuration writes down. */
export const resolvedByHand = (
  server: RemoteServer,
  source: EndpointsByHand
): ResolvedAuthorizationServer => {
  const provider = providerAt(server, source.authorizationEndpoint, source.tokenEndpoint)
  return {
    authorizationEndpoint: source.authorizationEndpoint,
    tokenEndpoint: source.tokenEndpoint,
    endpoints: source.endpoints ?? {},
    issuer: source.tokenEndpoint.href,
    responseIssuer: server.oauth.issuer,
    responseIssuerRequired: false,
    resource:
      server.oauth.extraAuthParams["resource"] ??
      (server.oauth.sendResource === true ? resourceOf(server) : undefined),
    scopes: server.oauth.scopes,
    authMethodsSupported: undefined,
    extraAuthParams: extraAuthParamsFor(server, provider),
    provider,
    dpopRequired: false,
    metadata: undefined
  }
}

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
  { oauth: { scopes: byHand } }: RemoteServer,
  { metadata: { scopes_supported: supported = [] }, scopes: asked }: DiscoveredServer
): ReadonlyArray<string> => {
  if (byHand.length > 0) return byHand
  const offline = asked.length > 0 && supported.includes("offline_access") ? ["offline_access"] : []
  return [...new Set([...asked, ...offline])]
}

/** The authorizationServer that discovery found. */
export const resolvedByDiscovery = (
  server: RemoteServer,
  found: DiscoveredServer
): ResolvedAuthorizationServer => {
  const { resource } = found
  const { oauth } = server
  const authorizationEndpoint =
    found.metadata.authorization_endpoint === undefined
      ? undefined
      : new URL(found.metadata.authorization_endpoint)
  const tokenEndpoint = new URL(found.metadata.token_endpoint)
  const provider = providerAt(server, authorizationEndpoint, tokenEndpoint)
  const assumesPkce = oauth.assumePkce ?? provider?.silentOnPkce !== undefined
  const metadata = assumesPkce ? assumingPkce(found.metadata) : found.metadata
  const sendsResource = oauth.sendResource ?? provider?.refusesResource === undefined
  return {
    authorizationEndpoint,
    tokenEndpoint,
    endpoints: optionalEndpointsFrom((name) => secureUrl(metadata[oauthEndpoints[name].metadataKey])),
    issuer: metadata.issuer,
    responseIssuer: metadata.issuer,
    responseIssuerRequired: metadata.authorization_response_iss_parameter_supported === true,
    resource: sendsResource ? resource : undefined,
    scopes: scopesToAskFor(server, found),
    authMethodsSupported: metadata.token_endpoint_auth_methods_supported,
    extraAuthParams: extraAuthParamsFor(server, provider),
    provider,
    dpopRequired: found.dpopRequired === true,
    metadata
  }
}
