import { Clock, Effect, Option, Redacted } from "effect"
import { bearerChallenge, silentChallenge } from "../../domain/Challenge.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../domain/Server.ts"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import { bearerToken } from "./BearerHeader.ts"

/** The `AuthProvider` of version 2 of the official SDK (`@modelcontextprotocol/client`), without unused parts. */
export interface SdkAuthProvider {
  readonly token: () => Promise<string | undefined>
  /** Absent if the configuration has an `Authorization` header: a 401 is final then. */
  readonly onUnauthorized?: (context: { readonly response: Response }) => Promise<void>
}

/**
 * How long the answer to a request may take that a token was returned for, in milliseconds. Short, because servers check
 * the token before they do any work.
 */
const maxPending = 10_000

/**
 * Finds the token that a 401 is for, which the SDK does not report. If several requests get a 401 at once, the first has a
 * new token already when the others are reported, and that token must not be rejected. So the oldest token that may be
 * meant is taken. A wrong guess costs one request its second attempt.
 */
const makeHandouts = () => {
  /** Includes requests without a token. */
  const handouts: Array<{ readonly text: string | undefined; readonly at: number }> = []
  let latest: string | undefined
  const forgetOld = (now: number) => {
    while (handouts[0] !== undefined && handouts[0].at < now - maxPending) handouts.shift()
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
 * Makes the `authProvider` option for the transports of version 2 of the official SDK. Tokens, refresh and sign-in are
 * those of this library, shared by all fibers and processes; `auth()` of the SDK is not used. It rejects with the errors of
 * {@link AccessTokens}, and with {@link TokenBoundToKey} for tokens that need DPoP.
 *
 * **Gotchas**
 *
 * - The SDK sends the token to the URL of the transport, which must be that of the same server.
 * - The SDK does not report a 403 `insufficient_scope` here, but throws its `InsufficientScopeError`. For additional scopes,
 *   and for DPoP, use {@link authorizedFetch} as the `fetch` of the transport instead.
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
