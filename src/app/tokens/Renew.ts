import { Clock, Duration, Effect, Option, type Redacted } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { DpopUnsupported } from "../../domain/SignInError.ts"
import { refreshFailure } from "../../domain/RefreshFailure.ts"
import { isDpopBound } from "../../domain/SignInRules.ts"
import { answerText } from "../../domain/TokenFailure.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import { type SignInNeeded, signInNeeded, type Stale, usable } from "../../domain/TokenState.ts"
import { repeatable, TokenEndpoint, TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { withClient } from "../signin/WithClient.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { nonInteractiveTokens } from "../signin/grants/NonInteractiveTokens.ts"
import type { Rediscovery } from "./Rediscovery.ts"
import type { TokenQuery, TokenSource } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/**
 * Requests new tokens for stale ones, and stores them. Tokens that cannot be stored stay in memory (`Credentials.save`). The
 * caller holds the key's refresh lock.
 *
 * Fails with `TokenRequestError` if the token endpoint does not answer with tokens. Fails with `DpopUnsupported` if the new
 * tokens must be bound to a key, and the authorization server does not bind tokens.
 */
export type Renew = TokenSource<SignInNeeded, Stale, TokenRequestError | DpopUnsupported>

/** Sends the request of the refresh token (RFC 6749 §6) or of the grant that needs no user. */
const request = (
  tokenEndpoint: TokenEndpoint["Service"],
  { key, server }: TokenQuery,
  { credential, renewal }: Stale,
  dpopKey: Redacted.Redacted | undefined
) => {
  const client = credential.clientAt(server)
  const common = {
    tokenEndpoint: new URL(credential.tokenEndpoint),
    resource: credential.resourceParameter,
    dpopKey
  }
  if (renewal._tag === "Grant") {
    const { grant } = renewal
    const { issuer } = credential
    const scopes = credential.scopesAt(server)
    return nonInteractiveTokens(tokenEndpoint, { ...common, server, grant, issuer, client, scopes })
  }
  return withClient(client, (requestClient) =>
    tokenEndpoint.refresh({
      ...common,
      server: server.name,
      client: requestClient,
      refreshToken: renewal.refreshToken
    })
  ).pipe(
    Effect.mapError((error) => {
      const reason = refreshFailure(error.reason, credential.registration, client)
      const isReusable = credential.tokens?.isReusable === true
      return new TokenRequestError({
        ...error,
        account: key.account,
        purpose: "refresh",
        reason: isReusable ? repeatable(reason) : reason
      })
    })
  )
}

/** Returns the credential with the answer of the token endpoint. */
const renewed = (
  { server }: TokenQuery,
  { credential, renewal, tokens }: Stale,
  answer: TokenSet
): Credential =>
  credential.next({
    tokens: tokens.refreshedBy(answer),
    ...(renewal._tag === "Grant" ? { requestedScopes: credential.scopesAt(server) } : {}),
    // The scopes of the answer count, even if they are fewer than before (RFC 6749 §6).
    ...(answer.scope === undefined ? {} : { grantedScopes: credential.grantedBy(answer) })
  })

/** @see Renew */
export const makeRenew = (
  rediscovery: Rediscovery,
  states: TokenStates
): Effect.Effect<Renew, never, Credentials | TokenEndpoint> =>
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const tokenEndpoint = yield* TokenEndpoint
    const { resend } = yield* TokenPolicy

    /** Remembers what a failure says about the refresh token that was sent. */
    const learn = Effect.fnUntraced(function* (
      { key }: TokenQuery,
      { credential, renewal, tokens }: Stale,
      { reason }: TokenRequestError,
      sentAt: number
    ) {
      if (renewal._tag !== "RefreshToken") return
      switch (reason._tag) {
        case "Malformed":
        case "NotSenderConstrained":
          // The rest of the answer is discarded, but its refresh token has replaced the one that was sent.
          if (reason.refreshToken === undefined) return
          yield* credentials.save(
            key,
            credential.next({ tokens: tokens.withRefreshToken(reason.refreshToken) })
          )
          return
        case "InvalidGrant":
          return states.refuse(key, renewal.refreshToken, answerText(reason))
        case "Unanswered": {
          const { afterBreak, afterTimeout } = resend
          const resendAt =
            reason.end === "timeout"
              ? sentAt + Duration.toMillis(afterTimeout)
              : (yield* Clock.currentTimeMillis) + Duration.toMillis(afterBreak)
          states.unanswered(key, renewal.refreshToken, resendAt)
          yield* credentials.annotate(key, credential.next({ tokens: tokens.unanswered(resendAt) }))
        }
      }
    })

    /**
     * Sends one request and stores its answer. Uninterruptible: the server may replace the refresh token as soon as it
     * gets the request, so an answer that is not stored would lose the sign-in.
     */
    const renewOnce = Effect.fn("Renew.renewOnce")(function* (query: TokenQuery, stale: Stale) {
      // A server or a configuration that starts to require bound tokens does not require a new sign-in.
      const isBound = isDpopBound(query.server, query.challenge?.dpop === true)
      const dpopKey =
        stale.tokens.dpopKey ??
        (isBound ? yield* Effect.interruptible(rediscovery.firstDpopKey(query)) : undefined)
      const sentAt = yield* Clock.currentTimeMillis
      const { answer } = yield* request(tokenEndpoint, query, stale, dpopKey).pipe(
        Effect.tapError((error) => learn(query, stale, error, sentAt))
      )
      const next = renewed(query, stale, answer)
      // Another process may have stored something newer, or signed out, if the lock was lost.
      const { tokens } = yield* credentials.save(query.key, next)
      return tokens === undefined ? signInNeeded("revoked") : usable(tokens)
    }, Effect.uninterruptible)

    // A malformed answer: the stored address may no longer be a token endpoint. If the issuer names another one, the request
    // is sent there, once.
    return (query, stale) =>
      Effect.catchReason(renewOnce(query, stale), "TokenRequestError", "Malformed", (reason, error) =>
        Effect.flatMap(
          // A token endpoint that rotates is the right one.
          reason.refreshToken === undefined
            ? rediscovery.movedEndpoint(query, stale.credential)
            : Effect.succeedNone,
          Option.match({
            onNone: () => error,
            onSome: (endpoint) => renewOnce(query, { ...stale, credential: stale.credential.at(endpoint) })
          })
        )
      )
  })
