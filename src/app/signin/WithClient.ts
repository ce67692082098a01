import { Effect } from "effect"
import type { OAuthClient } from "../../domain/Credential.ts"
import type { ClientAuthenticationMethod } from "../../domain/Server.ts"
import type { RequestClient, TokenRequestError } from "../../ports/TokenEndpoint.ts"

/** The answer of an endpoint, and the authentication method that it accepted. */
export interface AuthenticatedAnswer<A> {
  readonly answer: A
  readonly method: ClientAuthenticationMethod
}

/**
 * Sends a request as a client, with the first of its authentication methods that the server accepts. The next method is
 * tried after `invalid_client` only (RFC 6749 §5.2).
 */
export const withClient = <A>(
  { methods, ...client }: OAuthClient,
  send: (client: RequestClient) => Effect.Effect<A, TokenRequestError>
): Effect.Effect<AuthenticatedAnswer<A>, TokenRequestError> => {
  const [method, next, ...others] = methods
  const attempt = Effect.map(send({ ...client, authenticationMethod: method }), (answer) => ({
    answer,
    method
  }))
  return next === undefined
    ? attempt
    : Effect.catchReason(attempt, "TokenRequestError", "InvalidClient", () =>
        withClient({ ...client, methods: [next, ...others] }, send)
      )
}
