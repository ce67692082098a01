import type { Grant, RemoteServer } from "../../domain/Server.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

const deviceCode = "urn:ietf:params:oauth:grant-type:device_code"

/** Whether an authorization server gives tokens to a client's own right alone, and the client can prove who it is. */
const isForClientAlone = (
  { oauth }: RemoteServer,
  { deviceAuthorizationEndpoint, metadata }: ResolvedAuthorizationServer
) => {
  const offered = metadata?.grant_types_supported
  if (oauth.grant !== undefined || offered === undefined || offered.includes("authorization_code"))
    return false
  if (deviceAuthorizationEndpoint !== undefined && offered.includes(deviceCode)) return false
  const { client } = oauth.source
  const hasProof = client?.clientSecret !== undefined || client?.signingKey !== undefined
  return offered.includes("client_credentials") && hasProof
}

/**
 * Whether a client's proof would go to an authorization server that nobody has named: no user sees where, and the
 * configuration says neither that this client acts in its own name nor at which issuer.
 */
export const lacksIssuer = (
  server: RemoteServer,
  authorizationServer: ResolvedAuthorizationServer
): boolean => server.oauth.issuer === undefined && isForClientAlone(server, authorizationServer)

/**
 * How tokens are come by: as the user or the configuration says; else by a code out of the browser, unless the
 * authorization server offers none and gives device codes, or the client has a right of its own (RFC 8414 §2
 * `grant_types_supported`) at the issuer that the configuration names.
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
  if (authorizationServer.deviceAuthorizationEndpoint !== undefined && offered.includes(deviceCode)) {
    return { _tag: "DeviceCode" }
  }
  return issuer !== undefined && isForClientAlone(server, authorizationServer)
    ? { _tag: "ClientCredentials" }
    : { _tag: "AuthorizationCode" }
}
