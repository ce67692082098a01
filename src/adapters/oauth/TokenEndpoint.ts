import { Clock, Effect, Layer, Option, Redacted, Result, Schema } from "effect"
import type { AuthorizationServer } from "oauth4webapi"
import { printable } from "../../domain/PrintableText.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { isAccessToken, TokenSet } from "../../domain/TokenSet.ts"
import { discardBody, HttpTransport } from "../../ports/HttpTransport.ts"
import { DpopProofs } from "../../ports/DpopProofs.ts"
import {
  type FurtherGrant,
  Malformed,
  NotSenderConstrained,
  type RevocationRequest,
  TokenEndpoint,
  type TokenFailure,
  type TokenRequest,
  TokenRequestError
} from "../../ports/TokenEndpoint.ts"
import { answerOf } from "./EndpointAnswer.ts"
import { makeSend } from "./EndpointRequest.ts"
import { secretText } from "./SecretText.ts"

const JsonObject = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/**
 * Whether a revocation endpoint says that the token is worth nothing as it is. RFC 7009 §2.2 has 200 for that; some servers
 * answer 400 with one of these.
 */
const isAlreadyWorthless = (failure: TokenFailure): boolean =>
  failure._tag === "InvalidGrant" || (failure._tag === "Refused" && failure.error === "invalid_token")

/** The last point in time that a date can name (ECMA-262 §21.4.1.1): a longer life is no life that counts. */
const endOfTime = 8_640_000_000_000_000

/** What a token exchange gave (RFC 8693 §2.2.1). */
const ExchangeAnswer = Schema.fromJsonString(
  Schema.Struct({
    access_token: Schema.RedactedFromValue(Schema.NonEmptyString),
    issued_token_type: Schema.String
  })
)
const identityAssertionType = "urn:ietf:params:oauth:token-type:id-jag"

