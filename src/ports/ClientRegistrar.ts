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
  /** Why there is no registration. Absent: the server refused this client. */
  why: Schema.optionalKey(
    Schema.Literals([
      /** The registration endpoint does not exist, so the server may accept only an API key. */
      "nothing there",
      /** It cannot register clients now, and refused nothing. */
      "unavailable",
      /** It does not accept the redirect URI. */
      "redirect URI"
    ])
  ),
  /** Milliseconds that the server requires to wait. */
  retryAfter: Schema.optionalKey(Schema.Finite),
  /** Where a user registers an application; absent: not known. */
  registerAt: Schema.optionalKey(Schema.String),
  /** True: it accepts the address of a document about a client instead. */
  takesMetadataDocument: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    const { detail, issuer, why } = this
    if (detail === undefined) return `${issuer} does not register clients automatically.`
    return why === "unavailable"
      ? `${issuer} could not register this client now (${detail}).`
      : `${issuer} refused to register this client (${detail}).`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    const { detail, issuer, registerAt, retryAfter, server, takesMetadataDocument, why } = this
    const oauth = Remedy.oauthOf(server)
    const place = registerAt === undefined ? `with the provider of ${server}` : `at ${registerAt}`
    const client = Remedy.set(oauth, { client_id: null }, "you have registered one")
    if (why === "unavailable") {
      const time = retryAfter === undefined ? "later" : `in ${Math.ceil(retryAfter / 1000)} seconds`
      return [Remedy.advice(`Try again ${time}, or register an application ${place}.`), client]
    }
    const document = [
      Remedy.command("auth client-metadata", { purpose: "see a document to publish instead" }),
      Remedy.set(oauth, { client_metadata_url: null }, "you publish that document")
    ]
    const key = Remedy.set(
      [...Remedy.entryOf(server), "headers"],
      { Authorization: null },
      `${server} takes an API key instead`
    )
    const isRefused = detail !== undefined && why !== "nothing there"
    return [
      ...(why === "redirect URI"
        ? [Remedy.set(oauth, { redirect_uri: null }, "its provider names another address that it accepts")]
        : []),
      Remedy.advice(
        isRefused
          ? `Ask the administrator of ${issuer} to let this machine register clients, or register an application ${place}.`
          : `Register an application ${place}.`
      ),
      client,
      ...(takesMetadataDocument === true ? document : []),
      ...(why === "nothing there" ? [key] : [])
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
