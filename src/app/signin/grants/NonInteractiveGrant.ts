import { Effect } from "effect"
import { withAuthenticationMethod } from "../../../domain/ClientRegistration.ts"
import type { NonInteractiveGrant } from "../../../domain/Server.ts"
import { RegistrationError } from "../../../ports/ClientRegistrar.ts"
import { TokenEndpoint } from "../../../ports/TokenEndpoint.ts"
import { CredentialReplacement } from "../CredentialReplacement.ts"
import { clientOf, fixedRegistration, rejectionOf } from "../SignInClient.ts"
import { draftCredential, dpopKeyFor, type SignInContext } from "../SignInContext.ts"
import { retryTransient } from "../TokenRetry.ts"
import { nonInteractiveTokens } from "./NonInteractiveTokens.ts"

/** Signs in without a user. {@link nonInteractiveTokens} repeats the request when the tokens expire. */
export const nonInteractiveGrant = Effect.fn("NonInteractiveGrant.signIn")(function* (
  context: SignInContext,
  grant: NonInteractiveGrant
) {
  const { authorizationServer, key, server } = context
  const { issuer, resource, scopes, tokenEndpoint } = authorizationServer
  const registration = fixedRegistration(server, authorizationServer)
  // The configuration refuses such a grant without a client.
  if (registration === undefined) return yield* new RegistrationError({ server: server.name, issuer })
  const draft = draftCredential(context, registration, grant._tag)
  const credentials = yield* CredentialReplacement
  return yield* nonInteractiveTokens(yield* TokenEndpoint, {
    server,
    grant,
    tokenEndpoint,
    issuer,
    client: clientOf(context, draft),
    resource,
    scopes,
    dpopKey: yield* dpopKeyFor(context)
  }).pipe(
    Effect.flatMap(({ answer: tokens, method }) =>
      credentials.replace(
        { server, key, draft },
        { registration: withAuthenticationMethod(registration, method), tokens }
      )
    ),
    // One request at a time: an interruption is heard between two of them.
    Effect.uninterruptible,
    retryTransient,
    Effect.mapError((error) => rejectionOf({ server, draft, isReused: false }, error))
  )
})
