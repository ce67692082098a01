import { Context, type Effect, type Redacted } from "effect"
import type { RequestClient, TokenRequestError } from "./TokenEndpoint.ts"

/** A device authorization request (RFC 8628 §3.1). */
export interface DeviceAuthorizationRequest {
  readonly server: string
  readonly deviceAuthorizationEndpoint: URL
  /** Authenticated as at the token endpoint. */
  readonly client: RequestClient
  /** Empty: the parameter is omitted. */
  readonly scopes: ReadonlyArray<string>
  /** The `resource` parameter (RFC 8707). Absent: it is omitted. */
  readonly resource: string | undefined
  /** The S256 challenge of a code verifier (RFC 7636 §4.3), which Keycloak requires of some clients. Absent: it is omitted. */
  readonly codeChallenge?: string | undefined
  /** Further parameters that the provider requires. They replace none of the above. */
  readonly parameters: Readonly<Record<string, string>>
}

/** The code that a user approves on another device, and the code of the token requests meanwhile (RFC 8628 §3.2). */
export interface DeviceCode {
  /** The code of the token requests. A secret. */
  readonly deviceCode: Redacted.Redacted
  /** The code that the user enters: one line, at most 64 characters, grouped as the server wrote it. */
  readonly userCode: string
  /** Where the user enters the code: https, or http on loopback. */
  readonly verificationUri: URL
  /** The same with the code in it, for users who scan or click: https, or http on loopback. */
  readonly verificationUriComplete: URL | undefined
  /** When both codes expire, in milliseconds since the epoch; at most an hour after the request. */
  readonly expiresAt: number
  /** Minimum time between two token requests, in milliseconds. */
  readonly interval: number
}

/**
 * The device authorization endpoint (RFC 8628 §3.1), for users whose browser is on another machine. The token endpoint
 * exchanges the code once the user has approved.
 */
export class DeviceAuthorization extends Context.Service<
  DeviceAuthorization,
  {
    /** Requests a device code, once and within 15 seconds. May be repeated: an unused code simply expires. */
    readonly start: (request: DeviceAuthorizationRequest) => Effect.Effect<DeviceCode, TokenRequestError>
  }
>()("mcp-cli-oauth/ports/DeviceAuthorization") {}
