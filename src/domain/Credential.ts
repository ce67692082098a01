import { Schema } from "effect"
import { ClientRegistration } from "./ClientRegistration.ts"
import { type HttpServer, resourceOf } from "./Server.ts"
import { TokenSet } from "./TokenSet.ts"

/**
 * All that is kept for one server and account. Its tokens go to `resource` and `tokenEndpoint` and nowhere else.
 */
export class Credential extends Schema.Class<Credential>("Credential")({
  /** Canonical URI of the MCP server that the tokens are for (RFC 8707). */
  resource: Schema.NonEmptyString,
  /** Issuer of the tokens (RFC 8414); with endpoints by hand the token endpoint, which is all that is known. */
  issuer: Schema.NonEmptyString,
  tokenEndpoint: Schema.NonEmptyString,
  /** The `resource` parameter of the flow, repeated in each refresh; absent where it was not sent. */
  resourceParameter: Schema.optionalKey(Schema.NonEmptyString),
  registration: ClientRegistration,
  /** Absent: the client is registered, but nobody is signed in (any more). */
  tokens: Schema.optionalKey(TokenSet),
  /** Every scope granted so far. */
  grantedScopes: Schema.Array(Schema.String),
  /** Counts the writes of this record: a higher one is the newer. */
  generation: Schema.Int
}) {
  /** The record after a write with these changes. */
  next(changes: { readonly tokens?: TokenSet; readonly registration?: ClientRegistration }): Credential {
    return new Credential({ ...this, ...changes, generation: this.generation + 1 })
  }

  /** The record once its tokens are known to be worthless: the client stays registered. */
  get withoutTokens(): Credential {
    const { tokens: _, ...rest }: Credential = this
    return new Credential({ ...rest, generation: this.generation + 1 })
  }

  /**
   * Whether this record is for the server as it is configured now: the same resource, and the same issuer and
   * client where the configuration names them. A record for anything else is never used.
   */
  isFor(server: HttpServer): boolean {
    const { source } = server.oauth
    return (
      this.resource === resourceOf(server) &&
      (source._tag === "Discovered" || this.issuer === source.tokenEndpoint.href) &&
      (source.client === undefined
        ? this.registration._tag === "Dynamic"
        : this.registration._tag === "Configured" && this.registration.clientId === source.client.clientId)
    )
  }
}

/**
 * A credential as the text that stores keep, always encrypted or in a keyring: this holds its secrets in the clear.
 */
export const CredentialJson = Schema.fromJsonString(Schema.toCodecJson(Credential))

const encode = Schema.encodeSync(CredentialJson)

/** Whether two credentials are kept as the same text. */
export const isSameCredential = (one: Credential, other: Credential): boolean => encode(one) === encode(other)
