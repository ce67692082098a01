import { Effect } from "effect"
import type { ClientAuthenticationMethod } from "../../domain/Server.ts"
import type { TokenRequestError } from "../../ports/TokenEndpoint.ts"

/** What an endpoint gave, and the way of authenticating the client that got it. */
export interface AuthenticatedAnswer<A> {
  readonly answer: A
  readonly method: ClientAuthenticationMethod
}

/**
 * Sends a request with the first way of authenticating the client; with the next one after `invalid_client`
 * (RFC 6749 §5.2) and after nothing else.
 */
export const firstAccepted = <A>(
  [method, ...others]: readonly [ClientAuthenticationMethod, ...ReadonlyArray<ClientAuthenticationMethod>],
  send: (method: ClientAuthenticationMethod) => Effect.Effect<A, TokenRequestError>
): Effect.Effect<AuthenticatedAnswer<A>, TokenRequestError> => {
  const attempt = Effect.map(send(method), (answer) => ({ answer, method }))
  const [next, ...rest] = others
  return next === undefined
    ? attempt
    : Effect.catchReason(attempt, "TokenRequestError", "InvalidClient", () =>
        firstAccepted([next, ...rest], send)
      )
}
