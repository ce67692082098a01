import { Effect, Redacted } from "effect"
import type { ClientAuth } from "oauth4webapi"
import { type RequestClient, UnusableSecret } from "../../ports/TokenEndpoint.ts"

/** One part of a client's name and password (RFC 6749 §2.3.1), written as forms are. */
const formEncoded = (text: string): string => new URLSearchParams({ "": text }).toString().slice(1)

/**
 * HTTP Basic with the two parts encoded, and no more of them than forms need: servers that forget to decode then still
 * understand the usual names.
 */
const basicAuthentication =
  (secret: string): ClientAuth =>
  (_server, { client_id }, _body, headers) => {
    const credentials = `${formEncoded(client_id)}:${formEncoded(secret)}`
    headers.set("authorization", `Basic ${btoa(credentials)}`)
  }

/** How a client proves who it is in a request, in the terms of `oauth4webapi`. */
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
      detail: `the client is to sign (private_key_jwt), and the oauth block has no "private_key"`
    })
  }
  const oauth = yield* Effect.promise(() => import("oauth4webapi"))
  const secret = client.clientSecret === undefined ? "" : Redacted.value(client.clientSecret)
  switch (client.authenticationMethod) {
    case "client_secret_basic":
      return basicAuthentication(secret)
    case "client_secret_post":
      return oauth.ClientSecretPost(secret)
    case "none":
      return oauth.None()
  }
})
