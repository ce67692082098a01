import { Effect, Result } from "effect"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { TokenFailure, TokenRequest } from "../../ports/TokenEndpoint.ts"
import { readEndpointAnswer } from "./EndpointAnswer.ts"
import type { Send } from "./EndpointRequest.ts"
import { tokenTimeout } from "./OAuthLimits.ts"

/** An answer of the token endpoint that is not an error. */
export interface TokenPostAnswer {
  readonly code: number
  /** The code, for messages: `HTTP 200`. */
  readonly status: string
  readonly text: string
}

/** Sends a token request and reads its answer. */
export type TokenPost = (
  request: TokenRequest,
  grantType: string,
  parameters: Readonly<Record<string, string>>
) => Effect.Effect<TokenPostAnswer, TokenFailure>

/**
 * Sends token requests, with a proof if the tokens are bound to a key. A request is sent a second time only if the server
 * requires a nonce in its proof (RFC 9449 §8), which it does before it looks at the grant.
 */
export const makeTokenPost = (send: Send, proofs: DpopProofs["Service"]): TokenPost =>
  Effect.fnUntraced(function* ({ client, dpopKey, resource, tokenEndpoint }, grantType, parameters) {
    const prove = Effect.fnUntraced(function* (request: Request) {
      if (dpopKey === undefined) return
      const { method, url } = request
      request.headers.set("dpop", yield* proofs.prove(dpopKey, { method, url: new URL(url) }))
    })
    const attempt = Effect.gen(function* () {
      const { response, secrets } = yield* send(
        client,
        tokenEndpoint,
        (oauth, issuer, authenticate, options) =>
          oauth.genericTokenEndpointRequest(
            { issuer, token_endpoint: tokenEndpoint.href },
            { client_id: client.clientId },
            authenticate,
            grantType,
            resource === undefined ? parameters : { ...parameters, resource },
            options
          ),
        prove,
        tokenTimeout
      )
      const hasNonce = dpopKey !== undefined && (yield* proofs.learn(tokenEndpoint, response.headers))
      const answer = yield* Effect.result(readEndpointAnswer(response, secrets))
      return { answer, code: response.status, hasNonce }
    })
    const first = yield* attempt
    const requiresNonce =
      first.hasNonce &&
      Result.isFailure(first.answer) &&
      first.answer.failure._tag === "Refused" &&
      first.answer.failure.error === "use_dpop_nonce"
    const { answer, code } = requiresNonce ? yield* attempt : first
    return Result.isFailure(answer) ? yield* Effect.fail(answer.failure) : { code, ...answer.success }
  })
