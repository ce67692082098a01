import { Context, type Effect, type Option } from "effect"
import type { DynamicRegistration } from "../domain/ClientRegistration.ts"
import type { StorageError } from "./CredentialStore.ts"

/** What a shared registration is for. A client is registered at one issuer, for one redirect URI (RFC 7591 §2). */
export interface RegistrationKey {
  readonly issuer: string
  readonly redirectUri: string
}

/**
 * The client registrations that all accounts share, for sign-ins that begin on a server: one per issuer and redirect
 * URI. Replace the in-memory layer to share them among replicas. A registration holds secrets: store it encrypted.
 *
 * Two replicas that register at the same moment store two clients, of which the later one is used from then on. The other
 * stays valid for the sign-ins that began with it.
 */
export class ClientRegistrations extends Context.Service<
  ClientRegistrations,
  {
    readonly get: (key: RegistrationKey) => Effect.Effect<Option.Option<DynamicRegistration>, StorageError>
    /** Stores a registration in place of the current one. */
    readonly put: (
      key: RegistrationKey,
      registration: DynamicRegistration
    ) => Effect.Effect<void, StorageError>
    /** Removes a registration that its server has forgotten, unless another client has replaced it. */
    readonly remove: (key: RegistrationKey, clientId: string) => Effect.Effect<void, StorageError>
  }
>()("mcp-cli-oauth/ports/ClientRegistrations") {}
