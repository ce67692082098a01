import { Clock, Context, Effect, Layer, Option } from "effect"
import { readAuthorizationResponse } from "../../domain/AuthorizationResponse.ts"
import { isRedirectUri } from "../../domain/ClientMetadata.ts"
import type { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { PendingSignIn } from "../../domain/PendingSignIn.ts"
import { type PendingSignInError, refusePending } from "../../domain/PendingSignInError.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type {
  AuthorizationServerChanged,
  CallbackRejected,
  ClientRejected,
  DeviceCodeNotOffered,
  DpopUnsupported,
  PkceUnsupported,
  SignInRefused,
  SignInRequired,
  SignInTimedOut
} from "../../domain/SignInError.ts"
import type { StaleRegistration } from "../../domain/StaleRegistration.ts"
import type { TokenSet } from "../../domain/TokenSet.ts"
import type { Browser } from "../../ports/Browser.ts"
import type { CallbackListener, ListenError, RedirectPortBusy } from "../../ports/CallbackListener.ts"
import type { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import type { ClientRegistrations } from "../../ports/ClientRegistrations.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import type { DeviceAuthorization } from "../../ports/DeviceAuthorization.ts"
import type { Discovery, DiscoveryError, SignInNotOffered } from "../../ports/Discovery.ts"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import type { PkceGenerator } from "../../ports/PkceGenerator.ts"
import { SignInPolicy } from "../../ports/SignInPolicy.ts"
import type { TokenEndpoint, TokenRequestError } from "../../ports/TokenEndpoint.ts"
import type { UserInteraction } from "../../ports/UserInteraction.ts"
import { Credentials } from "../credentials/Credentials.ts"
import * as CredentialReplacement from "./CredentialReplacement.ts"
import { beginAuthorization, completeAuthorization } from "./grants/AuthorizationCodeGrant.ts"
import {
  type GrantFlow,
  type GrantFlows,
  interactiveGrants,
  nonInteractiveGrants
} from "./grants/GrantFlows.ts"
import { prepareSignIn, type SignInTarget } from "./PrepareSignIn.ts"
import { makeSharedRegistrations } from "./SharedRegistrations.ts"
import { fixedRegistration } from "./SignInClient.ts"
import type { SignedIn, SignInContext } from "./SignInContext.ts"

/** Every way in which a sign-in can end without tokens. */
export type SignInError =
  | SignInRefused
  | SignInRequired
  | SignInTimedOut
  | CallbackRejected
  | PendingSignInError
  | PkceUnsupported
  | DpopUnsupported
  | DeviceCodeNotOffered
  | AuthorizationServerChanged
  | ClientRejected
  | StaleRegistration
  | SignInNotOffered
  | DiscoveryError
  | RegistrationError
  | RedirectPortBusy
  | ListenError
  | TokenRequestError
  | NetworkError
  | StorageError
  | LockError

/** A sign-in that runs to its end in this process. */
export interface SignInRequest extends SignInTarget {
  /** The user approves on another machine, by a code (RFC 8628). */
  readonly device?: boolean | undefined
  /**
   * The tokens of a credential that another process stored while this one waited for the lock, if they suffice.
   * Absent: the browser opens in any case.
   */
  readonly adopt?: (credential: Credential) => TokenSet | undefined
}

/** A sign-in whose callback arrives later, perhaps at another process. */
export interface BeginRequest extends SignInTarget {
  /**
   * Where the browser comes back to: https, http on loopback, or a private-use scheme. Absent: `redirect_uri` of the
   * configuration, which is always on loopback.
   */
  readonly redirectUri?: URL | undefined
}

/** Signs in to servers, and stores the credentials. */
export class SignIn extends Context.Service<
  SignIn,
  {
    /**
     * Signs in by the grant that the configuration or the authorization server determines. One sign-in per credential
     * runs at a time across all processes. The caller decides whether a user is present.
     */
    readonly signIn: (request: SignInRequest) => Effect.Effect<SignedIn, SignInError>
    /**
     * Begins a sign-in by redirect (RFC 6749 §4.1): send the browser to `url` of the result. Takes no lock, so any number
     * can be pending for one credential. Dynamic clients are shared: one per issuer and redirect URI.
     *
     * Store the result on the server, bound to the user's session. A callback must complete only the sign-in that the same
     * session began; otherwise an attacker could sign a user in to the attacker's account.
     */
    readonly begin: (request: BeginRequest) => Effect.Effect<PendingSignIn, SignInError>
    /**
     * Completes a sign-in with the query parameters of its callback, in this process or another one over the same store.
     * The key's refresh lock is held from the code exchange to the store.
     *
     * Fails with `PendingSignInError` before the code is sent if the callback carries another `state`, the sign-in has
     * expired, or it was completed before. A foreign `state` leaves it pending. Every other callback uses it up.
     *
     * @param options.server the server as it is configured now. Its client secret or private key authenticates the code
     *   exchange; a pending sign-in holds neither.
     */
    readonly complete: (
      pending: PendingSignIn,
      parameters: URLSearchParams,
      options: { readonly server: RemoteServer }
    ) => Effect.Effect<SignedIn, SignInError>
  }
>()("mcp-cli-oauth/app/signin/SignIn") {}

/** What a sign-in needs of the network. */
type Wire =
  | ClientRegistrar
  | ClientRegistrations
  | Discovery
  | DpopProofs
  | HttpTransport
  | PkceGenerator
  | TokenEndpoint

/** What the grants need that a user approves at this machine. */
type User = Browser | CallbackListener | DeviceAuthorization | UserInteraction

type Storage = CredentialLock | CredentialStore | Credentials

/** What every grant needs. */
type Services = Wire | CredentialReplacement.CredentialReplacement

/**
 * True if a stored sign-in can be revoked once another one replaces it. Its client is not used again then: a server may
 * revoke all tokens of a user and client together.
 */
const isRevocable = (stored: Credential | undefined, server: RemoteServer): boolean =>
  stored?.tokens?.refreshToken !== undefined && stored.revocationEndpointAt(server) !== undefined

const make = <R>(grants: GrantFlows<SignInError, Services | R>) =>
  Effect.gen(function* () {
    const lock = yield* CredentialLock
    const store = yield* CredentialStore
    const credentials = yield* Credentials
    const services = yield* Effect.context<Services | R>()
    const registrations = yield* makeSharedRegistrations
    const revokesOtherClients = (yield* SignInPolicy).revokesReplaced === "other-client"

    /** Unlocks the store before a user approves anything, so that no approval is wasted. */
    const load = Effect.fnUntraced(function* (server: RemoteServer, key: CredentialKey) {
      yield* store.unlock
      return Option.getOrUndefined(yield* credentials.load(server, key))
    })

    const signIn = Effect.fn("SignIn.signIn")(function* (request: SignInRequest) {
      const { account, adopt, server } = request
      const key = CredentialKey.of(server.name, account)
      const underLock = Effect.gen(function* () {
        const stored = yield* load(server, key)
        const adopted = stored && adopt?.(stored)
        if (stored !== undefined && adopted !== undefined) return { credential: stored, tokens: adopted }
        const { context, grant } = yield* prepareSignIn(request, key, stored)
        // The record has a flow for the grant of each tag; the compiler does not follow the lookup.
        const replacesTokens = adopt === undefined && request.moreScopes === undefined
        const known =
          replacesTokens && revokesOtherClients && isRevocable(stored, server) ? undefined : context.known
        const flow = grants[grant._tag] as GrantFlow<typeof grant, SignInError, Services | R>
        return yield* flow({ ...context, known }, grant)
      })
      return yield* lock.withLock(key, "sign-in")(underLock)
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
      const replacement = yield* CredentialReplacement.CredentialReplacement
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
      const key = CredentialKey.of(server.name, account)
      const redirectUri = request.redirectUri ?? server.oauth.redirectUri
      if (!isRedirectUri(redirectUri)) return yield* refusePending(key, "redirect URI")
      const { context, grant } = yield* prepareSignIn(request, key, yield* load(server, key))
      if (grant._tag !== "AuthorizationCode") return yield* refusePending(key, "no redirect")
      const { pending } = yield* beginAuthorization(context, clientFor(context, redirectUri)).pipe(
        Effect.catchTag("StaleRegistration", ({ clientId, issuer }) =>
          registrations
            .forget({ issuer, redirectUri: redirectUri.href }, clientId)
            .pipe(Effect.andThen(beginWithNewClient(context, redirectUri)))
        )
      )
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
      return yield* completeAuthorization(pending, server, callback).pipe(
        Effect.tapError((error) =>
          error._tag === "StaleRegistration" ||
          (error._tag === "TokenRequestError" && error.reason._tag === "InvalidClient")
            ? Effect.ignore(forgetClient(pending, server), { log: "Debug" })
            : Effect.void
        )
      )
    }, Effect.provideContext(services))

    return SignIn.of({ signIn, begin, complete })
  })

/** Signs in with a user at this machine: in the browser with a callback on loopback, or by a device code. */
export const layer: Layer.Layer<SignIn, never, Storage | Wire | User> = Layer.effect(
  SignIn,
  make<User>(interactiveGrants)
).pipe(Layer.provide(CredentialReplacement.layer))

/**
 * Signs in without a user at this machine, for web servers: `begin` and `complete` work as ever, and `signIn` runs the grants
 * that need no user. The others fail with `SignInRequired`.
 */
export const layerWithoutUser: Layer.Layer<SignIn, never, Storage | Wire> = Layer.effect(
  SignIn,
  make<never>(nonInteractiveGrants)
).pipe(Layer.provide(CredentialReplacement.layer))
