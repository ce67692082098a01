import { Clock, Context, Duration, Effect, Exit, Layer, Option, type Redacted, type Scope } from "effect"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { needsUser, type RemoteServer } from "../../domain/Server.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { BoundedMap } from "../credentials/BoundedMap.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { makeOncePerMachine, makeUnlessStorageFails, oncePerProcess } from "./Decorators.ts"
import { memorySource } from "./MemorySource.ts"
import { observed } from "./Observation.ts"
import { type MakeRenewals, makeRenewals, type RenewalServices } from "./Renewals.ts"
import type { StepUp } from "./StepUp.ts"
import { storeSource } from "./StoreSource.ts"
import {
  type AccessTokenError,
  type AccessTokenRequest,
  firstOf,
  queryOf,
  type TokenSource,
  type Unusable
} from "./TokenSource.ts"
import { makeTokenStates, type TokenStates } from "./TokenStates.ts"

export type { AccessTokenError, AccessTokenRequest } from "./TokenSource.ts"

/**
 * Valid access tokens, from the first source that has one. Each source ends with usable tokens, or leaves a state for the
 * next source:
 *
 * | source    | does                                  | runs for one account      | ends the search with               |
 * | --------- | ------------------------------------- | ------------------------- | ---------------------------------- |
 * | `memory`  | looks, without I/O                    | one per request           | fresh tokens                       |
 * | `store`   | reads once                            | one at a time per process | fresh tokens, of another process   |
 * | `refresh` | renews without the user, then stores  | one at a time             | new tokens, or old ones if valid   |
 * | `signIn`  | asks the user, or uses another grant  | one at a time             | new tokens                         |
 *
 * - **State.** `tokenState` is the table of what is usable, stale, or needs a sign-in.
 * - **Memory** is trusted for `TokenPolicy.holdFor` after each read or write: by default as long as the process runs.
 *   `Credentials.evict` ends that earlier.
 * - **Two processes.** The one that waited for the refresh lock reads the store again, and uses what the other has stored.
 *   Sign-ins have another lock and do the same. Either lock spans the processes that share the store.
 * - **A failed refresh.** `renewalOutcome` is the table of what it leads to. A token that is still valid and still
 *   stored is served in any case. Transient failures are retried if it is not valid, and never lead to a sign-in.
 * - **A lost answer.** A refresh token that was sent without an answer is sent once more, after a wait in which all
 *   processes serve the access token if it is valid. The store says so to processes that start meanwhile.
 * - **A browser** opens only for `SignInNeeded`, or in `stepUp`, and only if `UserInteraction.present`.
 * - **A read or a lock that fails:** the token that was last read is served while it is valid. Then the search fails.
 * - **A write that fails** does not fail the search. The new tokens are used from memory, and each later read of the store
 *   tries to store them again, under the refresh lock. They are refreshed only after the store was read.
 * - **A 401.** The caller rejects the token, and calls `get` with the challenge. A stale credential is then renewed only if
 *   the server still names its issuer.
 * - **Numbers.** `TokenPolicy` has them, except the timeouts of requests and locks, which belong to the adapters.
 */
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
    /**
     * Marks an access token as rejected (401) so that this process does not return it again. Does nothing if a newer token
     * was read since. No I/O: the stored credential stays, and the next `get` renews it or signs in.
     */
    readonly reject: (request: AccessTokenRequest, accessToken: Redacted.Redacted) => Effect.Effect<void>
    /**
     * Gets a token with the scopes that the challenge of a 403 names, by a sign-in for these and all earlier scopes (MCP
     * "Step-Up Authorization Flow"). If it names none, those that the metadata of the server lists. Uses the stored token
     * instead if another request or process has got these scopes meanwhile. None if no missing scope is known, or the token
     * that was sent already has them.
     *
     * Fails with `ScopeRequired` if the sign-in needs the user, who is not present.
     *
     * @param sent the access token that the server answered with 403
     */
    readonly stepUp: StepUp
  }
>()("mcp-cli-oauth/app/tokens/AccessTokens") {}

/**
 * Composes the table of {@link AccessTokens}.
 *
 * @param renewals created once, what it returns runs for each request that finds no fresh tokens
 */
