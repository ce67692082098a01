import { Context, type Effect, Schema } from "effect"
import type { AuthorizationServerMetadata } from "../domain/AuthorizationServer.ts"
import type { DynamicRegistration } from "../domain/ClientRegistration.ts"
import type { NetworkError } from "./HttpTransport.ts"

/** The authorization server registers no clients, or refused ours. */
export class RegistrationError extends Schema.TaggedError<RegistrationError>()("RegistrationError", {
  server: Schema.String,
  issuer: Schema.String,
  /** What the server said; absent: it offers no registration. */
  detail: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const what =
      this.detail === undefined
        ? `${this.issuer} does not register clients by itself`
        : `${this.issuer} refused to register this client (${this.detail})`
    return `${what}. Register an application with the provider of ${this.server} and set "client_id" in its oauth block.`
  }
}

/** Registers clients at an authorization server (RFC 7591). */
export class ClientRegistrar extends Context.Service<
  ClientRegistrar,
  {
    readonly register: (request: {
      readonly server: string
      readonly metadata: AuthorizationServerMetadata
      readonly redirectUri: URL
      readonly scopes: ReadonlyArray<string>
    }) => Effect.Effect<DynamicRegistration, RegistrationError | NetworkError>
  }
>()("mcp-cli-oauth/ports/ClientRegistrar") {}
