import { Duration, Equal, Redacted, Schema } from "effect"
import { suggestsSignIn } from "./UnclearFailure.ts"
import { answerText, Malformed, Refused, Transient } from "./TokenFailure.ts"

/** Default time before expiry at which a token is refreshed. */
export const defaultRefreshBefore = Duration.minutes(5)

/**
 * Returns true if a text can be an access token: printable ASCII (RFC 6749 appendix A.12) without spaces. Such a text is
 * one word of a header (RFC 6750 §2.1), and cannot control a terminal.
 */
export const isAccessToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

/** A failed renewal of these tokens that says nothing final about them. Times are milliseconds since the epoch. */
const FailedRenewal = Schema.Struct({
  at: Schema.Finite,
  /** The first failure since the last success that `isUnclear`. Absent: there was none. */
  unclearSince: Schema.optionalKey(Schema.Finite),
  reason: Schema.Union([Transient, Malformed, Refused])
})
/** What a server answered to a renewal that failed. */
export const detailOf = (reason: FailedRenewal["reason"]): string =>
  reason._tag === "Refused" ? answerText(reason) : reason.detail

/** A failed renewal of these tokens that says nothing final about them. */
export type FailedRenewal = typeof FailedRenewal.Type

/**
 * The response of the token endpoint (RFC 6749 §5.1), with `expires_in` as a point in time. Times are milliseconds since
 * the epoch.
 */
