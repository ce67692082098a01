import { Redacted } from "effect"
import { isSameIssuer } from "./Issuer.ts"
import { printable } from "./PrintableText.ts"

/**
 * What a request to the redirect URI means for a sign-in.
 *
 * - `Foreign`: it carries another `state`. The sign-in keeps waiting.
 * - `Granted`: the code to exchange.
 * - `Denied`: the authorization server's error (RFC 6749 §4.1.2.1).
 * - `Rejected`: it carries this sign-in's `state`, but cannot be trusted. The sign-in fails.
 */
export type AuthorizationResponse =
  | { readonly _tag: "Foreign" }
  | { readonly _tag: "Granted"; readonly code: Redacted.Redacted }
  | { readonly _tag: "Denied"; readonly error: string; readonly description: string | undefined }
  | { readonly _tag: "Rejected"; readonly detail: string }

/** What the authorization request says about its response. */
export interface ExpectedResponse {
  readonly secrets: { readonly state: Redacted.Redacted }
  /** The issuer to expect as `iss` (RFC 9207). Absent: no issuer is known. */
  readonly issuer: string | undefined
  /** The authorization server announced that it always sends `iss`. */
  readonly issuerRequired: boolean
  /** `iss` is compared as text. Absent: {@link isSameIssuer} decides. */
  readonly issuerExact?: boolean | undefined
}

/** Compares two secrets in a time that does not depend on how much of them is equal. */
const sameSecret = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let at = 0; at < b.length; at++) difference |= b.charCodeAt(at) ^ (a.charCodeAt(at) || 0)
  return difference === 0
}

/**
 * Reads an authorization response: the exact `state`, then `iss` by the table of RFC 9207 §2.4 (present: the same;
 * announced and absent: rejected), then `error` or `code`. A parameter given twice is rejected, and one without a value
 * counts as absent (RFC 6749 §3.1). The server's own words are repeated only after its `iss` is verified.
 */
export const readAuthorizationResponse = (
  expected: ExpectedResponse,
  parameters: URLSearchParams
): AuthorizationResponse => {
  const state = parameters.get("state")
  if (state === null || !sameSecret(state, Redacted.value(expected.secrets.state))) return { _tag: "Foreign" }
  for (const name of ["state", "iss", "code", "error"]) {
    if (parameters.getAll(name).length > 1) return { _tag: "Rejected", detail: `it carries "${name}" twice` }
  }
  const given = (name: string) => parameters.get(name) || undefined
  const iss = given("iss")
  if (expected.issuer !== undefined) {
    if (iss === undefined && expected.issuerRequired) {
      return {
        _tag: "Rejected",
        detail: `it does not name its issuer, ${expected.issuer}, as that server announces (RFC 9207)`
      }
    }
    const isIssuer = expected.issuerExact === true ? Object.is : isSameIssuer
    if (iss !== undefined && !isIssuer(iss, expected.issuer)) {
      return {
        _tag: "Rejected",
        detail: `it comes from issuer ${printable(iss)}, not from ${expected.issuer} (RFC 9207)`
      }
    }
  }
  const error = given("error")
  if (error !== undefined) {
    const description = given("error_description")
    return {
      _tag: "Denied",
      error: printable(error),
      description: description === undefined ? undefined : printable(description)
    }
  }
  const code = given("code")
  return code === undefined
    ? { _tag: "Rejected", detail: "it carries neither a code nor an error" }
    : { _tag: "Granted", code: Redacted.make(code, { label: "code" }) }
}
