import { Context, type Effect, Schema } from "effect"
import type { DiscoveredServer } from "../domain/AuthorizationServer.ts"
import type { BearerChallenge } from "../domain/Challenge.ts"
import type { RemoteServer } from "../domain/Server.ts"
import type { NetworkError } from "./HttpTransport.ts"

/** Why the metadata of a server cannot be used. */
export const discoveryRefusals = [
  /** The metadata is missing or cannot be read. */
  "no metadata",
  /** The metadata of an issuer names another issuer (RFC 8414 §3.3). */
  "issuer mismatch",
  /** The server does not name the configured issuer. */
  "issuer not listed",
  /** The issuer offers only client credentials, and the configuration does not say that they may be sent there. */
  "issuer not named",
  /** The metadata is for another resource (RFC 9728 §3.3). */
  "resource mismatch",
  /** An authorization URL that a browser must not open: not a web address, or one without TLS. */
  "authorization URL",
  /** Another URL that OAuth must not use: without TLS, with user information, or not a URL. */
  "insecure URL",
  /** An address in an inner zone, seen from the server: on this machine, or in a private network. */
  "private address",
  /** A redirect that must not be followed. */
  "redirect",
  /** An answer over 1 MiB. */
  "too long",
  /** The MCP server has moved. */
  "moved",
  /** HTTP cannot send the configured URL and headers. */
  "configuration"
] as const

/** One of {@link discoveryRefusals}. */
export type DiscoveryRefusal = (typeof discoveryRefusals)[number]

const nextStep = (server: string, reason: DiscoveryRefusal): string => {
  const report = `Nothing was sent there. Tell the provider of ${server}`
  switch (reason) {
    case "no metadata":
      return `If its provider documents the endpoints, set "authorization_url", "token_url" and "client_id" in its oauth block.`
    case "issuer mismatch":
      return `${report}: metadata counts only for its own issuer.`
    case "issuer not listed":
      return `Set "issuer" in the oauth block of ${server} to one of them, exactly as written there, or remove it.`
    case "issuer not named":
      return `No secret was sent. If this client belongs to that issuer, set "grant_type": "client_credentials" and that "issuer" in the oauth block of ${server}.`
    case "resource mismatch":
      return `Check the "url" of ${server}; if it is right, tell its provider. No token was requested.`
    case "authorization URL":
      return `No browser was opened. Tell the provider of ${server}, and do not open such an address yourself.`
    case "insecure URL":
      return `${report} that it must be https.`
    case "private address":
      return `${report}; if the address is right and you trust it, set "allow_private_addresses": true in the oauth block of ${server}.`
    case "redirect":
      return `Tell the provider of ${server}, or set "authorization_url", "token_url" and "client_id" in its oauth block.`
    case "too long":
      return `Tell the provider of ${server}: metadata has a few kilobytes.`
    case "moved":
      return `If the server has moved there, set its "url" to the new address.`
    case "configuration":
      return `Correct them in the configuration.`
  }
}

/** The metadata of a server, or of its authorization server, cannot be used. */
export class DiscoveryError extends Schema.TaggedError<DiscoveryError>()("DiscoveryError", {
  server: Schema.String,
  reason: Schema.Literals(discoveryRefusals),
  /** What is wrong, without secrets, as the middle of a sentence. */
  detail: Schema.String
}) {
  override get message(): string {
    return `Cannot find out how to sign in to ${this.server}: ${this.detail}. ${nextStep(this.server, this.reason)}`
  }
}

/** The server answers requests without a token and names no authorization server. */
export class SignInNotOffered extends Schema.TaggedError<SignInNotOffered>()("SignInNotOffered", {
  server: Schema.String
}) {
  override get message(): string {
    return `${this.server} requires no sign-in: it can be used without one.`
  }
}

/**
 * Finds the authorization server of an MCP server: challenge, protected resource metadata (RFC 9728), authorization
 * server metadata (RFC 8414, OpenID Connect Discovery).
 */
export class Discovery extends Context.Service<
  Discovery,
  {
    /**
     * Finds the authorization server, and what the MCP server requires of tokens.
     *
     * @param challenge the challenge in an answer of the server. All metadata is fetched again, since the server may have
     * changed it. Absent: the server is asked for a challenge, and metadata may be up to 5 minutes old.
     */
    readonly discover: (
      server: RemoteServer,
      challenge: BearerChallenge | undefined
    ) => Effect.Effect<DiscoveredServer, DiscoveryError | SignInNotOffered | NetworkError>
  }
>()("mcp-cli-oauth/ports/Discovery") {}
