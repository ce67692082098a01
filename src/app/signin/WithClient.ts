import { Effect } from "effect"
import type { RequestAuthentication } from "../../domain/ClientAuthentication.ts"
import type { OAuthClient } from "../../domain/Credential.ts"
import type { RequestClient, TokenFailure, TokenRequestError } from "../../ports/TokenEndpoint.ts"

/** The answer of an endpoint, and the authentication that it accepted. */
export interface AuthenticatedAnswer<A> {
  readonly answer: A
  readonly method: RequestAuthentication
}

/** Part of a description that misses the client in the request. */
const namesClient = /client[ _-]?(id|secret|auth|cred)/i

/**
 * True if an endpoint refused the authentication of the client, or looked for it elsewhere in the request. Both happen before
 * it looks at the grant, so the same code or token may be sent again.
 */
const isAuthenticationFailure = (reason: TokenFailure): boolean => {
  switch (reason._tag) {
    case "InvalidClient":
      return true
    case "Malformed":
      return reason.status === 401
    case "Refused": {
      const { description = "", error, status } = reason
      return status === 401 || (error === "invalid_request" && namesClient.test(description))
    }
    default:
      return false
  }
}

/** True if a failure may mean no more than that the server does not know this way to authenticate. */
const saysLess = (reason: TokenFailure): boolean =>
  reason._tag === "Malformed" ||
  (reason._tag === "Refused" &&
    (reason.status === 401 || ["invalid_request", "unauthorized_client"].includes(reason.error)))

/**
 * Sends a request as a client, with the first of its authentication methods that the server accepts. The next method is
 * tried after a failed authentication only (RFC 6749 §5.2). If all fail, the failure says most about the client.
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
  if (next === undefined) return attempt
  return Effect.catchIf(
    attempt,
    ({ reason }) => isAuthenticationFailure(reason),
    (error) =>
      Effect.mapError(withClient({ ...client, methods: [next, ...others] }, send), (later) =>
        saysLess(later.reason) && !saysLess(error.reason) ? error : later
      )
  )
}
