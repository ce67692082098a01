import { Clock, Effect, Equal, Option, type Redacted } from "effect"
import { needsUser } from "../../domain/Server.ts"
import { SignInRequired } from "../../domain/SignInError.ts"
import {
  type SignInNeeded,
  type Stale,
  type TokenState,
  type Unanswered,
  usable
} from "../../domain/TokenState.ts"
import { AccountCheck } from "../../ports/AccountCheck.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { SignIn } from "../signin/SignIn.ts"
import type { TokenSource } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

type Renewable = Stale | Unanswered

/** True if tokens can be renewed by another refresh token than the one that was tried in vain. */
const isRenewable = (state: TokenState, tried: Redacted.Redacted | undefined): state is Renewable =>
  state._tag === "Unanswered" ||
  (state._tag === "Stale" &&
    state.renewal._tag === "RefreshToken" &&
    state.renewal.refusal === undefined &&
    !Equal.equals(state.renewal.refreshToken, tried))

/**
 * A sign-in: in the browser, by a device code, or by a grant without a user. The only source that opens a browser. Fails
 * with `SignInRequired` if it needs the user and the user is not present, and with `UnknownAccount` if `AccountCheck` refuses the account.
 *
 * Leaves the sign-in of another process, made while this one waited for the sign-in lock, that needs a refresh.
 */
export const signInSource = (
  states: TokenStates
): Effect.Effect<TokenSource<Renewable, SignInNeeded>, never, Credentials | UserInteraction | SignIn> =>
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const user = yield* UserInteraction
    const { signIn } = yield* SignIn
    const clock = yield* Clock.Clock
    const checkAccount = yield* AccountCheck

    return Effect.fnUntraced(function* (query, { answer, tried, why: state }) {
      const { account, challenge, key, server } = query
      const isOther = state === "never signed in" && credentials.isForOther(server, key)
      const why = isOther ? "configured otherwise" : state
      const required = new SignInRequired({
        server: server.name,
        account: key.account,
        why,
        ...(answer === undefined ? {} : { answer }),
        ...(user.unattended === true ? { unattended: true } : {})
      })
      if (needsUser(server)) {
        if (why === "never signed in") yield* checkAccount(server, key)
        if (!user.present) return yield* required
      }
      // The user has approved before, and would wonder why that does not suffice.
      if (why === "answer lost") yield* user.tell(required.message)
      let left: Renewable | undefined
      const { tokens } = yield* signIn({
        server,
        account,
        challenge,
        // Another process may have signed in while this one waited for the sign-in lock.
        adopt: (credential) => {
          const state = states.of(query, Option.some(credential), clock.currentTimeMillisUnsafe())
          if (isRenewable(state, tried)) left = state
          return state._tag === "Usable" || left !== undefined ? credential.tokens : undefined
        }
      })
      return left ?? usable(tokens)
    })
  })
