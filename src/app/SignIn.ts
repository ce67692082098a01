import { Context, Duration, Effect, Layer, Option, type Redacted, Result, Schema } from "effect"
import { type AuthorizationFlow, authorizationUrl } from "../domain/AuthorizationRequest.ts"
import { type AuthorizationResponse, readAuthorizationResponse } from "../domain/AuthorizationResponse.ts"
import type { BearerChallenge } from "../domain/Challenge.ts"
import { authenticationMethods } from "../domain/ClientAuthentication.ts"
import {
  type ClientRegistration,
  ConfiguredRegistration,
  type DynamicRegistration,
  MetadataDocument
} from "../domain/ClientRegistration.ts"
import { Credential } from "../domain/Credential.ts"
import { CredentialKey } from "../domain/CredentialKey.ts"
import {
  type ClientAuthenticationMethod,
  type ConfiguredClient,
  type Grant,
  type HttpServer,
  isMachineGrant,
  type MachineGrant,
  resourceOf
} from "../domain/Server.ts"
import {
  accountName,
  AuthorizationServerChanged,
  CallbackRejected,
  ClientRejected,
  DpopUnsupported,
  PkceUnsupported,
  SignInRefused,
  SignInTimedOut
} from "../domain/SignInError.ts"
import { scopesOf, type TokenSet } from "../domain/TokenSet.ts"
import { Browser } from "../ports/Browser.ts"
import {
  type BoundListener,
  CallbackListener,
  type ListenError,
  type RedirectPortBusy
} from "../ports/CallbackListener.ts"
import { ClientRegistrar, RegistrationError } from "../ports/ClientRegistrar.ts"
import { CredentialLock, type LockError } from "../ports/CredentialLock.ts"
import { CredentialStore, type StorageError } from "../ports/CredentialStore.ts"
import { Discovery, DiscoveryError, type SignInNotOffered } from "../ports/Discovery.ts"
import { DpopProofs } from "../ports/DpopProofs.ts"
import { FlowSecretSource } from "../ports/FlowSecretSource.ts"
import { HttpTransport, type NetworkError } from "../ports/HttpTransport.ts"
import { Person } from "../ports/Person.ts"
import { TokenEndpoint, type TokenRequestError } from "../ports/TokenEndpoint.ts"
import { type Authority, authorityByHand, authorityDiscovered } from "./Authority.ts"
import { firstAccepted } from "./ClientAttempts.ts"
import { Credentials } from "./Credentials.ts"
import { machineTokens } from "./MachineTokens.ts"
import { retryPassing } from "./TokenRetry.ts"

/** Every way in which a sign-in can end without tokens. */
export type SignInError =
  | SignInRefused
  | SignInTimedOut
  | CallbackRejected
  | PkceUnsupported
  | DpopUnsupported
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
  readonly server: HttpServer
  /** Absent: the default account. */
  readonly account?: string | undefined
  /** The challenge that the server answered with, where it has already been met. */
  readonly challenge?: BearerChallenge | undefined
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

/** A credential, and the tokens in it. */
export interface SignedIn {
  readonly credential: Credential
  readonly tokens: TokenSet
}

/**
 * The authorization code flow in the person's browser (RFC 6749 §4.1, RFC 7636, RFC 8252), or a grant that needs nobody,
 * as the configuration or the authorization server has it: once at a time for a credential across all processes.
 */
export class SignIn extends Context.Service<
  SignIn,
  {
    /** Signs in and stores the credential. Whether somebody is there is for the caller to know. */
    readonly signIn: (request: SignInRequest) => Effect.Effect<SignedIn, SignInError>
  }
>()("mcp-cli-oauth/app/SignIn") {}

/**
 * The client of a flow: out of the configuration, by the address of its document, or registered by us, just now or for
 * an earlier flow.
 */
type FlowClient =
  | { readonly _tag: "Configured"; readonly client: ConfiguredClient }
  | {
      readonly _tag: "MetadataDocument"
      readonly client: ConfiguredClient
      readonly document: MetadataDocument
    }
  | {
      readonly _tag: "Dynamic"
      readonly client: DynamicRegistration & { readonly signingKey?: undefined }
      readonly reused: boolean
    }

