import { Clock, Effect, Option, Redacted } from "effect"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { HttpTransport } from "../../ports/HttpTransport.ts"
import {
  type FurtherGrant,
  Malformed,
  type PushedAuthorization,
  type PushRequest,
  type RequestPurpose,
  repeatable,
  type TokenEndpoint,
  type TokenFailure,
  type TokenRequest,
  TokenRequestError
} from "../../ports/TokenEndpoint.ts"
import { readEndpointAnswer } from "./EndpointAnswer.ts"
import { makeSend, type Send } from "./EndpointRequest.ts"
import { readJsonObject } from "./JsonAnswer.ts"
import { readTokens } from "./TokenAnswer.ts"
import { makeTokenPost } from "./TokenPost.ts"

/**
 * Names the server, the endpoint and the purpose of a request that failed.
 *
 * @param isUsedUp the request must not simply be repeated if its answer was lost
 */
const asRequestError = (
  { client, server }: Pick<TokenRequest, "client" | "server">,
  endpoint: URL,
  purpose?: RequestPurpose,
  isUsedUp = false
) =>
  Effect.mapError(
    (reason: TokenFailure) =>
      new TokenRequestError({
        server,
        origin: endpoint.origin,
        ...(purpose === undefined ? {} : { purpose }),
        ...(client.isByHand === true ? { isByHand: true } : {}),
        reason: isUsedUp ? reason : repeatable(reason)
      })
  )

/** The grant type of a request, and the parameters that only this grant has. */
const grantParameters = Effect.fnUntraced(function* (grant: FurtherGrant, scopes: ReadonlyArray<string>) {
  const scope: Record<string, string> = scopes.length === 0 ? {} : { scope: scopes.join(" ") }
  switch (grant._tag) {
    case "ClientCredentials":
      return ["client_credentials", scope] as const
    case "JwtBearer": {
      const { secretToSend } = yield* Effect.promise(() => import("./SecretText.ts"))
      const assertion = yield* secretToSend(grant.assertion, "assertion", "jwt")
      return ["urn:ietf:params:oauth:grant-type:jwt-bearer", { assertion, ...scope }] as const
    }
    case "DeviceCode":
      return [
        "urn:ietf:params:oauth:grant-type:device_code",
        {
          device_code: Redacted.value(grant.deviceCode),
          ...(grant.codeVerifier === undefined ? {} : { code_verifier: Redacted.value(grant.codeVerifier) })
        }
      ] as const
  }
})

/** How the failures of a grant read. */
const grantPurposes: { readonly [Tag in FurtherGrant["_tag"]]: RequestPurpose | undefined } = {
  ClientCredentials: undefined,
  JwtBearer: "assertion",
  DeviceCode: "sign-in"
}

/** Pushes an authorization request (RFC 9126 §2). A key that the tokens are bound to is in its `dpop_jkt`. */
const push = Effect.fnUntraced(function* (
  send: Send,
  { client, parameters, pushedAuthorizationEndpoint: endpoint }: PushRequest
): Effect.fn.Return<PushedAuthorization, TokenFailure> {
  const { response, secrets } = yield* send(client, endpoint, (oauth, issuer, authenticate, options) =>
    oauth.pushedAuthorizationRequest(
      { issuer, pushed_authorization_request_endpoint: endpoint.href },
      { client_id: client.clientId },
      authenticate,
      parameters,
      options
    )
  )
  const { status, text } = yield* readEndpointAnswer(response, secrets)
  const answer = Option.getOrUndefined(readJsonObject(text))
  const requestUri = answer?.["request_uri"]
  const expiresIn = answer?.["expires_in"]
  // RFC 9126 §2.2 requires 201; some servers answer 200.
  return (response.status === 201 || response.status === 200) &&
    typeof requestUri === "string" &&
    /^[\x21-\x7e]{1,2048}$/.test(requestUri) &&
    typeof expiresIn === "number" &&
    expiresIn > 0
    ? { requestUri, expiresIn }
    : yield* new Malformed({ detail: `${status}, without a usable request_uri and expires_in` })
})

/**
 * Sends the requests of the token endpoint and of the endpoints beside it, by `oauth4webapi` over `HttpTransport`. What few
 * programs need is loaded there.
 */
export const makeTokenRequests = (
  transport: HttpTransport["Service"],
  dpopProofs: DpopProofs["Service"]
): TokenEndpoint["Service"] => {
  const send = makeSend(transport)
  const post = makeTokenPost(send, dpopProofs)

  const requestTokens = Effect.fnUntraced(function* (
    request: TokenRequest,
    grantType: string,
    parameters: Readonly<Record<string, string>>
  ) {
    const obtainedAt = yield* Clock.currentTimeMillis
    return yield* readTokens(yield* post(request, grantType, parameters), obtainedAt, request.dpopKey)
  })

  /** Requests tokens that a user has approved. If only the refresh token of the answer is usable, it is used at once. */
  const requestFirstTokens: typeof requestTokens = (request, grantType, parameters) =>
    requestTokens(request, grantType, parameters).pipe(
      Effect.catchTag("Malformed", (failure) => {
        const { refreshToken } = failure
        if (refreshToken === undefined) return failure
        return requestTokens(request, "refresh_token", {
          refresh_token: Redacted.value(refreshToken)
        }).pipe(
          Effect.map((tokens) => (tokens.refreshToken ? tokens : tokens.withRefreshToken(refreshToken))),
          Effect.mapError(() => failure)
        )
      })
    )

  return {
    exchange: Effect.fn("TokenEndpoint.exchange")((request) =>
      requestFirstTokens(request, "authorization_code", {
        code: Redacted.value(request.code),
        redirect_uri: request.redirectUri.href,
        ...(request.codeVerifier === undefined ? {} : { code_verifier: Redacted.value(request.codeVerifier) })
      }).pipe(asRequestError(request, request.tokenEndpoint, "sign-in", true))
    ),
    refresh: Effect.fn("TokenEndpoint.refresh")((request) =>
      requestTokens(request, "refresh_token", { refresh_token: Redacted.value(request.refreshToken) }).pipe(
        asRequestError(request, request.tokenEndpoint, undefined, true)
      )
    ),
    grant: Effect.fn("TokenEndpoint.grant")((request) =>
      grantParameters(request.grant, request.scopes).pipe(
        Effect.flatMap(([grantType, parameters]) =>
          // The other grants need no user, so they are repeated instead.
          (request.grant._tag === "DeviceCode" ? requestFirstTokens : requestTokens)(
            request,
            grantType,
            parameters
          )
        ),
        asRequestError(request, request.tokenEndpoint, grantPurposes[request.grant._tag])
      )
    ),
    identityAssertion: Effect.fn("TokenEndpoint.identityAssertion")((request) =>
      Effect.promise(() => import("./IdentityAssertion.ts")).pipe(
        Effect.flatMap(({ requestIdentityAssertion }) => requestIdentityAssertion(post, request)),
        asRequestError(request, request.tokenEndpoint, "identity assertion")
      )
    ),
    revoke: Effect.fn("TokenEndpoint.revoke")((request) =>
      Effect.promise(() => import("./Revocation.ts")).pipe(
        Effect.flatMap(({ revokeToken }) => revokeToken(send, request)),
        asRequestError(request, request.revocationEndpoint, "revocation")
      )
    ),
    pushAuthorization: Effect.fn("TokenEndpoint.pushAuthorization")((request) =>
      push(send, request).pipe(
        asRequestError(request, request.pushedAuthorizationEndpoint, "pushed authorization")
      )
    )
  }
}
