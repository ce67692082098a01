import {
  endpointRows,
  type EndpointTrace,
  oauthEndpoints,
  type OptionalEndpoint,
  optionalEndpoints
} from "../../domain/OAuthEndpoints.ts"
import type { MessageKind } from "../../domain/TraceEvent.ts"

/**
 * The type of a public value. A value of another type is not public.
 *
 * - `word`: visible ASCII, at most 200 characters
 * - `text`: any string
 * - `url`: a URL; its query has its own rules
 * - `number`, `boolean`: as in JSON, or as a string
 */
export type PublicType = "word" | "text" | "url" | "number" | "boolean"

/** Names whose values may be shown, with the type of each. Names of nested fields are joined by dots. */
export type PublicNames = Readonly<Record<string, PublicType>>

const errors: PublicNames = { error: "word", error_description: "text", error_uri: "url" }

/** RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2, OpenID Connect Core §3.1.2.1, and public parameters of providers. */
const authorizationRequest: PublicNames = {
  response_type: "word",
  response_mode: "word",
  client_id: "text",
  redirect_uri: "url",
  scope: "text",
  resource: "url",
  audience: "text",
  code_challenge_method: "word",
  prompt: "text",
  display: "word",
  max_age: "number",
  ui_locales: "text",
  acr_values: "text",
  access_type: "word",
  include_granted_scopes: "boolean",
  owner: "word"
}

/** RFC 6749 §4.1.2, RFC 9207 §2. */
const authorizationResponse: PublicNames = { ...errors, iss: "url", scope: "text" }

/** RFC 6749 §4.1.3, §4.4.2 and §6, RFC 7523 §2, RFC 8628 §3.4, RFC 8693 §2.1. */
const tokenRequest: PublicNames = {
  grant_type: "word",
  client_id: "text",
  redirect_uri: "url",
  scope: "text",
  resource: "url",
  audience: "text",
  client_assertion_type: "word",
  requested_token_type: "word",
  subject_token_type: "word"
}

/** RFC 6749 §5.1 and §5.2, RFC 8693 §2.2.1. */
const tokenAnswer: PublicNames = {
  ...errors,
  token_type: "word",
  expires_in: "number",
  refresh_token_expires_in: "number",
  refresh_expires_in: "number",
  scope: "text",
  issued_token_type: "word"
}

/** Requests of the optional endpoints: RFC 7009 §2.1, RFC 8628 §3.1, and parameters of authorization requests. */
const optionalRequest: PublicNames = { ...authorizationRequest, ...tokenRequest, token_type_hint: "word" }

/** Answers of the optional endpoints: RFC 8628 §3.2. */
const optionalAnswer: PublicNames = {
  ...errors,
  verification_uri: "url",
  expires_in: "number",
  interval: "number"
}

const ofOptionalEndpoints = (names: PublicNames) =>
  Object.fromEntries(optionalEndpoints.map((name) => [oauthEndpoints[name].trace, names])) as Readonly<
    Record<EndpointTrace<OptionalEndpoint>, PublicNames>
  >

/** RFC 7591 §2, RFC 9449 §5.2, OpenID Connect Registration §2. */
const registrationRequest: PublicNames = {
  redirect_uris: "url",
  post_logout_redirect_uris: "url",
  token_endpoint_auth_method: "word",
  token_endpoint_auth_signing_alg: "word",
  grant_types: "word",
  response_types: "word",
  client_name: "text",
  client_uri: "url",
  logo_uri: "url",
  tos_uri: "url",
  policy_uri: "url",
  scope: "text",
  application_type: "word",
  software_id: "text",
  software_version: "text",
  subject_type: "word",
  id_token_signed_response_alg: "word",
  dpop_bound_access_tokens: "boolean",
  require_auth_time: "boolean",
  require_pushed_authorization_requests: "boolean"
}

/** RFC 7591 §3.2. Without `registration_client_uri` (RFC 7592), which is a secret with some servers. */
const registrationAnswer: PublicNames = {
  ...registrationRequest,
  ...errors,
  client_id: "text",
  client_id_issued_at: "number",
  client_secret_expires_at: "number"
}

/** RFC 9728 §2. */
const resourceMetadata: PublicNames = {
  resource: "url",
  authorization_servers: "url",
  jwks_uri: "url",
  scopes_supported: "text",
  bearer_methods_supported: "word",
  resource_signing_alg_values_supported: "word",
  resource_name: "text",
  resource_documentation: "url",
  resource_policy_uri: "url",
  resource_tos_uri: "url",
  tls_client_certificate_bound_access_tokens: "boolean",
  authorization_details_types_supported: "word",
  dpop_signing_alg_values_supported: "word",
  dpop_bound_access_tokens_required: "boolean"
}

