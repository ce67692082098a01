import { Context, Duration } from "effect"
import { defaultRefreshBefore } from "../domain/TokenSet.ts"

/** Every number of getting an access token. */
export interface TokenPolicySettings {
  /** Time before expiry at which a token is refreshed; never more than half of its lifetime. */
  readonly refreshBefore: Duration.Duration
  /** Time without another refresh after one failed while the current access token is still valid. */
  readonly cooldown: Duration.Duration
  /** How a token request is repeated after a transient failure. The delay doubles each time, with jitter. */
  readonly retry: {
    readonly firstDelay: Duration.Duration
    readonly maxRetries: number
    readonly maxDuration: Duration.Duration
    /** A longer `Retry-After` ends the retries, since a caller is waiting. */
    readonly maxRetryAfter: Duration.Duration
  }
}

/** The defaults of {@link TokenPolicy}. */
export const defaultTokenPolicy: TokenPolicySettings = {
  refreshBefore: defaultRefreshBefore,
  cooldown: Duration.seconds(30),
  retry: {
    firstDelay: Duration.millis(500),
    maxRetries: 3,
    maxDuration: Duration.seconds(20),
    maxRetryAfter: Duration.seconds(20)
  }
}

/** The policy that `AccessTokens` and the grants follow. Provide it to their layers to change a number. */
export const TokenPolicy = Context.Reference<TokenPolicySettings>("mcp-cli-oauth/ports/TokenPolicy", {
  defaultValue: () => defaultTokenPolicy
})
