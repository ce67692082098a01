import { Clock, Effect, Redacted, Schema } from "effect"
import { type RemoteServer } from "../../domain/Server.ts"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import { bearerToken } from "./BearerHeader.ts"

/** The server rejected an access token. A new one is ready: send the request again. */
export class TokenRenewed extends Schema.TaggedError<TokenRenewed>()("TokenRenewed", {
  server: Schema.String
}) {
  override get message(): string {
    return `${this.server} rejected the access token. It is renewed now: send the request again.`
  }
}

/** The `OAuthClientProvider` of the official SDK, versions 1 and 2, as far as its transports call it. */
export interface OAuthClientProvider {
  readonly redirectUrl: undefined
  readonly clientMetadata: { readonly redirect_uris: Array<string> }
  readonly tokens: () => Promise<{
    readonly access_token: string
    readonly token_type: "Bearer"
    readonly expires_in?: number
  }>
  readonly discoveryState: () => Promise<never>
  readonly clientInformation: () => undefined
  readonly saveTokens: () => void
  readonly redirectToAuthorization: () => void
  readonly saveCodeVerifier: () => void
  readonly codeVerifier: () => string
}

/**
 * An `OAuthClientProvider` for programs that take neither a `fetch` nor an `AuthProvider`, such as LangChain's
 * `@langchain/mcp-adapters`. Prefer {@link authorizedFetch} wherever a `fetch` can be passed.
 *
 * **Details**
 *
 * Each request carries a valid token: it is renewed before it expires, and a sign-in happens before the first request.
 * The SDK's own `auth()` does not run. It rejects with the errors of {@link AccessTokens}, and with `TokenBoundToKey`
 * for tokens that need DPoP.
 *
 * **Gotchas**
 *
 * The SDK sends a request again only after its own `auth()`. If the server rejects a token before it expires, that one
 * request rejects with {@link TokenRenewed}, and the next one carries a new token. There is no step-up after a 403.
 */
export const toOAuthClientProvider = (
  server: RemoteServer,
  account?: string
): Effect.Effect<OAuthClientProvider, never, AccessTokens> =>
  Effect.gen(function* () {
    const accessTokens = yield* AccessTokens
    const run = Effect.runPromiseWith(yield* Effect.context())
    let latest: Redacted.Redacted | undefined

    const tokens = Effect.gen(function* () {
      const held = yield* accessTokens.get({ server, account })
      const token = yield* bearerToken(held, { server: server.name, account })
      latest = token
      const now = yield* Clock.currentTimeMillis
      const expiresAt = held.expiryAt(now)
      return {
        access_token: Redacted.value(token),
        token_type: "Bearer" as const,
        ...(expiresAt === undefined ? {} : { expires_in: Math.max(0, Math.floor((expiresAt - now) / 1000)) })
      }
    }).pipe(Effect.withSpan("OAuthClientProvider.tokens"))

    /** `auth()` calls this first, after a 401. */
    const renew = Effect.gen(function* () {
      if (latest !== undefined) yield* accessTokens.reject({ server, account }, latest)
      yield* accessTokens.get({ server, account })
      return yield* new TokenRenewed({ server: server.name })
    }).pipe(Effect.withSpan("OAuthClientProvider.discoveryState"))

    return {
      redirectUrl: undefined,
      clientMetadata: { redirect_uris: [] },
      tokens: () => run(tokens),
      discoveryState: () => run(renew),
      clientInformation: () => undefined,
      saveTokens: () => undefined,
      redirectToAuthorization: () => undefined,
      saveCodeVerifier: () => undefined,
      codeVerifier: () => ""
    }
  })
