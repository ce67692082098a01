import { Effect, Option, Redacted } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { isAccessToken, TokenSet } from "../../domain/TokenSet.ts"
import { Malformed, NotSenderConstrained } from "../../ports/TokenEndpoint.ts"
import { readJsonObject } from "./JsonAnswer.ts"
import type { TokenPostAnswer } from "./TokenPost.ts"

/**
 * Types that mean Bearer: Slack names the kind of account that the token is of, and Apigee writes `BearerToken`. Servers that
 * leave the type out (RFC 6749 §5.1 requires it) mean Bearer as well, the only type that needs nothing else.
 */
const bearerTypes = /^(bearer([ _-]?token)?|user|bot)$/

/** The type of a token, in lower case. Undefined: this client cannot send such tokens. */
const tokenTypeOf = (type: unknown): "bearer" | "dpop" | undefined => {
  if (type === undefined) return "bearer"
  const name = typeof type === "string" ? type.trim().toLowerCase() : ""
  if (bearerTypes.test(name)) return "bearer"
  return name === "dpop" ? name : undefined
}

/**
 * The lifetime of a token in seconds. Undefined: until the server answers 401. No server issues a token that is worth nothing,
 * so zero and less mean that it does not expire, or that the server does not say when. More than 31 years is no lifetime
 * either: some servers write the time of expiry.
 */
const lifetimeOf = (expiresIn: unknown): number | undefined => {
  const seconds = typeof expiresIn === "string" ? Number(expiresIn) : expiresIn
  return typeof seconds === "number" && seconds > 0 && seconds < 1e9 ? seconds : undefined
}

/** The scope as text; some servers send a list. Undefined: as requested. */
const scopeText = (scope: unknown): string | undefined => {
  const text = Array.isArray(scope) ? scope.filter((item) => typeof item === "string").join(" ") : scope
  return typeof text === "string" && text !== "" ? text : undefined
}

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
  const { access_token, expires_in, scope, token_type } = json.value
  const tokenType = tokenTypeOf(token_type)
  const expected = dpopKey === undefined ? "Bearer" : "DPoP"
  if (tokenType === undefined) {
    // A long text is no type, and may be a secret.
    const isName = typeof token_type === "string" && token_type.length <= 40
    return yield* malformed(
      `token_type ${isName ? printable(token_type) : "of no known form"}, not ${expected}`
    )
  }
  if (typeof token_type === "string" && tokenType !== token_type.toLowerCase()) {
    yield* Effect.logInfo(`The token_type ${printable(token_type)} is used as Bearer.`)
  }
  const lifetime = lifetimeOf(expires_in)
  const scopes = scopeText(scope)
  // Only what this client uses: a bad ID token, for example, must not fail the flow.
  const answer = {
    access_token,
    token_type: tokenType,
    ...(lifetime === undefined ? {} : { expires_in: lifetime }),
    ...(scopes === undefined ? {} : { scope: scopes })
  }
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
    catch: () => malformed(`${status}, without an access_token`)
  })
  if (!isAccessToken(tokens.access_token)) {
    return yield* malformed(`${status}, with an access_token that no header can carry`)
  }
  if (tokens.token_type === "bearer" && dpopKey !== undefined) {
    return yield* new NotSenderConstrained(refreshToken)
  }
  if (tokens.token_type !== (dpopKey === undefined ? "bearer" : "dpop")) {
    return yield* malformed(`token_type ${tokens.token_type}, not ${expected}`)
  }
  return new TokenSet({
    accessToken: Redacted.make(tokens.access_token),
    tokenType: tokens.token_type,
    ...(token_type === undefined ? { lacksType: true as const } : {}),
    obtainedAt,
    ...(tokens.expires_in === undefined ? {} : { expiresAt: obtainedAt + tokens.expires_in * 1000 }),
    ...refreshToken,
    ...(tokens.scope === undefined ? {} : { scope: tokens.scope }),
    ...(dpopKey === undefined ? {} : { dpopKey })
  })
})
