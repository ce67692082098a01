import { Effect } from "effect"
import type { ClientAuthenticationMethod } from "../domain/Server.ts"
import type { TokenSet } from "../domain/TokenSet.ts"
import type { TokenRequestError } from "../ports/TokenEndpoint.ts"

/** Tokens, and the way of authenticating the client that got them. */
export interface AuthenticatedAnswer {
  readonly tokens: TokenSet
  readonly method: ClientAuthenticationMethod
}

/**
 * Sends a token request with the first way of authenticating the client; with the next one after `invalid_client`
 * (RFC 6749 §5.2) and after nothing else.
 */
export const firstAccepted = (
  [method, ...others]: readonly [ClientAuthenticationMethod, ...ReadonlyArray<ClientAuthenticationMethod>],
  send: (method: ClientAuthenticationMethod) => Effect.Effect<TokenSet, TokenRequestError>
): Effect.Effect<AuthenticatedAnswer, TokenRequestError> => {
  const attempt = Effect.map(send(method), (tokens) => ({ tokens, method }))
  const [next, ...rest] = others
  return next === undefined
    ? attempt
    : Effect.catchReason(attempt, "TokenRequestError", "InvalidClient", () =>
        firstAccepted([next, ...rest], send)
      )
}
