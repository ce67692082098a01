import { Equal, type Redacted, Schema, SchemaTransformation } from "effect"
import { authenticationMethods } from "./ClientAuthentication.ts"
import { ClientRegistration, DynamicRegistration } from "./ClientRegistration.ts"
import { isSameIssuer } from "./Issuer.ts"
import { isSameOrigin } from "./SecureUrl.ts"
import {
  type RemoteServer,
  isNonInteractiveGrant,
  type NonInteractiveGrant,
  nonInteractiveGrantTypes,
  resourceOf,
  type SecretSource,
  type SigningKey
} from "./Server.ts"
import { isScope, scopesApart, scopesOf, TokenSet } from "./TokenSet.ts"

/** A client with its secrets, and the methods by which it may authenticate. */
export interface OAuthClient {
  readonly clientId: string
  /** Absent for a public client. */
  readonly clientSecret: SecretSource | undefined
  /** Absent for a client that does not sign. `audience` is the `aud` of its assertions (RFC 7523 §3). */
  readonly signing: { readonly key: SigningKey; readonly audience: string } | undefined
  /** The authentication methods, in the order in which they are tried. */
  readonly methods: ReturnType<typeof authenticationMethods>
  /** Its requests may use http. Absent: only on this machine. */
  readonly allowHttp?: true
  /** The configuration names the endpoints of its requests. Absent: the metadata does, or it is unknown. */
  readonly isByHand?: true
}

const nonInteractiveGrants = Object.keys(nonInteractiveGrantTypes) as ReadonlyArray<
  NonInteractiveGrant["_tag"]
>

/** A sign-in in two steps that has completed. Its record is refused after that. */
const UsedSignIn = Schema.Struct({
  state: Schema.RedactedFromValue(Schema.NonEmptyString),
  /** When the record expires anyway, in milliseconds since the epoch. */
  until: Schema.Finite
})

/** Scopes of a record. Records of older versions may have what is no scope-token, which is left out. */
const Scopes = Schema.Array(Schema.String).pipe(
  Schema.decode(
    SchemaTransformation.transform<ReadonlyArray<string>, ReadonlyArray<string>>({
      decode: (scopes) => scopes.filter(isScope),
      encode: (scopes) => scopes.filter(isScope)
    })
  )
)

/** Used sign-ins that a credential remembers: far more than one user completes before they expire. */
const maxUsedSignIns = 20

const secretOf = (
  registration: ClientRegistration,
  { oauth: { source } }: RemoteServer
): SecretSource | undefined => {
  switch (registration._tag) {
    case "Configured":
      return source.client?.clientSecret
    case "Dynamic":
      return registration.clientSecret
    case "MetadataDocument":
      return undefined
  }
}

/** Returns true if the configuration names this issuer, or none. */
const isIssuerOf = (issuer: string, { oauth: { issuer: configured, source } }: RemoteServer): boolean => {
  if (source._tag === "ByHand") return issuer === source.tokenEndpoint.href
  return configured === undefined || isSameIssuer(issuer, configured)
}

/** Returns true if the configuration names the grant that the tokens were obtained by, or none. */
const isGrantOf = (
  used: NonInteractiveGrant["_tag"] | undefined,
  { oauth: { grant } }: RemoteServer
): boolean => {
  // Client credentials need no configuration besides the client.
  if (grant === undefined) return used === undefined || used === "ClientCredentials"
  return isNonInteractiveGrant(grant) ? grant._tag === used : used === undefined
}

/** Returns true if the configuration names this client, or none. */
const isClientOf = (
  registration: ClientRegistration,
  { oauth: { clientMetadataUrl, source } }: RemoteServer
): boolean => {
  switch (registration._tag) {
    case "Configured":
      return registration.clientId === source.client?.clientId
    case "Dynamic":
      return source.client === undefined
    case "MetadataDocument":
      return source.client === undefined && registration.clientId === clientMetadataUrl
  }
}

/**
 * Everything that is stored for one server and account. Its tokens are sent to `resource`, `tokenEndpoint` and
 * `revocationEndpoint`, and nowhere else.
 */
