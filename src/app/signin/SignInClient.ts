import { Effect } from "effect"
import { authenticationMethods } from "../../domain/ClientAuthentication.ts"
import {
  type ClientRegistration,
  ConfiguredRegistration,
  type DynamicRegistration,
  MetadataDocument
} from "../../domain/ClientRegistration.ts"
import type { CredentialClient } from "../../domain/Credential.ts"
import type { ProviderQuirks } from "../../domain/ProviderQuirks.ts"
import type { ClientAuthenticationMethod, ConfiguredClient, RemoteServer } from "../../domain/Server.ts"
import { ClientRejected } from "../../domain/SignInError.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import type { TokenRequestError } from "../../ports/TokenEndpoint.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

/** A client that others know, and that is known at one redirect URI. */
export type FixedClient =
  | { readonly _tag: "Configured"; readonly client: ConfiguredClient }
  | {
      readonly _tag: "MetadataDocument"
      readonly client: ConfiguredClient
      readonly document: MetadataDocument
    }

/** A client that we registered, just now or for an earlier flow. */
export interface RegisteredClient {
  readonly _tag: "Dynamic"
  readonly client: DynamicRegistration
  readonly reused: boolean
}

/** The client of a flow. */
export type SignInClient = FixedClient | RegisteredClient

/**
 * The client that needs no registration by us (MCP "Client Registration Approaches"): the configured one, else the one
 * that the configuration publishes a document about, where the authorization server takes such clients.
 */
export const fixedClient = (
  { oauth: { clientMetadataUrl, source } }: RemoteServer,
  { metadata }: ResolvedAuthorizationServer
): FixedClient | undefined => {
  if (source.client !== undefined) return { _tag: "Configured", client: source.client }
  if (clientMetadataUrl === undefined || metadata?.client_id_metadata_document_supported !== true) {
    return undefined
  }
  const document = new MetadataDocument({ clientId: clientMetadataUrl })
  return {
    _tag: "MetadataDocument",
    client: { clientId: clientMetadataUrl, clientSecret: undefined },
    document
  }
}

/** Registers a client for a flow. */
export const registerClient = Effect.fn("SignInClient.register")(function* (
  server: RemoteServer,
  { dpopRequired, issuer, metadata, provider, scopes }: ResolvedAuthorizationServer,
  { deviceCode, redirectUri }: { readonly redirectUri: URL; readonly deviceCode: boolean }
) {
  if (metadata === undefined) return yield* new RegistrationError({ server: server.name, issuer })
  const registrar = yield* ClientRegistrar
  const client = yield* registrar.register({
    server: server.name,
    metadata,
    redirectUri,
    scopes,
    deviceCode,
    dpop: server.oauth.dpop ?? dpopRequired,
    ...(provider?.registerAt === undefined ? {} : { registerAt: provider.registerAt.value })
  })
  const registered: RegisteredClient = { _tag: "Dynamic", client, reused: false }
  return registered
})

/** How it is decided that a client authenticates; absent: it is not. */
const decidedMethod = (
  server: RemoteServer,
  flowClient: SignInClient,
  provider: ProviderQuirks | undefined
) => {
  switch (flowClient._tag) {
    case "Configured":
      return (
        server.oauth.tokenEndpointAuthMethod ??
        // What is known of a provider's secrets says nothing of clients that have none.
        (flowClient.client.clientSecret === undefined ? undefined : provider?.tokenEndpointAuthMethod?.value)
      )
    case "MetadataDocument":
      return flowClient.document.authenticationMethod
    case "Dynamic":
      return flowClient.client.authenticationMethod
  }
}

/** The client of a flow as its authorization server is to be told of it. */
export const clientOf = (
  server: RemoteServer,
  { authMethodsSupported, issuer, provider }: ResolvedAuthorizationServer,
  flowClient: SignInClient
): CredentialClient => {
  const { clientId, clientSecret } = flowClient.client
  const signingKey = flowClient._tag === "Configured" ? flowClient.client.signingKey : undefined
  return {
    clientId,
    clientSecret,
    signing: signingKey && { key: signingKey, audience: issuer },
    methods: authenticationMethods({
      hasSecret: clientSecret !== undefined,
      signs: signingKey !== undefined,
      decided: decidedMethod(server, flowClient, provider),
      supported: authMethodsSupported
    })
  }
}

/** The client of a flow as a credential remembers it. */
export const registrationOf = (
  flowClient: SignInClient,
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

/** What a client that its authorization server does not take (`invalid_client`) means for the user. */
export const rejectionOf = (
  server: RemoteServer,
  flowClient: FixedClient,
  error: TokenRequestError
): ClientRejected | TokenRequestError =>
  error.reason._tag !== "InvalidClient" || error.purpose === "identity assertion"
    ? error
    : flowClient._tag === "Configured"
      ? ClientRejected.ofConfigured(server)
      : new ClientRejected({ server: server.name, hasSecret: false, metadataUrl: flowClient.client.clientId })
