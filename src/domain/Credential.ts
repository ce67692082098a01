import { Equal, type Redacted, Schema } from "effect"
import { authenticationMethods } from "./ClientAuthentication.ts"
import { ClientRegistration } from "./ClientRegistration.ts"
import {
  type RemoteServer,
  isNonInteractiveGrant,
  type NonInteractiveGrant,
  resourceOf,
  type SigningKey
} from "./Server.ts"
import { scopesOf, TokenSet } from "./TokenSet.ts"

/** A client with its secrets, and the ways in which it may authenticate. */
export interface OAuthClient {
  readonly clientId: string
  /** Absent for a public client. */
  readonly clientSecret: Redacted.Redacted | undefined
  /** Absent for a client that does not sign. `audience` is the server that it authenticates to (RFC 7523 §3). */
  readonly signing: { readonly key: SigningKey; readonly audience: string } | undefined
  /** The ways to authenticate it, best first. */
  readonly methods: ReturnType<typeof authenticationMethods>
}

/** A sign-in in two steps that has completed. Its record is refused after that. */
const UsedSignIn = Schema.Struct({
  state: Schema.RedactedFromValue(Schema.NonEmptyString),
  /** When the record expires anyway, in milliseconds since the epoch. */
  until: Schema.Finite
})

/** Used sign-ins that a credential remembers: far more than one user completes before they expire. */
const maxUsedSignIns = 20

const secretOf = (
  registration: ClientRegistration,
  { oauth: { source } }: RemoteServer
): Redacted.Redacted | undefined => {
  switch (registration._tag) {
    case "Configured":
      return source.client?.clientSecret
    case "Dynamic":
      return registration.clientSecret
    case "MetadataDocument":
      return undefined
  }
}

/** Whether an issuer is the one that the configuration asks for, if it asks for one. */
const isIssuerOf = (issuer: string, { oauth: { issuer: asked, source } }: RemoteServer): boolean => {
  if (source._tag === "ByHand") return issuer === source.tokenEndpoint.href
  // An origin is written with a slash at its end or without one.
  return asked === undefined || URL.parse(issuer)?.href === URL.parse(asked)?.href
}

/** Whether tokens were come by in the way that the configuration asks for, if it asks for one. */
const isGrantOf = (
  kept: NonInteractiveGrant["_tag"] | undefined,
  { oauth: { grant } }: RemoteServer
): boolean => {
  // Only the client's own right needs nothing but the client.
  if (grant === undefined) return kept === undefined || kept === "ClientCredentials"
  return isNonInteractiveGrant(grant) ? grant._tag === kept : kept === undefined
}

/** Whether a client is the one that the configuration asks for, if it asks for one. */
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
  /** How the tokens were come by; absent: with a user, who must be there when the tokens end for good. */
  grant: Schema.optionalKey(Schema.Literals(["ClientCredentials", "JwtBearer", "EnterpriseManaged"])),
  /** The `resource` parameter of the flow, repeated in each refresh; absent where it was not sent. */
  resourceParameter: Schema.optionalKey(Schema.NonEmptyString),
  registration: ClientRegistration,
  /** Absent: the client is registered, but nobody is signed in (any more). */
  tokens: Schema.optionalKey(TokenSet),
  /** Every scope granted so far. */
  grantedScopes: Schema.Array(Schema.String),
  /** The scopes that the sign-in asked for, granted or not; absent in records of older versions. */
  requestedScopes: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The sign-ins in two steps that have completed and not expired, so that no process completes one again. */
  usedSignIns: Schema.optionalKey(Schema.Array(UsedSignIn)),
  /** Counts the writes of this record: a higher one is the newer. */
  generation: Schema.Int
}) {
  /** The record after a write with these changes. */
  next(changes: {
    readonly tokens?: TokenSet
    readonly registration?: ClientRegistration
    readonly requestedScopes?: ReadonlyArray<string>
    readonly grantedScopes?: ReadonlyArray<string>
  }): Credential {
    return new Credential({ ...this, ...changes, generation: this.generation + 1 })
  }

  /** Whether a sign-in with this `state` has completed. */
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
      // Granted as requested if the answer names no scope (RFC 6749 §5.1).
      grantedScopes: tokens.scope === undefined ? (this.requestedScopes ?? []) : scopesOf(tokens.scope),
      ...(usedSignIns.length === 0 ? {} : { usedSignIns }),
      generation: (before?.generation ?? 0) + 1
    })
  }

  /** The same for a server whose token endpoint is now somewhere else. */
  at(tokenEndpoint: string): Credential {
    return new Credential({ ...this, tokenEndpoint })
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
  isFor(server: RemoteServer): boolean {
    return (
      this.resource === resourceOf(server) &&
      isIssuerOf(this.issuer, server) &&
      isGrantOf(this.grant, server) &&
      isClientOf(this.registration, server)
    )
  }

  /** How tokens are asked for anew without a user; absent: they are not. */
  nonInteractiveGrantAt(server: RemoteServer): NonInteractiveGrant | undefined {
    const { grant } = server.oauth
    if (grant !== undefined) return isNonInteractiveGrant(grant) ? grant : undefined
    return this.grant === "ClientCredentials" ? { _tag: "ClientCredentials" } : undefined
  }

  /** What to ask for anew without a user: as before, unless the configuration has come to ask for more. */
  scopesAt({ oauth: { scopes } }: RemoteServer): ReadonlyArray<string> {
    const before = this.requestedScopes ?? []
    return scopes.every((scope) => before.includes(scope)) ? before : scopes
  }

  /** Every scope that was asked for or granted so far, for a sign-in that is to lose none of them. */
  get scopesSoFar(): ReadonlyArray<string> {
    return [...new Set([...(this.requestedScopes ?? []), ...this.grantedScopes])]
  }

  /** Whether every one of these scopes is granted. */
  covers(scopes: ReadonlyArray<string>): boolean {
    return scopes.every((scope) => this.grantedScopes.includes(scope))
  }

  /**
   * The client of every request about these tokens. What the configuration says of a client of its own comes before
   * what worked at the sign-in.
   */
  clientAt(server: RemoteServer): OAuthClient {
    const { registration } = this
    const clientSecret = secretOf(registration, server)
    const isConfigured = registration._tag === "Configured"
    const signingKey = isConfigured ? server.oauth.source.client?.signingKey : undefined
    const kept = registration.authenticationMethod
    // What a client of the configuration proves itself with may have been changed since the sign-in.
    const proof = signingKey !== undefined ? "key" : clientSecret !== undefined ? "secret" : "none"
    const keptProof = kept === "private_key_jwt" ? "key" : kept === "none" ? "none" : "secret"
    const fits = !isConfigured || proof === keptProof
    return {
      clientId: registration.clientId,
      clientSecret,
      signing: signingKey && { key: signingKey, audience: this.issuer },
      methods: authenticationMethods({
        hasSecret: clientSecret !== undefined,
        signs: signingKey !== undefined,
        decided:
          (isConfigured ? server.oauth.tokenEndpointAuthMethod : undefined) ?? (fits ? kept : undefined),
        supported: undefined
      })
    }
  }

  /**
   * Where the tokens can be revoked: what the configuration says now, which may have been written or corrected since
   * the sign-in, else what was known then.
   */
  revocationEndpointAt(server: RemoteServer): URL | undefined {
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
