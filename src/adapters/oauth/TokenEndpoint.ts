import { Clock, Effect, Layer, Redacted, Result, Schema } from "effect"
import type { AuthorizationServer, ClientAuth, TokenEndpointRequestOptions } from "oauth4webapi"
import { printable } from "../../domain/PrintableText.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { TokenSet } from "../../domain/TokenSet.ts"
import { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  Passing,
  Refused,
  type RequestClient,
  type RevocationRequest,
  TokenEndpoint,
  type TokenFailure,
  type TokenRequest,
  TokenRequestError
} from "../../ports/TokenEndpoint.ts"
import { discardBody, readBody } from "../http/BoundedBody.ts"
import { retryAfterMillis } from "../http/RetryAfter.ts"

/** Milliseconds until a token endpoint must have begun to answer. */
const timeout = 15_000

/**
 * An error answer (RFC 6749 §5.2); GitHub sends it with status 200. What says whether a sign-in is over must not get
 * lost over a description that is null, or no text at all.
 */
const ErrorAnswer = Schema.fromJsonString(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.Unknown) })
)
const JsonObject = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

const failureOf = (error: string, description: unknown): TokenFailure => {
  if (error === "invalid_grant") return new InvalidGrant()
  if (error === "invalid_client") return new InvalidClient()
  // RFC 6749 §4.1.2.1 gives these two to the authorization endpoint; servers send them here as well.
  if (error === "temporarily_unavailable" || error === "server_error") {
    return new Passing({ detail: printable(error) })
  }
  return new Refused({
    error: printable(error),
    ...(typeof description === "string" ? { description: printable(description) } : {})
  })
}

/**
 * Whether a revocation endpoint says that the token is worth nothing as it is. RFC 7009 §2.2 has 200 for that; some servers
 * answer 400 with one of these.
 */
const isAlreadyWorthless = (failure: TokenFailure): boolean =>
  failure._tag === "InvalidGrant" || (failure._tag === "Refused" && failure.error === "invalid_token")

/** The last point in time that a date can name (ECMA-262 §21.4.1.1): a longer life is no life that counts. */
const endOfTime = 8_640_000_000_000_000