const makeSources = (states: TokenStates, renewals: ReturnType<MakeRenewals>) =>
  Effect.gen(function* () {
    const { refreshUnderLock, signedIn, stepUp } = yield* renewals
    const oncePerMachine = yield* makeOncePerMachine
    const unlessStorageFails = yield* makeUnlessStorageFails(states)

    const { isUnsaved, load, look } = yield* Credentials
    const memory: TokenSource<Unusable> = yield* memorySource(states)
    const storeUnderLock: TokenSource<Unusable> = observed("store", storeSource(states, load))
    const withoutLock: TokenSource<Unusable> = observed("store", storeSource(states, look))
    // What could not be stored is stored under the lock.
    const store: TokenSource<Unusable> = (query, state) => {
      const source = isUnsaved(query.server, query.key) ? oncePerMachine(storeUnderLock) : withoutLock
      return source(query, state)
    }
    const beyondMemory = yield* oncePerProcess(firstOf(store, refreshUnderLock, signedIn))
    const tokens: TokenSource<never, void> = firstOf(memory, unlessStorageFails(beyondMemory))
    return { stepUp, tokens }
  })

const make = (makeRenewals: MakeRenewals) =>
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const { absentFor, maxAccounts } = yield* TokenPolicy
    const states = yield* makeTokenStates
    const { stepUp, tokens } = yield* makeSources(states, makeRenewals(states))

    // Without a span, which would cost more than the token. The sources after memory have their own.
    const get = (request: AccessTokenRequest) => Effect.map(tokens(queryOf(request)), (found) => found.tokens)

    /** The stored credential, or the one that was last read if the store fails. */
    const lastKnown = (server: RemoteServer, key: CredentialKey) =>
      Effect.catchTag(credentials.look(server, key), "StorageError", (error) =>
        Option.match(credentials.lastRead(server, key), {
          onNone: () => Effect.fail(error),
          onSome: Effect.succeedSome
        })
      )

    /** Since when the store is known to have no sign-in, by the identity of the key, in milliseconds. */
    const absentSince = new BoundedMap<number>(maxAccounts)

    /** True if a sign-in is stored. One that is not is looked for again after `TokenPolicy.absentFor`. */
    const isStored = Effect.fnUntraced(function* (server: RemoteServer, key: CredentialKey, now: number) {
      const age = now - (absentSince.get(key.identity) ?? Infinity)
      if (age >= 0 && age < Duration.toMillis(absentFor)) return false
      const isFound = Option.exists(yield* lastKnown(server, key), ({ tokens }) => tokens !== undefined)
      if (isFound) absentSince.delete(key.identity)
      else absentSince.set(key.identity, now)
      return isFound
    })

    const getIfKnown = Effect.fnUntraced(function* (request: AccessTokenRequest) {
      const { key, server } = queryOf(request)
      const now = yield* Clock.currentTimeMillis
      const isKnown =
        server.oauth.source._tag === "ByHand" ||
        !needsUser(server) ||
        Option.isSome(credentials.inMemory(server, key, now)) ||
        (yield* isStored(server, key, now))
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

/** Creates {@link Renewals} with the first request that needs them, which loads their code. */
const renewalsOnDemand: MakeRenewals = Effect.fnUntraced(function* (states) {
  const services = yield* Effect.context<RenewalServices | Scope.Scope>()
  const loaded = yield* Effect.promise(() => import("./RenewalsWith.ts")).pipe(
    Effect.flatMap(({ renewalsWith }) => renewalsWith(services, states)),
    // A file that could not be loaded is requested again by the next caller.
    Effect.cachedWithTTL((exit) => (Exit.isSuccess(exit) ? "Infinity" : 0))
  )
  return {
    refreshUnderLock: (query, state) =>
      Effect.flatMap(loaded, ({ refreshUnderLock }) => refreshUnderLock(query, state)),
    signedIn: (query, state) => Effect.flatMap(loaded, ({ signedIn }) => signedIn(query, state)),
    stepUp: (request, sent) => Effect.flatMap(loaded, ({ stepUp }) => stepUp(request, sent))
  }
})

/** @see AccessTokens */
export const layer: Layer.Layer<AccessTokens, never, RenewalServices> = /* @__PURE__ */ Layer.effect(
  AccessTokens,
  /* @__PURE__ */ make(makeRenewals)
)

/**
 * The same for browsers and Workers, which load each file over the network: the first renewal, sign-in or step-up loads the
 * code of it.
 */
export const layerOnDemand: Layer.Layer<AccessTokens, never, RenewalServices> = /* @__PURE__ */ Layer.effect(
  AccessTokens,
  /* @__PURE__ */ make(renewalsOnDemand)
)
