import { Effect, Option, Redacted } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { isAccessToken, TokenSet } from "../../domain/TokenSet.ts"
import { Malformed, NotSenderConstrained } from "../../ports/TokenEndpoint.ts"
import { readJsonObject } from "./JsonAnswer.ts"
import type { TokenPostAnswer } from "./TokenPost.ts"
import { maxTime } from "./OAuthLimits.ts"

/**
 * Reads the tokens in an answer of the token endpoint (RFC 6749 §5.1). They hold only what the server sent.
 *
 * Whatever else is wrong, the error carries the refresh token of the answer: it may have replaced the one that was sent.
 *
 * @param obtainedAt when the request was sent, so that a token never seems to live longer than it does
 * @param dpopKey the key that the tokens must be bound to (RFC 9449 §5); absent: they must be bearer tokens
 */
export const readTokens = Effect.fnUntraced(function* (
  { code, status, text }: TokenPostAnswer,
  obtainedAt: number,
  dpopKey: Redacted.Redacted | undefined
): Effect.fn.Return<TokenSet, Malformed | NotSenderConstrained> {
  const json = readJsonObject(text)
  const received = Option.getOrUndefined(json)?.["refresh_token"]
  const refreshToken = typeof received === "string" ? { refreshToken: Redacted.make(received) } : {}
  const malformed = (detail: string) => new Malformed({ detail, ...refreshToken })
  if (code !== 200 && code !== 201) return yield* malformed(status)
  if (Option.isNone(json)) return yield* malformed(`${status}, not a JSON object`)
  // This client does not use the identity of the user, so a bad ID token must not fail the flow. Servers that leave out the
  // type of the token (RFC 6749 §5.1 requires it) mean Bearer, the only type that needs nothing else.
  const { id_token: _, token_type = "bearer", ...others } = json.value
  const answer = { ...others, token_type }
  const tokens = yield* Effect.tryPromise({
    try: async () => {
      const oauth = await import("oauth4webapi")
      return await oauth.processGenericTokenEndpointResponse(
        { issuer: "unused" },
        { client_id: "unused" },
        Response.json(answer)
      )
    },
    // The errors of the library quote the answer; this one names what a token answer must hold.
    catch: () => malformed(`${status}, without a usable access_token, token_type and expires_in`)
  })
  if (!isAccessToken(tokens.access_token)) {
    return yield* malformed(`${status}, with an access_token that no header can carry`)
  }
  if (tokens.token_type === "bearer" && dpopKey !== undefined) {
    return yield* new NotSenderConstrained(refreshToken)
  }
  if (tokens.token_type !== (dpopKey === undefined ? "bearer" : "dpop")) {
    const expected = dpopKey === undefined ? "Bearer" : "DPoP"
    return yield* malformed(`token_type ${printable(tokens.token_type)}, not ${expected}`)
  }
  return new TokenSet({
    accessToken: Redacted.make(tokens.access_token),
    tokenType: tokens.token_type,
    obtainedAt,
    ...(tokens.expires_in === undefined
      ? {}
      : { expiresAt: Math.min(obtainedAt + tokens.expires_in * 1000, maxTime) }),
    ...refreshToken,
    ...(tokens.scope === undefined ? {} : { scope: tokens.scope }),
    ...(dpopKey === undefined ? {} : { dpopKey })
  })
})
