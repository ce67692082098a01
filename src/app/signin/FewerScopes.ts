import { Effect } from "effect"
import type { ClientRegistration } from "../../domain/ClientRegistration.ts"
import type { Credential } from "../../domain/Credential.ts"
import { printable } from "../../domain/PrintableText.ts"
import { SignInRefused } from "../../domain/SignInError.ts"
import { TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"
import type { SignInContext } from "./SignInContext.ts"

const offline = "offline_access"

/**
 * The scopes to request instead, one after the other, where a server refuses those that this program chose: without
 * `offline_access`, which some users may not have (Keycloak), then none, so that the server decides (a client that could
 * not be registered for them, Spring).
 */
export const fewerScopes = (chosen: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  chosen.length === 0
    ? []
    : chosen.includes(offline)
      ? [chosen.filter((scope) => scope !== offline), []]
      : [[]]

/** True if a stored sign-in got its refresh token without `offline_access`, so that asking for it again is no use. */
export const renewsWithoutOffline = (
  stored: Credential | undefined,
  chosen: ReadonlyArray<string>
): boolean => {
  if (stored?.tokens?.refreshToken === undefined || !chosen.includes(offline)) return false
  const requested = new Set(stored.requestedScopes)
  return chosen.every((scope) => requested.has(scope) !== (scope === offline))
}

/** Keycloak refuses `offline_access` to users without that role by the second code. */
const codes = ["invalid_scope", "not_allowed"]

const refusesScopes = (error: unknown): boolean => {
  if (error instanceof SignInRefused) return codes.includes(error.error)
  return (
    error instanceof TokenRequestError &&
    error.reason._tag === "Refused" &&
    codes.includes(error.reason.error)
  )
}

/**
 * Tries a sign-in, and again with fewer scopes if the server refuses those that this program chose. The user is told.
 * A client that the attempt has registered is used again.
 */
export const retryWithFewerScopes = <A, E, R>(
  context: SignInContext,
  attempt: (
    context: SignInContext,
    useClient: (registration: ClientRegistration) => void
  ) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | UserInteraction> =>
  Effect.suspend(() => {
    let used: ClientRegistration | undefined
    const { authorizationServer, known, otherScopes = [] } = context
    const [next, ...others] = otherScopes
    const first = attempt(context, (registration) => {
      used = registration
    })
    if (next === undefined) return first
    return Effect.catchIf(first, refusesScopes, () => {
      const refused = authorizationServer.scopes.filter((scope) => !next.includes(scope))
      const names = refused.map(printable).join(" ")
      return UserInteraction.use(({ tell }) =>
        tell(`${printable(authorizationServer.issuer)} refuses the scope ${names}. Signing in without it.`)
      ).pipe(
        Effect.andThen(
          retryWithFewerScopes(
            {
              ...context,
              known: used?._tag === "Dynamic" ? used : known,
              authorizationServer: { ...authorizationServer, scopes: next },
              otherScopes: others
            },
            attempt
          )
        )
      )
    })
  })