export class Credential extends Schema.Class<Credential>("Credential")({
  /** Canonical URI of the MCP server that the tokens are for (RFC 8707). */
  resource: Schema.NonEmptyString,
  /** Issuer of the tokens (RFC 8414). With configured endpoints: the token endpoint, because no issuer is known. */
  issuer: Schema.NonEmptyString,
  tokenEndpoint: Schema.NonEmptyString,
  /** The revocation endpoint (RFC 7009). Absent: none was known at the sign-in. */
  revocationEndpoint: Schema.optionalKey(Schema.NonEmptyString),
  /** The grant without a user that the tokens were obtained by. Absent: a user approved the sign-in. */
  grant: Schema.optionalKey(Schema.Literals(nonInteractiveGrants)),
  /** The `resource` parameter of the flow, repeated in each refresh. Absent: it was not sent. */
  resourceParameter: Schema.optionalKey(Schema.NonEmptyString),
  registration: ClientRegistration,
  /** A client that was registered for a sign-in that then failed. The next one uses it. */
  spareRegistration: Schema.optionalKey(DynamicRegistration),
  /** True: no sign-in has completed, and the record holds a client alone. */
  isUnused: Schema.optionalKey(Schema.Literal(true)),
  /** Absent: the client is registered, but not signed in. */
  tokens: Schema.optionalKey(TokenSet),
  /** The scopes that the tokens have. */
  grantedScopes: Scopes,
  /** The scopes that were requested, granted or not. Absent in records of older versions. */
  requestedScopes: Schema.optionalKey(Scopes),
  /** The sign-ins in two steps that have completed and not expired, so that no process completes one again. */
  usedSignIns: Schema.optionalKey(Schema.Array(UsedSignIn)),
  /** Counts the writes of this record. A higher one is newer. */
  generation: Schema.Int
}) {
  /** Returns the next generation of the record, with these changes. */
  next(changes: {
    readonly tokens?: TokenSet
    readonly registration?: ClientRegistration
    readonly spareRegistration?: DynamicRegistration
    readonly requestedScopes?: ReadonlyArray<string>
    readonly grantedScopes?: ReadonlyArray<string>
  }): Credential {
    return new Credential({ ...this, ...changes, generation: this.generation + 1 })
  }

  /** True if a sign-in with this `state` has completed. */
  hasUsed(state: Redacted.Redacted): boolean {
    return this.usedSignIns?.some((used) => Equal.equals(used.state, state)) === true
  }

  /**
   * The record that takes the place of `before` when a sign-in completes this draft.
   *
   * @param used the sign-in, if it is one in two steps
   */
  signedIn(
    before: Credential | undefined,
    result: { readonly registration: ClientRegistration; readonly tokens: TokenSet },
    used?: typeof UsedSignIn.Type
  ): Credential {
    const { registration, tokens } = result
    const usedBefore = before?.usedSignIns?.filter(({ until }) => until > tokens.obtainedAt) ?? []
    const usedSignIns = [...usedBefore, ...(used === undefined ? [] : [used])].slice(-maxUsedSignIns)
    return new Credential({
      ...this,
      registration,
      tokens,
      grantedScopes: this.grantedBy(tokens),
      ...(usedSignIns.length === 0 ? {} : { usedSignIns }),
      generation: (before?.generation ?? 0) + 1
    })
  }

  /** The scopes of tokens that were requested: as requested if the answer names none (RFC 6749 §5.1). */
  grantedBy({ scope }: TokenSet): ReadonlyArray<string> {
    const requested = this.requestedScopes ?? []
    return scope === undefined
      ? requested
      : scopesApart(scopesOf(scope), [...requested, ...this.grantedScopes])
  }

  /** Returns the record for an authorization server whose token endpoint has moved. */
  at(tokenEndpoint: string): Credential {
    return new Credential({ ...this, tokenEndpoint })
  }

  /** The next generation without tokens, after they were refused. The client stays registered. */
  get withoutTokens(): Credential {
    const { tokens: _, ...rest }: Credential = this
    return new Credential({ ...rest, generation: this.generation + 1 })
  }

  /**
   * Returns true if this record is for the server as it is configured now: the same resource, and the issuer, grant and
   * client that the configuration names. Any other record is never used.
   */
  isFor(server: RemoteServer): boolean {
    return (
      this.resource === resourceOf(server) &&
      isIssuerOf(this.issuer, server) &&
      isGrantOf(this.grant, server) &&
      isClientOf(this.registration, server)
    )
  }

  /** The grant that requests new tokens without a user. Absent: only the user can renew. */
  nonInteractiveGrantAt(server: RemoteServer): NonInteractiveGrant | undefined {
    const { grant } = server.oauth
    if (grant !== undefined) return isNonInteractiveGrant(grant) ? grant : undefined
    return this.grant === "ClientCredentials" ? { _tag: "ClientCredentials" } : undefined
  }

  /** The scopes to request without a user: as before, unless the configuration now names others. */
  scopesAt({ oauth: { scopes } }: RemoteServer): ReadonlyArray<string> {
    const before = this.requestedScopes ?? []
    return scopes === undefined || scopes.every((scope) => before.includes(scope)) ? before : scopes
  }

  /** Every scope that was requested or granted so far. A sign-in for these loses none of them. */
  get scopesSoFar(): ReadonlyArray<string> {
    return [...new Set([...(this.requestedScopes ?? []), ...this.grantedScopes])]
  }

  /** Returns true if all of these scopes are granted. */
  covers(scopes: ReadonlyArray<string>): boolean {
    return scopes.every((scope) => this.grantedScopes.includes(scope))
  }

  /**
   * Returns the client for every request about these tokens. A configured client authenticates as the configuration says
   * now, and not as it did at the sign-in.
   */
  clientAt(server: RemoteServer): OAuthClient {
    const { registration } = this
    const clientSecret = secretOf(registration, server)
    const isConfigured = registration._tag === "Configured"
    const signingKey = isConfigured ? server.oauth.source.client?.signingKey : undefined
    const stored = registration.authenticationMethod
    // The secret or key of a configured client may have changed since the sign-in.
    const proof = signingKey !== undefined ? "key" : clientSecret !== undefined ? "secret" : "none"
    const storedProof = stored === "private_key_jwt" ? "key" : stored === "none" ? "none" : "secret"
    const isCurrent = !isConfigured || proof === storedProof
    return {
      clientId: registration.clientId,
      clientSecret,
      ...(server.allowHttp === true ? { allowHttp: true } : {}),
      ...(server.oauth.source._tag === "ByHand" ? { isByHand: true } : {}),
      signing: signingKey && { key: signingKey, audience: this.issuer },
      methods: authenticationMethods({
        hasSecret: clientSecret !== undefined,
        signs: signingKey !== undefined,
        decided: isConfigured ? server.oauth.tokenEndpointAuthMethod : undefined,
        preferred: isCurrent ? stored : undefined,
        supported: undefined
      })
    }
  }

  /**
   * The client by this record alone, for tokens whose configuration is gone. Undefined: a configured client, whose secret is
   * not in the record.
   */
  get clientOfRecord(): OAuthClient | undefined {
    const { registration } = this
    const { authenticationMethod, clientId } = registration
    if (registration._tag === "Configured" && authenticationMethod !== "none") return undefined
    const clientSecret = registration._tag === "Dynamic" ? registration.clientSecret : undefined
    const methods = authenticationMethods({
      hasSecret: clientSecret !== undefined,
      decided: undefined,
      preferred: authenticationMethod,
      supported: undefined
    })
    return { clientId, clientSecret, signing: undefined, methods }
  }

  /**
   * Returns the revocation endpoint of the configuration, which may have changed since the sign-in; else the one that was
   * known at the sign-in.
   *
   * An endpoint of the configuration gets the tokens only at the origin of the stored token endpoint, which has them already.
   * A configuration with another revocation endpoint would otherwise collect the tokens of an earlier sign-in.
   */
  revocationEndpointAt(server: RemoteServer): URL | undefined {
    const written = configuredRevocationEndpoint(server)
    if (written !== undefined && isSameOrigin(written, new URL(this.tokenEndpoint))) return written
    return this.revocationEndpoint === undefined ? undefined : new URL(this.revocationEndpoint)
  }
}

/** The revocation endpoint that the configuration of a server names. */
export const configuredRevocationEndpoint = ({ oauth: { source } }: RemoteServer): URL | undefined =>
  source._tag === "ByHand" ? source.endpoints?.revocation : undefined

/**
 * A credential as JSON text. It contains the secrets as plain text, so that stores encrypt it or put it into a keyring.
 */
export const CredentialJson = Schema.fromJsonString(Schema.toCodecJson(Credential))

const encode = Schema.encodeSync(CredentialJson)

/** Returns true if two credentials hold the same tokens, whatever else was learned about them since. */
export const hasSameTokens = (one: Credential, other: Credential): boolean =>
  one.tokens !== undefined &&
  other.tokens !== undefined &&
  Equal.equals(one.tokens.accessToken, other.tokens.accessToken) &&
  Equal.equals(one.tokens.refreshToken, other.tokens.refreshToken)

/** Returns true if two credentials have the same text in a store. */
export const isSameCredential = (one: Credential, other: Credential): boolean => encode(one) === encode(other)