/** The token endpoint by `oauth4webapi`, over our own HTTP. */
export const layer: Layer.Layer<TokenEndpoint, never, HttpTransport> = Layer.effect(
  TokenEndpoint,
  Effect.gen(function* () {
    const transport = yield* HttpTransport

    /** Sends a request of the library's; every answer that is no network failure comes back. */
    const send = Effect.fnUntraced(function* (
      client: RequestClient,
      request: (
        oauth: typeof import("oauth4webapi"),
        authenticate: ClientAuth,
        options: TokenEndpointRequestOptions
      ) => Promise<Response>
    ) {
      const context = yield* Effect.context()
      return yield* Effect.tryPromise({
        try: async (signal) => {
          const oauth = await import("oauth4webapi")
          const secret = client.clientSecret === undefined ? "" : Redacted.value(client.clientSecret)
          const authenticate: ClientAuth = {
            client_secret_basic: () => oauth.ClientSecretBasic(secret),
            client_secret_post: () => oauth.ClientSecretPost(secret),
            none: () => oauth.None()
          }[client.authenticationMethod]()
          return await request(oauth, authenticate, {
            signal,
            // Which URLs may be used without TLS is decided by our own rule, `isSecureUrl`.
            [oauth.allowInsecureRequests]: true,
            [oauth.customFetch]: (url, init) =>
              Effect.runPromiseWith(context)(
                transport.send(new Request(url, { ...init, redirect: "manual" } as RequestInit), {
                  timeout
                }),
                { signal: init.signal }
              )
          })
        },
        catch: (cause) =>
          cause instanceof NetworkError
            ? new Passing({ detail: cause.detail })
            : new Malformed({ detail: "the request could not be made" })
      })
    })

    /** The text of an answer that is neither a passing failure nor an error of RFC 6749 §5.2. */
    const answerOf = Effect.fnUntraced(function* (response: Response) {
      const status = `HTTP ${response.status}`
      if (response.status === 429 || response.status >= 500) {
        const retryAfter = retryAfterMillis(
          response.headers.get("retry-after"),
          yield* Clock.currentTimeMillis
        )
        yield* discardBody(response)
        return yield* Effect.fail(
          new Passing({ detail: status, ...(retryAfter === undefined ? {} : { retryAfter }) })
        )
      }
      const text = yield* readBody(response).pipe(
        Effect.mapError(({ detail, passing }) =>
          passing ? new Passing({ detail }) : new Malformed({ detail })
        )
      )
      const refusal = Schema.decodeResult(ErrorAnswer)(text)
      if (Result.isSuccess(refusal)) {
        return yield* Effect.fail(failureOf(refusal.success.error, refusal.success.error_description))
      }
      return { status, text }
    })

    /** Reads the answer of a token endpoint: tokens, or why there are none. */
    const read = Effect.fnUntraced(function* (response: Response, obtainedAt: number) {
      const { status, text } = yield* answerOf(response)
      if (response.status !== 200 && response.status !== 201) {
        return yield* Effect.fail(new Malformed({ detail: status }))
      }
      const json = Schema.decodeResult(JsonObject)(text)
      if (Result.isFailure(json))
        return yield* Effect.fail(new Malformed({ detail: `${status}, no JSON object` }))
      // This client uses no identity, so an ID token must not be able to fail the flow either; and some servers
      // write null, or nothing between two quotes, for what they leave out.
      const answer = Object.fromEntries(
        Object.entries(json.success).filter(
          ([name, value]) => name !== "id_token" && value !== null && value !== ""
        )
      )
      const tokens = yield* Effect.tryPromise({
        try: async () => {
          const oauth = await import("oauth4webapi")
          return await oauth.processGenericTokenEndpointResponse(
            { issuer: "unused" },
            { client_id: "unused" },
            Response.json(answer)
          )
        },
        // The library's own words quote the answer; ours name what a token answer must hold.
        catch: () =>
          new Malformed({ detail: `${status}, without a usable access_token, token_type and expires_in` })
      })
      if (tokens.token_type !== "bearer") {
        return yield* Effect.fail(
          new Malformed({ detail: `token_type ${printable(tokens.token_type)}, not Bearer` })
        )
      }
      return new TokenSet({
        accessToken: Redacted.make(tokens.access_token),
        tokenType: tokens.token_type,
        obtainedAt,
        ...(tokens.expires_in === undefined
          ? {}
          : { expiresAt: Math.min(obtainedAt + tokens.expires_in * 1000, endOfTime) }),
        ...(tokens.refresh_token ? { refreshToken: Redacted.make(tokens.refresh_token) } : {}),
        ...(tokens.scope === undefined ? {} : { scope: tokens.scope })
      })
    })

    const ask = (request: TokenRequest, grantType: string, parameters: Record<string, string>) =>
      Effect.gen(function* () {
        if (!isSecureUrl(request.tokenEndpoint)) {
          return yield* Effect.fail(new Malformed({ detail: "it is neither https nor on this machine" }))
        }
        // Counted from before the request, so that a token is never thought to live longer than it does.
        const obtainedAt = yield* Clock.currentTimeMillis
        const { client, resource, tokenEndpoint } = request
        const server: AuthorizationServer = {
          issuer: tokenEndpoint.origin,
          token_endpoint: tokenEndpoint.href
        }
        const response = yield* send(client, (oauth, authenticate, options) =>
          oauth.genericTokenEndpointRequest(
            server,
            { client_id: client.clientId },
            authenticate,
            grantType,
            resource === undefined ? parameters : { ...parameters, resource },
            options
          )
        )
        return yield* read(response, obtainedAt)
      }).pipe(
        Effect.mapError(
          (reason) =>
            new TokenRequestError({ server: request.server, origin: request.tokenEndpoint.origin, reason })
        )
      )

    /** Reads the answer of a revocation endpoint: its status says all that there is to know (RFC 7009 §2.2). */
    const readRevocation = Effect.fnUntraced(function* (response: Response) {
      if (response.status === 200 || response.status === 204) return yield* discardBody(response)
      return yield* answerOf(response).pipe(
        Effect.flatMap(({ status }) => Effect.fail(new Malformed({ detail: status }))),
        Effect.catchIf(isAlreadyWorthless, () => Effect.void)
      )
    })

    const revoke = ({ client, hint, revocationEndpoint, server, token }: RevocationRequest) =>
      Effect.gen(function* () {
        if (!isSecureUrl(revocationEndpoint)) {
          return yield* Effect.fail(new Malformed({ detail: "it is neither https nor on this machine" }))
        }
        const response = yield* send(client, (oauth, authenticate, options) =>
          oauth.revocationRequest(
            { issuer: revocationEndpoint.origin, revocation_endpoint: revocationEndpoint.href },
            { client_id: client.clientId },
            authenticate,
            Redacted.value(token),
            { ...options, additionalParameters: { token_type_hint: hint } }
          )
        )
        return yield* readRevocation(response)
      }).pipe(
        Effect.mapError(
          (reason) =>
            new TokenRequestError({
              server,
              origin: revocationEndpoint.origin,
              purpose: "revocation",
              reason
            })
        )
      )

    return TokenEndpoint.of({
      exchange: Effect.fn("TokenEndpoint.exchange")((request) =>
        ask(request, "authorization_code", {
          code: Redacted.value(request.code),
          redirect_uri: request.redirectUri.href,
          ...(request.codeVerifier === undefined
            ? {}
            : { code_verifier: Redacted.value(request.codeVerifier) })
        })
      ),
      refresh: Effect.fn("TokenEndpoint.refresh")((request) =>
        ask(request, "refresh_token", { refresh_token: Redacted.value(request.refreshToken) })
      ),
      revoke: Effect.fn("TokenEndpoint.revoke")(revoke)
    })
  })
)
