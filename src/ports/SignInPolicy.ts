import { Context, Duration } from "effect"

/** The numbers of a sign-in. */
export interface SignInPolicySettings {
  /** Time from the authorization request to the callback of a sign-in in two steps. */
  readonly pendingLifetime: Duration.Duration
  /** Time without an answer of the browser after which the user is told what may be wrong. */
  readonly hintAfter: Duration.Duration
  /** Sign-ins that one process remembers as used. Older ones are refused by what the store remembers. */
  readonly maxUsedInProcess: number
  /**
   * When to revoke a credential that a sign-in replaces. Many authorization servers revoke all tokens of a user and client
   * together, the new ones included, so the default is `other-client`: a sign-in that the user requests while one is
   * stored registers a new client if it can. `always` is for servers that give each sign-in a grant of its own.
   */
  readonly revokesReplaced: "other-client" | "always" | "never"
  /** Time that the process waits, when it ends, for the revocation of replaced credentials. */
  readonly revocationTimeout: Duration.Duration
}

/** The defaults of {@link SignInPolicy}. */
export const defaultSignInPolicy: SignInPolicySettings = {
  // The longest that authorization codes should live (RFC 6749 §4.1.2), and enough for a user with a second factor.
  pendingLifetime: Duration.minutes(10),
  // An authorization server has shown its page by then. An approval may take longer, so the hint is no error.
  hintAfter: Duration.seconds(8),
  // About 2 MB. One process would have to complete 16 sign-ins a second to exceed it within the lifetime.
  maxUsedInProcess: 10_000,
  revokesReplaced: "other-client",
  // As for the deregistration of a client: the user who ended the program is waiting.
  revocationTimeout: Duration.seconds(5)
}

/** The policy that `SignIn` follows. Provide it to its layer to change a number. */
export const SignInPolicy = Context.Reference<SignInPolicySettings>("mcp-cli-oauth/ports/SignInPolicy", {
  defaultValue: () => defaultSignInPolicy
})
