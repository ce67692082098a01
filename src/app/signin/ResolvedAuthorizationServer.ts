import {
  assumingPkce,
  AuthorizationServerMetadata,
  type DiscoveredServer
} from "../../domain/AuthorizationServer.ts"
import { oauthEndpoints, type OptionalEndpoints, optionalEndpointsFrom } from "../../domain/OAuthEndpoints.ts"
import { providerOf, type ProviderQuirks } from "../../domain/ProviderQuirks.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { type EndpointsByHand, type RemoteServer, resourceOf } from "../../domain/Server.ts"

/** The authorization server of a flow, from discovery or from the configuration. */
export interface ResolvedAuthorizationServer {
  /** Absent: the authorization server has none, or the configuration names none. */
  readonly authorizationEndpoint: URL | undefined
  readonly tokenEndpoint: URL
  readonly endpoints: OptionalEndpoints
  readonly issuer: string
  /** The `iss` to expect in a response (RFC 9207). Absent: endpoints by hand, without a configured issuer. */
  readonly responseIssuer: string | undefined
  readonly responseIssuerRequired: boolean
  /** The server announces `iss`, and spells its issuer in one way everywhere: MCP requires to compare it as text then. */
  readonly responseIssuerExact: boolean
  readonly resource: string | undefined
  readonly scopes: ReadonlyArray<string>
  readonly authMethodsSupported: ReadonlyArray<string> | undefined
  /** Parameters that are added to the authorization request. */
  readonly extraAuthParams: Readonly<Record<string, string>>
  /** The quirks of the provider. Absent: none are known, or the configuration disables them. */
  readonly provider: ProviderQuirks | undefined
  /** The MCP server accepts only tokens that are bound to a key (RFC 9449). */
  readonly dpopRequired: boolean
  /** Absent: endpoints by hand, which have no metadata. */
  readonly metadata: AuthorizationServerMetadata | undefined
  /** What a registration needs: the metadata, or the endpoints of the configuration. Absent: these name none for it. */
  readonly registrar: AuthorizationServerMetadata | undefined
}

const providerAt = ({ oauth }: RemoteServer, ...endpoints: ReadonlyArray<URL | undefined>) =>
  oauth.providerQuirks ? providerOf(...endpoints) : undefined

/** The parameters that the provider needs, and those of the configuration, which count first. */
const extraAuthParamsFor = ({ oauth }: RemoteServer, provider: ProviderQuirks | undefined) => ({
  ...provider?.extraAuthParams?.value,
  ...oauth.extraAuthParams
})

/** The authorization server of the configuration. */
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
    responseIssuerExact: false,
    resource:
      server.oauth.extraAuthParams["resource"] ??
      (server.oauth.sendResource === true ? resourceOf(server) : undefined),
    scopes: server.oauth.scopes ?? [],
    authMethodsSupported: undefined,
    extraAuthParams: extraAuthParamsFor(server, provider),
    provider,
    dpopRequired: false,
    metadata: undefined,
    registrar:
      source.registrationEndpoint &&
      new AuthorizationServerMetadata({
        issuer: server.oauth.issuer ?? source.tokenEndpoint.origin,
        token_endpoint: source.tokenEndpoint.href,
        registration_endpoint: source.registrationEndpoint.href
      })
  }
}

/** An endpoint that secrets can be sent to; a sign-in goes on without any other. Discovery has checked its address. */
const usableUrl = ({ allowHttp }: RemoteServer, text: string | undefined): URL | undefined => {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && (allowHttp === true || isSecureUrl(url)) ? url : undefined
}

/**
 * The scopes to request: those of the configuration and no others, else those that the server requires, with
 * `offline_access` if the authorization server supports it (MCP "Refresh Tokens"). If the server requires none, the
 * request names none and the authorization server decides.
 */
const scopesToRequest = (
  { oauth: { scopes: byHand } }: RemoteServer,
  { metadata: { scopes_supported: supported = [] }, scopes: asked }: DiscoveredServer
): ReadonlyArray<string> => {
  if (byHand !== undefined) return byHand
  const offline = asked.length > 0 && supported.includes("offline_access") ? ["offline_access"] : []
  return [...new Set([...asked, ...offline])]
}

/** The authorization server that discovery found. */
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
  // What is known of a provider concerns metadata that does not mention PKCE.
  const isSilent = found.metadata.code_challenge_methods_supported === undefined
  const assumesPkce = oauth.assumePkce ?? (isSilent && provider?.silentOnPkce !== undefined)
  const metadata = assumesPkce ? assumingPkce(found.metadata) : found.metadata
  const { issuer } = metadata
  const responseIssuerRequired = metadata.authorization_response_iss_parameter_supported === true
  const sendsResource = oauth.sendResource ?? provider?.refusesResource === undefined
  return {
    authorizationEndpoint,
    tokenEndpoint,
    endpoints: optionalEndpointsFrom((name) => usableUrl(server, metadata[oauthEndpoints[name].metadataKey])),
    issuer,
    responseIssuer: issuer,
    responseIssuerRequired,
    responseIssuerExact:
      responseIssuerRequired && found.issuerSpelling === undefined && (oauth.issuer ?? issuer) === issuer,
    resource: oauth.extraAuthParams["resource"] ?? (sendsResource ? resource : undefined),
    scopes: scopesToRequest(server, found),
    authMethodsSupported: metadata.token_endpoint_auth_methods_supported,
    extraAuthParams: extraAuthParamsFor(server, provider),
    provider,
    dpopRequired: found.dpopRequired === true,
    metadata,
    registrar: metadata
  }
}
