import { Clock, Effect, Equal, Option, type Redacted } from "effect"
import { renewalOutcome } from "../../domain/RenewalOutcome.ts"
import type { DpopUnsupported } from "../../domain/SignInError.ts"
import { type SignInNeeded, signInNeeded, type Stale, usable } from "../../domain/TokenState.ts"
import type { TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { makeRetryTransient } from "../signin/TokenRetry.ts"
import type { Renew } from "./Renew.ts"
import { firstOf, type TokenQuery, type TokenSource, type Unusable, whenStale } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

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
  renew: Renew
): Effect.Effect<TokenSource<SignInNeeded, Stale>, never, Credentials | UserInteraction> =>
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const user = yield* UserInteraction
    const policy = yield* TokenPolicy
    const retryTransient = yield* makeRetryTransient

    /**
     * Removes a refused refresh token from the store, if it is still the stored one. An access token that is still valid is
     * served until it expires; without one, a sign-in is needed. Another refresh token is left to the next source.
     */
    const giveUp =
      (refused: Redacted.Redacted): TokenSource<Unusable, Stale> =>
      (query, stale) => {
        const { credential, renewal, stillValid, tokens } = stale
        if (renewal._tag !== "RefreshToken" || !Equal.equals(renewal.refreshToken, refused)) {
          return Effect.succeed(stale)
        }
        return stillValid
          ? Effect.as(
              credentials.save(query.key, credential.next({ tokens: tokens.withRefreshToken(undefined) })),
              usable(tokens)
            )
          : Effect.as(credentials.save(query.key, credential.withoutTokens), signInNeeded("revoked"))
      }

    /** The access token may have expired, or been rejected by another caller, while the request ran. */
    const isStillValid = (query: TokenQuery, { credential }: Stale) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const state = states.of(query, Option.some(credential), now)
        return state._tag === "Usable" || (state._tag === "Stale" && state.stillValid)
      })

    const settle = (failure: TokenRequestError | DpopUnsupported): TokenSource<SignInNeeded, Stale> =>
      Effect.fnUntraced(function* (query, stale) {
        const { key, server } = query
        const outcome = renewalOutcome(failure, { server, stale, userPresent: user.present }, policy)
        switch (outcome._tag) {
          case "KeepServing":
            if (!(yield* isStillValid(query, stale))) {
              return yield* firstOf(store, whenStale(refresh))(query, stale)
            }
            yield* states.coolDown(key, outcome.cooldown)
            yield* Effect.logDebug(`${failure.message} The current access token is still valid and is used.`)
            return usable(stale.tokens)
          case "Reread":
            return yield* firstOf(store, whenStale(giveUp(outcome.refused)), whenStale(refresh))(query, stale)
          case "SignIn":
            if (outcome.forgetClient) yield* credentials.forget(key)
            return signInNeeded("revoked")
          case "RejectClient":
            return yield* outcome.error
          case "Fail":
            return yield* failure
        }
      })

    const refresh: TokenSource<SignInNeeded, Stale> = (query, stale) => {
      const attempt = renew(query, stale)
      // While the current token is valid no caller has to wait for the retries.
      const patient = stale.stillValid ? attempt : retryTransient(attempt)
      return patient.pipe(Effect.catch((failure) => settle(failure)(query, stale)))
    }

    return refresh
  })
