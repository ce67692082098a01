import { Clock, Effect, Option } from "effect"
import { readAuthorizationResponse } from "../../domain/AuthorizationResponse.ts"
import { isRedirectUri } from "../../domain/ClientMetadata.ts"
import type { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { PendingSignIn } from "../../domain/PendingSignIn.ts"
import { refusePending } from "../../domain/PendingSignInError.ts"
import { needsUser, type RemoteServer } from "../../domain/Server.ts"
import { CredentialLock } from "../../ports/CredentialLock.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { SignInPolicy } from "../../ports/SignInPolicy.ts"
import { UserWait } from "../../ports/UserWait.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { CredentialReplacement } from "./CredentialReplacement.ts"
import { beginAuthorization, completeAuthorization } from "./grants/AuthorizationCodeGrant.ts"
import type { GrantFlow, GrantFlows } from "./grants/GrantFlows.ts"
import { prepareSignIn } from "./PrepareSignIn.ts"
import { makeSharedRegistrations } from "./SharedRegistrations.ts"
import type { BeginRequest, SignIn, SignInError, SignInRequest, Wire } from "./SignIn.ts"
import { fixedRegistration } from "./SignInClient.ts"
import { makeInTurn } from "./SignInTurn.ts"
import type { SignInContext } from "./SignInContext.ts"

/** What every grant needs. */
type Services = Wire | CredentialReplacement

/**
 * How many milliseconds old the last look into the store may be when the user is asked. The end of the lock and discovery can take longer, and a
 * user at another machine may have signed in meanwhile.
 */
const looksAgainAfter = 5000
/** Looks before the user is asked, if each takes longer than that. */
const maxLooks = 3

/**
 * Looks for a sign-in of another process. Under the refresh lock, which reads a replicated store where it is written: a replica
 * that does not know of another sign-in yet would open a second browser.
 */
const lookUnderLock = (
  { withLock }: CredentialLock["Service"],
  { load }: Credentials["Service"],
  key: CredentialKey,
  { adopt, server }: SignInRequest
) =>
  Effect.gen(function* () {
    const lookedAt = yield* Clock.currentTimeMillis
    const stored = Option.getOrUndefined(yield* load(server, key))
    const tokens = stored && adopt?.(stored)
    return { lookedAt, stored, adopted: stored && tokens && { credential: stored, tokens } }
  }).pipe(withLock(key, "refresh"))

/**
 * True if a stored sign-in can be revoked once another one replaces it. Its client is not used again then: a server may
 * revoke all tokens of a user and client together.
 */
const isRevocable = (stored: Credential | undefined, server: RemoteServer): boolean =>
  stored?.tokens?.refreshToken !== undefined && stored.revocationEndpointAt(server) !== undefined

/** Creates the service over these grants. */
export const makeSignIn = <R>(grants: GrantFlows<SignInError, Services | R>) =>
  Effect.gen(function* () {
    const lock = yield* CredentialLock
    const store = yield* CredentialStore
    const credentials = yield* Credentials
    const services = yield* Effect.context<Services | R>()
    const registrations = yield* makeSharedRegistrations
    const inTurn = yield* makeInTurn
    const revokesOtherClients = (yield* SignInPolicy).revokesReplaced === "other-client"

    /** Unlocks the store before a user approves anything, so that no approval is wasted. */
    const load = Effect.fnUntraced(function* (server: RemoteServer, key: CredentialKey) {
      yield* store.unlock
      return Option.getOrUndefined(yield* credentials.look(server, key))
    })

    const signIn = Effect.fn("SignIn.signIn")(function* (request: SignInRequest) {
      const { account, adopt, server } = request
      const key = CredentialKey.at(server, account)
      const underLock = Effect.gen(function* () {
        yield* store.unlock
        const look = lookUnderLock(lock, credentials, key, request)
        const first = yield* look
        if (first.adopted !== undefined) return first.adopted
        const asked = Effect.gen(function* () {
          let last = first
          const { stored } = first
          const { context, grant } = yield* prepareSignIn(request, key, stored)
          for (let looks = adopt === undefined ? maxLooks : 1; looks < maxLooks; looks++) {
            if ((yield* Clock.currentTimeMillis) - last.lookedAt <= looksAgainAfter) break
            last = yield* look
            if (last.adopted !== undefined) return last.adopted
          }
          // `AccessTokens` and a step-up reuse the client: the one adopts or replaces dead tokens, the other extends a grant.
          const replacesTokens = adopt === undefined && request.moreScopes === undefined
          const isReplaced = replacesTokens && revokesOtherClients && isRevocable(stored, server)
          const known = (isReplaced ? undefined : context.known) ?? context.spare
          // The record has a flow for the grant of each tag; the compiler does not follow the lookup.
          const flow = grants[grant._tag] as GrantFlow<typeof grant, SignInError, Services | R>
          return yield* flow({ ...context, known }, grant)
        })
        return yield* request.whileAsking === undefined ? asked : request.whileAsking(asked)
      })
      const locked = inTurn(server, key, underLock)
      return yield* needsUser(server) ? (yield* UserWait)(server.name, locked) : locked
    }, Effect.provideContext(services))

    const clientFor = Effect.fnUntraced(function* (context: SignInContext, redirectUri: URL) {
      const fixed = fixedRegistration(context.server, context.authorizationServer)
      const client =
        fixed === undefined
          ? yield* registrations.clientFor(context, redirectUri)
          : { registration: fixed, isReused: false }
      return { client, redirectUri }
    })

    /** Without the second step, the next `begin` would share the forgotten client again from the stored credential. */
    const forgetClient = Effect.fnUntraced(function* (
      { draft, key, redirectUri }: PendingSignIn,
      server: RemoteServer
    ) {
      yield* registrations.forget({ issuer: draft.issuer, redirectUri }, draft.registration.clientId)
      const replacement = yield* CredentialReplacement
      yield* replacement.retireClient({ server, key, draft })
    })

    const beginWithNewClient = (context: SignInContext, redirectUri: URL) => {
      const withoutKnown = { ...context, known: undefined }
      // Another sign-in may have registered it a moment ago: not one that the server could have forgotten.
      const target = Effect.map(clientFor(withoutKnown, redirectUri), ({ client }) => ({
        client: { ...client, isReused: false },
        redirectUri
      }))
      return beginAuthorization(withoutKnown, target)
    }

    const begin = Effect.fn("SignIn.begin")(function* (request: BeginRequest) {
      const { account, server } = request
      const key = CredentialKey.at(server, account)
      const redirectUri = request.redirectUri ?? server.oauth.redirectUri
      if (!isRedirectUri(redirectUri)) return yield* refusePending(key, "redirect URI")
      const { context, grant } = yield* prepareSignIn(request, key, yield* load(server, key))
      if (grant._tag !== "AuthorizationCode") return yield* refusePending(key, "no redirect")
      const { pending, unconfirmed } = yield* beginAuthorization(
        context,
        clientFor(context, redirectUri)
      ).pipe(
        Effect.catchTag("StaleRegistration", ({ clientId, issuer }) =>
          registrations
            .forget({ issuer, redirectUri: redirectUri.href }, clientId)
            .pipe(Effect.andThen(beginWithNewClient(context, redirectUri)))
        )
      )
      // The program shows the user where to go, and this library nothing.
      if (unconfirmed !== undefined) yield* Effect.logWarning(unconfirmed.message)
      return pending
    }, Effect.provideContext(services))

    const complete = Effect.fn("SignIn.complete")(function* (
      pending: PendingSignIn,
      parameters: URLSearchParams,
      { server }: { readonly server: RemoteServer }
    ) {
      if (pending.hasExpired(yield* Clock.currentTimeMillis)) return yield* refusePending(pending, "expired")
      const callback = readAuthorizationResponse(pending.expectedResponse, parameters)
      if (callback._tag === "Foreign") return yield* refusePending(pending, "foreign state")
      if (!pending.isFor(server)) return yield* refusePending(pending, "configuration changed")
      return yield* completeAuthorization(pending, server, callback, "once").pipe(
        Effect.tapError((error) =>
          error._tag === "StaleRegistration" ||
          (error._tag === "TokenRequestError" && error.reason._tag === "InvalidClient")
            ? Effect.ignore(forgetClient(pending, server), { log: "Debug" })
            : Effect.void
        )
      )
    }, Effect.provideContext(services))

    const service: SignIn["Service"] = { signIn, begin, complete }
    return service
  })
