import { Clock, Duration, Effect, type Option, type Redacted } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { type Learned, type TokenState, tokenState } from "../../domain/TokenState.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { BoundedMap } from "../credentials/BoundedMap.ts"
import type { TokenQuery } from "./TokenSource.ts"

/** The state of credentials, by what this process has learned about their tokens. */
export interface TokenStates {
  /** The state of a credential at `now`, in milliseconds since the epoch. */
  readonly of: (query: TokenQuery, found: Option.Option<Credential>, now: number) => TokenState
  /**
   * The server answered this access token with 401: it is no longer valid. Newer tokens are unaffected. Of each credential,
   * the token that was rejected last is remembered.
   */
  readonly reject: (key: CredentialKey, accessToken: Redacted.Redacted) => void
  /**
   * The server refused this refresh token for good, with this answer: it is not sent again, even if the store still has it.
   * Of each credential, the one that was refused last is remembered.
   */
  readonly refuse: (key: CredentialKey, refreshToken: Redacted.Redacted, answer: string) => void
  /** The answer to this refresh token was lost: it is not sent again before `resendAt`. */
  readonly unanswered: (key: CredentialKey, refreshToken: Redacted.Redacted, resendAt: number) => void
  /** A renewal or a read of the store failed: no renewal is tried for this long while the access token is still valid. */
  readonly coolDown: (key: CredentialKey, duration: Duration.Duration) => Effect.Effect<void>
}

/** What outlives a request. */
type Lasting = Omit<Learned, "now" | "currentIssuer">

/** Creates the states of one `AccessTokens`. Nothing in them outlives the process. */
export const makeTokenStates: Effect.Effect<TokenStates> = Effect.gen(function* () {
  const policy = yield* TokenPolicy
  const learned = new BoundedMap<Lasting>(policy.maxAccounts)
  const learn = ({ identity }: CredentialKey, news: Lasting) => {
    learned.set(identity, { ...learned.get(identity), ...news })
  }
  return {
    of: ({ currentIssuer, key: { identity }, server }, found, now) =>
      tokenState(found, server, { ...learned.get(identity), now, currentIssuer }, policy),
    reject: (key, rejected) => learn(key, { rejected }),
    refuse: (key, refreshToken, answer) => learn(key, { refused: { refreshToken, answer } }),
    unanswered: (key, refreshToken, resendAt) => learn(key, { unanswered: { refreshToken, resendAt } }),
    coolDown: (key, duration) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        learn(key, { cooldownUntil: now + Duration.toMillis(duration) })
      )
  }
})
