import { Clock, Context, Effect, Layer, Option, type Redacted } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { needsUser, type RemoteServer } from "../../domain/Server.ts"
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
 * The order in which tokens are sought. Each source ends with usable tokens, or leaves a state for the next one:
 *
 * | source    | does                                   | runs                           | ends the search with               |
 * | --------- | -------------------------------------- | ------------------------------ | ---------------------------------- |
 * | `memory`  | nothing but look                       | for every request              | tokens that are fresh              |
 * | `store`   | one read                               | once per process and account   | tokens of another process          |
 * | `refresh` | one renewal, stored before it is used  | once per machine and account   | new tokens, or old ones if valid   |
 * | `signIn`  | asks the user, or uses another grant   | if nothing can be renewed      | new tokens                         |
 *
 * - `tokenState` is the table of what is usable, stale, or needs a sign-in. `TokenPolicy` has its numbers.
 * - `renewalOutcome` is the table of what a failed refresh leads to. Every other failure ends the search.
 * - Under the lock the store is read again, because another process may have refreshed while this one waited for the lock.
 *   The lock is held across one refresh, never across a sign-in.
 * - If the store or the lock fails, the token that was last read is served while it is valid.
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

    // Without a span, which would cost more than the token. The sources after memory have their own.
    const get = (request: AccessTokenRequest) => Effect.map(tokens(queryOf(request)), (found) => found.tokens)

    /** The stored credential, or the one that was last read if the store fails. */
    const lastKnown = (server: RemoteServer, key: CredentialKey) =>
      Effect.catchTag(credentials.load(server, key), "StorageError", (error) =>
        Option.match(credentials.lastRead(server, key), {
          onNone: () => Effect.fail(error),
          onSome: Effect.succeedSome
        })
      )

    const getIfKnown = Effect.fnUntraced(function* (request: AccessTokenRequest) {
      const { key, server } = queryOf(request)
      const isKnown =
        server.oauth.source._tag === "ByHand" ||
        !needsUser(server) ||
        Option.isSome(credentials.inMemory(server, key, yield* Clock.currentTimeMillis)) ||
        Option.exists(yield* lastKnown(server, key), ({ tokens }) => tokens !== undefined)
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
