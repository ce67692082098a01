import { Clock, Effect, Option, RcMap, type Scope, Semaphore } from "effect"
import { comparableIssuer } from "../../domain/Issuer.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import type { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { ClientRegistrations, type RegistrationKey } from "../../ports/ClientRegistrations.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import { registerClient, type SignInClient, usableRegistration } from "./SignInClient.ts"
import type { SignInContext } from "./SignInContext.ts"

/** The dynamic clients that all accounts share. Concurrent sign-ins at one issuer and redirect URI share one registration. */
export interface SharedRegistrations {
  /** The shared client, or else the one of the stored credential, or else a new one. */
  readonly clientFor: (
    context: SignInContext,
    redirectUri: URL
  ) => Effect.Effect<SignInClient, RegistrationError | NetworkError | StorageError, ClientRegistrar>
  /** Removes a client that its server has forgotten. */
  readonly forget: ClientRegistrations["Service"]["remove"]
}

/** One key for the spellings of an issuer. */
const keyOf = (issuer: string, redirectUri: string): RegistrationKey => ({
  issuer: comparableIssuer(issuer),
  redirectUri
})

/** @see SharedRegistrations */
export const makeSharedRegistrations: Effect.Effect<
  SharedRegistrations,
  never,
  ClientRegistrations | Scope.Scope
> = Effect.gen(function* () {
  const registrations = yield* ClientRegistrations
  const mutexes = yield* RcMap.make({ lookup: (_: string) => Semaphore.make(1) })

  const choose = Effect.fnUntraced(function* (context: SignInContext, redirectUri: URL) {
    const { scopes } = context.authorizationServer
    const key = keyOf(context.authorizationServer.issuer, redirectUri.href)
    const now = yield* Clock.currentTimeMillis
    const shared = Option.getOrUndefined(yield* registrations.get(key))
    const usable = usableRegistration(shared, scopes, now)
    if (usable !== undefined) return { registration: usable.shared, isReused: true }
    const { known } = context
    if (known !== undefined && known.redirectUri === redirectUri.href) {
      // A client that its account may deregister at a sign-out is not for others.
      if (known.management === undefined) yield* registrations.put(key, known)
      return { registration: known, isReused: true }
    }
    // A client for the scopes of all accounts, so that they do not replace each other's.
    const requested = [...new Set([...(shared?.scopes ?? []), ...scopes])]
    // Without its management token: no account may deregister the client of all.
    const { shared: registration } = yield* registerClient(context, { redirectUri, scopes: requested })
    yield* registrations.put(key, registration)
    return { registration, isReused: false }
  })

  return {
    clientFor: (context, redirectUri) => {
      const name = JSON.stringify(keyOf(context.authorizationServer.issuer, redirectUri.href))
      return Effect.scoped(
        Effect.flatMap(RcMap.get(mutexes, name), (mutex) => mutex.withPermit(choose(context, redirectUri)))
      )
    },
    forget: ({ issuer, redirectUri }, clientId) => registrations.remove(keyOf(issuer, redirectUri), clientId)
  }
})