/** The client that the configuration publishes a document about, where the authorization server takes such clients. */
const publishedClient = (
  { oauth: { clientMetadataUrl } }: HttpServer,
  { metadata }: Authority
): MetadataDocument | undefined =>
  clientMetadataUrl !== undefined && metadata?.client_id_metadata_document_supported === true
    ? new MetadataDocument({ clientId: clientMetadataUrl })
    : undefined

/** How the configuration decides that a client authenticates; absent: it does not. */
const decidedMethod = (server: HttpServer, flowClient: FlowClient) => {
  switch (flowClient._tag) {
    case "Configured":
      return server.oauth.tokenEndpointAuthMethod
    case "MetadataDocument":
      return flowClient.document.authenticationMethod
    case "Dynamic":
      return flowClient.client.authenticationMethod
  }
}

/** The client of a flow as a credential remembers it. */
const registrationOf = (
  flowClient: FlowClient,
  authenticationMethod: ClientAuthenticationMethod
): ClientRegistration => {
  switch (flowClient._tag) {
    case "Configured":
      return new ConfiguredRegistration({ clientId: flowClient.client.clientId, authenticationMethod })
    case "MetadataDocument":
      return flowClient.document
    case "Dynamic":
      return flowClient.client
  }
}

/** What a sign-in asks for; `before` is what is kept from the same authorization server. */
const scopesFor = (
  { moreScopes, scopes, server }: SignInRequest,
  found: Authority,
  before: Credential | undefined
): ReadonlyArray<string> => {
  if (scopes !== undefined) return scopes
  if (moreScopes === undefined) return found.scopes
  return [...new Set([...(before?.scopesSoFar ?? []), ...server.oauth.scopes, ...moreScopes])]
}

/**
 * How tokens are come by: as the configuration says; else by a code, unless the authorization server offers none and the
 * client has a right of its own (RFC 8414 §2 `grant_types_supported`).
 */
const grantFor = ({ oauth }: HttpServer, { metadata }: Authority): Grant => {
  if (oauth.grant !== undefined) return oauth.grant
  const offered = metadata?.grant_types_supported ?? ["authorization_code"]
  const { client } = oauth.source
  const hasProof = client?.clientSecret !== undefined || client?.signingKey !== undefined
  return !offered.includes("authorization_code") && offered.includes("client_credentials") && hasProof
    ? { _tag: "ClientCredentials" }
    : { _tag: "AuthorizationCode" }
}

/** The authorization server has forgotten a client that it once registered: it takes a new one. */
class ForgottenClient extends Schema.TaggedError<ForgottenClient>()("ForgottenClient", {}) {}

/** @see SignIn */
export const layer: Layer.Layer<
  SignIn,
  never,
  | Browser
  | CallbackListener
  | ClientRegistrar
  | CredentialLock
  | CredentialStore
  | Credentials
  | Discovery
  | DpopProofs
  | FlowSecretSource
  | HttpTransport
  | Person
  | TokenEndpoint
