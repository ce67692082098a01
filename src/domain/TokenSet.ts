import { Duration, Redacted, Schema } from "effect"

/** Default time before expiry at which a token is refreshed. */
export const defaultRefreshBefore = Duration.minutes(5)

/**
 * Whether a text can be an access token: printable ASCII (RFC 6749 appendix A.12) without spaces, so that it stays one
 * word of a header (RFC 6750 §2.1) and moves no cursor where it is printed.
 */
export const isAccessToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

/**
 * What the token endpoint answered (RFC 6749 §5.1), with `expires_in` turned into points in time.
 * Times are milliseconds since the epoch.
 */
export class TokenSet extends Schema.Class<TokenSet>("TokenSet")({
  accessToken: Schema.RedactedFromValue(Schema.NonEmptyString),
  tokenType: Schema.NonEmptyString,
  obtainedAt: Schema.Finite,
  /** Absent where the server named no `expires_in`: good until the server answers 401. */
  expiresAt: Schema.optionalKey(Schema.Finite),
  refreshToken: Schema.optionalKey(Schema.RedactedFromValue(Schema.NonEmptyString)),
  /** The scope as granted, space-separated; absent: as requested. */
  scope: Schema.optionalKey(Schema.String),
  /**
   * The private key that the tokens are bound to, a JWK as text (RFC 9449); absent for plain bearer tokens. A refresh
   * token is bound to it too.
   */
  dpopKey: Schema.optionalKey(Schema.RedactedFromValue(Schema.NonEmptyString))
}) {
  /**
   * True while more than `refreshBefore` of the token's life is left at `now`. The buffer is never more than half of the
   * lifetime, so that short-lived tokens are used too.
   */
  isFresh(now: number, refreshBefore: Duration.Duration = defaultRefreshBefore): boolean {
    if (this.expiresAt === undefined) return true
    const lifetime = this.expiresAt - this.obtainedAt
    return this.expiresAt - now > Math.min(Duration.toMillis(refreshBefore), lifetime / 2)
  }

  /** Past its end at `now`: no server would take it. */
  isExpired(now: number): boolean {
    return this.expiresAt !== undefined && this.expiresAt <= now
  }

  /** Whether this is the access token that a server answered 401 to. */
  holds(accessToken: Redacted.Redacted): boolean {
    return Redacted.value(this.accessToken) === Redacted.value(accessToken)
  }

  /** The same with another refresh token, or with none. */
  withRefreshToken(refreshToken: Redacted.Redacted | undefined): TokenSet {
    const { refreshToken: _, ...rest }: TokenSet = this
    return new TokenSet({ ...rest, ...(refreshToken === undefined ? {} : { refreshToken }) })
  }

  /** The tokens after a refresh: what the answer omitted is carried forward (RFC 6749 §6). */
  refreshedBy(answer: TokenSet): TokenSet {
    const refreshToken = answer.refreshToken ?? this.refreshToken
    const scope = answer.scope ?? this.scope
    return new TokenSet({
      accessToken: answer.accessToken,
      tokenType: answer.tokenType,
      obtainedAt: answer.obtainedAt,
      ...(answer.expiresAt === undefined ? {} : { expiresAt: answer.expiresAt }),
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...(scope === undefined ? {} : { scope }),
      ...(answer.dpopKey === undefined ? {} : { dpopKey: answer.dpopKey })
    })
  }
}

/** The scopes of a space-separated list (RFC 6749 §3.3), each once, in their order. */
export const scopesOf = (scope: string | undefined): ReadonlyArray<string> => [
  ...new Set((scope ?? "").split(/\s+/).filter((token) => token !== ""))
]
