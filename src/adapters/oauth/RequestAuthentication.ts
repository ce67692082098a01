import { Effect, Redacted } from "effect"
import type { ClientAuth } from "oauth4webapi"
import { basicWithClientId } from "../../domain/ClientAuthentication.ts"
import type { SecretSource } from "../../domain/Server.ts"
import { type RequestClient, UnusableSecret } from "../../ports/TokenEndpoint.ts"

/**
 * Encodes the id or the secret of a client as a form value, for HTTP Basic (RFC 6749 §2.3.1). A space is `%20`, which
 * servers read that decode either a form or a URL.
 */
const formEncoded = (text: string): string =>
  new URLSearchParams({ "": text }).toString().slice(1).replaceAll("+", "%20")

/**
 * HTTP Basic with both parts encoded as form values. `oauth4webapi` encodes more characters than a form requires; servers
 * that forget to decode understand the usual ids only this way.
 */
const basicAuthentication =
  (secret: string, options: { readonly clientIdInBody: boolean }): ClientAuth =>
  (_server, { client_id }, body, headers) => {
    if (options.clientIdInBody) body.set("client_id", client_id)
    const credentials = `${formEncoded(client_id)}:${formEncoded(secret)}`
    headers.set("authorization", `Basic ${btoa(credentials)}`)
  }

/** The secret of a client. That of the configuration was checked there; a file is read each time. */
const secretOf = Effect.fnUntraced(function* (
  source: SecretSource | undefined
): Effect.fn.Return<string, UnusableSecret> {
  if (source === undefined) return ""
  if (Redacted.isRedacted(source)) return Redacted.value(source)
  const { secretToSend } = yield* Effect.promise(() => import("./SecretText.ts"))
  return yield* secretToSend(source, "client_secret", "line")
})

/** The authentication of a client (RFC 6749 §2.3, RFC 7523 §2.2), for a request of `oauth4webapi`. */
export const authenticationOf = Effect.fnUntraced(function* (
  client: RequestClient
): Effect.fn.Return<ClientAuth, UnusableSecret> {
  if (client.authenticationMethod === "private_key_jwt") {
    if (client.signing !== undefined) {
      // Few clients sign: the others do not load what reads keys.
      const { clientAssertion } = yield* Effect.promise(() => import("./ClientAssertion.ts"))
      return yield* clientAssertion(client.signing.key)
    }
    return yield* new UnusableSecret({
      field: "private_key",
      problem: "is missing, and the client authenticates with private_key_jwt"
    })
  }
  const oauth = yield* Effect.promise(() => import("oauth4webapi"))
  const secret = yield* secretOf(client.clientSecret)
  switch (client.authenticationMethod) {
    case "client_secret_basic":
      return basicAuthentication(secret, { clientIdInBody: false })
    case basicWithClientId:
      return basicAuthentication(secret, { clientIdInBody: true })
    case "client_secret_post":
      return oauth.ClientSecretPost(secret)
    case "none":
      return oauth.None()
  }
})