export class TokenSet extends Schema.Class<TokenSet>("TokenSet")({
  accessToken: Schema.RedactedFromValue(Schema.NonEmptyString),
  tokenType: Schema.NonEmptyString,
  /** The server left out the type, which RFC 6749 §5.1 requires. Absent: it sent one. */
  lacksType: Schema.optionalKey(Schema.Literal(true)),
  obtainedAt: Schema.Finite,
  /** Absent: the server sent no `expires_in`. The token is valid until the server answers 401. */
  expiresAt: Schema.optionalKey(Schema.Finite),
  refreshToken: Schema.optionalKey(Schema.RedactedFromValue(Schema.NonEmptyString)),
  /** The last refresh left the refresh token as it was: the server does not rotate it. Absent: it may. */
  isReusable: Schema.optionalKey(Schema.Literal(true)),
  /**
   * The refresh token was sent, and no answer arrived. It must not be sent again before this time. Absent: no request is
   * unanswered.
   */
  resendAt: Schema.optionalKey(Schema.Finite),
  /** The last renewal failed. It tells the processes that waited for it, so that they do not repeat it in turn. */
  failed: Schema.optionalKey(FailedRenewal),
  /** Why the server refused the refresh token of these tokens, in its words. The refresh token is gone. */
  refusal: Schema.optionalKey(Schema.String),
  /** The granted scope, space-separated. Absent: as requested. */
  scope: Schema.optionalKey(Schema.String),
  /**
   * The private key that the tokens are bound to, a JWK as text (RFC 9449). Absent for bearer tokens. The refresh token is
   * bound to it as well.
   */
  dpopKey: Schema.optionalKey(Schema.RedactedFromValue(Schema.NonEmptyString))
}) {
  /**
   * Returns true while more than `refreshBefore` of the lifetime is left at `now`. The buffer is at most half of the
   * lifetime, so that short-lived tokens are used as well.
   */
  isFresh(now: number, refreshBefore: Duration.Duration = defaultRefreshBefore): boolean {
    if (this.expiresAt === undefined) return true
    const isLeft = this.expiresAt - now > this.bufferOf(refreshBefore, this.expiresAt)
    return isLeft && !this.isFromFuture(now, refreshBefore)
  }

  /**
   * Returns true if more than the lifetime is left at `now`. The clock was ahead when the tokens were obtained, or it is
   * behind now, so `expiresAt` says nothing. Clocks may differ by the buffer of `isFresh`.
   */
  isFromFuture(now: number, refreshBefore: Duration.Duration = defaultRefreshBefore): boolean {
    return (
      this.expiresAt !== undefined && this.obtainedAt - now > this.bufferOf(refreshBefore, this.expiresAt)
    )
  }

  private bufferOf(refreshBefore: Duration.Duration, expiresAt: number): number {
    return Math.min(Duration.toMillis(refreshBefore), (expiresAt - this.obtainedAt) / 2)
  }

  /** When the access token expires. Absent: unknown, to the server or by a clock that was ahead. */
  expiryAt(now: number): number | undefined {
    return this.isFromFuture(now) ? undefined : this.expiresAt
  }

  /** Returns true once the access token has expired at `now`. */
  isExpired(now: number): boolean {
    return this.expiresAt !== undefined && this.expiresAt <= now
  }

  /** Returns true if this is the access token of the set. */
  holds(accessToken: Redacted.Redacted): boolean {
    return Redacted.value(this.accessToken) === Redacted.value(accessToken)
  }

  /** The tokens without all that concerns the refresh token. */
  private get withoutRefreshToken() {
    const {
      failed: _failed,
      isReusable: _reusable,
      refreshToken: _,
      resendAt: _resend,
      ...rest
    }: TokenSet = this
    return rest
  }

  /** Returns the tokens with another refresh token. */
  withRefreshToken(refreshToken: Redacted.Redacted): TokenSet {
    return new TokenSet({ ...this.withoutRefreshToken, refreshToken })
  }

  /** Returns the tokens after the server refused the refresh token. */
  refused(refusal: string): TokenSet {
    return new TokenSet({ ...this.withoutRefreshToken, refusal })
  }

  /** What the server answered to the last refresh, if a sign-in may be needed. */
  get unclearAnswer(): string | undefined {
    const reason = this.failed?.reason
    return reason === undefined || !suggestsSignIn(reason) ? undefined : detailOf(reason)
  }

  /** Returns the tokens after a renewal that failed. */
  failing(failed: FailedRenewal): TokenSet {
    return new TokenSet({ ...this, failed })
  }

  /** Returns the tokens after a refresh whose answer was lost. */
  unanswered(resendAt: number): TokenSet {
    return new TokenSet({ ...this, resendAt })
  }

  /** Returns the tokens after a refresh. Values that the response omits are carried forward (RFC 6749 §6). */
  refreshedBy(answer: TokenSet): TokenSet {
    const refreshToken = answer.refreshToken ?? this.refreshToken
    const scope = answer.scope ?? this.scope
    const isReusable =
      this.refreshToken !== undefined &&
      refreshToken !== undefined &&
      Equal.equals(refreshToken, this.refreshToken)
    return new TokenSet({
      accessToken: answer.accessToken,
      tokenType: answer.tokenType,
      ...(answer.lacksType === undefined ? {} : { lacksType: answer.lacksType }),
      obtainedAt: answer.obtainedAt,
      ...(answer.expiresAt === undefined ? {} : { expiresAt: answer.expiresAt }),
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...(isReusable ? { isReusable } : {}),
      ...(scope === undefined ? {} : { scope }),
      ...(answer.dpopKey === undefined ? {} : { dpopKey: answer.dpopKey })
    })
  }
}

/** Returns true if a text is a scope-token (RFC 6749 §3.3): printable ASCII without spaces, quotes and backslashes. */
export const isScope = (text: string): boolean => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text)

/** Returns the scopes of a space-separated list (RFC 6749 §3.3), each once, in order. What is no scope-token is left out. */
export const scopesOf = (scope: string | undefined): ReadonlyArray<string> => [
  ...new Set((scope ?? "").split(/\s+/).filter(isScope))
]

/**
 * Returns the scopes with those apart that a server has joined by commas, as GitHub does. A comma may also be part of a scope, so
 * a text counts as several only if one of them is known, and the text itself is not.
 *
 * @param known scopes that were requested, granted or announced
 */
export const scopesApart = (
  scopes: ReadonlyArray<string>,
  known: ReadonlyArray<string>
): ReadonlyArray<string> => [
  ...new Set(
    scopes.flatMap((text) => {
      const parts = text.split(",").filter(isScope)
      return !known.includes(text) && parts.some((part) => known.includes(part)) ? parts : [text]
    })
  )
]
