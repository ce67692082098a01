import { type Context, Effect, type Scope } from "effect"
import { makeRenewals, type RenewalServices } from "./Renewals.ts"
import type { TokenStates } from "./TokenStates.ts"

/**
 * Creates `Renewals` with the services of a layer. `AccessTokens` imports `Renewals.ts`, so bundlers would load that file with
 * it; they load this one, and what only this one uses, when it is imported.
 */
export const renewalsWith = (services: Context.Context<RenewalServices | Scope.Scope>, states: TokenStates) =>
  Effect.provideContext(makeRenewals(states), services)
