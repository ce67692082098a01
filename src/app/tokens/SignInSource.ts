import { Clock, Effect, Option } from "effect"
import { needsUser } from "../../domain/Server.ts"
import { SignInRequired } from "../../domain/SignInError.ts"
import { type SignInNeeded, usable } from "../../domain/TokenState.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { SignIn } from "../signin/SignIn.ts"
import type { TokenSource } from "./TokenSource.ts"
import type { TokenStates } from "./TokenStates.ts"

/**
 * A sign-in: in the browser, by a device code, or by a grant without a user. The only source that opens a browser. Fails
 * with `SignInRequired` if it needs the user and the user is not present.
 */
export const signInSource = (
  states: TokenStates
): Effect.Effect<TokenSource<never, SignInNeeded>, never, UserInteraction | SignIn> =>
  Effect.gen(function* () {
    const user = yield* UserInteraction
    const signIn = yield* SignIn

    return Effect.fnUntraced(function* (query, { why }) {
      const { account, challenge, key, server } = query
      if (!user.present && needsUser(server)) {
        return yield* new SignInRequired({ server: server.name, account: key.account, why })
      }
      const now = yield* Clock.currentTimeMillis
      const { tokens } = yield* signIn.signIn({
        server,
        account,
        challenge,
        // Another process may have signed in while this one waited for the sign-in lock.
        adopt: (credential) => {
          const state = states.of(query, Option.some(credential), now)
          return state._tag === "Usable" ? state.tokens : undefined
        }
      })
      return usable(tokens)
    })
  })
