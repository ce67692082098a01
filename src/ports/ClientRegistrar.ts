import { Context, type Effect, Schema } from "effect"
import type { AuthorizationServerMetadata } from "../domain/AuthorizationServer.ts"
import type { DynamicRegistration } from "../domain/ClientRegistration.ts"
import * as Remedy from "../domain/Remedy.ts"
import type { NetworkError } from "./HttpTransport.ts"

/** The authorization server registers no clients, or refused this one. */
export class RegistrationError extends Schema.TaggedError<RegistrationError>()("RegistrationError", {
  server: Schema.String,
  issuer: Schema.String,
  /** The answer of the server; absent: it offers no registration. */
  detail: Schema.optionalKey(Schema.String),
  /** True: the registration endpoint does not exist, so the server may accept only an API key. */
  nothingThere: Schema.optionalKey(Schema.Boolean),
  /** Where a user registers an application; absent: not known. */
  registerAt: Schema.optionalKey(Schema.String),
  /** True: it accepts the address of a document about a client instead. */
  takesMetadataDocument: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    return this.detail === undefined
      ? `${this.issuer} does not register clients automatically.`
      : `${this.issuer} refused to register this client (${this.detail}).`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    const oauth = Remedy.oauthOf(this.server)
    if (this.detail !== undefined && /scope/i.test(this.detail)) {
      return [Remedy.check(oauth, ["scopes"]), Remedy.advice("Or sign in with other scopes.")]
    }
    const place =
      this.registerAt === undefined ? `with the provider of ${this.server}` : `at ${this.registerAt}`
    const document = [
      Remedy.command("auth client-metadata", { purpose: "see a document to publish instead" }),
      Remedy.set(oauth, { client_metadata_url: null }, "you publish that document")
    ]
    const key = Remedy.set(
      [...Remedy.entryOf(this.server), "headers"],
      { Authorization: null },
      `${this.server} takes an API key instead`
    )
    return [
      Remedy.advice(`Register an application ${place}.`),
      Remedy.set(oauth, { client_id: null }, "you have registered one"),
      ...(this.takesMetadataDocument === true ? document : []),
      ...(this.nothingThere === true ? [key] : [])
    ]
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
      /** The configuration allows http for the server. */
      readonly allowHttp?: true | undefined
      /** Where a user registers clients, for the error message. Absent: not known. */
      readonly registerAt?: string
    }) => Effect.Effect<DynamicRegistration, RegistrationError | NetworkError>
    /** Deregisters a client (RFC 7592 §2.3). False if the server refused or offers no deregistration. Sent once. */
    readonly deregister: (registration: DynamicRegistration) => Effect.Effect<boolean, NetworkError>
  }
>()("mcp-cli-oauth/ports/ClientRegistrar") {}
