import type { Grant, RemoteServer } from "../../domain/Server.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

const deviceCode = "urn:ietf:params:oauth:grant-type:device_code"

/** True if the authorization server offers sign-ins with a device code, as far as its metadata says (RFC 8628 §4). */
export const offersDeviceCode = ({ endpoints, metadata }: ResolvedAuthorizationServer): boolean =>
  endpoints.deviceAuthorization !== undefined &&
  (metadata?.grant_types_supported?.includes(deviceCode) ?? true)

/** True if the authorization server offers a client with a secret or key no grant but `client_credentials`. */
const isForClientAlone = ({ oauth }: RemoteServer, { endpoints, metadata }: ResolvedAuthorizationServer) => {
  const offered = metadata?.grant_types_supported
  if (oauth.grant !== undefined || offered === undefined || offered.includes("authorization_code"))
    return false
  if (endpoints.deviceAuthorization !== undefined && offered.includes(deviceCode)) return false
  const { client } = oauth.source
  const hasProof = client?.clientSecret !== undefined || client?.signingKey !== undefined
  return offered.includes("client_credentials") && hasProof
}

/**
 * True if a client's secret would reach an authorization server that only the MCP server's metadata names. No user sees
 * where it goes, and the configuration names neither the grant nor the issuer.
 */
export const lacksIssuer = (
  server: RemoteServer,
  authorizationServer: ResolvedAuthorizationServer
): boolean => server.oauth.issuer === undefined && isForClientAlone(server, authorizationServer)

/**
 * The grant to use: the one that the user or the configuration chose, otherwise the authorization code. If the authorization
 * server does not offer that (RFC 8414 §2 `grant_types_supported`): the device code, or the client's own credentials at the
 * issuer that the configuration names.
 */
export const grantFor = (
  server: RemoteServer,
  authorizationServer: ResolvedAuthorizationServer,
  device?: boolean
): Grant => {
  if (device === true) return { _tag: "DeviceCode" }
  const { grant, issuer } = server.oauth
  if (grant !== undefined) return grant
  const offered = authorizationServer.metadata?.grant_types_supported
  if (offered === undefined || offered.includes("authorization_code")) return { _tag: "AuthorizationCode" }
  if (authorizationServer.endpoints.deviceAuthorization !== undefined && offered.includes(deviceCode)) {
    return { _tag: "DeviceCode" }
  }
  return issuer !== undefined && isForClientAlone(server, authorizationServer)
    ? { _tag: "ClientCredentials" }
    : { _tag: "AuthorizationCode" }
}
