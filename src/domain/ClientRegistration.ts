import { Schema } from "effect"
import { type RequestAuthentication, requestAuthentications } from "./ClientAuthentication.ts"

const AuthenticationMethod = Schema.Literals(requestAuthentications)

/** A client from the configuration, as a credential stores it. Its secret stays in the configuration. */
export class ConfiguredRegistration extends Schema.TaggedClass<ConfiguredRegistration>()("Configured", {
  clientId: Schema.NonEmptyString,
  /** The method that the token endpoint accepted. */
  authenticationMethod: AuthenticationMethod
}) {}

/** A client that was registered dynamically (RFC 7591). It belongs to one issuer and one redirect URI. */
export class DynamicRegistration extends Schema.TaggedClass<DynamicRegistration>()("Dynamic", {
  clientId: Schema.NonEmptyString,
  clientSecret: Schema.optionalKey(Schema.RedactedFromValue(Schema.NonEmptyString)),
  /** The method that the token endpoint accepted; before that, the one that the client is registered for. */
  authenticationMethod: AuthenticationMethod,
  redirectUri: Schema.NonEmptyString,
  /** Milliseconds since the epoch; absent: the secret does not expire (`client_secret_expires_at` is 0 or missing). */
  secretExpiresAt: Schema.optionalKey(Schema.Finite),
  /** The scopes that the server named for the client. Absent: it named none. */
  scopes: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The scopes that it was registered for, if the server named fewer. Registering again would not help. */
  wantedScopes: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The client may use the device grant (RFC 8628). Absent: it was not registered for it. */
  deviceCode: Schema.optionalKey(Schema.Literal(true)),
  /**
   * Where the client can be deregistered (RFC 7592 §3). Absent: the server named no usable address, or other accounts
   * share the registration.
   */
  management: Schema.optionalKey(
    Schema.Struct({
      url: Schema.NonEmptyString,
      accessToken: Schema.RedactedFromValue(Schema.NonEmptyString)
    })
  )
}) {
  /** True if its secret has expired, or its server forgot it, at `now` in milliseconds since the epoch (RFC 7591 §3.2.1). */
  hasExpired(now: number): boolean {
    return this.secretExpiresAt !== undefined && this.secretExpiresAt <= now
  }

  /** The registration once its server has forgotten it at `now`: no sign-in uses it again. */
  forgotten(now: number): DynamicRegistration {
    return new DynamicRegistration({ ...this, secretExpiresAt: now })
  }

  /**
   * True if another registration would not get more of these scopes (RFC 7591 §2 `scope`).
   *
   * @param granted scopes that the client has got. One that the server did not name shows that its list is no limit:
   *   Keycloak names the optional scopes only.
   */
  mayRequest(scopes: ReadonlyArray<string>, granted: ReadonlyArray<string> = []): boolean {
    const { scopes: named, wantedScopes = [] }: DynamicRegistration = this
    if (named === undefined || granted.some((scope) => !named.includes(scope))) return true
    return scopes.every((scope) => named.includes(scope) || wantedScopes.includes(scope))
  }

  /** The registration as the accounts that share it store it: none of them may deregister the client. */
  get shared(): DynamicRegistration {
    const { management: _, ...rest }: DynamicRegistration = this
    return new DynamicRegistration(rest)
  }
}

/**
 * A client that is identified by the URL of its metadata document (draft-ietf-oauth-client-id-metadata-document). It has
 * no secret, and is the same client at every authorization server that accepts such URLs.
 */
export class MetadataDocument extends Schema.TaggedClass<MetadataDocument>()("MetadataDocument", {
  /** The URL, exactly as the document writes it. */
  clientId: Schema.NonEmptyString
}) {
  /** The method that the document names. */
  get authenticationMethod(): "none" {
    return "none"
  }
}

/** The client of a credential. */
export const ClientRegistration = Schema.Union([
  ConfiguredRegistration,
  DynamicRegistration,
  MetadataDocument
])
/** The client of a credential. */
export type ClientRegistration = typeof ClientRegistration.Type

/** The registration with the authentication method that the token endpoint accepted. */
export const withAuthenticationMethod = (
  registration: ClientRegistration,
  authenticationMethod: RequestAuthentication
): ClientRegistration => {
  switch (registration._tag) {
    case "Configured":
      return new ConfiguredRegistration({ clientId: registration.clientId, authenticationMethod })
    case "Dynamic":
      return new DynamicRegistration({ ...registration, authenticationMethod })
    case "MetadataDocument":
      return registration
  }
}
