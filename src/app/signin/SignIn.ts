import { Context, Effect, Exit, Layer, type Scope } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { PendingSignIn } from "../../domain/PendingSignIn.ts"
import type { PendingSignInError } from "../../domain/PendingSignInError.ts"
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
import type { CredentialLock, LockError } from "../../ports/CredentialLock.ts"
import type { CredentialStore, StorageError } from "../../ports/CredentialStore.ts"
import type { DeviceAuthorization } from "../../ports/DeviceAuthorization.ts"
import type { Discovery, DiscoveryError, SignInNotOffered } from "../../ports/Discovery.ts"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import type { PkceGenerator } from "../../ports/PkceGenerator.ts"
import type { TokenEndpoint, TokenRequestError } from "../../ports/TokenEndpoint.ts"
import type { UserInteraction } from "../../ports/UserInteraction.ts"
import type { Credentials } from "../credentials/Credentials.ts"
import * as CredentialReplacement from "./CredentialReplacement.ts"
import { interactiveGrants } from "./grants/InteractiveGrants.ts"
import type { SignInTarget } from "./PrepareSignIn.ts"
import type { SignedIn } from "./SignInContext.ts"
import { makeSignIn } from "./SignInFlows.ts"

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
  /** Runs everything that follows when there is nothing to adopt, or does not. It holds the sign-in lock. */
  readonly whileAsking?:
    | (<R>(ask: Effect.Effect<SignedIn, SignInError, R>) => Effect.Effect<SignedIn, SignInError, R>)
    | undefined
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
export type Wire =
  | ClientRegistrar
  | ClientRegistrations
  | Discovery
  | DpopProofs
  | HttpTransport
  | PkceGenerator
  | TokenEndpoint

/** What the grants need that a user approves at this machine. */
export type User = Browser | CallbackListener | DeviceAuthorization | UserInteraction

/** What holds the credentials. */
export type Storage = CredentialLock | CredentialStore | Credentials

/**
 * Signs in with a user at this machine: in the browser with a callback on loopback, or by a device code.
 *
 * Layers are exports beside the class, not static members: bundlers drop an unused export. As static members, the layers of
 * this service made the smallest program over `./web` 36.6 instead of 27.8 kB (gzip, without packages).
 */
export const layer: Layer.Layer<SignIn, never, Storage | Wire | User> = /* @__PURE__ */ Layer.provide(
  /* @__PURE__ */ Layer.effect(SignIn, /* @__PURE__ */ makeSignIn<User>(interactiveGrants)),
  CredentialReplacement.layer
)

/**
 * Signs in without a user at this machine, for web servers: `begin` and `complete` work as ever, and `signIn` runs the grants
 * that need no user. The others fail with `SignInRequired`.
 *
 * The first sign-in loads the code of it: a browser or a Worker that has a token starts without.
 */
export const layerWithoutUser: Layer.Layer<SignIn, never, Storage | Wire> = Layer.effect(
  SignIn,
  Effect.gen(function* () {
    const services = yield* Effect.context<Storage | Wire | Scope.Scope>()
    const loaded = yield* Effect.promise(() => import("./SignInWithoutUser.ts")).pipe(
      Effect.flatMap(({ make }) => make),
      Effect.provideContext(services),
      // A file that could not be loaded is requested again by the next caller.
      Effect.cachedWithTTL((exit) => (Exit.isSuccess(exit) ? "Infinity" : 0))
    )
    return SignIn.of({
      signIn: (request) => Effect.flatMap(loaded, ({ signIn }) => signIn(request)),
      begin: (request) => Effect.flatMap(loaded, ({ begin }) => begin(request)),
      complete: (pending, parameters, options) =>
        Effect.flatMap(loaded, ({ complete }) => complete(pending, parameters, options))
    })
  })
)
