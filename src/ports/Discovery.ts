import { Context, type Effect, Schema } from "effect"
import type { DiscoveredServer } from "../domain/AuthorizationServer.ts"
import type { BearerChallenge } from "../domain/Challenge.ts"
import type { HttpServer } from "../domain/Server.ts"
import type { NetworkError } from "./HttpTransport.ts"

/** The server, or its authorization server, describes itself in a way that cannot be used. */
export class DiscoveryError extends Schema.TaggedError<DiscoveryError>()("DiscoveryError", {
  server: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `Cannot find out how to sign in to ${this.server}: ${this.detail}. If its provider documents the endpoints, set "authorization_url", "token_url" and "client_id" in its oauth block.`
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
     * @param challenge the one that the server answered with; absent: the server is asked for one.
     */
    readonly discover: (
      server: HttpServer,
      challenge: BearerChallenge | undefined
    ) => Effect.Effect<DiscoveredServer, DiscoveryError | SignInNotOffered | NetworkError>
  }
>()("mcp-cli-oauth/ports/Discovery") {}
