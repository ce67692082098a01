import { Effect } from "effect"
import type { BearerChallenge } from "../../domain/Challenge.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { ScopeRequired, SignInRequired } from "../../domain/SignInError.ts"
import type { SignInNeeded, Stale, TokenState, Usable } from "../../domain/TokenState.ts"
import type { SignInError } from "../signin/SignIn.ts"

/** Every reason why there is no access token. */
export type AccessTokenError = SignInError | SignInRequired | ScopeRequired

/** The server and account that need a token, and the challenge that triggered this request. */
export interface AccessTokenRequest {
  readonly server: RemoteServer
  /** Absent: the default account. */
  readonly account?: string | undefined
  /** The challenge of a 401. The stored tokens are used only if the server still names the same issuer. */
  readonly challenge?: BearerChallenge | undefined
}

/** A request on its way through the sources. */
export interface TokenQuery extends AccessTokenRequest {
  readonly key: CredentialKey
  /** The issuer that the server names now. Absent: not checked, or it cannot be found out. */
  readonly currentIssuer?: string | undefined
}

/** Starts a request. */
export const queryOf = (request: AccessTokenRequest): TokenQuery => ({
  ...request,
  key: CredentialKey.of(request.server.name, request.account)
})

/**
 * One way to get tokens: from the state that the source before left, to the next state. `Out` says which states it can
 * leave, `In` which it accepts; a source without `In` decides from its own reading. The failures end the search.
 */
export type TokenSource<Out extends TokenState, In = unknown> = (
  query: TokenQuery,
  state: In
) => Effect.Effect<Out, AccessTokenError>

/** What the next source has to deal with. */
type Unusable<State> = Exclude<State, Usable>

/** Any source. Which state it may be given is left to the signatures of `firstOf`. */
type AnySource = TokenSource<TokenState, never>

/**
 * Tries sources in order until one leaves usable tokens. Each one starts from the state that the one before it left. If the
 * last source always ends with tokens, the types say so: the result is a `TokenSource<Usable>`.
 */
export function firstOf<In, A extends TokenState, B extends TokenState>(
  first: TokenSource<A, In>,
  second: TokenSource<B, Unusable<A>>
): TokenSource<Usable | B, In>
export function firstOf<In, A extends TokenState, B extends TokenState, C extends TokenState>(
  first: TokenSource<A, In>,
  second: TokenSource<B, Unusable<A>>,
  third: TokenSource<C, Unusable<B>>
): TokenSource<Usable | C, In>
export function firstOf(first: AnySource, ...others: ReadonlyArray<AnySource>): AnySource {
  return (query, state) =>
    others.reduce(
      (before, next) =>
        Effect.flatMap(before, (found) =>
          found._tag === "Usable" ? Effect.succeed(found) : next(query, found as never)
        ),
      first(query, state)
    )
}

/** Runs a source for stale tokens only, and passes `SignInNeeded` on. */
export const whenStale =
  <Out extends TokenState>(
    source: TokenSource<Out, Stale>
  ): TokenSource<Out | SignInNeeded, Stale | SignInNeeded> =>
  (query, state) =>
    state._tag === "Stale" ? source(query, state) : Effect.succeed(state)
