import { Effect, type Scope } from "effect"
import type { SignInNeeded, Stale, Unanswered } from "../../domain/TokenState.ts"
import type { CredentialLock } from "../../ports/CredentialLock.ts"
import type { Discovery } from "../../ports/Discovery.ts"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { TokenEndpoint } from "../../ports/TokenEndpoint.ts"
import type { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import type { SignIn } from "../signin/SignIn.ts"
import { makeOncePerMachine, makeReadyToStore } from "./Decorators.ts"
import { observed, reasonAttributes, renewalAttributes } from "./Observation.ts"
import { makeRediscovery } from "./Rediscovery.ts"
import { refreshSource } from "./RefreshSource.ts"
import { makeRenew } from "./Renew.ts"
import { makeResendOnce } from "./ResendOnce.ts"
import { signInSource } from "./SignInSource.ts"
import { makeStepUp, type StepUp } from "./StepUp.ts"
import { storeSource } from "./StoreSource.ts"
import { firstOf, type TokenSource, type Unusable, whenRenewable, whenStale } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/** What needs more than a look at the stored tokens. */
export interface Renewals {
  readonly refreshUnderLock: TokenSource<SignInNeeded, Unusable>
  readonly signedIn: TokenSource<never, SignInNeeded>
  readonly stepUp: StepUp
}

/** The services of {@link Renewals}. */
export type RenewalServices =
  | CredentialLock
  | Credentials
  | Discovery
  | DpopProofs
  | SignIn
  | TokenEndpoint
  | UserInteraction

/** Creates {@link Renewals}. */
export type MakeRenewals = (
  states: TokenStates
) => Effect.Effect<Renewals, never, RenewalServices | Scope.Scope>

/**
 * Composes the refresh and the sign-in of `AccessTokens`.
 *
 * - The store is read again under the refresh lock: another process may have refreshed while this one waited for the lock.
 * - The discovery after a 401 runs before the lock is taken, so that no other process waits for it.
 * - Right before each attempt of the refresh, the space for its answer is reserved, and the lock is confirmed.
 * - The sign-in runs outside the refresh lock, which would otherwise be held as long as a user takes. A sign-in by another
 *   process that needs a refresh is left to the refresh, and only if that fails the user is asked.
 * - So does the wait after an answer was lost.
 */
export const makeRenewals: MakeRenewals = Effect.fnUntraced(function* (states) {
  const rediscovery = yield* makeRediscovery
  const { withCurrentIssuer } = rediscovery
  const readyToStore = yield* makeReadyToStore
  const renewAtOnce = yield* makeRenew(rediscovery, states)
  const renew = observed("refresh", readyToStore(renewAtOnce), renewalAttributes)
  const resendOnce = yield* makeResendOnce
  const oncePerMachine = yield* makeOncePerMachine
  const { load } = yield* Credentials
  const store: TokenSource<Unusable> = observed("store", storeSource(states, load))
  const refresh: TokenSource<SignInNeeded | Unanswered, Stale> = yield* refreshSource(states, store, renew)
  const signIn: TokenSource<Stale | Unanswered, SignInNeeded> = observed(
    "sign_in",
    yield* signInSource(states),
    reasonAttributes
  )

  const refreshUnderLock = whenRenewable(
    withCurrentIssuer(resendOnce(oncePerMachine(firstOf(store, whenStale(refresh)))))
  )
  // Ends with tokens: each round needs another sign-in of another process.
  const signedIn: TokenSource<never, SignInNeeded> = (query, state) =>
    firstOf(signIn, refreshUnderLock, signedIn)(query, state)
  return { refreshUnderLock, signedIn, stepUp: yield* makeStepUp }
})
