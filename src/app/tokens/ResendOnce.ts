import { Clock, Duration, Effect } from "effect"
import { accountName } from "../../domain/SignInError.ts"
import type { SignInNeeded, Unanswered } from "../../domain/TokenState.ts"
import { TokenRequestError, Unanswered as UnansweredFailure } from "../../ports/TokenEndpoint.ts"
import { TokenPolicy } from "../../ports/TokenPolicy.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import type { TokenQuery, TokenSource } from "./TokenSource.ts"

/** The error once the answer to the second request was lost as well. */
const answerLost = ({ server }: TokenQuery, { credential }: Unanswered) =>
  new TokenRequestError({
    server: server.name,
    origin: new URL(credential.tokenEndpoint).origin,
    reason: new UnansweredFailure({ detail: "repeatedly", end: "broke" })
  })

/**
 * Waits until a refresh token whose answer was lost may be sent again, and then runs the source once more. No lock is held
 * meanwhile: the store tells the other processes to wait too. Fails if that answer is lost as well.
 */
export const makeResendOnce = Effect.map(
  Effect.all([UserInteraction, TokenPolicy]),
  ([{ tell }, { resend }]) =>
    <In>(
      source: TokenSource<SignInNeeded | Unanswered, In | Unanswered>
    ): TokenSource<SignInNeeded, In | Unanswered> =>
      Effect.fnUntraced(function* (query, state) {
        const first = yield* source(query, state)
        if (first._tag !== "Unanswered") return first
        const left = Math.max(0, first.resendAt - (yield* Clock.currentTimeMillis))
        // A longer wait than any is due to a clock that was set back.
        const wait = Math.min(left, Duration.toMillis(resend.afterTimeout))
        const name = accountName(query.server.name, query.key.account)
        yield* tell(
          `The answer to a token refresh of ${name} was lost. Trying again in ${Math.ceil(wait / 1000)} seconds.`
        )
        yield* Effect.sleep(wait)
        const second = yield* source(query, first)
        return second._tag === "Unanswered" ? yield* answerLost(query, second) : second
      })
)
