import { Clock, Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import {
  bearerChallenge,
  lacksScopes,
  missingScopes,
  requiresToken,
  silentChallenge,
  wantsNonce
} from "../../domain/Challenge.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { repeatable } from "../../domain/ByteRequest.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../domain/Server.ts"
import { isSameOrigin } from "../../domain/SecureUrl.ts"
import { isAccessToken, type TokenSet } from "../../domain/TokenSet.ts"
import { DpopProofs } from "../../ports/DpopProofs.ts"
import { discardBody, HttpTransport, type NetworkError } from "../../ports/HttpTransport.ts"
import { KnownSignInNeeds } from "../../ports/KnownSignInNeeds.ts"
import type { SendOptions } from "../../ports/McpConnector.ts"
import { spanned } from "../../ports/Spanned.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { BoundedMap } from "../credentials/BoundedMap.ts"
import { type AccessTokenError, AccessTokens } from "../tokens/AccessTokens.ts"

/** How a request is sent. */
interface Sending extends SendOptions {
  /** True: a new connection, since obtaining a token may take longer than the server keeps an idle one open. */
  readonly fresh?: boolean
}

const challengeOf = ({ headers }: Response) => bearerChallenge(headers.get("www-authenticate"))

/** Time in milliseconds until a server must start to answer, unless the caller sets another. A tool may work for minutes. */
const defaultTimeout = 600_000

/**
 * HTTP with the access token in every request (RFC 6750 §2.1), and with a proof of its key if it is bound to one (RFC 9449
 * §7). After a 401, or another refusal of the token, it is renewed and the request is sent once more. After `insufficient_scope` the missing
 * scopes are obtained by a sign-in, within the limits of `TokenPolicy.stepUp`. Without a token, that counts as a 401.
 * Every other response is returned as it is.
 */
export class AuthorizedHttp extends Context.Service<
  AuthorizedHttp,
  {
    /**
     * Sends requests to a server. The token goes to the server's own origin and nowhere else, and not where the
     * server's entry has an `Authorization` header of its own.
     */
    readonly sendTo: (
      server: RemoteServer,
      account?: string
    ) => (request: Request, options?: SendOptions) => Effect.Effect<Response, AccessTokenError | NetworkError>
  }
>()("mcp-cli-oauth/app/http/AuthorizedHttp") {}

/** @see AuthorizedHttp */
export const layer: Layer.Layer<AuthorizedHttp, never, AccessTokens | DpopProofs | HttpTransport> =
  Layer.effect(
    AuthorizedHttp,
    Effect.gen(function* () {
      const accessTokens = yield* AccessTokens
      const transport = yield* HttpTransport
      const proofs = yield* DpopProofs
      const policy = yield* TokenPolicy
      const needs = yield* KnownSignInNeeds
      const send = (request: Request, { timeout = defaultTimeout, fresh = false }: Sending) =>
        transport.send(request, { timeout, fresh })

      const withToken = Effect.fnUntraced(function* (request: Request, { accessToken, dpopKey }: TokenSet) {
        const authorized = repeatable(request)
        const text = Redacted.value(accessToken)
        // The error of the platform would quote the token.
        if (!isAccessToken(text))
          return yield* Effect.die("The access token has characters that a header cannot carry")
        if (dpopKey === undefined) {
          authorized.headers.set("authorization", `Bearer ${text}`)
          authorized.headers.delete("dpop")
        } else {
          const { method } = request
          const proof = yield* proofs.prove(dpopKey, { method, url: new URL(request.url), accessToken })
          authorized.headers.set("authorization", `DPoP ${text}`)
          authorized.headers.set("dpop", proof)
        }
        return authorized
      })

      /** Sends a request with a token, and again if the server requires its nonce in the proof (RFC 9449 §9). */
      const sendWith = Effect.fnUntraced(function* (request: Request, tokens: TokenSet, options: Sending) {
        const response = yield* send(yield* withToken(request, tokens), options)
        if (tokens.dpopKey === undefined) return response
        const learnt = yield* proofs.learn(new URL(request.url), response.headers)
        if (!learnt || response.status !== 401 || !wantsNonce(response.headers.get("www-authenticate"))) {
          return response
        }
        yield* discardBody(response)
        const again = yield* send(yield* withToken(request, tokens), options)
        yield* proofs.learn(new URL(request.url), again.headers)
        return again
      })

      /** When scopes may be requested again that the user refused, or that the server still misses after a sign-in. */
      const refusedUntil = new BoundedMap<number>(policy.maxAccounts)
      const refuse = (scopes: string) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          refusedUntil.set(scopes, now + Duration.toMillis(policy.stepUp.refusedFor))
        )

      /** Sends a request again with more scopes, as long as the server requires more and they can be obtained. */
      const stepUp = Effect.fn("AuthorizedHttp.stepUp")(function* (
        server: RemoteServer,
        account: string | undefined,
        request: Request,
        options: SendOptions,
        first: { readonly response: Response; readonly tokens: TokenSet }
      ) {
        let { response, tokens } = first
        const { identity } = CredentialKey.at(server, account)
        const requested = new Set<string>()
        for (let stepUps = 0; ; stepUps++) {
          const challenge = challengeOf(response)
          if (!lacksScopes(response.status, challenge)) return response
          const scopes = JSON.stringify([identity, ...missingScopes(challenge).toSorted()])
          if (requested.has(scopes)) {
            yield* refuse(scopes)
            return response
          }
          const isRefused = (yield* Clock.currentTimeMillis) < (refusedUntil.get(scopes) ?? 0)
          if (isRefused || stepUps === policy.stepUp.maxPerRequest) return response
          requested.add(scopes)
          const more = yield* accessTokens
            .stepUp({ server, account, challenge }, tokens.accessToken)
            .pipe(Effect.tapErrorTag("SignInRefused", () => refuse(scopes)))
          if (Option.isNone(more)) return response
          yield* discardBody(response)
          tokens = more.value
          response = yield* sendWith(request, tokens, { ...options, fresh: true })
        }
      })

      const sendAuthorized = Effect.fnUntraced(function* (
        server: RemoteServer,
        account: string | undefined,
        request: Request,
        options: SendOptions
      ) {
        // While the store is opened: with TLS, a connection takes three round trips.
        if (transport.connect !== undefined) yield* transport.connect(server.url)
        const tokens = yield* accessTokens.getIfKnown({ server, account })
        let response = yield* Option.match(tokens, {
          onNone: () => send(repeatable(request), options),
          onSome: (held) => sendWith(request, held, options)
        })
        let challenge = challengeOf(response)
        const mayRenew = Option.isNone(tokens) || options.renew !== false
        if (Option.isSome(tokens) && mayRenew) {
          response = yield* stepUp(server, account, request, options, { response, tokens: tokens.value })
          challenge = challengeOf(response)
        }
        const isSignInNeeded =
          requiresToken(response.status, challenge) ||
          (Option.isNone(tokens) && lacksScopes(response.status, challenge))
        if (Option.isNone(tokens) && (isSignInNeeded || response.ok)) {
          yield* needs.note(server, isSignInNeeded ? "later" : "none")
        }
        if (!isSignInNeeded || !mayRenew) return response
        yield* discardBody(response)
        if (Option.isSome(tokens)) yield* accessTokens.reject({ server, account }, tokens.value.accessToken)
        const renewed = yield* accessTokens.get({ server, account, challenge: challenge ?? silentChallenge })
        const later = { ...options, fresh: true }
        const again = yield* sendWith(request, renewed, later)
        return yield* stepUp(server, account, request, options, { response: again, tokens: renewed })
      }, spanned("AuthorizedHttp.send"))

      return AuthorizedHttp.of({
        sendTo: (server, account) => {
          const isAuthorized = hasOwnAuthorization(server)
          return (request, options = {}) =>
            isAuthorized || !isSameOrigin(new URL(request.url), server.url)
              ? send(request, options)
              : sendAuthorized(server, account, request, options)
        }
      })
    })
  )
