import { hasUserInformation } from "./SecureUrl.ts"

/** What every description of this client says (RFC 7591 §2). */
export const clientDescription = (redirectUri: URL, grants: { readonly deviceCode?: boolean } = {}) =>
  ({
    client_name: "mcp-cli",
    redirect_uris: [redirectUri.href],
    grant_types: [
      "authorization_code",
      "refresh_token",
      ...(grants.deviceCode === true ? ["urn:ietf:params:oauth:grant-type:device_code"] : [])
    ],
    response_types: ["code"],
    application_type: "native"
  }) as const

/**
 * The document about this client, whose address is its `client_id`, letter by letter
 * (draft-ietf-oauth-client-id-metadata-document §4).
 */
export const clientMetadataDocument = (clientId: string, redirectUri: URL) => ({
  client_id: clientId,
  ...clientDescription(redirectUri),
  token_endpoint_auth_method: "none" as const
})

/**
 * What keeps an address from identifying a client (draft-ietf-oauth-client-id-metadata-document §3): it must be https,
 * with a path in which nothing is relative. It is compared letter by letter, so it must be written as clients send it.
 */
export const clientMetadataUrlProblem = (text: string): string | undefined => {
  const address = URL.parse(text)
  if (address?.protocol !== "https:") return "must be an https URL"
  if (address.pathname === "/") return "must have a path, as in https://example.com/mcp-cli.json"
  if (hasUserInformation(address) || text.includes("#"))
    return "must not have a user name or a fragment in it"
  return text === address.href ? undefined : `must be written the way it is sent: ${address.href}`
}