/** RFC 8414 §2, OpenID Connect Discovery §3, RFC 8628 §4, RFC 9126 §5, RFC 9207 §3, RFC 9449 §5.1. */
const serverMetadata: PublicNames = {
  issuer: "url",
  ...Object.fromEntries(endpointRows.map(({ metadataKey }) => [metadataKey, "url" as const])),
  jwks_uri: "url",
  introspection_endpoint: "url",
  userinfo_endpoint: "url",
  end_session_endpoint: "url",
  service_documentation: "url",
  op_policy_uri: "url",
  op_tos_uri: "url",
  scopes_supported: "text",
  response_types_supported: "text",
  response_modes_supported: "word",
  grant_types_supported: "word",
  acr_values_supported: "text",
  subject_types_supported: "word",
  claim_types_supported: "word",
  claims_supported: "word",
  ui_locales_supported: "word",
  display_values_supported: "word",
  prompt_values_supported: "word",
  code_challenge_methods_supported: "word",
  token_endpoint_auth_methods_supported: "word",
  token_endpoint_auth_signing_alg_values_supported: "word",
  revocation_endpoint_auth_methods_supported: "word",
  introspection_endpoint_auth_methods_supported: "word",
  id_token_signing_alg_values_supported: "word",
  dpop_signing_alg_values_supported: "word",
  authorization_grant_profiles_supported: "word",
  authorization_response_iss_parameter_supported: "boolean",
  client_id_metadata_document_supported: "boolean",
  require_pushed_authorization_requests: "boolean",
  request_parameter_supported: "boolean",
  request_uri_parameter_supported: "boolean",
  require_request_uri_registration: "boolean",
  claims_parameter_supported: "boolean",
  tls_client_certificate_bound_access_tokens: "boolean"
}

/** JSON-RPC 2.0 §4, MCP "Lifecycle". */
const mcpRequest: PublicNames = {
  jsonrpc: "word",
  id: "number",
  method: "word",
  "params.protocolVersion": "word",
  "params.clientInfo.name": "text",
  "params.clientInfo.version": "word"
}

/** JSON-RPC 2.0 §5, MCP "Lifecycle". Many servers refuse with an OAuth error instead. */
const mcpAnswer: PublicNames = {
  error_description: "text",
  error_uri: "url",
  error: "word",
  jsonrpc: "word",
  id: "number",
  "error.code": "number",
  "error.message": "text",
  "result.protocolVersion": "word",
  "result.serverInfo.name": "text",
  "result.serverInfo.version": "word"
}

const nothing: PublicNames = {}

/** What may be shown of the body or the parameters of a request. */
export const publicInRequest: Readonly<Record<MessageKind, PublicNames>> = {
  "MCP request": mcpRequest,
  "resource metadata": nothing,
  "authorization server metadata": nothing,
  "client registration": registrationRequest,
  "authorization request": authorizationRequest,
  "authorization response": authorizationResponse,
  "token request": tokenRequest,
  ...ofOptionalEndpoints(optionalRequest),
  "other request": nothing
}

/** What may be shown of the body of an answer. */
export const publicInAnswer: Readonly<Record<MessageKind, PublicNames>> = {
  "MCP request": mcpAnswer,
  "resource metadata": { ...resourceMetadata, ...errors },
  "authorization server metadata": { ...serverMetadata, ...errors },
  "client registration": registrationAnswer,
  "authorization request": errors,
  "authorization response": nothing,
  "token request": tokenAnswer,
  ...ofOptionalEndpoints(optionalAnswer),
  "other request": nothing
}

/** Headers that may be shown. Request ids are there to be given to a provider's support. */
export const publicHeaders: PublicNames = {
  accept: "text",
  "accept-language": "text",
  "access-control-allow-headers": "text",
  "access-control-allow-methods": "text",
  "access-control-allow-origin": "text",
  "access-control-expose-headers": "text",
  allow: "text",
  "cache-control": "text",
  connection: "text",
  "content-encoding": "word",
  "content-language": "text",
  "content-length": "number",
  "content-type": "text",
  date: "text",
  "keep-alive": "text",
  "mcp-method": "word",
  "mcp-protocol-version": "word",
  pragma: "text",
  "retry-after": "text",
  server: "text",
  "strict-transport-security": "text",
  "transfer-encoding": "word",
  "user-agent": "text",
  vary: "text",
  "x-content-type-options": "word",
  "cf-ray": "word",
  "request-id": "word",
  "x-amzn-requestid": "word",
  "x-correlation-id": "word",
  "x-ms-request-id": "word",
  "x-okta-request-id": "word",
  "x-request-id": "word"
}

/** Parameters of a challenge that may be shown (RFC 9110 §11.5, RFC 6750 §3, RFC 9728 §5.1, RFC 9449 §7.1). */
export const publicInChallenge: PublicNames = {
  ...errors,
  realm: "text",
  scope: "text",
  resource_metadata: "url",
  algs: "text"
}
