import { Clock, Effect, Option, type Redacted, type Scope } from "effect"
import { missingScopes } from "../../domain/Challenge.ts"
import { ScopeRequired } from "../../domain/SignInError.ts"
import { scopesWith } from "../../domain/SignInRules.ts"
import { type StepUpSituation, stepUpDecision, sufficientTokens } from "../../domain/StepUpDecision.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { SignIn } from "../signin/SignIn.ts"
import { makeSingleFlight } from "./SingleFlight.ts"
import { observe } from "./Observation.ts"
import { attribute } from "./TokenMetrics.ts"
import { type AccessTokenError, type AccessTokenRequest, queryOf, type TokenQuery } from "./TokenSource.ts"

/** Gets tokens with the scopes that a 403 named. None if the token that was sent already has them. */
export type StepUp = (
  request: AccessTokenRequest,
  sent: Redacted.Redacted
) => Effect.Effect<Option.Option<TokenSet>, AccessTokenError>

/** Creates the step-up. What it does about missing scopes is the table of `stepUpDecision`. */
export const makeStepUp: Effect.Effect<StepUp, never, Credentials | UserInteraction | Scope.Scope | SignIn> =
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const user = yield* UserInteraction
    const signIn = yield* SignIn
    const flights = yield* makeSingleFlight<Option.Option<TokenSet>, AccessTokenError>()

    const stepUpOnce = Effect.fn("StepUp.stepUpOnce")(function* (
      query: TokenQuery,
      missing: ReadonlyArray<string>,
      sent: Redacted.Redacted
    ) {
      const { account, challenge, key, server } = query
      const now = yield* Clock.currentTimeMillis
      const situation: StepUpSituation = { server, missing, sent, now, userPresent: user.present }
      const stored = Option.getOrUndefined(yield* credentials.load(server, key))
      const decision = stepUpDecision(stored, situation)
      switch (decision._tag) {
        case "Adopt":
          return Option.some(decision.tokens)
        case "Covered":
          return Option.none()
        case "UserNeeded": {
          const scopes = scopesWith(missing, server, stored)
          return yield* new ScopeRequired({ server: server.name, account: key.account, missing, scopes })
        }
        case "SignIn": {
          const { tokens } = yield* signIn
            .signIn({
              server,
              account,
              challenge,
              moreScopes: missing,
              adopt: (credential) => sufficientTokens(credential, situation)
            })
            .pipe(observe("step_up", query, { [attribute.reason]: "missing scopes" }))
          return Option.some(tokens)
        }
      }
    })

    /** Concurrent callers that miss the same scopes share one step-up. */
    return Effect.fn("StepUp.stepUp")(function* (request, sent) {
      const missing = missingScopes(request.challenge)
      if (missing.length === 0) return Option.none()
      const query = queryOf(request)
      const flightKey = JSON.stringify([query.key.identity, ...missing.toSorted()])
      return yield* flights.run(flightKey, stepUpOnce(query, missing, sent))
    })
  })
