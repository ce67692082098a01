import { Effect, Layer, Redacted, Result, Schema } from "effect"
import type { AuthorizationServerMetadata } from "../../domain/AuthorizationServer.ts"
import { clientDescription } from "../../domain/ClientMetadata.ts"
import { DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { printable } from "../../domain/PrintableText.ts"
import { hasUserInformation, isSameOrigin, isSecureUrl } from "../../domain/SecureUrl.ts"
import type { ClientAuthenticationMethod } from "../../domain/Server.ts"
import { scopesOf } from "../../domain/TokenSet.ts"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { discardBody, HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"

/** What a server that registered a client says of it (RFC 7591 §3.2.1), as far as this client uses it. */
const Registered = Schema.fromJsonString(
  Schema.Struct({
    client_id: Schema.NonEmptyString,
    client_secret: Schema.optionalKey(Schema.NullOr(Schema.String)),
    client_secret_expires_at: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
    token_endpoint_auth_method: Schema.optionalKey(Schema.NullOr(Schema.String)),
    scope: Schema.optionalKey(Schema.Unknown),
    // RFC 7592 §3: a server may say anything here, and the client is registered all the same.
    registration_client_uri: Schema.optionalKey(Schema.Unknown),
    registration_access_token: Schema.optionalKey(Schema.Unknown)
  })
)

/**
 * How a client is taken back; absent where the server did not say, or names a place that no token may go to: any other
 * than the registration endpoint's own origin, since a server could have us delete what is not its own.
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

/** How long a server may take to forget a client: somebody waits who has no use for the answer. */
const shutdownTimeout = 5000

/** Why it did not (RFC 7591 §3.2.2). */
const RegistrationRefusal = Schema.fromJsonString(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.Unknown) })
)

/** A program on a user's machine can keep no secret (RFC 8252 §8.5): none is asked for, where the server allows. */
const usableMethods = ["none", "client_secret_basic", "client_secret_post"] as const

const methodToAskFor = ({
  token_endpoint_auth_methods_supported: supported
}: AuthorizationServerMetadata): ClientAuthenticationMethod =>
  usableMethods.find((method) => supported === undefined || supported.includes(method)) ?? "none"

/**
 * The method of a client as the server registered it: it may have changed what was asked for (RFC 7591 §3.2.1).
 * Absent: one that this client cannot use.
 */
const methodGiven = (
  { client_secret, token_endpoint_auth_method: given }: typeof Registered.Type,
  asked: ClientAuthenticationMethod
): ClientAuthenticationMethod | undefined => {
  if (given && !usableMethods.some((method) => method === given)) return undefined
  if (!client_secret) return "none"
  return (
    usableMethods.find((method) => method === given) ?? (asked === "none" ? "client_secret_basic" : asked)
  )
}

/** The last point in time that a date can name (ECMA-262 §21.4.1.1): a longer life is no life that counts. */
const endOfTime = 8_640_000_000_000_000

/** Dynamic client registration (RFC 7591) as a native application. */
export const layer: Layer.Layer<ClientRegistrar, never, HttpTransport> = Layer.effect(
  ClientRegistrar,
  Effect.gen(function* () {
    const transport = yield* HttpTransport
    const identity = yield* ClientIdentity
    const register = Effect.fn("ClientRegistrar.register")(function* ({
      metadata,
      deviceCode,
      dpop,
      redirectUri,
      registerAt: known,
      scopes,
      server
    }: Parameters<ClientRegistrar["Service"]["register"]>[0]) {
      const { issuer } = metadata
      const registerAt = known === undefined ? {} : { registerAt: known }
      const refuse = (detail: string) => new RegistrationError({ server, issuer, detail, ...registerAt })
      if (metadata.registration_endpoint === undefined) {
        const takesMetadataDocument = metadata.client_id_metadata_document_supported === true
        return yield* new RegistrationError({ server, issuer, takesMetadataDocument, ...registerAt })
      }
      const endpoint = URL.parse(metadata.registration_endpoint)
      if (endpoint === null || !isSecureUrl(endpoint) || hasUserInformation(endpoint)) {
        return yield* refuse("its registration endpoint is no https address without a user name")
      }
      const asked = methodToAskFor(metadata)
      const response = yield* transport.send(
        new Request(endpoint, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json" },
          body: JSON.stringify({
            ...clientDescription(identity, redirectUri, { deviceCode: deviceCode === true }),
            token_endpoint_auth_method: asked,
            ...(dpop === true ? { dpop_bound_access_tokens: true } : {}),
            ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") })
          })
        })
      )
      const { origin } = endpoint
      // A server that is away has refused nothing, and nobody needs to register by hand for it.
      if (response.status === 429 || response.status >= 500) {
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
      const authenticationMethod = methodGiven(answer, asked)
      if (authenticationMethod === undefined) {
        return yield* refuse(
          `it wants ${printable(answer.token_endpoint_auth_method ?? "")} at its token endpoint, which this client has not`
        )
      }
      const ends = answer.client_secret_expires_at ?? 0
      const management = managementOf(answer, endpoint)
      const registered = typeof answer.scope === "string" ? scopesOf(answer.scope) : scopes
      return new DynamicRegistration({
        clientId: answer.client_id,
        authenticationMethod,
        redirectUri: redirectUri.href,
        ...(answer.client_secret ? { clientSecret: Redacted.make(answer.client_secret) } : {}),
        ...(answer.client_secret && ends > 0 ? { secretExpiresAt: Math.min(ends * 1000, endOfTime) } : {}),
        ...(registered.length === 0 ? {} : { scopes: registered }),
        ...(management === undefined ? {} : { management })
      })
    })

    const deregister = Effect.fn("ClientRegistrar.deregister")(function* ({
      management
    }: DynamicRegistration) {
      if (management === undefined) return false
      const request = new Request(management.url, {
        method: "DELETE",
        headers: { authorization: `Bearer ${Redacted.value(management.accessToken)}` }
      })
      const response = yield* transport.send(request, { timeout: shutdownTimeout })
      yield* discardBody(response)
      return response.ok
    })

    return ClientRegistrar.of({ register, deregister })
  })
)
