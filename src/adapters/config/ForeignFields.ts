import { endpointRows } from "../../domain/OAuthEndpoints.ts"

/** A name without its case and separators: `tokenEndpoint` is `token_endpoint`. */
const bare = (name: string): string => name.replace(/[-_]/g, "").toLowerCase()

/** Other names of the fields of an `oauth` block. Metadata names of endpoints are in the table of endpoints. */
const foreignNames: Readonly<Record<string, ReadonlyArray<string>>> = {
  // Gemini CLI, Google's client files, and common names of the two addresses.
  authorization_url: ["authorize_url", "auth_url", "auth_uri", "authorize_endpoint", "auth_endpoint"],
  token_url: ["access_token_url", "token_uri"],
  device_authorization_url: ["device_url", "device_code_url", "device_endpoint"],
  pushed_authorization_request_url: ["par_url", "par_endpoint"],
  registration_url: ["register_url"],
  revocation_url: ["revoke_url", "revoke_endpoint"],
  // RFC 7591 §2, RFC 8414 §2, and clients that are written in camel case.
  redirect_uri: [
    "redirect_uris",
    "redirect_url",
    "callback_url",
    "callback_uri",
    "callback_port",
    "mcp_oauth_callback_port",
    "redirect_port"
  ],
  scopes: ["scope", "scopes_supported", "default_scopes"],
  grant_type: ["grant_types", "grant", "flow"],
  token_endpoint_auth_method: [
    "token_endpoint_auth_methods_supported",
    "token_auth_method",
    "client_auth_method",
    "auth_method"
  ],
  client_id: ["id", "app_id", "application_id", "consumer_key"],
  client_secret: ["secret", "app_secret", "consumer_secret"],
  client_secret_file: ["client_secret_path", "secret_file"],
  client_metadata_url: ["client_id_metadata_url", "client_id_metadata_document", "cimd_url", "cimd"],
  private_key: ["signing_key", "client_key"],
  private_key_file: ["private_key_path", "key_file", "key_path"],
  private_key_id: ["kid", "key_id"],
  signing_algorithm: ["alg", "algorithm", "token_endpoint_auth_signing_alg"],
  // Claude Code names the document, and others the server.
  issuer: ["auth_server_metadata_url", "authorization_server", "authorization_servers", "auth_server", "iss"],
  use_pkce: ["pkce", "pkce_enabled", "enable_pkce"],
  assume_pkce: ["force_pkce"],
  dpop: ["dpop_bound_access_tokens", "use_dpop"],
  send_resource: ["use_resource", "resource_indicators"],
  // The values go on with the authorization request.
  extra_auth_params: [
    "audience",
    "audiences",
    "resource",
    "oauth_resource",
    "prompt",
    "login_hint",
    "auth_params",
    "extra_params",
    "authorization_params",
    "additional_params"
  ]
}

const ownNames: ReadonlyMap<string, string> = new Map([
  ...endpointRows.flatMap(({ configurationKey, metadataKey }) =>
    configurationKey === undefined ? [] : [[bare(metadataKey), configurationKey] as const]
  ),
  ...Object.entries(foreignNames).flatMap(([own, others]) =>
    others.map((other) => [bare(other), own] as const)
  )
])

/** The names of {@link ownOAuthField}, without case and separators. */
export const foreignOAuthNames: ReadonlyArray<string> = [...ownNames.keys()]

/** The field of an `oauth` block that has another name in metadata (RFC 8414 §2, RFC 7591 §2) or in other MCP clients. */
export const ownOAuthField = (name: string): string | undefined => ownNames.get(bare(name))
