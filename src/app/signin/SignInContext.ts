import { Effect, type Redacted } from "effect"
import type { RequestAuthentication } from "../../domain/ClientAuthentication.ts"
import type { ClientRegistration, DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { type NonInteractiveGrant, type RemoteServer, resourceOf } from "../../domain/Server.ts"
import type { DpopUnsupported } from "../../domain/SignInError.ts"
import { dpopProblem, isDpopBound } from "../../domain/SignInRules.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import { DpopProofs } from "../../ports/DpopProofs.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

/** A credential, and the tokens in it. */
export interface SignedIn {
  readonly credential: Credential
  readonly tokens: TokenSet
  /** What becomes of the refresh token that this sign-in replaces. Absent: it replaces none. */
  readonly replaced?: "revoked" | "kept valid"
}

/** What a sign-in knows before it requests anything, the same for every grant. */
export interface SignInContext {
  readonly server: RemoteServer
  readonly key: CredentialKey
  readonly authorizationServer: ResolvedAuthorizationServer
  /** The dynamic client of the stored credential, if it may request the scopes of this sign-in at the same issuer. */
  readonly known: DynamicRegistration | undefined
  /** A dynamic client that an earlier sign-in registered, and that no tokens belong to. Used if there is no `known` one. */
  readonly spare?: DynamicRegistration | undefined
  /** True: the stored client can no longer be used, so that another one is registered. */
  readonly isRetired?: boolean
  /** What to request instead if the server refuses the scopes. Absent: the user, or a challenge, chose them. */
  readonly otherScopes?: ReadonlyArray<ReadonlyArray<string>>
  /** The authentication of the configured client that its endpoint accepted before. */
  readonly accepted?: RequestAuthentication | undefined
}

/** The credential that this sign-in leads to, without its tokens. */
export const draftCredential = (
  { authorizationServer, server }: SignInContext,
  registration: ClientRegistration,
  grant?: NonInteractiveGrant["_tag"]
): Credential => {
  const { endpoints, issuer, resource, scopes, tokenEndpoint } = authorizationServer
  return new Credential({
    resource: resourceOf(server),
    issuer,
    tokenEndpoint: tokenEndpoint.href,
    ...(endpoints.revocation === undefined ? {} : { revocationEndpoint: endpoints.revocation.href }),
    ...(resource === undefined ? {} : { resourceParameter: resource }),
    ...(grant === undefined ? {} : { grant }),
    registration,
    grantedScopes: [],
    requestedScopes: scopes,
    generation: 0
  })
}

/** Creates the key that the tokens will be bound to (RFC 9449). None if they are plain bearer tokens. */
export const dpopKeyFor: (
  context: SignInContext
) => Effect.Effect<Redacted.Redacted | undefined, DpopUnsupported, DpopProofs> = Effect.fn(
  "SignInContext.dpopKeyFor"
)(function* ({ authorizationServer: { dpopRequired, metadata }, server }: SignInContext) {
  if (!isDpopBound(server, dpopRequired)) return undefined
  const problem = dpopProblem(server, metadata, dpopRequired)
  if (problem !== undefined) return yield* problem
  return yield* DpopProofs.use(({ makeKey }) => makeKey)
})
