import { Context, Duration } from "effect"
import { defaultRefreshBefore } from "../domain/TokenSet.ts"

/** Every number of getting an access token. */
export interface TokenPolicySettings {
  /** Time before expiry at which a token is refreshed; never more than half of its lifetime. */
  readonly refreshBefore: Duration.Duration
  /**
   * Time without another attempt after one failed while the current access token is still valid: a refresh, or a read of
   * the store once `holdFor` is over.
   */
  readonly cooldown: Duration.Duration
  /**
   * Time for which a credential in memory is used without reading the store again. A sign-out by another process is seen
   * after it at the latest. Infinite by default, which suits a program of one user. A server with replicas sets a minute.
   */
  readonly holdFor: Duration.Duration
  /**
   * Time for which an account without a sign-in is not looked for in the store again, before a request that may not need a
   * token. An answer that requires one reads the store at once.
   */
  readonly absentFor: Duration.Duration
  /** Credentials in memory at most. The store is read again for one that was dropped. */
  readonly maxAccounts: number
  /** How a token request is repeated after a transient failure. The delay doubles each time, with jitter. */
  readonly retry: {
    readonly firstDelay: Duration.Duration
    readonly maxRetries: number
    readonly maxDuration: Duration.Duration
    /** A longer `Retry-After` ends the retries, since a caller is waiting. */
    readonly maxRetryAfter: Duration.Duration
  }
  /** Time after which a refresh that fails the same way, without a word about the refresh token, ends the sign-in. */
  readonly giveUpAfter: Duration.Duration
  /**
   * When a refresh token is sent once more after a request whose answer was lost. Both requests may reach the
   * server, and one that arrives after the other would end the sign-in at servers that detect reuse.
   */
  readonly resend: {
    /** From the request on, if this client gave up waiting: the request may still arrive. */
    readonly afterTimeout: Duration.Duration
    /** From the failure on, if the connection broke: the server has the request, or will never get it. */
    readonly afterBreak: Duration.Duration
  }
  /** How a write to the store is repeated before the new tokens stay in memory only. The delay doubles, with jitter. */
  readonly storeRetry: {
    readonly firstDelay: Duration.Duration
    readonly maxRetries: number
  }
  /** Sign-ins for more scopes after a 403. */
  readonly stepUp: {
    /** Sign-ins for one request at most. */
    readonly maxPerRequest: number
    /** Time for which scopes that the user or the server refused are not requested again. */
    readonly refusedFor: Duration.Duration
  }
}

/** The defaults of {@link TokenPolicy}. */
export const defaultTokenPolicy: TokenPolicySettings = {
  refreshBefore: defaultRefreshBefore,
  cooldown: Duration.seconds(30),
  holdFor: Duration.infinity,
  absentFor: Duration.seconds(30),
  // About 150 MB with tokens of 2 kB (`bench/accounts.ts`).
  maxAccounts: 50_000,
  retry: {
    firstDelay: Duration.millis(500),
    maxRetries: 3,
    maxDuration: Duration.seconds(20),
    maxRetryAfter: Duration.seconds(20)
  },
  giveUpAfter: Duration.days(1),
  // A request is given up after 30 seconds, when gateways end it too (Heroku, AWS API Gateway). The rest is for clocks and
  // for a request that was on its way.
  resend: { afterTimeout: Duration.seconds(40), afterBreak: Duration.seconds(2) },
  storeRetry: { firstDelay: Duration.millis(50), maxRetries: 2 },
  // The MCP specification allows "a few" retries ("Step-Up Authorization Flow").
  stepUp: { maxPerRequest: 2, refusedFor: Duration.hours(1) }
}

/**
 * The policy that `AccessTokens`, `Credentials`, `SignOut`, `AuthorizedHttp` and the grants follow. Each reads it when its
 * layer is built: provide it to their layers to change a number.
 */
export const TokenPolicy = Context.Reference<TokenPolicySettings>("mcp-cli-oauth/ports/TokenPolicy", {
  defaultValue: () => defaultTokenPolicy
})
