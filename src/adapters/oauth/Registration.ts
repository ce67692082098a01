import { Effect, Redacted, Result, Schema } from "effect"
import type { AuthorizationServerMetadata } from "../../domain/AuthorizationServer.ts"
import { clientDescription, type ClientIdentitySettings } from "../../domain/ClientMetadata.ts"
import { DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { printable } from "../../domain/PrintableText.ts"
import { hasUserInformation, isSameOrigin, isSecureUrl } from "../../domain/SecureUrl.ts"
import type { ClientAuthenticationMethod } from "../../domain/Server.ts"
import { scopesOf } from "../../domain/TokenSet.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { type ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { discardBody, type HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"
import { deregistrationTimeout, maxTime } from "./OAuthLimits.ts"

/** The client information response (RFC 7591 §3.2.1), as far as this client uses it. */
const Registered = Schema.fromJsonString(
  Schema.Struct({
    client_id: Schema.NonEmptyString,
    client_secret: Schema.optionalKey(Schema.NullOr(Schema.String)),
    client_secret_expires_at: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
    token_endpoint_auth_method: Schema.optionalKey(Schema.NullOr(Schema.String)),
    scope: Schema.optionalKey(Schema.Unknown),
    // RFC 7592 §3. A value that cannot be used does not fail the registration.
    registration_client_uri: Schema.optionalKey(Schema.Unknown),
    registration_access_token: Schema.optionalKey(Schema.Unknown)
  })
)

/**
 * How to deregister a client. Absent if the server did not say, or named another origin than that of its registration
 * endpoint: it could make us send a token, or delete something, elsewhere.
 */
const managementOf = (
  { registration_access_token: accessToken, registration_client_uri: address }: typeof Registered.Type,
  endpoint: URL
): DynamicRegistration["management"] => {
  if (typeof address !== "string" || typeof accessToken !== "string" || !/^[\x21-\x7e]+$/.test(accessToken)) {
    return undefined
  }
  const url = URL.parse(address)
  return url === null || !isSameOrigin(url, endpoint) || hasUserInformation(url)
    ? undefined
    : { url: url.href, accessToken: Redacted.make(accessToken) }
}

/** The error response (RFC 7591 §3.2.2). */
const RegistrationRefusal = Schema.fromJsonString(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.Unknown) })
)

/** A program on a user's machine cannot keep a secret (RFC 8252 §8.5), so `none` is requested if the server allows it. */
const usableMethods = ["none", "client_secret_basic", "client_secret_post"] as const

const methodToRequest = ({
  token_endpoint_auth_methods_supported: supported
}: AuthorizationServerMetadata): ClientAuthenticationMethod =>
  usableMethods.find((method) => supported === undefined || supported.includes(method)) ?? "none"

/**
 * The method that the server registered, which may differ from the requested one (RFC 7591 §3.2.1). Undefined: this client
 * cannot use it.
 */
const methodGiven = (
  { client_secret, token_endpoint_auth_method: given }: typeof Registered.Type,
  requested: ClientAuthenticationMethod
): ClientAuthenticationMethod | undefined => {
  if (given && !usableMethods.some((method) => method === given)) return undefined
  if (!client_secret) return "none"
  return (
    usableMethods.find((method) => method === given) ??
    (requested === "none" ? "client_secret_basic" : requested)
  )
}

/** The registration that an answer describes. What it omits is registered as requested. */
const registrationOf = (
  answer: typeof Registered.Type,
  requested: {
    readonly authenticationMethod: ClientAuthenticationMethod
    readonly endpoint: URL
    readonly redirectUri: URL
    readonly scopes: ReadonlyArray<string>
  }
): DynamicRegistration => {
  const { client_id: clientId, client_secret: secret, client_secret_expires_at: expiresAt, scope } = answer
  const management = managementOf(answer, requested.endpoint)
  const scopes = typeof scope === "string" ? scopesOf(scope) : requested.scopes
  return new DynamicRegistration({
    clientId,
    authenticationMethod: requested.authenticationMethod,
    redirectUri: requested.redirectUri.href,
    ...(secret ? { clientSecret: Redacted.make(secret) } : {}),
    ...(secret && expiresAt && expiresAt > 0 ? { secretExpiresAt: Math.min(expiresAt * 1000, maxTime) } : {}),
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(management === undefined ? {} : { management })
  })
}

