import { Clock, Context, Effect, Layer, Option, type Redacted } from "effect"
import { needsUser } from "../../domain/Server.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import type { SignInNeeded, Stale } from "../../domain/TokenState.ts"
import type { CredentialLock } from "../../ports/CredentialLock.ts"
import type { Discovery } from "../../ports/Discovery.ts"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { TokenEndpoint } from "../../ports/TokenEndpoint.ts"
import type { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import type { SignIn } from "../signin/SignIn.ts"
import { makeOncePerMachine, makeUnlessStorageFails, oncePerProcess } from "./Decorators.ts"
import { lastReadSource, memorySource } from "./MemorySource.ts"
import { observed, reasonAttributes, renewalAttributes } from "./Observation.ts"
import { makeRediscovery } from "./Rediscovery.ts"
import { refreshSource } from "./RefreshSource.ts"
import { makeRenew } from "./Renewal.ts"
import { signInSource } from "./SignInSource.ts"
import { makeStepUp, type StepUp } from "./StepUp.ts"
import { storeSource } from "./StoreSource.ts"
import {
  type AccessTokenError,
  type AccessTokenRequest,
  firstOf,
  queryOf,
  type TokenSource,
  type Unusable,
  whenStale
} from "./TokenSource.ts"
import { makeTokenStates } from "./TokenStates.ts"

export type { AccessTokenError, AccessTokenRequest } from "./TokenSource.ts"

/**
 * The order in which tokens are sought. Each source ends with usable tokens, or with a state for the next one:
 *
 * | source    | runs                                        | ends the search if                             |
 * | --------- | ------------------------------------------- | ---------------------------------------------- |
 * | `memory`  | always, without I/O                         | the token is fresh                             |
 * | `store`   | one caller per process; the others wait     | another process has signed in or refreshed     |
 * | `refresh` | one process per machine, if it is renewable | the renewal succeeds, or the old token is valid |
 * | `signIn`  | if there is nothing to renew                | always                                         |
 *
 * - `tokenState` is the table that decides what is usable, stale, or needs a sign-in.
 * - Under the lock the store is read again, because another process may have refreshed while this one waited. The lock is
 *   held across one refresh, never across a sign-in.
 * - `renewalOutcome` is the table of what a failed refresh leads to. Any other failure ends the search.
 * - If the store or the lock fails, the token that was last read is served while it is valid.
 * - `TokenPolicy` has the numbers: when a token stops being fresh, retries, cooldown, how long memory is trusted.
 */
const makeSources = Effect.gen(function* () {
  const states = yield* makeTokenStates
  const rediscovery = yield* makeRediscovery
  const { withCurrentIssuer } = rediscovery
  const renew = observed("refresh", yield* makeRenew(rediscovery), renewalAttributes)
  const oncePerMachine = yield* makeOncePerMachine
  const unlessStorageFails = yield* makeUnlessStorageFails(states, yield* lastReadSource(states))

  const memory: TokenSource<Unusable> = yield* memorySource(states)
  const store: TokenSource<Unusable> = observed("store", yield* storeSource(states))
  const refresh: TokenSource<SignInNeeded, Stale> = yield* refreshSource(states, store, renew)
  const signIn: TokenSource<never, SignInNeeded> = observed(
    "sign_in",
    yield* signInSource(states),
    reasonAttributes
  )

  const refreshUnderLock = withCurrentIssuer(oncePerMachine(firstOf(store, whenStale(refresh))))
  const renewed = yield* oncePerProcess(firstOf(store, whenStale(refreshUnderLock), signIn))
  const tokens: TokenSource<never, void> = firstOf(memory, unlessStorageFails(renewed))
  return { states, tokens }
})

/** Valid access tokens, from the cheapest source that has one: memory, the store, a refresh, a sign-in. */
export class AccessTokens extends Context.Service<
  AccessTokens,
  {
    /** A fresh token, or one that has not expired while it cannot be renewed. */
    readonly get: (request: AccessTokenRequest) => Effect.Effect<TokenSet, AccessTokenError>
    /**
     * As `get` if a sign-in is stored or the configuration names a client or grant. Otherwise none: a server that is
     * configured by its URL alone may not require a token.
     */
    readonly getIfKnown: (
      request: AccessTokenRequest
    ) => Effect.Effect<Option.Option<TokenSet>, AccessTokenError>
    /** Marks an access token as rejected (401) so that it is not returned again. Newer tokens are unaffected. */
    readonly reject: (request: AccessTokenRequest, accessToken: Redacted.Redacted) => Effect.Effect<void>
    /**
     * A token with the scopes that the challenge of a 403 names, by a sign-in for these and all earlier scopes (MCP
     * "Step-Up Authorization Flow"). None if the token that was sent already has them.
     *
     * @param sent the access token that the server answered with 403
     */
    readonly stepUp: StepUp
  }
>()("mcp-cli-oauth/app/tokens/AccessTokens") {}

/** @see AccessTokens */
export const layer: Layer.Layer<
  AccessTokens,
  never,
  CredentialLock | Credentials | Discovery | DpopProofs | UserInteraction | SignIn | TokenEndpoint
> = Layer.effect(
  AccessTokens,
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const { states, tokens } = yield* makeSources
    const stepUp = yield* makeStepUp

    // Without spans of their own: `observed` makes them where more than memory is involved.
    const get = (request: AccessTokenRequest) => Effect.map(tokens(queryOf(request)), (found) => found.tokens)

    const getIfKnown = Effect.fnUntraced(function* (request: AccessTokenRequest) {
      const { server } = request
      const { key } = queryOf(request)
      const isKnown =
        server.oauth.source._tag === "ByHand" ||
        !needsUser(server) ||
        Option.isSome(credentials.inMemory(server, key, yield* Clock.currentTimeMillis)) ||
        Option.exists(yield* credentials.load(server, key), ({ tokens }) => tokens !== undefined)
      return isKnown ? Option.some(yield* get(request)) : Option.none()
    })

    const reject = (request: AccessTokenRequest, accessToken: Redacted.Redacted) =>
      Effect.sync(() => {
        const { key, server } = queryOf(request)
        const current = credentials.lastRead(server, key)
        const isReplaced = Option.exists(current, (last) => last.tokens?.holds(accessToken) !== true)
        if (!isReplaced) states.reject(key, accessToken)
      })

    return AccessTokens.of({ get, getIfKnown, reject, stepUp })
  })
)
