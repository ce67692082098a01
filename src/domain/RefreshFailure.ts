import type { ClientRegistration } from "./ClientRegistration.ts"
import type { OAuthClient } from "./Credential.ts"
import { answerText, InvalidClient, InvalidGrant, Transient, type TokenFailure } from "./TokenFailure.ts"

/**
 * What an error code means when a refresh token was sent:
 *
 * - `over`: the sign-in is over, and only another one helps.
 * - `client`: the client, or its secret, is wrong.
 * - `request`: the request is at fault, and the refresh token may still be good.
 * - `later`: the same request may succeed.
 */
export type RefreshMeaning = "over" | "client" | "request" | "later"

/**
 * The error codes of token endpoints. Servers send them with any status, 200 included, and some use a code of RFC 6749 for
 * what the RFC calls `invalid_grant`. The comments name those that were seen to do so.
 */
const meanings: ReadonlyMap<string, RefreshMeaning> = new Map([
  // RFC 6749 §5.2
  ["invalid_grant", "over"],
  // Dex, Metabase, Obot, FlowFuse. The request has not changed since the last refresh.
  ["invalid_request", "over"],
  // Atlassian (403), Keycloak (400). With 401 it is about the client: see `clientFailure`.
  ["unauthorized_client", "over"],
  ["unsupported_grant_type", "over"],
  ["invalid_scope", "over"],
  ["invalid_client", "client"],
  // RFC 8707 §2. A refresh names no scope, and the resource of its sign-in: a sign-in has to name others.
  ["invalid_target", "over"],
  // RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6. Entra requires a second factor, a policy or a consent by them.
  ["access_denied", "over"],
  ["login_required", "over"],
  ["interaction_required", "over"],
  ["consent_required", "over"],
  ["account_selection_required", "over"],
  // RFC 6750 §3.1, RFC 8628 §3.5, RFC 7009 §2.2.1
  ["invalid_token", "over"],
  ["expired_token", "over"],
  ["unsupported_token_type", "over"],
  // GitHub (200), HubSpot
  ["bad_refresh_token", "over"],
  ["bad_verification_code", "over"],
  // Slack (200)
  ["invalid_refresh_token", "over"],
  ["token_expired", "over"],
  ["token_revoked", "over"],
  // Supabase, Salesforce
  ["refresh_token_not_found", "over"],
  ["inactive_user", "over"],
  // GitHub (200), Slack (200)
  ["incorrect_client_credentials", "client"],
  ["bad_client_secret", "client"],
  ["invalid_client_id", "client"],
  ["invalid_client_secret", "client"],
  // RFC 9449 §5, §8: a clock that is wrong, for example.
  ["invalid_dpop_proof", "request"],
  ["use_dpop_nonce", "request"],
  // RFC 8628 §3.5, RFC 6749 §4.1.2.1
  ["slow_down", "later"],
  ["authorization_pending", "later"],
  ["incorrect_device_code", "over"],
  ["temporarily_unavailable", "later"],
  ["server_error", "later"]
])

/** Words of HTTP, which a gateway in front of the endpoint may answer in JSON. They end no sign-in. */
const ofGateway = new Set([
  "bad_request",
  "unauthorized",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "error",
  "internal_error",
  "internal_server_error",
  "unknown_error"
])

/** True for an error code that token endpoints are known to send. */
export const isKnownErrorCode = (error: string): boolean => meanings.has(error)

/** True if a server names the token that it refuses, whatever the code: `refresh_token is invalid` (Atlassian). */
const isAboutToken = (description: string | undefined): boolean =>
  description !== undefined && /refresh.?token|\bsession\b/i.test(description)

/**
 * A refused client. Authentication with a secret or a key that the configuration names can be corrected there. Keycloak
 * answers a wrong secret, and the Python SDK an unknown client, with 401 `unauthorized_client`; Atlassian so refuses a
 * refresh token. `invalid_client` is about the client in any case.
 */
const clientFailure = (
  { description, error }: { readonly error: string; readonly description?: string },
  registration: ClientRegistration,
  client: OAuthClient
): InvalidClient | InvalidGrant => {
  const answer = { error, ...(description === undefined ? {} : { description }) }
  if (error === "invalid_client") return new InvalidClient(answer)
  const isAuthenticated = client.clientSecret !== undefined || client.signing !== undefined
  const isOfClient = registration._tag === "Dynamic" || isAuthenticated
  return isOfClient && !isAboutToken(description) ? new InvalidClient(answer) : new InvalidGrant(answer)
}

/**
 * Returns what a failed refresh means for the sign-in, in the terms of `invalid_grant` and `invalid_client`. A code that
 * is in no table ends the sign-in: servers invent codes for tokens that expired, and none for what will pass.
 */
export const refreshFailure = (
  failure: TokenFailure,
  registration: ClientRegistration,
  client: OAuthClient
): TokenFailure => {
  if (failure._tag === "InvalidClient") return clientFailure(failure, registration, client)
  if (failure._tag !== "Refused") return failure
  const { description, error, status } = failure
  switch (meanings.get(error) ?? (ofGateway.has(error) ? "request" : "over")) {
    case "over":
      return new InvalidGrant({ error, ...(description === undefined ? {} : { description }) })
    case "client":
      return clientFailure(failure, registration, client)
    case "request":
      return failure
    case "later":
      return new Transient({
        detail: answerText(failure),
        error,
        ...(status === undefined ? {} : { status })
      })
  }
}
