import { Schema } from "effect"
import { printable } from "../domain/PrintableText.ts"
import * as Remedy from "../domain/Remedy.ts"

/** Why a description cannot be used. */
export const discoveryRefusals = [
  /** There is no metadata, or none that can be read. */
  "no metadata",
  /** The metadata of an issuer names another issuer (RFC 8414 §3.3). */
  "issuer mismatch",
  /** The server does not name the configured issuer. */
  "issuer not listed",
  /** It offers client credentials only, and the configuration does not say that the secret may be sent there. */
  "issuer not named",
  /** It requires the secret of the client before the user sees where it goes, and the configuration does not name it. */
  "issuer not confirmed",
  /** The page where users approve names another token endpoint than the metadata of the issuer. */
  "token endpoint mismatch",
  /** The metadata is for another resource (RFC 9728 §3.3). */
  "resource mismatch",
  /** An authorization URL that must not be opened in a browser: no web address, or one without TLS. */
  "authorization URL",
  /** Any other URL that OAuth must not use: invalid, without TLS, or with user information. */
  "insecure URL",
  /** An address of this machine or of a private network, where the server itself has a public one. */
  "private address",
  /** A redirect that must not be followed. */
  "redirect",
  /** An answer over 1 MiB. */
  "too long",
  /** The MCP server has moved. */
  "moved",
  /** The server does not answer as an MCP server. */
  "not MCP",
  /** The configured URL and headers make no valid request. */
  "configuration"
] as const

/** One of {@link discoveryRefusals}. */
export type DiscoveryRefusal = (typeof discoveryRefusals)[number]

/** What was not done, so that the user need not worry about it. */
const consequences: Partial<Record<DiscoveryRefusal, string>> = {
  "issuer mismatch": "Nothing was sent there.",
  "token endpoint mismatch": "No browser was opened.",
  "issuer not named": "No secret was sent.",
  "issuer not confirmed": "No secret was sent.",
  "resource mismatch": "No token was requested.",
  "authorization URL": "No browser was opened.",
  "insecure URL": "Nothing was sent there.",
  "private address": "Nothing was sent there."
}

const remediesOf = (
  server: string,
  reason: DiscoveryRefusal,
  issuer: string | undefined
): ReadonlyArray<Remedy.Remedy> => {
  const oauth = Remedy.oauthOf(server)
  const entry = Remedy.entryOf(server)
  const endpoints = Remedy.set(
    oauth,
    { authorization_url: null, token_url: null, client_id: null },
    "its provider documents the endpoints"
  )
  const report = Remedy.advice(`Tell the provider of ${server}.`)
  switch (reason) {
    case "no metadata":
      return [endpoints]
    case "issuer mismatch":
      return [
        report,
        // The configuration accepts no other issuer.
        ...(issuer !== undefined && URL.canParse(issuer)
          ? [Remedy.set(oauth, { issuer: printable(issuer) }, "you know that issuer, and trust it")]
          : []),
        Remedy.set(
          oauth,
          { authorization_url: null, token_url: null, registration_url: null },
          "its provider documents the endpoints"
        )
      ]
    case "token endpoint mismatch":
      return [report, Remedy.set(oauth, { issuer: null }, "you trust it with your account at that provider")]
    case "issuer not listed":
      return [
        Remedy.set(oauth, { issuer: null }),
        Remedy.advice("It must be one that the server names, written exactly as there, or absent.")
      ]
    case "issuer not named":
      return [
        Remedy.set(oauth, { grant_type: "client_credentials", issuer: null }, "this client belongs there")
      ]
    case "issuer not confirmed":
      return [Remedy.set(oauth, { issuer: null }, "this client belongs there")]
    case "resource mismatch":
      return [Remedy.check(entry, ["url"]), Remedy.advice(`If it is right, tell the provider of ${server}.`)]
    case "authorization URL":
      return [Remedy.advice(`Tell the provider of ${server}. Do not open such an address by hand.`)]
    case "insecure URL":
      return [Remedy.advice(`Tell the provider of ${server} that it must be a URL with https.`)]
    case "private address":
      return [
        report,
        Remedy.set(oauth, { allow_private_addresses: true }, "it belongs there and you trust it")
      ]
    case "redirect":
      return [report, endpoints]
    case "too long":
      return [Remedy.advice(`Tell the provider of ${server}: metadata has a few kilobytes.`)]
    case "moved":
      return [Remedy.set(entry, { url: null }, "the server is there now")]
    case "not MCP":
      return [
        Remedy.check(entry, ["url", "type"]),
        Remedy.advice("Its documentation names the path, which is often /mcp, and who may use it.")
      ]
    case "configuration":
      return [Remedy.check(entry, ["url", "headers"])]
  }
}

/** The server, or its authorization server, describes itself in a way that cannot be used. */
export class DiscoveryError extends Schema.TaggedError<DiscoveryError>()("DiscoveryError", {
  server: Schema.String,
  reason: Schema.Literals(discoveryRefusals),
  /** What was found, without secrets, as the middle of a sentence. */
  detail: Schema.String,
  /** The issuer that metadata names in place of the one that it was looked up for. */
  issuer: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const consequence = consequences[this.reason]
    return `Cannot find out how to sign in to ${this.server}: ${this.detail}.${consequence === undefined ? "" : ` ${consequence}`}`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return remediesOf(this.server, this.reason, this.issuer)
  }
}

/** The server answers without a token and names no authorization server. */
export class SignInNotOffered extends Schema.TaggedError<SignInNotOffered>()("SignInNotOffered", {
  server: Schema.String
}) {
  override get message(): string {
    return `${this.server} requires no sign-in: it can be used as it is.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return []
  }
}
