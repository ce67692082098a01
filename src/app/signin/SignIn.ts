import { Clock, Context, Effect, Layer, Option } from "effect"
import type { BearerChallenge } from "../../domain/Challenge.ts"
import { Credential } from "../../domain/Credential.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { printable } from "../../domain/PrintableText.ts"
import { type Grant, type RemoteServer, isNonInteractiveGrant, resourceOf } from "../../domain/Server.ts"
import {
  AuthorizationServerChanged,
  type CallbackRejected,
  type ClientRejected,
  type DeviceCodeNotOffered,
  type DpopUnsupported,
  type PkceUnsupported,
  type SignInRefused,
  type SignInTimedOut
} from "../../domain/SignInError.ts"
import { scopesOf, type TokenSet } from "../../domain/TokenSet.ts"
import type { Browser } from "../../ports/Browser.ts"
import type { CallbackListener, ListenError, RedirectPortBusy } from "../../ports/CallbackListener.ts"
import type { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { CredentialLock, type LockError } from "../../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../../ports/CredentialStore.ts"
import type { DeviceAuthorization } from "../../ports/DeviceAuthorization.ts"
import { Discovery, DiscoveryError, type SignInNotOffered } from "../../ports/Discovery.ts"
import type { DpopProofs } from "../../ports/DpopProofs.ts"
import type { PkceGenerator } from "../../ports/PkceGenerator.ts"
import type { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import type { UserInteraction } from "../../ports/UserInteraction.ts"
import type { TokenEndpoint, TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { authorizationCodeGrant } from "./grants/AuthorizationCodeGrant.ts"
import {
  type ResolvedAuthorizationServer,
  resolvedByHand,
  resolvedByDiscovery
} from "./ResolvedAuthorizationServer.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { deviceCodeGrant } from "./grants/DeviceCodeGrant.ts"
import type { Flow, SignedIn } from "./SignInContext.ts"
import { grantFor, lacksIssuer } from "./GrantChoice.ts"
import { fixedClient } from "./SignInClient.ts"
import { nonInteractiveGrant } from "./grants/NonInteractiveGrant.ts"

/** Every way in which a sign-in can end without tokens. */
export type SignInError =
  | SignInRefused
  | SignInTimedOut
  | CallbackRejected
  | PkceUnsupported
  | DpopUnsupported
  | DeviceCodeNotOffered
  | AuthorizationServerChanged
  | ClientRejected
  | SignInNotOffered
  | DiscoveryError
  | RegistrationError
  | RedirectPortBusy
  | ListenError
  | TokenRequestError
  | NetworkError
  | StorageError
  | LockError

/** What to sign in to. */
export interface SignInRequest {
  readonly server: RemoteServer
  /** Absent: the default account. */
  readonly account?: string | undefined
  /** The challenge that the server answered with, where it has already been met. */
  readonly challenge?: BearerChallenge | undefined
  /** The user approves on another machine, by a code (RFC 8628). */
  readonly device?: boolean | undefined
  /** Exactly the scopes to ask for; absent: what the configuration says, else what the server asks for. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** Scopes to ask for besides all that were asked for and granted so far (MCP "Step-Up Authorization Flow"). */
  readonly moreScopes?: ReadonlyArray<string> | undefined
  /**
   * The tokens of a credential that another process got while this one waited for its turn, if they will do;
   * absent: none will, the browser opens in any case.
   */
  readonly adopt?: (credential: Credential) => TokenSet | undefined
}

/**
 * The authorization code flow in the user's browser (RFC 6749 §4.1, RFC 7636, RFC 8252), or a grant that needs nobody,
 * as the configuration or the authorization server has it: once at a time for a credential across all processes.
 */
export class SignIn extends Context.Service<
  SignIn,
  {
    /** Signs in and stores the credential. Whether somebody is there is for the caller to know. */
    readonly signIn: (request: SignInRequest) => Effect.Effect<SignedIn, SignInError>
  }
>()("mcp-cli-oauth/app/signin/SignIn") {}

/** What a sign-in asks for; `before` is what is kept from the same authorization server. */
const scopesFor = (
  { moreScopes, scopes, server }: SignInRequest,
  found: ResolvedAuthorizationServer,
  before: Credential | undefined
): ReadonlyArray<string> => {
  if (scopes !== undefined) return scopes
  if (moreScopes === undefined) return found.scopes
  return [...new Set([...(before?.scopesSoFar ?? []), ...server.oauth.scopes, ...moreScopes])]
}

/** What the grants stand on. */
type Services =
  | Browser
  | CallbackListener
  | ClientRegistrar
  | DeviceAuthorization
  | DpopProofs
  | PkceGenerator
  | HttpTransport
  | UserInteraction
  | TokenEndpoint

/** @see SignIn */
export const layer: Layer.Layer<
  SignIn,
  never,
  CredentialLock | CredentialStore | Credentials | Discovery | Services
> = Layer.effect(
  SignIn,
  Effect.gen(function* () {
    const lock = yield* CredentialLock
    const store = yield* CredentialStore
    const credentials = yield* Credentials
    const discovery = yield* Discovery
    const services = yield* Effect.context<Services>()

    const resolveAuthorizationServer = Effect.fn("SignIn.resolveAuthorizationServer")(function* (
      server: RemoteServer,
      challenge: BearerChallenge | undefined
    ) {
      const { source } = server.oauth
      return source._tag === "ByHand"
        ? resolvedByHand(server, source)
        : resolvedByDiscovery(server, yield* discovery.discover(server, challenge))
    })

    /** Keeps what a sign-in has led to, in the place of what was kept before. */
    const saving = (
      server: RemoteServer,
      key: CredentialKey,
      authorizationServer: ResolvedAuthorizationServer
    ): Flow["save"] =>
      Effect.fn("SignIn.save")(function* (registration, tokens, grant) {
        const credential = (generation: number) =>
          new Credential({
            resource: resourceOf(server),
            issuer: authorizationServer.issuer,
            tokenEndpoint: authorizationServer.tokenEndpoint.href,
            ...(authorizationServer.revocationEndpoint === undefined
              ? {}
              : { revocationEndpoint: authorizationServer.revocationEndpoint.href }),
            ...(authorizationServer.resource === undefined
              ? {}
              : { resourceParameter: authorizationServer.resource }),
            ...(grant === undefined ? {} : { grant }),
            registration,
            tokens,
            // Granted as requested where the answer names no scope (RFC 6749 §5.1).
            grantedScopes: tokens.scope === undefined ? authorizationServer.scopes : scopesOf(tokens.scope),
            requestedScopes: authorizationServer.scopes,
            generation
          })
        const replace = Effect.gen(function* () {
          const before = yield* credentials.load(server, key)
          const next = credential(Option.match(before, { onNone: () => 1, onSome: (_) => _.generation + 1 }))
          yield* credentials.save(key, next)
          return { credential: next, tokens }
        })
        return yield* lock.withLock(key, "refresh")(replace)
      })

    /** Goes through a flow by the grant that is fit for it. */
    const through = Effect.fn("SignIn.through")(function* (
      grant: Grant,
      flow: Flow
    ): Effect.fn.Return<SignedIn, SignInError, Services> {
      if (isNonInteractiveGrant(grant)) {
        const client = fixedClient(flow.server, flow.authorizationServer)
        if (client !== undefined) return yield* nonInteractiveGrant(flow, client, grant)
      }
      return yield* grant._tag === "DeviceCode" ? deviceCodeGrant(flow) : authorizationCodeGrant(flow)
    })

    const signIn = Effect.fn("SignIn.signIn")(function* (request: SignInRequest) {
      const { server } = request
      const key = CredentialKey.of(server.name, request.account)
      const underLock = Effect.gen(function* () {
        // Whoever approves in the browser should not learn afterwards that nothing can be stored.
        yield* store.unlock
        const stored = Option.getOrUndefined(yield* credentials.load(server, key))
        const adopted = stored === undefined ? undefined : request.adopt?.(stored)
        if (stored !== undefined && adopted !== undefined) return { credential: stored, tokens: adopted }
        const found = yield* resolveAuthorizationServer(server, request.challenge)
        const before = stored?.issuer === found.issuer ? stored : undefined
        if (
          stored?.registration._tag === "Configured" &&
          before === undefined &&
          server.oauth.issuer === undefined
        ) {
          const { name } = server
          return yield* new AuthorizationServerChanged({
            server: name,
            account: key.account,
            before: stored.issuer,
            now: found.issuer
          })
        }
        if (request.device !== true && lacksIssuer(server, found)) {
          return yield* new DiscoveryError({
            server: server.name,
            reason: "issuer not named",
            detail: `${printable(found.issuer)} gives tokens to a client in its own name alone`
          })
        }
        const grant = grantFor(server, found, request.device)
        const wanted = scopesFor(request, found, before)
        // Where nobody is needed, nobody can be away: tokens are asked for anew.
        const scopes = isNonInteractiveGrant(grant)
          ? wanted.filter((scope) => scope !== "offline_access")
          : wanted
        const authorizationServer = { ...found, scopes }
        const registered = before?.registration._tag === "Dynamic" ? before.registration : undefined
        const known =
          registered?.mayAskFor(authorizationServer.scopes) === true &&
          !registered.hasEnded(yield* Clock.currentTimeMillis)
            ? registered
            : undefined
        return yield* through(grant, {
          server,
          key,
          authorizationServer,
          known,
          save: saving(server, key, authorizationServer)
        }).pipe(Effect.provideContext(services))
      })
      return yield* lock.withLock(key, "sign-in")(underLock)
    })

    return SignIn.of({ signIn })
  })
)
