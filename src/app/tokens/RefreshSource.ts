import { Clock, Effect, Option } from "effect"
import { renewalOutcome } from "../../domain/RenewalOutcome.ts"
import {
  type SignInNeeded,
  signInNeeded,
  type Stale,
  type Unanswered,
  usable
} from "../../domain/TokenState.ts"
import type { LockError } from "../../ports/CredentialLock.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { makeRetryTransient } from "../signin/TokenRetry.ts"
import { failedRenewal, hopelessAnswer, type RefreshError, sharedFailure } from "./FailedRenewals.ts"
import type { Renew } from "./Renew.ts"
import { firstOf, type TokenQuery, type TokenSource, type Unusable, whenStale } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** A renewal that fails with the error of the store or lock while its answer could not be stored. */
type SafeRenew = TokenSource<SignInNeeded, Stale, Effect.Error<ReturnType<Renew>> | StorageError | LockError>

/** Leaves `Unanswered` if the answer to the refresh token was lost. */
type Refresh = TokenSource<SignInNeeded | Unanswered, Stale>

/**
 * A renewal at the token endpoint, by the refresh token or by a grant without a user. What a failure leads to is the table
 * of `renewalOutcome`. Before that, transient failures are retried if the access token is no longer valid.
 *
 * The caller holds the key's refresh lock and has read the store under it.
 *
 * @param store read again before a refused refresh token is given up, and before a second attempt if the access token
 *   stopped being valid during the first
 */
export const refreshSource = (
  states: TokenStates,
  store: TokenSource<Unusable>,
  renew: SafeRenew
): Effect.Effect<Refresh, never, Credentials | UserInteraction> =>
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const user = yield* UserInteraction
    const policy = yield* TokenPolicy
    const retryTransient = yield* makeRetryTransient

    /**
     * Removes a refused refresh token from the store. An access token that is still valid is served until it expires;
     * without one, a sign-in is needed, unless the process that has used that token stores new ones just then.
     */
    const giveUp = (answer: string): Refresh =>
      Effect.fnUntraced(function* (query, stale) {
        const { credential, stillValid, tokens } = stale
        const next = stillValid
          ? credential.next({ tokens: tokens.refused(answer) })
          : credential.withoutTokens
        const current = yield* credentials.save(query.key, next)
        if (stillValid) return usable(tokens)
        if (current !== next && current.tokens !== undefined) return yield* reread(query, stale)
        return signInNeeded(tokens.resendAt === undefined ? "revoked" : "answer lost", { answer })
      })

    /** The access token may have expired, or been rejected by another caller, while the request ran. */
    const stateNow = (query: TokenQuery, { credential }: Stale) =>
      Effect.map(Clock.currentTimeMillis, (now) => ({
        now,
        state: states.of(query, Option.some(credential), now)
      }))

    /** The store, and a second attempt if it still has a refresh token to try. */
    const reread: Refresh = (query, stale) => firstOf(store, whenStale(refresh))(query, stale)

    /** @param isShared another process has just had this failure, and has stored it */
    const settle = (failure: RefreshError, isShared: boolean): Refresh =>
      Effect.fnUntraced(function* (query, stale) {
        const { key, server } = query
        const now = yield* Clock.currentTimeMillis
        const hopeless = hopelessAnswer(failure, stale, now, policy)
        if (hopeless !== undefined) return yield* giveUp(hopeless)(query, stale)
        const failed = isShared ? undefined : failedRenewal(failure, stale.tokens.failed, now)
        const share =
          failed === undefined
            ? Effect.void
            : credentials.annotate(key, stale.credential.next({ tokens: stale.tokens.failing(failed) }))
        const outcome = renewalOutcome(failure, { server, stale, userPresent: user.present }, policy)
        switch (outcome._tag) {
          case "KeepServing": {
            const { state } = yield* stateNow(query, stale)
            const isStillValid = state._tag === "Usable" || (state._tag === "Stale" && state.stillValid)
            if (!isStillValid) return yield* reread(query, stale)
            yield* share
            yield* states.coolDown(key, outcome.cooldown)
            yield* Effect.logDebug(`${failure.message} The current access token is still valid and is used.`)
            return usable(stale.tokens)
          }
          case "Wait": {
            const { now, state } = yield* stateNow(query, stale)
            yield* Effect.logDebug(failure.message)
            // Stale: the request took longer than the wait.
            return state._tag === "Stale"
              ? { _tag: "Unanswered", credential: stale.credential, resendAt: now }
              : state
          }
          case "Reread":
            return yield* reread(query, stale)
          case "SignIn": {
            if (outcome.forgetClient) yield* credentials.forget(key)
            else yield* share
            const { renewal } = stale
            const tried = renewal._tag === "RefreshToken" ? renewal.refreshToken : undefined
            return signInNeeded("revoked", { answer: outcome.answer, tried })
          }
          case "RejectClient":
            return yield* outcome.error
          case "Fail":
            yield* share
            return yield* failure
        }
      })

    const refresh: Refresh = (query, stale) => {
      const { renewal } = stale
      if (renewal._tag === "RefreshToken" && renewal.refusal !== undefined) {
        return giveUp(renewal.refusal)(query, stale)
      }
      let isFirst = true
      // The wait for a retry may outlast the lock: the store is read again before each one.
      const attempt = Effect.suspend(() => {
        const source: Refresh = isFirst ? renew : firstOf(store, whenStale(renew))
        isFirst = false
        return source(query, stale)
      })
      // While the current token is valid no caller has to wait for the retries.
      const patient = stale.stillValid ? attempt : retryTransient(attempt)
      const settled = (failure: RefreshError) => settle(failure, false)(query, stale)
      const sent = Effect.catchTags(patient, { TokenRequestError: settled, DpopUnsupported: settled })
      return Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const shared = sharedFailure(query, stale, now)
        return shared === undefined ? sent : settle(shared, true)(query, stale)
      })
    }

    return refresh
  })
