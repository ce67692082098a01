import { Context, type Effect } from "effect"
import type { AuthorizationServerMetadata } from "../domain/AuthorizationServer.ts"
import type { DynamicRegistration } from "../domain/ClientRegistration.ts"
import type { NetworkError } from "./HttpTransport.ts"
import type { RegistrationError } from "./RegistrationError.ts"

export { RegistrationError } from "./RegistrationError.ts"

/** Registers clients at authorization servers (RFC 7591), and deregisters them (RFC 7592). */
export class ClientRegistrar extends Context.Service<
  ClientRegistrar,
  {
    readonly register: (request: {
      readonly server: string
      readonly metadata: AuthorizationServerMetadata
      readonly redirectUri: URL
      readonly scopes: ReadonlyArray<string>
      /** The client also uses the device grant (RFC 8628). */
      readonly deviceCode?: boolean
      /** All tokens of the client will be bound to a key (RFC 9449 §5.2). */
      readonly dpop?: boolean
      /** The configuration allows http for the server. */
      readonly allowHttp?: true | undefined
      /** Where a user registers clients, for the error message. Absent: not known. */
      readonly registerAt?: string
    }) => Effect.Effect<DynamicRegistration, RegistrationError | NetworkError>
    /** Deregisters a client (RFC 7592 §2.3). False if the server refused or offers no deregistration. Sent once. */
    readonly deregister: (registration: DynamicRegistration) => Effect.Effect<boolean, NetworkError>
  }
>()("mcp-cli-oauth/ports/ClientRegistrar") {}
