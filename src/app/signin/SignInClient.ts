import { Cause, Effect, Exit } from "effect"
import { authenticationMethods, type RequestAuthentication } from "../../domain/ClientAuthentication.ts"
import {
  type ClientRegistration,
  ConfiguredRegistration,
  type DynamicRegistration,
  MetadataDocument
} from "../../domain/ClientRegistration.ts"
import type { Credential, OAuthClient } from "../../domain/Credential.ts"
import { StaleRegistration } from "../../domain/StaleRegistration.ts"
import type { ConfiguredClient, RemoteServer } from "../../domain/Server.ts"
import { ClientRejected, SignInRefused } from "../../domain/SignInError.ts"
import { isDpopBound } from "../../domain/SignInRules.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { TokenRequestError } from "../../ports/TokenEndpoint.ts"
import { CredentialReplacement } from "./CredentialReplacement.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"
import { draftCredential, type SignInContext } from "./SignInContext.ts"

/** The client of a sign-in. */
export interface SignInClient {
  readonly registration: ClientRegistration
  /** The client was registered for an earlier sign-in, so the authorization server may have forgotten it. */
  readonly isReused: boolean
}

/** A client that needs no dynamic registration. */
export type FixedClient =
  | { readonly _tag: "Configured"; readonly client: ConfiguredClient }
  | { readonly _tag: "MetadataDocument"; readonly client: ConfiguredClient }

/**
 * The client that needs no dynamic registration (MCP "Client Registration Approaches"): the configured one, otherwise the
 * one whose metadata document the configuration publishes, if the authorization server accepts such documents.
 */
export const fixedClient = (
  { oauth: { clientMetadataUrl, source } }: RemoteServer,
  { metadata }: ResolvedAuthorizationServer
): FixedClient | undefined => {
  if (source.client !== undefined) return { _tag: "Configured", client: source.client }
  return clientMetadataUrl === undefined || metadata?.client_id_metadata_document_supported !== true
    ? undefined
    : { _tag: "MetadataDocument", client: { clientId: clientMetadataUrl, clientSecret: undefined } }
}

/** How a client of the configuration may authenticate, before an endpoint has accepted a method. */
const configuredMethods = (
  { oauth }: RemoteServer,
  { authMethodsSupported, provider }: ResolvedAuthorizationServer,
  { clientSecret, signingKey }: ConfiguredClient,
  preferred?: RequestAuthentication
) =>
  authenticationMethods({
    hasSecret: clientSecret !== undefined,
    signs: signingKey !== undefined,
    decided:
      oauth.tokenEndpointAuthMethod ??
      // What is known of a provider concerns clients that have a secret.
      (clientSecret === undefined ? undefined : provider?.tokenEndpointAuthMethod?.value),
    preferred,
    supported: authMethodsSupported
  })

/** The registration of a {@link fixedClient}. */
export const fixedRegistration = (
  server: RemoteServer,
  authorizationServer: ResolvedAuthorizationServer
): ConfiguredRegistration | MetadataDocument | undefined => {
  const fixed = fixedClient(server, authorizationServer)
  if (fixed === undefined) return undefined
  const { clientId } = fixed.client
  if (fixed._tag === "MetadataDocument") return new MetadataDocument({ clientId })
  const [authenticationMethod] = configuredMethods(server, authorizationServer, fixed.client)
  return new ConfiguredRegistration({ clientId, authenticationMethod })
}

/** The client of a sign-in, from the credential that the sign-in completes. */
export const clientOf = (
  {
    accepted,
    authorizationServer,
    server
  }: Pick<SignInContext, "accepted" | "authorizationServer" | "server">,
  draft: Credential
): OAuthClient => {
  const client = draft.clientAt(server)
  const { registration } = draft
  const configured = server.oauth.source.client
  if (registration._tag === "Configured" && configured !== undefined) {
    return { ...client, methods: configuredMethods(server, authorizationServer, configured, accepted) }
  }
  const methods = authenticationMethods({
    hasSecret: client.clientSecret !== undefined,
    decided: undefined,
    preferred: registration.authenticationMethod,
    supported: authorizationServer.authMethodsSupported
  })
  return { ...client, methods }
}

/** Registers a client (RFC 7591). */
export const registerClient = Effect.fn("SignInClient.register")(function* (
  { authorizationServer, server }: Pick<SignInContext, "authorizationServer" | "server">,
  options: {
    readonly redirectUri: URL
    readonly scopes: ReadonlyArray<string>
    readonly deviceCode?: boolean
  }
) {
  const { dpopRequired, issuer, provider, registrar: metadata } = authorizationServer
  if (metadata === undefined) return yield* new RegistrationError({ server: server.name, issuer })
  const registrar = yield* ClientRegistrar
  return yield* registrar.register({
    server: server.name,
    metadata,
    ...options,
    dpop: isDpopBound(server, dpopRequired),
    allowHttp: server.allowHttp,
    ...(provider?.registerAt === undefined ? {} : { registerAt: provider.registerAt.value })
  })
})

/** True if a failed sign-in says that the authorization server does not accept its client. */
const blamesClient = (error: unknown): boolean =>
  error instanceof StaleRegistration ||
  (error instanceof SignInRefused && refusesClient(error)) ||
  (error instanceof TokenRequestError && error.reason._tag === "InvalidClient")

/** True if an authorization response refuses the client itself (RFC 6749 §4.1.2.1, §5.2). */
export const refusesClient = ({ error }: Pick<SignInRefused, "error">): boolean =>
  error === "invalid_client" || error === "unauthorized_client"

/**
 * Registers a client for one sign-in. If that fails, even by an interruption, the client is stored for the next one. So
 * failed sign-ins leave no client behind at the authorization server, which may allow only a few.
 */
export const registerForSignIn = Effect.fn("SignInClient.registerForSignIn")(function* (
  context: SignInContext,
  options: Parameters<typeof registerClient>[1]
) {
  const registration = yield* registerClient(context, options)
  const replacement = yield* CredentialReplacement
  const { key, server } = context
  const keep = replacement.keepClient({ server, key, draft: draftCredential(context, registration) })
  yield* Effect.addFinalizer((exit) =>
    Exit.isFailure(exit) && !blamesClient(Cause.squash(exit.cause))
      ? Effect.ignore(keep, { log: "Debug" })
      : Effect.void
  )
  return registration
})

/**
 * The registration that an earlier sign-in left, if it can be used again at `now` for these scopes.
 *
 * @param granted the scopes that it has got
 */
export const usableRegistration = (
  registration: ClientRegistration | undefined,
  scopes: ReadonlyArray<string>,
  now: number,
  granted?: ReadonlyArray<string>
): DynamicRegistration | undefined =>
  registration?._tag === "Dynamic" &&
  registration.mayRequest(scopes, granted) &&
  !registration.hasExpired(now)
    ? registration
    : undefined

/** What `invalid_client` means for the client of a sign-in. Other failures stay as they are. */
export const rejectionOf = (
  {
    draft,
    isReused,
    server
  }: {
    readonly server: RemoteServer
    readonly draft: Credential
    readonly isReused: boolean
  },
  error: TokenRequestError
): ClientRejected | StaleRegistration | TokenRequestError => {
  if (error.reason._tag !== "InvalidClient" || error.purpose === "identity assertion") return error
  const { issuer, registration } = draft
  const rejected = ClientRejected.of(server, registration, error.reason)
  if (rejected !== undefined) return rejected
  return isReused
    ? new StaleRegistration({ server: server.name, issuer, clientId: registration.clientId })
    : error
}
