import { Redacted } from "effect"

/** The random values of one flow. They are created together and used once. */
export interface FlowSecrets {
  /** Binds the response to the request (RFC 6749 §10.12). */
  readonly state: Redacted.Redacted
  /** PKCE code verifier (RFC 7636 §4.1). */
  readonly codeVerifier: Redacted.Redacted
  /** PKCE code challenge, S256 of the verifier (RFC 7636 §4.2). */
  readonly codeChallenge: string
}

/**
 * One authorization code flow, from the authorization request to the token request. It is recorded before the browser
 * opens, so that the response is checked against the request, and never against itself.
 */
export interface AuthorizationFlow {
  readonly server: string
  readonly authorizationEndpoint: URL
  readonly tokenEndpoint: URL
  /** The issuer to expect in the response (RFC 9207). Absent: endpoints by hand, without a configured issuer. */
  readonly issuer: string | undefined
  /** The authorization server announces that it always sends `iss`. */
  readonly issuerRequired: boolean
  readonly clientId: string
  readonly redirectUri: URL
  readonly scopes: ReadonlyArray<string>
  /** The `resource` parameter (RFC 8707) of both requests. */
  readonly resource: string | undefined
  readonly usePkce: boolean
  /** Thumbprint of the key that the code and the tokens are bound to (RFC 9449 §10). */
  readonly dpopThumbprint?: string | undefined
  readonly extraAuthParams: Readonly<Record<string, string>>
  readonly secrets: FlowSecrets
}

/** Parameters of the protocol, which `extra_auth_params` must not replace. */
export const protocolParameters: ReadonlySet<string> = new Set([
  "client_id",
  "client_secret",
  "code_challenge",
  "code_challenge_method",
  "dpop_jkt",
  "redirect_uri",
  "request",
  "request_uri",
  "resource",
  "response_mode",
  "response_type",
  "scope",
  "state"
])

/**
 * The URL that the browser opens (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2). It keeps the parameters in the URL of the
 * authorization endpoint. It contains the state in clear text, because the user has to see it.
 */
export const authorizationUrl = (flow: AuthorizationFlow): URL => {
  const url = new URL(flow.authorizationEndpoint)
  const set = (name: string, value: string) => url.searchParams.set(name, value)
  for (const [name, value] of Object.entries(flow.extraAuthParams)) set(name, value)
  set("response_type", "code")
  set("client_id", flow.clientId)
  set("redirect_uri", flow.redirectUri.href)
  set("state", Redacted.value(flow.secrets.state))
  if (flow.scopes.length > 0) set("scope", flow.scopes.join(" "))
  if (flow.resource !== undefined) set("resource", flow.resource)
  if (flow.usePkce) {
    set("code_challenge", flow.secrets.codeChallenge)
    set("code_challenge_method", "S256")
  }
  if (flow.dpopThumbprint !== undefined) set("dpop_jkt", flow.dpopThumbprint)
  return url
}
