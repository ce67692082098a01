import { Effect } from "effect"
import { authenticationMethods } from "../../domain/ClientAuthentication.ts"
import {
  type ClientRegistration,
  ConfiguredRegistration,
  type DynamicRegistration,
  MetadataDocument
} from "../../domain/ClientRegistration.ts"
import type { Credential, OAuthClient } from "../../domain/Credential.ts"
import { StaleRegistration } from "../../domain/StaleRegistration.ts"
import type { ConfiguredClient, RemoteServer } from "../../domain/Server.ts"
import { ClientRejected } from "../../domain/SignInError.ts"
import { isDpopBound } from "../../domain/SignInRules.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import type { TokenRequestError } from "../../ports/TokenEndpoint.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"
import type { SignInContext } from "./SignInContext.ts"

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
  { clientSecret, signingKey }: ConfiguredClient
) =>
  authenticationMethods({
    hasSecret: clientSecret !== undefined,
    signs: signingKey !== undefined,
    decided:
      oauth.tokenEndpointAuthMethod ??
      // What is known of a provider concerns clients that have a secret.
      (clientSecret === undefined ? undefined : provider?.tokenEndpointAuthMethod?.value),
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
  { authorizationServer, server }: Pick<SignInContext, "authorizationServer" | "server">,
  draft: Credential
): OAuthClient => {
  const client = draft.clientAt(server)
  const configured = server.oauth.source.client
  return draft.registration._tag === "Configured" && configured !== undefined
    ? { ...client, methods: configuredMethods(server, authorizationServer, configured) }
    : client
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
  const { dpopRequired, issuer, metadata, provider } = authorizationServer
  if (metadata === undefined) return yield* new RegistrationError({ server: server.name, issuer })
  const registrar = yield* ClientRegistrar
  return yield* registrar.register({
    server: server.name,
    metadata,
    ...options,
    dpop: isDpopBound(server, dpopRequired),
    ...(provider?.registerAt === undefined ? {} : { registerAt: provider.registerAt.value })
  })
})

/** The registration that an earlier sign-in left, if it can be used again at `now` for these scopes. */
export const usableRegistration = (
  registration: ClientRegistration | undefined,
  scopes: ReadonlyArray<string>,
  now: number
): DynamicRegistration | undefined =>
  registration?._tag === "Dynamic" && registration.mayRequest(scopes) && !registration.hasExpired(now)
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
