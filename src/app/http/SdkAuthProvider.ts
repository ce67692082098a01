import { Clock, Effect, Option, Redacted } from "effect"
import { bearerChallenge, silentChallenge } from "../../domain/Challenge.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../domain/Server.ts"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import { bearerToken } from "./BearerHeader.ts"

/** The `AuthProvider` of version 2 of the official SDK (`@modelcontextprotocol/client`), as far as we need it. */
export interface SdkAuthProvider {
  readonly token: () => Promise<string | undefined>
  /** Absent where the server's entry has an `Authorization` header of its own: then a 401 is the last word. */
  readonly onUnauthorized?: (context: { readonly response: Response }) => Promise<void>
}

/**
 * How long after a token was handed out the answer to it may still be under way, in milliseconds: servers look at the
 * token before they do any work.
 */
const underway = 10_000

/**
 * Says which token a 401 is for: the SDK does not. Of many requests that are answered 401 at the same moment, the last
 * ones are told here when the first has been given a new token already, which must not be thrown away for them. So
 * the oldest token that may be meant is taken; to be wrong costs one request its second try.
 */
const makeHandouts = () => {
  /** A request without a token counts too. */
  const handouts: Array<{ readonly text: string | undefined; readonly at: number }> = []
  let latest: string | undefined
  const forgetOld = (now: number) => {
    while (handouts[0] !== undefined && handouts[0].at < now - underway) handouts.shift()
  }
  return {
    add: (text: string | undefined, now: number) => {
      forgetOld(now)
      handouts.push({ text, at: now })
      latest = text
    },
    refused: (now: number): string | undefined => {
      forgetOld(now)
      const oldest = handouts.shift()
      return oldest === undefined ? latest : oldest.text
    }
  }
}

/**
 * The `authProvider` option for the transports of version 2 of the official SDK: the tokens, the refresh that all
 * fibers and processes share, and the sign-in are ours; the SDK's own `auth()` is not used. It rejects with the errors
 * of {@link AccessTokens}, and with {@link TokenBoundToKey} for tokens that need DPoP.
 *
 * The SDK sends the token to the URL of the transport, so build that with the URL of the same server. A 403
 * `insufficient_scope` is not told to such a provider: the SDK throws its `InsufficientScopeError`. Where scopes are
 * to be asked for in passing, and for DPoP, use {@link authorizedFetch} as the transport's `fetch` instead.
 *
 * @example
 * const authProvider = yield* toAuthProvider(server)
 * const transport = new StreamableHTTPClientTransport(server.url, { authProvider })
 */
export const toAuthProvider = (
  server: RemoteServer,
  account?: string
): Effect.Effect<SdkAuthProvider, never, AccessTokens> =>
  Effect.gen(function* () {
    if (hasOwnAuthorization(server)) return { token: () => Promise.resolve(undefined) }
    const accessTokens = yield* AccessTokens
    const run = Effect.runPromiseWith(yield* Effect.context())
    const handouts = makeHandouts()

    const token = Effect.gen(function* () {
      const tokens = yield* accessTokens.getIfKnown({ server, account })
      const text = Option.isNone(tokens)
        ? undefined
        : Redacted.value(yield* bearerToken(tokens.value, { server: server.name, account }))
      handouts.add(text, yield* Clock.currentTimeMillis)
      return text
    }).pipe(Effect.withSpan("SdkAuthProvider.token"))

    const renew = Effect.fn("SdkAuthProvider.onUnauthorized")(function* (response: Response) {
      const challenge = bearerChallenge(response.headers.get("www-authenticate")) ?? silentChallenge
      const refused = handouts.refused(yield* Clock.currentTimeMillis)
      if (refused !== undefined) yield* accessTokens.reject({ server, account }, Redacted.make(refused))
      yield* accessTokens.get({ server, account, challenge })
    })

    return {
      token: () => run(token),
      onUnauthorized: ({ response }) => run(renew(response))
    }
  })
