import type { Grant, HttpServer } from "../domain/Server.ts"
import type { Authority } from "./Authority.ts"

const deviceCode = "urn:ietf:params:oauth:grant-type:device_code"

/**
 * How tokens are come by: as the person or the configuration says; else by a code out of the browser, unless the
 * authorization server offers none and gives device codes, or the client has a right of its own (RFC 8414 §2
 * `grant_types_supported`).
 */
export const grantFor = (
  { oauth }: HttpServer,
  { deviceAuthorizationEndpoint, metadata }: Authority,
  device?: boolean
): Grant => {
  if (device === true) return { _tag: "DeviceCode" }
  if (oauth.grant !== undefined) return oauth.grant
  const offered = metadata?.grant_types_supported
  if (offered === undefined || offered.includes("authorization_code")) return { _tag: "AuthorizationCode" }
  if (deviceAuthorizationEndpoint !== undefined && offered.includes(deviceCode)) return { _tag: "DeviceCode" }
  const { client } = oauth.source
  const hasProof = client?.clientSecret !== undefined || client?.signingKey !== undefined
  return offered.includes("client_credentials") && hasProof
    ? { _tag: "ClientCredentials" }
    : { _tag: "AuthorizationCode" }
}
