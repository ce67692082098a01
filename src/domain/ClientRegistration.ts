import { Schema } from "effect"
import { clientAuthenticationMethods } from "./Server.ts"

const AuthenticationMethod = Schema.Literals(clientAuthenticationMethods)

/**
 * A client from the configuration, as a credential remembers it. Its secret stays in the configuration.
 */
export class ConfiguredRegistration extends Schema.TaggedClass<ConfiguredRegistration>()("Configured", {
  clientId: Schema.NonEmptyString,
  /** What worked at the token endpoint. */
  authenticationMethod: AuthenticationMethod
}) {}

/**
 * A client that we registered ourselves (RFC 7591). It belongs to one issuer and one redirect URI.
 */
export class DynamicRegistration extends Schema.TaggedClass<DynamicRegistration>()("Dynamic", {
  clientId: Schema.NonEmptyString,
  clientSecret: Schema.optionalKey(Schema.RedactedFromValue(Schema.NonEmptyString)),
  authenticationMethod: AuthenticationMethod,
  redirectUri: Schema.NonEmptyString,
  /** Milliseconds since the epoch; absent: the secret does not end (`client_secret_expires_at` 0 or none). */
  secretExpiresAt: Schema.optionalKey(Schema.Finite),
  /** The scopes that the client may ask for; absent: as far as is known, any. */
  scopes: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Where the registration can be taken back (RFC 7592 §3); absent where the server did not say, or said it unsafely. */
  management: Schema.optionalKey(
    Schema.Struct({
      url: Schema.NonEmptyString,
      accessToken: Schema.RedactedFromValue(Schema.NonEmptyString)
    })
  )
}) {
  /** Whether its secret has ended at `now`, in milliseconds since the epoch (RFC 7591 §3.2.1): it is of no more use. */
  hasEnded(now: number): boolean {
    return this.secretExpiresAt !== undefined && this.secretExpiresAt <= now
  }

  /** Whether the client may ask for all of these (RFC 7591 §2 `scope`). */
  mayAskFor(scopes: ReadonlyArray<string>): boolean {
    return this.scopes === undefined || scopes.every((scope) => this.scopes?.includes(scope))
  }
}

/**
 * A client that is known by the address of the document about it (draft-ietf-oauth-client-id-metadata-document). It has
 * no secret, and is the same client at every authorization server that takes such addresses.
 */
export class MetadataDocument extends Schema.TaggedClass<MetadataDocument>()("MetadataDocument", {
  /** The address, letter by letter as the document has it. */
  clientId: Schema.NonEmptyString
}) {
  /** What the document says of it. */
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
