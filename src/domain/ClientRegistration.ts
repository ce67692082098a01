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
  secretExpiresAt: Schema.optionalKey(Schema.Finite)
}) {}

/** The client of a credential. */
export const ClientRegistration = Schema.Union([ConfiguredRegistration, DynamicRegistration])
/** The client of a credential. */
export type ClientRegistration = typeof ClientRegistration.Type
