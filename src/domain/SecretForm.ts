import { Option, Result, Schema } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"

/** What a secret of the configuration is, and is checked to be before it is sent. */
export type SecretForm = "jwt" | "saml2" | "token" | "line"

const JoseHeader = Schema.fromJsonString(Schema.Struct({ alg: Schema.NonEmptyString }))
const Claims = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

const decoded = (part: string | undefined): string =>
  Result.getOrElse(Base64Url.decodeString(part ?? ""), () => "")

/** True for a signed JWT in the compact serialization (RFC 7519 §3, RFC 7515 §7.1). */
const isJwt = (text: string): boolean => {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return false
  const [header, claims] = text.split(".")
  return (
    Option.isSome(Schema.decodeOption(JoseHeader)(decoded(header))) &&
    Option.isSome(Schema.decodeOption(Claims)(decoded(claims)))
  )
}

/** True for a SAML 2.0 assertion, in base64url (RFC 8693 §3) or as XML. */
const isSaml = (text: string): boolean =>
  /^\s*<[^]*Assertion[^]*>\s*$/.test(/^[\w-]+=*$/.test(text) ? decoded(text.replace(/=+$/, "")) : text)

/**
 * What is wrong with a secret that is to be sent, as a predicate that never contains it. Undefined: nothing.
 *
 * A configuration that names the wrong file, such as a private key, must not make this program send it.
 */
export const secretFormProblem = (form: SecretForm, text: string): string | undefined => {
  switch (form) {
    case "jwt":
      return isJwt(text) ? undefined : "is not a signed JWT (three base64url parts with dots between them)"
    case "saml2":
      return isSaml(text) ? undefined : "is not a SAML assertion, in base64url or as XML"
    case "line":
      return /^\P{Cc}+$/u.test(text) ? undefined : "is not one line of text"
    case "token":
      return /^[\x21-\x7e]+$/.test(text) ? undefined : "is not one line of ASCII characters without spaces"
  }
}
