import { Context, Effect, Layer, Option, type Redacted } from "effect"
import { needsUser } from "../../domain/Server.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import type { Usable } from "../../domain/TokenState.ts"
import type { CredentialLock } from "../../ports/CredentialLock.ts"
import type { Discovery } from "../../ports/Discovery.ts"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { UserInteraction } from "../../ports/UserInteraction.ts"
import type { TokenEndpoint } from "../../ports/TokenEndpoint.ts"
import { Credentials } from "../credentials/Credentials.ts"
import type { SignIn } from "../signin/SignIn.ts"
import { makeOncePerMachine, makeUnlessStorageFails, oncePerProcess } from "./Decorators.ts"
import { memorySource } from "./MemorySource.ts"
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
  whenStale
} from "./TokenSource.ts"
import { makeTokenStates } from "./TokenStates.ts"

export type { AccessTokenError, AccessTokenRequest } from "./TokenSource.ts"

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

/**
 * The order in which tokens are sought. Each source returns usable tokens or a state for the next one:
 *
 * 1. `memory`.
 * 2. `store`: another process may have signed in or refreshed.
 * 3. `refresh`, if what is stored can be renewed. Under the lock the store is read again, since another process may have
 *    finished first. The lock is held across one refresh, never across a sign-in. `renewalOutcome` is the table of
 *    failures; `tokenState` decides what is usable, stale, or needs a sign-in.
 * 4. `signIn`.
 *
 * Steps 2 to 4 run once per process and credential. If the store or the lock fails, the token in memory is served while
 * it is valid. Any other failure ends the search.
 */
const makeSources = Effect.gen(function* () {
  const states = yield* makeTokenStates
  const rediscovery = yield* makeRediscovery
  const memory = yield* memorySource(states)
  const store = yield* storeSource(states)
  const refresh = yield* refreshSource(states, store, yield* makeRenew(rediscovery))
  const signIn = yield* signInSource(states)
  const { withCurrentIssuer } = rediscovery
  const oncePerMachine = yield* makeOncePerMachine
  const unlessStorageFails = yield* makeUnlessStorageFails(states, memory)

  const refreshUnderLock = withCurrentIssuer(oncePerMachine(firstOf(store, whenStale(refresh))))
  const renewed = yield* oncePerProcess(firstOf(store, whenStale(refreshUnderLock), signIn))
  const tokens: TokenSource<Usable, void> = firstOf(memory, unlessStorageFails(renewed))
  return { states, tokens }
})

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

    const get = Effect.fn("AccessTokens.get")(function* (request: AccessTokenRequest) {
      return (yield* tokens(queryOf(request))).tokens
    })

    const getIfKnown = Effect.fn("AccessTokens.getIfKnown")(function* (request: AccessTokenRequest) {
      const { server } = request
      const { key } = queryOf(request)
      const isKnown =
        server.oauth.source._tag === "ByHand" ||
        !needsUser(server) ||
        Option.isSome(credentials.inMemory(server, key)) ||
        Option.exists(yield* credentials.load(server, key), ({ tokens }) => tokens !== undefined)
      return isKnown ? Option.some(yield* get(request)) : Option.none()
    })

    const reject = (request: AccessTokenRequest, accessToken: Redacted.Redacted) =>
      Effect.sync(() => {
        const { key, server } = queryOf(request)
        const held = credentials.inMemory(server, key)
        if (Option.exists(held, ({ tokens }) => tokens?.holds(accessToken) === true)) {
          states.reject(key, accessToken)
        }
      })

    return AccessTokens.of({ get, getIfKnown, reject, stepUp })
  })
)
