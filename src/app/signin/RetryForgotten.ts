import { Effect } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { StaleRegistration } from "../../domain/StaleRegistration.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import type { SignInContext } from "./SignInContext.ts"

/**
 * Tries a sign-in with the known client, and again with another one if the authorization server has forgotten it: the spare
 * one, else a new one. The user is told why a client is registered again.
 */
export const retryForgotten = <A, E, R>(
  context: SignInContext,
  attempt: (context: SignInContext) => Effect.Effect<A, E | StaleRegistration, R>
): Effect.Effect<A, E | StaleRegistration, R | UserInteraction> => {
  const { authorizationServer, known, server, spare } = context
  const issuer = printable(authorizationServer.issuer)
  const isRegisteredAgain = known === undefined && context.isRetired === true
  const notice = UserInteraction.use(({ tell }) =>
    tell(
      `The client that ${issuer} registered for ${server.name} has expired or led to no sign-in. Registering another one.`
    )
  )
  return Effect.catchIf(
    isRegisteredAgain ? Effect.andThen(notice, attempt(context)) : attempt(context),
    (error): error is Extract<E | StaleRegistration, StaleRegistration> => error instanceof StaleRegistration,
    ({ message }) =>
      UserInteraction.use(({ tell }) => tell(`${message} Registering another one.`)).pipe(
        Effect.andThen(
          retryForgotten(
            { ...context, known: spare === known ? undefined : spare, spare: undefined, isRetired: false },
            attempt
          )
        )
      )
  )
}
