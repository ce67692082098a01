import { Clock, Effect, Option, type Redacted, type Scope } from "effect"
import { missingScopes, requiresScopes } from "../../domain/Challenge.ts"
import { ScopeRequired } from "../../domain/SignInError.ts"
import { scopesWith } from "../../domain/SignInRules.ts"
import { type StepUpSituation, stepUpDecision, sufficientTokens } from "../../domain/StepUpDecision.ts"
import { scopesApart, type TokenSet } from "../../domain/TokenSet.ts"
import { Discovery } from "../../ports/Discovery.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { SignIn } from "../signin/SignIn.ts"
import { makeSingleFlight } from "./SingleFlight.ts"
import { observe } from "./Observation.ts"
import { attribute } from "./TokenMetrics.ts"
import { type AccessTokenError, type AccessTokenRequest, queryOf, type TokenQuery } from "./TokenSource.ts"

/**
 * Gets tokens with the scopes that a 403 requires: those that it names, or else those that the metadata of the server lists
 * and the sign-in does not have. None if the token that was sent already has them, or if no scope is known.
 */
export type StepUp = (
  request: AccessTokenRequest,
  sent: Redacted.Redacted
) => Effect.Effect<Option.Option<TokenSet>, AccessTokenError>

/** Creates the step-up. What it does about missing scopes is the table of `stepUpDecision`. */
export const makeStepUp: Effect.Effect<
  StepUp,
  never,
  Credentials | Discovery | UserInteraction | Scope.Scope | SignIn
> = Effect.gen(function* () {
  const credentials = yield* Credentials
  const user = yield* UserInteraction
  const signIn = yield* SignIn
  const discovery = yield* Discovery
  const flights = yield* makeSingleFlight<Option.Option<TokenSet>, AccessTokenError>()

  const stepUpOnce = Effect.fn("StepUp.stepUpOnce")(function* (
    query: TokenQuery,
    named: ReadonlyArray<string>,
    sent: Redacted.Redacted
  ) {
    const { account, challenge, key, server } = query
    const now = yield* Clock.currentTimeMillis
    const stored = Option.getOrUndefined(yield* credentials.look(server, key))
    const missing = scopesApart(named, stored?.scopesSoFar ?? [])
    const situation: StepUpSituation = { server, missing, sent, now, userPresent: user.present }
    const decision = stepUpDecision(stored, situation)
    switch (decision._tag) {
      case "Adopt":
        return Option.some(decision.tokens)
      case "Covered":
        return Option.none()
      case "UserNeeded": {
        const scopes = scopesWith(missing, server, stored)
        const description = challenge?.description
        return yield* new ScopeRequired({
          server: server.name,
          account: key.account,
          missing,
          scopes,
          ...(description === undefined ? {} : { description }),
          ...(user.unattended === true ? { unattended: true } : {})
        })
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

  /** The scopes that the metadata lists and the sign-in does not have. Empty if there is no metadata. */
  const unnamedScopes = Effect.fn("StepUp.unnamedScopes")(function* ({ challenge, key, server }: TokenQuery) {
    if (server.oauth.source._tag === "ByHand") return []
    const listed = yield* discovery.discover(server, challenge).pipe(
      Effect.map(({ scopes }) => scopes),
      Effect.tapError((error) => Effect.logDebug(error.message)),
      Effect.orElseSucceed(() => [])
    )
    const stored = Option.getOrUndefined(yield* credentials.look(server, key))
    return listed.filter((scope) => stored?.covers([scope]) !== true)
  })

  /** Concurrent callers that miss the same scopes share one step-up. */
  return Effect.fn("StepUp.stepUp")(function* (request, sent) {
    if (!requiresScopes(request.challenge)) return Option.none()
    const query = queryOf(request)
    const named = missingScopes(request.challenge)
    const missing = named.length > 0 ? named : yield* unnamedScopes(query)
    if (missing.length === 0) return Option.none()
    const flightKey = JSON.stringify([query.key.identity, ...missing.toSorted()])
    return yield* flights.run(flightKey, stepUpOnce(query, missing, sent))
  })
})
