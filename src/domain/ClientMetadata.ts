import { hasUserInformation, isSecureUrl } from "./SecureUrl.ts"

/** How the client introduces itself: on the consent screen, at registration, and to MCP servers. */
export interface ClientIdentitySettings {
  /** The name that users see. */
  readonly name: string
  /** `web` for a server, `native` for a program on the user's machine. Absent: `web` if the redirect URI is https. */
  readonly applicationType?: "native" | "web" | undefined
  /** An image that the consent screen may show. */
  readonly logoUri?: URL | undefined
  /** The home page of the product. */
  readonly clientUri?: URL | undefined
  /** Identifies the product across all of its registrations. */
  readonly softwareId?: string | undefined
  readonly softwareVersion?: string | undefined
}

const isLoopbackHttp = (url: URL): boolean => url.protocol === "http:" && isSecureUrl(url)

/**
 * True if an authorization server may redirect a browser to a URI: https, http on loopback (RFC 8252 §7.3), or a
 * private-use scheme with a dot in it (RFC 8252 §7.1), without user information and without a fragment (RFC 6749 §3.1.2).
 */
export const isRedirectUri = (url: URL): boolean =>
  !url.href.includes("#") &&
  !hasUserInformation(url) &&
  (url.protocol === "https:" || isLoopbackHttp(url) || url.protocol.includes("."))

/** The client metadata of a registration (RFC 7591 §2), for this redirect URI. */
export const clientDescription = (
  { applicationType, clientUri, logoUri, name, softwareId, softwareVersion }: ClientIdentitySettings,
  redirectUri: URL,
  grants: { readonly deviceCode?: boolean } = {}
) => ({
  client_name: name,
  redirect_uris: [redirectUri.href],
  grant_types: [
    "authorization_code",
    "refresh_token",
    ...(grants.deviceCode === true ? ["urn:ietf:params:oauth:grant-type:device_code"] : [])
  ],
  response_types: ["code"],
  application_type: applicationType ?? (redirectUri.protocol === "https:" ? "web" : "native"),
  ...(logoUri === undefined ? {} : { logo_uri: logoUri.href }),
  ...(clientUri === undefined ? {} : { client_uri: clientUri.href }),
  ...(softwareId === undefined ? {} : { software_id: softwareId }),
  ...(softwareVersion === undefined ? {} : { software_version: softwareVersion })
})

/**
 * The client metadata document, whose URL is the `client_id`, written exactly as requests send it
 * (draft-ietf-oauth-client-id-metadata-document §4).
 */
export const clientMetadataDocument = (
  identity: ClientIdentitySettings,
  clientId: string,
  redirectUri: URL
) => ({
  client_id: clientId,
  ...clientDescription(identity, redirectUri),
  token_endpoint_auth_method: "none" as const
})

/**
 * Why a URL cannot identify a client (draft-ietf-oauth-client-id-metadata-document §3). It must be https, with a path
 * without relative parts. It is compared as text, so it must be written as requests send it.
 */
export const clientMetadataUrlProblem = (text: string): string | undefined => {
  const address = URL.parse(text)
  if (address?.protocol !== "https:") return "must be an https URL"
  if (address.pathname === "/") return "must have a path, as in https://example.com/mcp-cli.json"
  if (hasUserInformation(address) || text.includes("#"))
    return "must not have a user name or a fragment in it"
  return text === address.href ? undefined : `must be written the way it is sent: ${address.href}`
}
