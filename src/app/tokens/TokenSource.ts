import { Effect } from "effect"
import type { BearerChallenge } from "../../domain/Challenge.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { ScopeRequired, SignInRequired, UnknownAccount } from "../../domain/SignInError.ts"
import type { SignInNeeded, Stale, Unanswered, Usable } from "../../domain/TokenState.ts"
import type { SignInError } from "../signin/SignIn.ts"

/** Every reason why there is no access token. */
export type AccessTokenError = SignInError | SignInRequired | ScopeRequired | UnknownAccount

/** The server and account that need a token, and the challenge that triggered this request. */
export interface AccessTokenRequest {
  readonly server: RemoteServer
  /** Absent: the default account. */
  readonly account?: string | undefined
  /**
   * The challenge of the response that triggered this request: of a 401 for `get`, of a 403 for `stepUp`. After a 401, stale
   * tokens are renewed only if the server still names their issuer. Otherwise a sign-in is needed.
   */
  readonly challenge?: BearerChallenge | undefined
}

/** A request on its way through the sources. */
export interface TokenQuery extends AccessTokenRequest {
  readonly key: CredentialKey
  /** The issuer that the server names now. Absent: not checked, or not known. */
  readonly currentIssuer?: string | undefined
  /** When the request began to wait for the refresh lock, in milliseconds since the epoch. */
  readonly waitsSince?: number | undefined
}

/** Starts a request. */
export const queryOf = (request: AccessTokenRequest): TokenQuery => ({
  ...request,
  key: CredentialKey.at(request.server, request.account)
})

/** A state without usable tokens. */
export type Unusable = Stale | Unanswered | SignInNeeded

/**
 * One way to get tokens. It starts from the state `In` that the source before it left, and ends with usable tokens or
 * with a state `Left` for the next source. A source that leaves `never` always ends with tokens. A failure ends the search.
 */
export type TokenSource<Left extends Unusable, In = unknown, Failure = AccessTokenError> = (
  query: TokenQuery,
  state: In
) => Effect.Effect<Usable | Left, Failure>

const orElse =
  <In, A extends Unusable, B extends Unusable>(
    first: TokenSource<A, In>,
    second: TokenSource<B, A>
  ): TokenSource<B, In> =>
  (query, state) =>
    Effect.flatMap(first(query, state), (found): Effect.Effect<Usable | B, AccessTokenError> =>
      found._tag === "Usable" ? Effect.succeed(found) : second(query, found)
    )

/**
 * Tries sources in order until one ends with usable tokens. Each one starts from the state that the one before it left, so
 * an order in which a state is left over does not compile.
 */
export function firstOf<In, A extends Unusable, B extends Unusable>(
  first: TokenSource<A, In>,
  second: TokenSource<B, A>
): TokenSource<B, In>
export function firstOf<In, A extends Unusable, B extends Unusable, C extends Unusable>(
  first: TokenSource<A, In>,
  second: TokenSource<B, A>,
  third: TokenSource<C, B>
): TokenSource<C, In>
export function firstOf<In, A extends Unusable, B extends Unusable, C extends Unusable>(
  first: TokenSource<A, In>,
  second: TokenSource<B, A>,
  third?: TokenSource<C, B>
): TokenSource<B | C, In> {
  return third === undefined ? orElse(first, second) : orElse(orElse(first, second), third)
}

/** Runs a source for stale tokens only, and passes the other states on. */
export const whenStale =
  <Left extends Unusable>(
    source: TokenSource<Left, Stale>
  ): TokenSource<Left | Unanswered | SignInNeeded, Unusable> =>
  (query, state) =>
    state._tag === "Stale" ? source(query, state) : Effect.succeed(state)

/** Runs a source for tokens that can be renewed, now or later, and passes `SignInNeeded` on. */
export const whenRenewable =
  <Left extends Unusable>(
    source: TokenSource<Left, Stale | Unanswered>
  ): TokenSource<Left | SignInNeeded, Unusable> =>
  (query, state) =>
    state._tag === "SignInNeeded" ? Effect.succeed(state) : source(query, state)
