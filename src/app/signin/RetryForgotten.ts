import { Effect } from "effect"
import { StaleRegistration } from "../../domain/StaleRegistration.ts"
import type { SignInContext } from "./SignInContext.ts"

/** Tries a sign-in with the known client, and once more with a new one if the authorization server has forgotten it. */
export const retryForgotten = <A, E, R>(
  context: SignInContext,
  attempt: (context: SignInContext) => Effect.Effect<A, E | StaleRegistration, R>
): Effect.Effect<A, E | StaleRegistration, R> =>
  Effect.catchIf(
    attempt(context),
    (error): error is Extract<E | StaleRegistration, StaleRegistration> => error instanceof StaleRegistration,
    () => attempt({ ...context, known: undefined })
  )