> = Layer.effect(
  SignIn,
  Effect.gen(function* () {
    const browser = yield* Browser
    const listener = yield* CallbackListener
    const registrar = yield* ClientRegistrar
    const lock = yield* CredentialLock
    const store = yield* CredentialStore
    const credentials = yield* Credentials
    const discovery = yield* Discovery
    const dpopProofs = yield* DpopProofs
    const secretSource = yield* FlowSecretSource
    const transport = yield* HttpTransport
    const person = yield* Person
    const tokenEndpoint = yield* TokenEndpoint

    const findAuthority = Effect.fn("SignIn.findAuthority")(function* (
      server: HttpServer,
      challenge: BearerChallenge | undefined
    ) {
      const { source } = server.oauth
      return source._tag === "ByHand"
        ? authorityByHand(server, source)
        : authorityDiscovered(server, yield* discovery.discover(server, challenge))
    })

    /** The key that tokens are to be bound to; none where they are plain bearer tokens. */
    const keyFor = Effect.fn("SignIn.keyFor")(function* (
      { name, oauth }: HttpServer,
      { dpopRequired, issuer, metadata }: Authority
    ) {
      if (!(oauth.dpop ?? dpopRequired)) return undefined
      if (metadata !== undefined && !metadata.dpop_signing_alg_values_supported?.includes("ES256")) {
        return yield* new DpopUnsupported({ server: name, issuer, required: dpopRequired })
      }
      return yield* dpopProofs.makeKey
    })

    /**
     * Binds the place that the browser comes back to, and finds the client for it (MCP "Client Registration
     * Approaches"): configured, known by the address of its document, registered for an earlier flow, or registered
     * now. A client that others know stays at the redirect URI that they know.
     */
    const bindAndRegister = Effect.fn("SignIn.bindAndRegister")(function* (
      server: HttpServer,
      authority: Authority,
      known: DynamicRegistration | undefined
    ) {
      const configured = server.oauth.source.client
      const document = publishedClient(server, authority)
      const isFixed = configured !== undefined || document !== undefined
      const bound = yield* listener.bind({
        server: server.name,
        redirectUri: known === undefined || isFixed ? server.oauth.redirectUri : new URL(known.redirectUri),
        portMayMove: !isFixed
      })
      const found = (client: FlowClient) => ({ bound, client })
      if (configured !== undefined) return found({ _tag: "Configured", client: configured })
      if (document !== undefined) {
        const { clientId } = document
        return found({ _tag: "MetadataDocument", client: { clientId, clientSecret: undefined }, document })
      }
      if (known !== undefined && known.redirectUri === bound.redirectUri.href) {
        return found({ _tag: "Dynamic", client: known, reused: true })
      }
      if (authority.metadata === undefined) {
        return yield* new RegistrationError({ server: server.name, issuer: authority.issuer })
      }
      const registration = yield* registrar.register({
        server: server.name,
        metadata: authority.metadata,
        redirectUri: bound.redirectUri,
        scopes: authority.scopes,
        dpop: server.oauth.dpop ?? authority.dpopRequired
      })
      return found({ _tag: "Dynamic", client: registration, reused: false })
    })

    /**
     * Whether the authorization endpoint still knows a client that was registered some time ago: one that it has
     * forgotten gets an error page there, and the person would wait for nothing.
     */
    const isForgotten = Effect.fn("SignIn.isForgotten")(function* (url: URL) {
      const answer = yield* transport.send(new Request(url, { method: "GET" })).pipe(Effect.result)
      if (Result.isFailure(answer)) return false
      yield* Effect.promise(async () => answer.success.body?.cancel().catch(() => undefined))
      return [400, 401, 403].includes(answer.success.status)
    })

    /** Waits for the browser, or for the redirected URL pasted, whichever comes first. */
    const awaitAnswer = Effect.fn("SignIn.awaitAnswer")(function* (
      { account, server }: CredentialKey,
      bound: BoundListener,
      read: (parameters: URLSearchParams) => AuthorizationResponse
    ) {
      const pasted: Effect.Effect<Exclude<AuthorizationResponse, { readonly _tag: "Foreign" }>> = Effect.gen(
        function* () {
          for (;;) {
            const text = (yield* person.pastedRedirect(server)).trim()
            if (URL.canParse(text)) {
              const answer = read(new URL(text).searchParams)
              if (answer._tag !== "Foreign") return answer
            }
            yield* person.tell(
              `That is not the address that this sign-in ended at. It starts with ${bound.redirectUri.href} and stands in the browser's address bar.`
            )
          }
        }
      )
      return yield* Effect.raceFirst(bound.receive(read), pasted).pipe(
        Effect.timeoutOrElse({
          duration: person.patience,
          orElse: () => new SignInTimedOut({ server, account, seconds: Duration.toSeconds(person.patience) })
        })
      )
    })

    /** Keeps what a sign-in has led to, in the place of what was kept before. */
    const keep = Effect.fn("SignIn.keep")(function* (
      server: HttpServer,
      key: CredentialKey,
      authority: Authority,
      registration: ClientRegistration,
      tokens: TokenSet,
      grant?: MachineGrant["_tag"]
    ) {
      const credential = (generation: number) =>
        new Credential({
          resource: resourceOf(server),
          issuer: authority.issuer,
          tokenEndpoint: authority.tokenEndpoint.href,
          ...(authority.revocationEndpoint === undefined
            ? {}
            : { revocationEndpoint: authority.revocationEndpoint.href }),
          ...(authority.resource === undefined ? {} : { resourceParameter: authority.resource }),
          ...(grant === undefined ? {} : { grant }),
          registration,
          tokens,
          // Granted as requested where the answer names no scope (RFC 6749 §5.1).
          grantedScopes: tokens.scope === undefined ? authority.scopes : scopesOf(tokens.scope),
          requestedScopes: authority.scopes,
          generation
        })
      const replace = Effect.gen(function* () {
        const before = yield* credentials.load(server, key)
        const next = credential(Option.match(before, { onNone: () => 1, onSome: (_) => _.generation + 1 }))
        yield* credentials.keep(key, next)
        return { credential: next, tokens }
      })
      return yield* lock.withLock(key, "refresh")(replace)
    })

    /** Sends the code, and keeps what it is exchanged for; the two cannot be interrupted apart. */
    const finish = Effect.fn("SignIn.finish")(function* (
      server: HttpServer,
      key: CredentialKey,
      authority: Authority,
      flow: AuthorizationFlow,
      flowClient: FlowClient,
      dpopKey: Redacted.Redacted | undefined,
      code: Redacted.Redacted
    ) {
      const { clientId, clientSecret, signingKey } = flowClient.client
      const methods = authenticationMethods({
        hasSecret: clientSecret !== undefined,
        signs: signingKey !== undefined,
        decided: decidedMethod(server, flowClient),
        supported: authority.authMethodsSupported
      })
      const { tokens, method } = yield* firstAccepted(methods, (authenticationMethod) =>
        retryPassing(
          tokenEndpoint.exchange({
            server: server.name,
            tokenEndpoint: flow.tokenEndpoint,
            client: {
              clientId,
              clientSecret,
              signing: signingKey && { key: signingKey, audience: authority.issuer },
              authenticationMethod
            },
            resource: flow.resource,
            dpopKey,
            code,
            redirectUri: flow.redirectUri,
            codeVerifier: flow.usePkce ? flow.secrets.codeVerifier : undefined
          })
        )
      )
      return yield* keep(server, key, authority, registrationOf(flowClient, method), tokens)
    }, Effect.uninterruptible)

    /** A sign-in that nobody has to approve. */
    const withoutPerson = Effect.fn("SignIn.withoutPerson")(function* (
      server: HttpServer,
      key: CredentialKey,
      found: Authority,
      client: ConfiguredClient,
      grant: MachineGrant
    ) {
      // There is nobody to be away: tokens are asked for anew.
      const authority = { ...found, scopes: found.scopes.filter((scope) => scope !== "offline_access") }
      const { clientId, clientSecret, signingKey } = client
      const request = machineTokens(tokenEndpoint, {
        server: server.name,
        grant,
        tokenEndpoint: authority.tokenEndpoint,
        issuer: authority.issuer,
        client: {
          clientId,
          clientSecret,
          signing: signingKey && { key: signingKey, audience: authority.issuer },
          methods: authenticationMethods({
            hasSecret: clientSecret !== undefined,
            signs: signingKey !== undefined,
            decided: server.oauth.tokenEndpointAuthMethod,
            supported: authority.authMethodsSupported
          })
        },
        resource: authority.resource,
        scopes: authority.scopes,
        dpopKey: yield* keyFor(server, authority)
      })
      const { method, tokens } = yield* retryPassing(request).pipe(
        Effect.mapError((error) =>
          error.reason._tag === "InvalidClient" && error.purpose !== "identity assertion"
            ? new ClientRejected({ server: server.name, hasSecret: clientSecret !== undefined })
            : error
        )
      )
      const registration = new ConfiguredRegistration({ clientId, authenticationMethod: method })
      return yield* keep(server, key, authority, registration, tokens, grant._tag)
    }, Effect.uninterruptible)

    /** One flow from the request to the stored credential. */
    const flowOnce = Effect.fn("SignIn.flowOnce")(function* (
      server: HttpServer,
      key: CredentialKey,
      authority: Authority,
      known: DynamicRegistration | undefined
    ) {
      const { authorizationEndpoint, metadata } = authority
      if (
        server.oauth.usePkce &&
        metadata !== undefined &&
        metadata.code_challenge_methods_supported?.includes("S256") !== true
      ) {
        return yield* new PkceUnsupported({ server: server.name, issuer: metadata.issuer })
      }
      if (authorizationEndpoint === undefined) {
        return yield* new DiscoveryError({
          server: server.name,
          reason: "no metadata",
          detail: `the metadata of ${authority.issuer} names no authorization_endpoint`
        })
      }
      const dpopKey = yield* keyFor(server, authority)
      const { bound, client } = yield* bindAndRegister(server, authority, known)
      const flow: AuthorizationFlow = {
        server: server.name,
        authorizationEndpoint,
        tokenEndpoint: authority.tokenEndpoint,
        issuer: authority.responseIssuer,
        issuerRequired: authority.responseIssuerRequired,
        clientId: client.client.clientId,
        redirectUri: bound.redirectUri,
        scopes: authority.scopes,
        resource: authority.resource,
        usePkce: server.oauth.usePkce,
        dpopThumbprint: dpopKey === undefined ? undefined : yield* dpopProofs.thumbprint(dpopKey),
        extraAuthParams: server.oauth.extraAuthParams,
        secrets: yield* secretSource.make
      }
      const url = authorizationUrl(flow)
      const reused = client._tag === "Dynamic" && client.reused
      if (reused && (yield* isForgotten(url))) return yield* new ForgottenClient()

      yield* person.askToSignIn(accountName(server.name, key.account), url)
      yield* browser.open(url).pipe(Effect.catch((error) => person.tell(error.message)))
      const answer = yield* awaitAnswer(key, bound, (parameters) =>
        readAuthorizationResponse(flow, parameters)
      )
      switch (answer._tag) {
        case "Denied":
          return yield* new SignInRefused({
            server: server.name,
            account: key.account,
            error: answer.error,
            ...(answer.description === undefined ? {} : { description: answer.description })
          })
        case "Rejected":
          return yield* new CallbackRejected({
            server: server.name,
            account: key.account,
            detail: answer.detail
          })
        case "Granted":
          return yield* finish(server, key, authority, flow, client, dpopKey, answer.code).pipe(
            Effect.mapError((error) => {
              if (error._tag !== "TokenRequestError" || error.reason._tag !== "InvalidClient") return error
              if (client._tag === "Dynamic") return client.reused ? new ForgottenClient() : error
              return new ClientRejected({
                server: server.name,
                hasSecret: client.client.clientSecret !== undefined,
                ...(client._tag === "MetadataDocument" ? { metadataUrl: client.client.clientId } : {})
              })
            })
          )
      }
    }, Effect.scoped)

    const signIn = Effect.fn("SignIn.signIn")(function* (request: SignInRequest) {
      const { server } = request
      const key = CredentialKey.of(server.name, request.account)
      const inTurn = Effect.gen(function* () {
        // Whoever approves in the browser should not learn afterwards that nothing can be stored.
        yield* store.unlock
        const stored = Option.getOrUndefined(yield* credentials.load(server, key))
        const adopted = stored === undefined ? undefined : request.adopt?.(stored)
        if (stored !== undefined && adopted !== undefined) return { credential: stored, tokens: adopted }
        const found = yield* findAuthority(server, request.challenge)
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
        const authority = { ...found, scopes: scopesFor(request, found, before) }
        const grant = grantFor(server, authority)
        const client = server.oauth.source.client
        if (isMachineGrant(grant) && client !== undefined) {
          return yield* withoutPerson(server, key, authority, client, grant)
        }
        const known =
          before?.registration._tag === "Dynamic" && before.registration.mayAskFor(authority.scopes)
            ? before.registration
            : undefined
        return yield* flowOnce(server, key, authority, known).pipe(
          Effect.catchTag("ForgottenClient", () =>
            // Nothing is reused this time, so nothing can be forgotten.
            flowOnce(server, key, authority, undefined).pipe(
              Effect.catchTag("ForgottenClient", (impossible) => Effect.die(impossible))
            )
          )
        )
      })
      return yield* lock.withLock(key, "sign-in")(inTurn)
    })

    return SignIn.of({ signIn })
  })
)
