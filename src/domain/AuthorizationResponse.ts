import { Redacted } from "effect"
import type { AuthorizationFlow } from "./AuthorizationRequest.ts"
import { printable } from "./PrintableText.ts"

/**
 * What a request to the redirect URI means for a flow.
 *
 * - `Foreign`: it does not carry this flow's state. It is refused and the flow goes on waiting.
 * - `Granted`: the code to exchange.
 * - `Denied`: the authorization server's error (RFC 6749 §4.1.2.1).
 * - `Rejected`: this flow's state, but not an answer to be trusted; the flow ends.
 */
export type AuthorizationResponse =
  | { readonly _tag: "Foreign" }
  | { readonly _tag: "Granted"; readonly code: Redacted.Redacted }
  | { readonly _tag: "Denied"; readonly error: string; readonly description: string | undefined }
  | { readonly _tag: "Rejected"; readonly detail: string }

/** Compares without telling by its time how much of the two is alike. */
const sameSecret = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let at = 0; at < b.length; at++) difference |= b.charCodeAt(at) ^ (a.charCodeAt(at) || 0)
  return difference === 0
}

/**
 * Reads an authorization response against the flow that asked for it: exact `state`, then `iss` by the table of
 * RFC 9207 §2.4 (present: identical; announced and absent: refused), then `error` or `code`. A parameter given twice
 * is refused (RFC 6749 §3.1). The server's own words are not repeated before its `iss` is proven.
 */
export const readAuthorizationResponse = (
  flow: Pick<AuthorizationFlow, "issuer" | "issuerRequired" | "secrets">,
  parameters: URLSearchParams
): AuthorizationResponse => {
  const state = parameters.get("state")
  if (state === null || !sameSecret(state, Redacted.value(flow.secrets.state))) return { _tag: "Foreign" }
  for (const name of ["state", "iss", "code", "error"]) {
    if (parameters.getAll(name).length > 1) return { _tag: "Rejected", detail: `it carries "${name}" twice` }
  }
  const iss = parameters.get("iss")
  if (flow.issuer !== undefined) {
    if (iss === null && flow.issuerRequired) {
      return {
        _tag: "Rejected",
        detail: `it does not name its issuer, ${flow.issuer}, as that server announces (RFC 9207)`
      }
    }
    if (iss !== null && iss !== flow.issuer) {
      return {
        _tag: "Rejected",
        detail: `it comes from issuer ${printable(iss)}, not from ${flow.issuer} (RFC 9207)`
      }
    }
  }
  const error = parameters.get("error")
  if (error !== null) {
    const description = parameters.get("error_description")
    return {
      _tag: "Denied",
      error: printable(error),
      description: description === null ? undefined : printable(description)
    }
  }
  const code = parameters.get("code")
  return code === null || code === ""
    ? { _tag: "Rejected", detail: "it carries neither a code nor an error" }
    : { _tag: "Granted", code: Redacted.make(code, { label: "code" }) }
}
