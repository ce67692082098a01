import { Context, type Effect, type Redacted } from "effect"
import type { RequestClient, TokenRequestError } from "./TokenEndpoint.ts"

/** What a device authorization request says (RFC 8628 §3.1). */
export interface DeviceAuthorizationRequest {
  readonly server: string
  readonly deviceAuthorizationEndpoint: URL
  /** Authenticated as at the token endpoint. */
  readonly client: RequestClient
  /** None: the parameter is left out. */
  readonly scopes: ReadonlyArray<string>
  /** The `resource` parameter (RFC 8707), where the flow sends one. */
  readonly resource: string | undefined
  /** Further parameters that the provider asks for; none may replace those of above. */
  readonly parameters: Readonly<Record<string, string>>
}

/** What a user approves on another device, and what is asked with meanwhile (RFC 8628 §3.2). */
export interface DeviceCode {
  /** What the token endpoint is asked with: a secret of this program. */
  readonly deviceCode: Redacted.Redacted
  /** What the user enters: one line, at most 64 characters, grouped as the server wrote it. */
  readonly userCode: string
  /** Where the user enters it: https, or http on loopback. */
  readonly verificationUri: URL
  /** The same with the code in it, for those who need not type: https, or http on loopback. */
  readonly verificationUriComplete: URL | undefined
  /** When both codes end, in milliseconds since the epoch; at most an hour after the request. */
  readonly expiresAt: number
  /** The least time between two token requests, in milliseconds. */
  readonly interval: number
}

/**
 * The device authorization endpoint (RFC 8628 §3.1): for a user whose browser is on another machine. What it gives is
 * turned into tokens at the token endpoint, once the user has approved.
 */
export class DeviceAuthorization extends Context.Service<
  DeviceAuthorization,
  {
    /** Asks for a device code, once and within 15 seconds. May be sent again: a code that nobody enters ends by itself. */
    readonly start: (request: DeviceAuthorizationRequest) => Effect.Effect<DeviceCode, TokenRequestError>
  }
>()("mcp-cli-oauth/ports/DeviceAuthorization") {}
