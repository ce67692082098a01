import { Schema } from "effect"

/** One endpoint of an authorization server, under each of its names. */
interface OAuthEndpoint {
  /** Its member of the metadata document (RFC 8414 §2). */
  readonly metadataKey: `${string}_endpoint`
  /** The field of the `oauth` block that names it by hand. Absent: the configuration cannot name it. */
  readonly configurationKey?: `${string}_url`
  /** Its requests in a trace. */
  readonly trace: string
  /** A form parameter that tells its requests from those of the endpoints below it; a trace needs it at unknown addresses. */
  readonly parameter?: string
  /**
   * What metadata leads to that names an address which must not be used, such as one without TLS: the sign-in fails, or
   * goes on as if the server had no such endpoint. Ignored endpoints are the {@link OptionalEndpoint}s.
   */
  readonly unusable: "error" | "ignored"
}

/**
 * Every endpoint that this program uses. What reads metadata or configuration, checks addresses or writes traces derives
 * from this table. A new endpoint is a row here, and the code that sends its request.
 */
export const oauthEndpoints = {
  /** RFC 6749 §3.1. */
  authorization: {
    metadataKey: "authorization_endpoint",
    configurationKey: "authorization_url",
    trace: "authorization request",
    unusable: "error"
  },
  /** RFC 6749 §3.2. */
  token: {
    metadataKey: "token_endpoint",
    configurationKey: "token_url",
    trace: "token request",
    parameter: "grant_type",
    unusable: "error"
  },
  /** RFC 7591 §3. */
  registration: {
    metadataKey: "registration_endpoint",
    configurationKey: "registration_url",
    trace: "client registration",
    unusable: "error"
  },
  /** RFC 7009 §2. */
  revocation: {
    metadataKey: "revocation_endpoint",
    configurationKey: "revocation_url",
    trace: "revocation request",
    parameter: "token",
    unusable: "ignored"
  },
  /** RFC 9126 §2. By hand: every authorization request is pushed. By metadata: if the server requires it. */
  pushedAuthorization: {
    metadataKey: "pushed_authorization_request_endpoint",
    configurationKey: "pushed_authorization_request_url",
    trace: "pushed authorization request",
    parameter: "response_type",
    unusable: "ignored"
  },
  /** RFC 8628 §3.1. */
  deviceAuthorization: {
    metadataKey: "device_authorization_endpoint",
    configurationKey: "device_authorization_url",
    trace: "device authorization request",
    parameter: "client_id",
    unusable: "ignored"
  }
} as const satisfies Readonly<Record<string, OAuthEndpoint>>

type Table = typeof oauthEndpoints

/** The name of an endpoint in {@link oauthEndpoints}. */
export type OAuthEndpointName = keyof Table

/** An endpoint that neither a server nor the configuration has to name. */
export type OptionalEndpoint = {
  readonly [Name in OAuthEndpointName]: Table[Name]["unusable"] extends "ignored" ? Name : never
}[OAuthEndpointName]

/** The names of a kind of message in a trace. */
export type EndpointTrace<Name extends OAuthEndpointName = OAuthEndpointName> = Table[Name]["trace"]

/** The addresses of the optional endpoints that a server has. */
export type OptionalEndpoints = Readonly<Partial<Record<OptionalEndpoint, URL>>>

/** The rows of the table. */
export const endpointRows: ReadonlyArray<OAuthEndpoint & Table[OAuthEndpointName]> =
  Object.values(oauthEndpoints)

/** Every {@link OptionalEndpoint}. */
export const optionalEndpoints = (Object.keys(oauthEndpoints) as ReadonlyArray<OAuthEndpointName>).filter(
  (name): name is OptionalEndpoint => oauthEndpoints[name].unusable === "ignored"
)

/** The optional endpoints for which there is an address. */
export const optionalEndpointsFrom = (
  addressOf: (name: OptionalEndpoint) => URL | undefined
): OptionalEndpoints =>
  Object.fromEntries(
    optionalEndpoints.flatMap((name) => {
      const address = addressOf(name)
      return address === undefined ? [] : [[name, address]]
    })
  )

/** The members of the metadata document about endpoints. */
export const endpointMembers = {
  ...(Object.fromEntries(
    endpointRows.map(({ metadataKey }) => [metadataKey, Schema.optionalKey(Schema.NonEmptyString)])
  ) as {
    readonly [Key in Table[OAuthEndpointName]["metadataKey"]]: Schema.optionalKey<
      typeof Schema.NonEmptyString
    >
  }),
  /** The server accepts only pushed authorization requests (RFC 9126 §5). */
  require_pushed_authorization_requests: Schema.optionalKey(Schema.Boolean)
}
