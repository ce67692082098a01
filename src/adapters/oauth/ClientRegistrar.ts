import { Effect, Layer, Redacted, Result, Schema } from "effect"
import type { AuthorizationServerMetadata } from "../../domain/AuthorizationServer.ts"
import { DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { printable } from "../../domain/PrintableText.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { type ClientAuthenticationMethod, clientAuthenticationMethods } from "../../domain/Server.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"

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
  Schema.Struct({ error: Schema.NonEmptyString, error_description: Schema.optionalKey(Schema.String) })
)

/** A program on a person's machine can keep no secret (RFC 8252 §8.5): none is asked for, where the server allows. */
const methodToAskFor = ({
  token_endpoint_auth_methods_supported: supported
}: AuthorizationServerMetadata): ClientAuthenticationMethod =>
  (["none", "client_secret_basic", "client_secret_post"] as const).find(
    (method) => supported === undefined || supported.includes(method)
  ) ?? "none"

const methodGiven = (
  answer: typeof Registered.Type,
  asked: ClientAuthenticationMethod
): ClientAuthenticationMethod => {
  const given = clientAuthenticationMethods.find((method) => method === answer.token_endpoint_auth_method)
  if (!answer.client_secret) return "none"
  return given ?? (asked === "none" ? "client_secret_basic" : asked)
}

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
      const endpoint = new URL(metadata.registration_endpoint)
      if (!isSecureUrl(endpoint)) return yield* refuse("its registration endpoint is not https")
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
      const text = yield* readBody(response).pipe(Effect.mapError(({ detail }) => refuse(detail)))
      if (!response.ok) {
        const refusal = Schema.decodeResult(RegistrationRefusal)(text)
        return yield* refuse(
          Result.match(refusal, {
            onFailure: () => `HTTP ${response.status}`,
            onSuccess: ({ error, error_description }) =>
              printable(error_description === undefined ? error : `${error}: ${error_description}`)
          })
        )
      }
      const answer = yield* Schema.decodeEffect(Registered)(text).pipe(
        Effect.mapError(() => refuse("its answer holds no client_id"))
      )
      const ends = answer.client_secret_expires_at ?? 0
      return new DynamicRegistration({
        clientId: answer.client_id,
        authenticationMethod: methodGiven(answer, asked),
        redirectUri: redirectUri.href,
        ...(answer.client_secret ? { clientSecret: Redacted.make(answer.client_secret) } : {}),
        ...(answer.client_secret && ends > 0 ? { secretExpiresAt: ends * 1000 } : {})
      })
    })
    return ClientRegistrar.of({ register })
  })
)