/** Registers a client (RFC 7591). */
export const register = Effect.fn("ClientRegistrar.register")(function* (
  transport: HttpTransport["Service"],
  identity: ClientIdentitySettings,
  {
    metadata,
    allowHttp,
    deviceCode,
    dpop,
    redirectUri,
    registerAt: known,
    scopes,
    server
  }: Parameters<ClientRegistrar["Service"]["register"]>[0]
) {
  const { issuer } = metadata
  const registerAt = known === undefined ? {} : { registerAt: known }
  const refuse = (detail: string) => new RegistrationError({ server, issuer, detail, ...registerAt })
  if (metadata.registration_endpoint === undefined) {
    const takesMetadataDocument = metadata.client_id_metadata_document_supported === true
    return yield* new RegistrationError({ server, issuer, takesMetadataDocument, ...registerAt })
  }
  const endpoint = URL.parse(metadata.registration_endpoint)
  const isUsable = endpoint !== null && (isSecureUrl(endpoint) || allowHttp === true)
  if (!isUsable || hasUserInformation(endpoint)) {
    return yield* refuse("its registration endpoint is no https address without a user name")
  }
  const method = methodToRequest(metadata)
  const response = yield* transport.send(
    new Request(endpoint, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({
        ...clientDescription(identity, redirectUri, { deviceCode: deviceCode === true }),
        token_endpoint_auth_method: method,
        ...(dpop === true ? { dpop_bound_access_tokens: true } : {}),
        ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") })
      })
    })
  )
  const { origin } = endpoint
  // An unavailable server has refused nothing, so its user need not register a client by hand.
  if (isTransientStatus(response.status)) {
    yield* discardBody(response)
    return yield* new NetworkError({ origin, detail: `HTTP ${response.status}` })
  }
  const text = yield* readBody(response).pipe(
    Effect.mapError(({ detail, isTransient }) =>
      isTransient ? new NetworkError({ origin, detail }) : refuse(detail)
    )
  )
  if (response.status >= 300 && response.status < 400) {
    return yield* refuse(
      `HTTP ${response.status} at its registration endpoint: it redirects, which is not followed`
    )
  }
  if (response.status === 404 || response.status === 405) {
    const detail = `HTTP ${response.status} at its registration endpoint`
    return yield* new RegistrationError({ server, issuer, detail, nothingThere: true, ...registerAt })
  }
  if (!response.ok) {
    const refusal = Schema.decodeResult(RegistrationRefusal)(text)
    return yield* refuse(
      Result.match(refusal, {
        onFailure: () => `HTTP ${response.status}`,
        onSuccess: ({ error, error_description }) =>
          printable(typeof error_description === "string" ? `${error}: ${error_description}` : error)
      })
    )
  }
  const answer = yield* Schema.decodeEffect(Registered)(text).pipe(
    Effect.mapError(() => refuse("its answer holds no client_id"))
  )
  const authenticationMethod = methodGiven(answer, method)
  if (authenticationMethod === undefined) {
    return yield* refuse(
      `it requires ${printable(answer.token_endpoint_auth_method ?? "")} at its token endpoint, which this client does not support`
    )
  }
  return registrationOf(answer, { authenticationMethod, endpoint, redirectUri, scopes })
})

/** Deregisters a client (RFC 7592 §2.3). False if its server did not say how, or refused. */
export const deregister = Effect.fn("ClientRegistrar.deregister")(function* (
  transport: HttpTransport["Service"],
  { management }: DynamicRegistration
) {
  if (management === undefined) return false
  const request = new Request(management.url, {
    method: "DELETE",
    headers: { authorization: `Bearer ${Redacted.value(management.accessToken)}` }
  })
  const response = yield* transport.send(request, { timeout: deregistrationTimeout })
  yield* discardBody(response)
  return response.ok
})
