import { type Redacted, Schema } from "effect"
import { authenticationMethods } from "./ClientAuthentication.ts"
import { ClientRegistration } from "./ClientRegistration.ts"
import { type HttpServer, resourceOf } from "./Server.ts"
import { TokenSet } from "./TokenSet.ts"

/** The client of a credential as its authorization server is to be told of it. */
export interface CredentialClient {
  readonly clientId: string
  /** Absent for a public client. */
  readonly clientSecret: Redacted.Redacted | undefined
  /** The ways to authenticate it, the first one first. */
  readonly methods: ReturnType<typeof authenticationMethods>
}

/**
 * All that is kept for one server and account. Its tokens go to `resource`, `tokenEndpoint` and `revocationEndpoint` and
 * nowhere else.
 */
export class Credential extends Schema.Class<Credential>("Credential")({
  /** Canonical URI of the MCP server that the tokens are for (RFC 8707). */
  resource: Schema.NonEmptyString,
  /** Issuer of the tokens (RFC 8414); with endpoints by hand the token endpoint, which is all that is known. */
  issuer: Schema.NonEmptyString,
  tokenEndpoint: Schema.NonEmptyString,
  /** Where the tokens can be revoked (RFC 7009); absent where none was known at the sign-in. */
  revocationEndpoint: Schema.optionalKey(Schema.NonEmptyString),
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

  /**
   * The client of every request about these tokens. What the configuration says of a client of its own comes before
   * what worked at the sign-in.
   */
  clientAt(server: HttpServer): CredentialClient {
    const { registration } = this
    const clientSecret =
      registration._tag === "Dynamic" ? registration.clientSecret : server.oauth.source.client?.clientSecret
    return {
      clientId: registration.clientId,
      clientSecret,
      methods: authenticationMethods({
        hasSecret: clientSecret !== undefined,
        decided:
          (registration._tag === "Configured" ? server.oauth.tokenEndpointAuthMethod : undefined) ??
          registration.authenticationMethod,
        supported: undefined
      })
    }
  }

  /**
   * Where the tokens can be revoked: what the configuration says now, which may have been written or corrected since
   * the sign-in, else what was known then.
   */
  revocationEndpointAt(server: HttpServer): URL | undefined {
    const { source } = server.oauth
    if (source._tag === "ByHand" && source.revocationEndpoint !== undefined) return source.revocationEndpoint
    return this.revocationEndpoint === undefined ? undefined : new URL(this.revocationEndpoint)
  }
}

/**
 * A credential as the text that stores keep, always encrypted or in a keyring: this holds its secrets in the clear.
 */
export const CredentialJson = Schema.fromJsonString(Schema.toCodecJson(Credential))

const encode = Schema.encodeSync(CredentialJson)

/** Whether two credentials are kept as the same text. */
export const isSameCredential = (one: Credential, other: Credential): boolean => encode(one) === encode(other)
