import { Effect, Layer, Redacted, Result, Schema } from "effect"
import type { AuthorizationServerMetadata } from "../../domain/AuthorizationServer.ts"
import { DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { printable } from "../../domain/PrintableText.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { type ClientAuthenticationMethod, clientAuthenticationMethods } from "../../domain/Server.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { discardBody, readBody } from "../http/BoundedBody.ts"

/** What a server that registered a client says of it (RFC 7591 §3.2.1), as far as this client uses it. */
const Registered = Schema.fromJsonString(
  Schema.Struct({
    client_id: Schema.NonEmptyString,
    client_secret: Schema.optionalKey(Schema.NullOr(Schema.String)),
    client_secret_expires_at: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
    token_endpoint_auth_method: Schema.optionalKey(Schema.NullOr(Schema.String))
  })
)

/** Why it did not (RFC 7591 §3.2.2). */
const RegistrationRefusal = Schema.fromJsonString(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.Unknown) })
)

/** A program on a person's machine can keep no secret (RFC 8252 §8.5): none is asked for, where the server allows. */
const methodToAskFor = ({
  token_endpoint_auth_methods_supported: supported
}: AuthorizationServerMetadata): ClientAuthenticationMethod =>
  (["none", "client_secret_basic", "client_secret_post"] as const).find(
    (method) => supported === undefined || supported.includes(method)
  ) ?? "none"

/**
 * The method of a client as the server registered it: it may have changed what was asked for (RFC 7591 §3.2.1).
 * Absent: one that this client cannot use.
 */
const methodGiven = (
  { client_secret, token_endpoint_auth_method: given }: typeof Registered.Type,
  asked: ClientAuthenticationMethod
): ClientAuthenticationMethod | undefined => {
  if (given && !clientAuthenticationMethods.some((method) => method === given)) return undefined
  if (!client_secret) return "none"
  return (
    clientAuthenticationMethods.find((method) => method === given) ??
    (asked === "none" ? "client_secret_basic" : asked)
  )
}

/** The last point in time that a date can name (ECMA-262 §21.4.1.1): a longer life is no life that counts. */
const endOfTime = 8_640_000_000_000_000

/** Dynamic client registration (RFC 7591) as a native application. */
export const layer: Layer.Layer<ClientRegistrar, never, HttpTransport> = Layer.effect(
  ClientRegistrar,
  Effect.gen(function* () {
    const transport = yield* HttpTransport
    const register = Effect.fn("ClientRegistrar.register")(function* ({
      metadata,
      redirectUri,
      scopes,
      server
    }: Parameters<ClientRegistrar["Service"]["register"]>[0]) {
      const { issuer } = metadata
      const refuse = (detail: string) => new RegistrationError({ server, issuer, detail })
      if (metadata.registration_endpoint === undefined)
        return yield* new RegistrationError({ server, issuer })
      const endpoint = URL.parse(metadata.registration_endpoint)
      if (endpoint === null || !isSecureUrl(endpoint)) {
        return yield* refuse("its registration endpoint is no https address")
      }
      const asked = methodToAskFor(metadata)
      const response = yield* transport.send(
        new Request(endpoint, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json" },
          body: JSON.stringify({
            client_name: "mcp-cli",
            redirect_uris: [redirectUri.href],
            grant_types: ["authorization_code", "refresh_token"],
            response_types: ["code"],
            application_type: "native",
            token_endpoint_auth_method: asked,
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
        Effect.mapError(({ detail, passing }) =>
          passing ? new NetworkError({ origin, detail }) : refuse(detail)
        )
      )
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
      return new DynamicRegistration({
        clientId: answer.client_id,
        authenticationMethod,
        redirectUri: redirectUri.href,
        ...(answer.client_secret ? { clientSecret: Redacted.make(answer.client_secret) } : {}),
        ...(answer.client_secret && ends > 0 ? { secretExpiresAt: Math.min(ends * 1000, endOfTime) } : {})
      })
    })
    return ClientRegistrar.of({ register })
  })
)
