import { Clock, Effect, Option, type Redacted, type Scope } from "effect"
import { missingScopes } from "../../domain/Challenge.ts"
import type { Credential } from "../../domain/Credential.ts"
import { type RemoteServer, needsUser } from "../../domain/Server.ts"
import { ScopeRequired } from "../../domain/SignInError.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { SignIn } from "../signin/SignIn.ts"
import { makeSingleFlight } from "./SingleFlight.ts"
import { type AccessTokenError, type AccessTokenRequest, queryOf, type TokenQuery } from "./TokenSource.ts"

/** Gets tokens with the scopes that a 403 asked for. None if the token that was sent already has them. */
export type StepUp = (
  request: AccessTokenRequest,
  sent: Redacted.Redacted
) => Effect.Effect<Option.Option<TokenSet>, AccessTokenError>

/** The tokens of a credential if they have these scopes, have not expired, and are not the ones that were sent. */
const sufficientTokens = (
  credential: Credential,
  missing: ReadonlyArray<string>,
  sent: Redacted.Redacted,
  now: number
): TokenSet | undefined => {
  const { tokens } = credential
  const isSufficient =
    tokens !== undefined && credential.covers(missing) && !tokens.holds(sent) && !tokens.isExpired(now)
  return isSufficient ? tokens : undefined
}

const scopeRequired = (
  server: RemoteServer,
  account: string,
  stored: Credential | undefined,
  missing: ReadonlyArray<string>
) =>
  new ScopeRequired({
    server: server.name,
    account,
    missing,
    scopes: [...new Set([...(stored?.scopesSoFar ?? []), ...server.oauth.scopes, ...missing])]
  })

/** Concurrent callers that miss the same scopes share one step-up. */
export const makeStepUp: Effect.Effect<StepUp, never, Credentials | UserInteraction | Scope.Scope | SignIn> =
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const user = yield* UserInteraction
    const signIn = yield* SignIn
    const flights = yield* makeSingleFlight<Option.Option<TokenSet>, AccessTokenError>()

    const stepUpOnce = Effect.fn("StepUp.stepUpOnce")(function* (
      { account, challenge, key, server }: TokenQuery,
      missing: ReadonlyArray<string>,
      sent: Redacted.Redacted
    ) {
      const now = yield* Clock.currentTimeMillis
      const stored = Option.getOrUndefined(yield* credentials.load(server, key))
      const adopt = (credential: Credential) => sufficientTokens(credential, missing, sent, now)
      const adopted = stored && adopt(stored)
      if (adopted !== undefined) return Option.some(adopted)
      if (stored?.tokens?.holds(sent) === true && stored.covers(missing)) return Option.none()
      if (!user.present && needsUser(server) && stored?.nonInteractiveGrantAt(server) === undefined) {
        return yield* scopeRequired(server, key.account, stored, missing)
      }
      const { tokens } = yield* signIn.signIn({ server, account, challenge, moreScopes: missing, adopt })
      return Option.some(tokens)
    })

    return Effect.fn("StepUp.stepUp")(function* (request, sent) {
      const missing = missingScopes(request.challenge)
      if (missing.length === 0) return Option.none()
      const query = queryOf(request)
      const flightKey = JSON.stringify([query.key.storageName, ...missing.toSorted()])
      return yield* flights.run(flightKey, stepUpOnce(query, missing, sent))
    })
  })