/** The token endpoint by `oauth4webapi`, over our own HTTP. */
export const layer: Layer.Layer<TokenEndpoint, never, HttpTransport | DpopProofs> = Layer.effect(
  TokenEndpoint,
  Effect.gen(function* () {
    const send = makeSend(yield* HttpTransport)
    const proofs = yield* DpopProofs

    /** Proves the key in a request, if there is one. */
    const proving = (dpopKey: Redacted.Redacted | undefined) =>
      Effect.fnUntraced(function* (request: Request) {
        if (dpopKey === undefined) return
        const { method, url } = request
        request.headers.set("dpop", yield* proofs.prove(dpopKey, { method, url: new URL(url) }))
      })

    /** Reads the answer of a token endpoint: tokens, or why there are none. */
    const read = Effect.fnUntraced(function* (
      { code, status, text }: { readonly code: number; readonly status: string; readonly text: string },
      obtainedAt: number,
      dpopKey: Redacted.Redacted | undefined
    ) {
      if (code !== 200 && code !== 201) {
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
      if (!isAccessToken(tokens.access_token)) {
        return yield* Effect.fail(
          new Malformed({ detail: `${status}, with an access_token that no header can carry` })
        )
      }
      const refreshToken = tokens.refresh_token ? { refreshToken: Redacted.make(tokens.refresh_token) } : {}
      if (tokens.token_type === "bearer" && dpopKey !== undefined) {
        return yield* Effect.fail(new NotSenderConstrained(refreshToken))
      }
      if (tokens.token_type !== (dpopKey === undefined ? "bearer" : "dpop")) {
        return yield* Effect.fail(
          new Malformed({
            detail: `token_type ${printable(tokens.token_type)}, not ${dpopKey === undefined ? "Bearer" : "DPoP"}`
          })
        )
      }
      return new TokenSet({
        accessToken: Redacted.make(tokens.access_token),
        tokenType: tokens.token_type,
        obtainedAt,
        ...(tokens.expires_in === undefined
          ? {}
          : { expiresAt: Math.min(obtainedAt + tokens.expires_in * 1000, endOfTime) }),
        ...refreshToken,
        ...(tokens.scope === undefined ? {} : { scope: tokens.scope }),
        ...(dpopKey === undefined ? {} : { dpopKey })
      })
    })

    /** Sends a token request and reads its answer; once more where the server wants a nonce in the proof (RFC 9449 §8). */
    const post = Effect.fnUntraced(function* (
      { client, dpopKey, resource, tokenEndpoint }: TokenRequest,
      grantType: string,
      parameters: Record<string, string>
    ) {
      if (!isSecureUrl(tokenEndpoint)) {
        return yield* Effect.fail(new Malformed({ detail: "it is neither https nor on this machine" }))
      }
      const server: AuthorizationServer = {
        issuer: client.signing?.audience ?? tokenEndpoint.origin,
        token_endpoint: tokenEndpoint.href
      }
      const sending = Effect.gen(function* () {
        const { response, secrets } = yield* send(client, proving(dpopKey), (oauth, authenticate, options) =>
          oauth.genericTokenEndpointRequest(
            server,
            { client_id: client.clientId },
            authenticate,
            grantType,
            resource === undefined ? parameters : { ...parameters, resource },
            options
          )
        )
        const learnt = dpopKey !== undefined && (yield* proofs.learn(tokenEndpoint, response.headers))
        const answer = yield* Effect.result(answerOf(response, secrets))
        return { answer, code: response.status, learnt }
      })
      const first = yield* sending
      const wantsNonce =
        first.learnt &&
        Result.isFailure(first.answer) &&
        first.answer.failure._tag === "Refused" &&
        first.answer.failure.error === "use_dpop_nonce"
      const { answer, code } = wantsNonce ? yield* sending : first
      return Result.isFailure(answer) ? yield* Effect.fail(answer.failure) : { code, ...answer.success }
    })

    const errorOf = (request: TokenRequest, purpose?: "assertion" | "identity assertion") =>
      Effect.mapError(
        (reason: TokenFailure) =>
          new TokenRequestError({
            server: request.server,
            origin: request.tokenEndpoint.origin,
            ...(purpose === undefined ? {} : { purpose }),
            reason
          })
      )

    const ask = Effect.fnUntraced(function* (
      request: TokenRequest,
      grantType: string,
      parameters: Record<string, string>
    ) {
      // Counted from before the request, so that a token is never thought to live longer than it does.
      const obtainedAt = yield* Clock.currentTimeMillis
      return yield* read(yield* post(request, grantType, parameters), obtainedAt, request.dpopKey)
    })

    const askBy = Effect.fnUntraced(function* (
      request: TokenRequest,
      grant: FurtherGrant,
      scopes: ReadonlyArray<string>
    ) {
      const scope: Record<string, string> = scopes.length === 0 ? {} : { scope: scopes.join(" ") }
      switch (grant._tag) {
        case "ClientCredentials":
          return yield* ask(request, "client_credentials", scope)
        case "JwtBearer": {
          const assertion = Redacted.value(yield* secretText(grant.assertion, "the assertion"))
          return yield* ask(request, "urn:ietf:params:oauth:grant-type:jwt-bearer", { assertion, ...scope })
        }
        case "DeviceCode":
          return yield* ask(request, "urn:ietf:params:oauth:grant-type:device_code", {
            device_code: Redacted.value(grant.deviceCode)
          })
      }
    })

    const askForAssertion = Effect.fnUntraced(function* (
      request: Parameters<TokenEndpoint["Service"]["identityAssertion"]>[0]
    ) {
      const subject = yield* secretText(request.subjectToken, "the identity provider's token")
      const { status, text } = yield* post(request, "urn:ietf:params:oauth:grant-type:token-exchange", {
        requested_token_type: identityAssertionType,
        audience: request.audience,
        subject_token: Redacted.value(subject),
        subject_token_type: `urn:ietf:params:oauth:token-type:${request.subjectTokenType}`,
        ...(request.scopes.length === 0 ? {} : { scope: request.scopes.join(" ") })
      })
      const answer = Schema.decodeOption(ExchangeAnswer)(text)
      if (Option.isNone(answer) || answer.value.issued_token_type !== identityAssertionType) {
        return yield* Effect.fail(
          new Malformed({ detail: `${status}, without an assertion of type ${identityAssertionType}` })
        )
      }
      return answer.value.access_token
    })

    /** Reads the answer of a revocation endpoint: its status says all that there is to know (RFC 7009 §2.2). */
    const readRevocation = Effect.fnUntraced(function* (response: Response, secrets: ReadonlyArray<string>) {
      if (response.status === 200 || response.status === 204) return yield* discardBody(response)
      return yield* answerOf(response, secrets).pipe(
        Effect.flatMap(({ status }) => Effect.fail(new Malformed({ detail: status }))),
        Effect.catchIf(isAlreadyWorthless, () => Effect.void)
      )
    })

    const revoke = ({ client, hint, revocationEndpoint, server, token }: RevocationRequest) =>
      Effect.gen(function* () {
        if (!isSecureUrl(revocationEndpoint)) {
          return yield* Effect.fail(new Malformed({ detail: "it is neither https nor on this machine" }))
        }
        const { response, secrets } = yield* send(
          client,
          proving(undefined),
          (oauth, authenticate, options) =>
            oauth.revocationRequest(
              {
                issuer: client.signing?.audience ?? revocationEndpoint.origin,
                revocation_endpoint: revocationEndpoint.href
              },
              { client_id: client.clientId },
              authenticate,
              Redacted.value(token),
              { ...options, additionalParameters: { token_type_hint: hint } }
            )
        )
        return yield* readRevocation(response, secrets)
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
        }).pipe(errorOf(request))
      ),
      refresh: Effect.fn("TokenEndpoint.refresh")((request) =>
        ask(request, "refresh_token", { refresh_token: Redacted.value(request.refreshToken) }).pipe(
          errorOf(request)
        )
      ),
      grant: Effect.fn("TokenEndpoint.grant")((request) =>
        askBy(request, request.grant, request.scopes).pipe(
          errorOf(request, request.grant._tag === "JwtBearer" ? "assertion" : undefined)
        )
      ),
      identityAssertion: Effect.fn("TokenEndpoint.identityAssertion")((request) =>
        askForAssertion(request).pipe(errorOf(request, "identity assertion"))
      ),
      revoke: Effect.fn("TokenEndpoint.revoke")(revoke)
    })
  })
)
