import { Context, type Effect, Schema } from "effect"
import type { AuthorizationServerMetadata } from "../domain/AuthorizationServer.ts"
import type { DynamicRegistration } from "../domain/ClientRegistration.ts"
import type { NetworkError } from "./HttpTransport.ts"

/** The authorization server registers no clients, or refused ours. */
export class RegistrationError extends Schema.TaggedError<RegistrationError>()("RegistrationError", {
  server: Schema.String,
  issuer: Schema.String,
  /** What the server said; absent: it offers no registration. */
  detail: Schema.optionalKey(Schema.String),
  /** There is nothing where clients would be registered: the server may take no sign-in but a key. */
  nothingThere: Schema.optionalKey(Schema.Boolean),
  /** Where a user registers an application; absent: not known. */
  registerAt: Schema.optionalKey(Schema.String),
  /** It takes the address of a document about a client instead. */
  takesMetadataDocument: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    const what =
      this.detail === undefined
        ? `${this.issuer} does not register clients by itself`
        : `${this.issuer} refused to register this client (${this.detail})`
    if (this.detail !== undefined && /scope/i.test(this.detail)) {
      return `${what}. Ask for other scopes: leave out --scope, or fix "scopes" in the oauth block of ${this.server}.`
    }
    const document =
      this.takesMetadataDocument === true
        ? ` Or publish what "mcp-cli auth client-metadata" prints, and set "client_metadata_url" to its address.`
        : ""
    const key =
      this.nothingThere === true
        ? ` If ${this.server} takes an API key instead, write it as an Authorization header under "headers" of its entry.`
        : ""
    return `${what}. Register an application ${this.registerAt === undefined ? `with the provider of ${this.server}` : `at ${this.registerAt}`} and set "client_id" in its oauth block.${document}${key}`
  }
}

/** Registers clients at authorization servers (RFC 7591), and deregisters them (RFC 7592). */
export class ClientRegistrar extends Context.Service<
  ClientRegistrar,
  {
    readonly register: (request: {
      readonly server: string
      readonly metadata: AuthorizationServerMetadata
      readonly redirectUri: URL
      readonly scopes: ReadonlyArray<string>
      /** The client also uses the device grant (RFC 8628). */
      readonly deviceCode?: boolean
      /** All tokens of the client will be bound to a key (RFC 9449 §5.2). */
      readonly dpop?: boolean
      /** Where a user registers clients, for the error message. Absent: not known. */
      readonly registerAt?: string
    }) => Effect.Effect<DynamicRegistration, RegistrationError | NetworkError>
    /** Deregisters a client (RFC 7592 §2.3). False if the server refused or offers no deregistration. Sent once. */
    readonly deregister: (registration: DynamicRegistration) => Effect.Effect<boolean, NetworkError>
  }
>()("mcp-cli-oauth/ports/ClientRegistrar") {}
