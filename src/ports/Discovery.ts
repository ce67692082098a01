import { Context, type Effect, Schema } from "effect"
import type { DiscoveredServer } from "../domain/AuthorizationServer.ts"
import type { BearerChallenge } from "../domain/Challenge.ts"
import type { RemoteServer } from "../domain/Server.ts"
import type { NetworkError } from "./HttpTransport.ts"

/** Why a description cannot be used. */
export const discoveryRefusals = [
  /** There is none, or none that can be read. */
  "no metadata",
  /** The metadata of an issuer calls itself by another one (RFC 8414 §3.3). */
  "issuer mismatch",
  /** The configured issuer is none of those that the server names. */
  "issuer not listed",
  /** It takes a client's own proof alone, and the configuration does not say that this is where it may go. */
  "issuer not named",
  /** The metadata is for another resource (RFC 9728 §3.3). */
  "resource mismatch",
  /** An authorization URL that no browser may be sent to: no web address, or one without TLS. */
  "authorization URL",
  /** Any other URL that OAuth must not use: without TLS, with user information, or none at all. */
  "insecure URL",
  /** An address further in than the server itself is: of this machine, or of a private network. */
  "private address",
  /** A redirect that must not be followed. */
  "redirect",
  /** An answer over 1 MiB. */
  "too long",
  /** The MCP server has moved. */
  "moved",
  /** No request can be made of the configured URL and headers. */
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
      return `${report}: whoever it is, it must not be believed.`
    case "issuer not listed":
      return `Set "issuer" in the oauth block of ${server} to one of them, letter by letter, or leave it out.`
    case "issuer not named":
      return `No secret was sent. If that is where this client belongs, set "grant_type": "client_credentials" and that "issuer" in the oauth block of ${server}.`
    case "resource mismatch":
      return `Check the "url" of ${server}; if it is right, tell its provider. No token was asked for.`
    case "authorization URL":
      return `No browser was opened. Tell the provider of ${server}, and do not open such an address by hand.`
    case "insecure URL":
      return `${report} that it must be https.`
    case "private address":
      return `${report}; if that is where it belongs and you trust it, set "allow_private_addresses": true in the oauth block of ${server}.`
    case "redirect":
      return `Tell the provider of ${server}, or set "authorization_url", "token_url" and "client_id" in its oauth block.`
    case "too long":
      return `Tell the provider of ${server}: metadata has a few kilobytes.`
    case "moved":
      return `If that is where the server is now, set its "url" to the address there.`
    case "configuration":
      return `Correct them in the configuration.`
  }
}

/** The server, or its authorization server, describes itself in a way that cannot be used. */
export class DiscoveryError extends Schema.TaggedError<DiscoveryError>()("DiscoveryError", {
  server: Schema.String,
  reason: Schema.Literals(discoveryRefusals),
  /** What was found, without secrets, as the middle of a sentence. */
  detail: Schema.String
}) {
  override get message(): string {
    return `Cannot find out how to sign in to ${this.server}: ${this.detail}. ${nextStep(this.server, this.reason)}`
  }
}

/** The server answers without a token and names no authorization server. */
export class SignInNotOffered extends Schema.TaggedError<SignInNotOffered>()("SignInNotOffered", {
  server: Schema.String
}) {
  override get message(): string {
    return `${this.server} does not ask for a sign-in: it can be used as it is.`
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
     * @param challenge the one that the server answered with: all metadata is fetched anew, since the server may have
     * changed what it names. Absent: the server is asked for one, and metadata may be up to 5 minutes old.
     */
    readonly discover: (
      server: RemoteServer,
      challenge: BearerChallenge | undefined
    ) => Effect.Effect<DiscoveredServer, DiscoveryError | SignInNotOffered | NetworkError>
  }
>()("mcp-cli-oauth/ports/Discovery") {}
