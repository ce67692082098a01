import { Effect, Layer, Redacted } from "effect"
import * as ClientRegistrarLive from "../../src/adapters/oauth/ClientRegistrar.ts"
import { AuthorizationServerMetadata } from "../../src/domain/AuthorizationServer.ts"
import { ClientRegistrar } from "../../src/ports/ClientRegistrar.ts"
import { anyDocument, anyText, anyUrl, type Json } from "./Mutation.ts"
import { type Answer, anyAnswer, isUsable, makeNetwork } from "./Network.ts"
import type { Random } from "./Random.ts"
import { mustAll, outcomeOf, secretIn, seenOf, type Target } from "./Target.ts"

const secret = "the-client-secret-that-came-0123"
const accessToken = "the-registration-token-that-came-0123"
const as = "https://as.test"

/** A server that registers clients, its answer, and what it says when the client is taken back. */
export interface Registration {
  readonly endpoint: string
  /** `token_endpoint_auth_methods_supported`; null: absent. */
  readonly methods: ReadonlyArray<string> | null
  readonly scopes: ReadonlyArray<string>
  readonly answer: Answer
  readonly shutdownTimeout: Answer
}

const methods = [
  "none",
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  ""
] as const

const anyBody = (random: Random): Json =>
  random.oneIn(4)
    ? {
        error: random.pick(["invalid_redirect_uri", "invalid_client_metadata", "access_denied"]),
        error_description: "what went wrong"
      }
    : {
        client_id: random.oneIn(8) ? anyText(random) : "the client",
        ...(random.oneIn(3)
          ? {}
          : { client_secret: secret, client_secret_expires_at: random.pick([0, 1_900_000_000, 1e300, -1]) }),
        ...(random.oneIn(3) ? {} : { token_endpoint_auth_method: random.pick(methods) }),
        ...(random.oneIn(2) ? {} : { scope: random.oneIn(3) ? anyText(random) : "read write" }),
        ...(random.oneIn(2)
          ? {}
          : {
              registration_client_uri: random.oneIn(2) ? anyUrl(random) : `${as}/register/1`,
              registration_access_token: random.oneIn(6) ? anyText(random) : accessToken
            })
      }

const anyRegistration = (random: Random): Registration => {
  const body = anyBody(random)
  const isError = typeof body === "object" && body !== null && "error" in body
  return {
    endpoint: random.oneIn(6) ? anyUrl(random) : `${as}/register`,
    methods: random.oneIn(2) ? null : random.list(3, () => random.pick(methods)),
    scopes: random.list(2, () => random.pick(["read", "write", "offline_access"])),
    answer: anyAnswer(random, anyDocument(random, body), isError ? 400 : 201),
    shutdownTimeout: anyAnswer(random, anyText(random), 204)
  }
}

/**
 * Answers of registration endpoints (RFC 7591), and of where a client is taken back (RFC 7592). One request each, to an
 * address that may be used; the registration's token goes to no other; no secret can be seen, in a client or an error.
 */
export const registrations: Target<Registration> = {
  name: "registrations",
  generate: anyRegistration,
  check: Effect.fnUntraced(function* (input) {
    if (input.endpoint === "") return "no address"
    const network = makeNetwork(({ method }) => (method === "POST" ? input.answer : input.shutdownTimeout))
    const secrets = [secret, accessToken]
    const live = Effect.provide(ClientRegistrarLive.layer.pipe(Layer.provideMerge(network.layer)))
    const outcome = yield* outcomeOf(
      ClientRegistrar.use((registrar) =>
        registrar.register({
          server: "notion",
          metadata: new AuthorizationServerMetadata({
            issuer: as,
            token_endpoint: `${as}/token`,
            registration_endpoint: input.endpoint,
            ...(input.methods === null ? {} : { token_endpoint_auth_methods_supported: input.methods })
          }),
          redirectUri: new URL("http://localhost:8080/callback"),
          scopes: input.scopes
        })
      ),
      { errors: ["RegistrationError", "NetworkError"], secrets }
    ).pipe(live)
    yield* mustAll([
      [network.sent.length <= 1, `${network.sent.length} requests`],
      ...network.sent.map(
        ({ authorization, method, url }) =>
          [
            method === "POST" &&
              isUsable(url) &&
              url === URL.parse(input.endpoint)?.href &&
              authorization === null,
            `a ${method} to ${url}`
          ] as const
      )
    ])
    if (outcome._tag === "Failed") return outcome.error._tag
    const client = outcome.value
    const hasSecret = client.clientSecret !== undefined && Redacted.value(client.clientSecret) !== ""
    // An identifier, its scopes and the address of a registration are public, whatever a server writes there.
    const shown = {
      ...client,
      clientId: "",
      scopes: [],
      management: { ...client.management, url: "" }
    }
    yield* mustAll([
      [network.sent.length === 1, "an answer that nobody gave"],
      [client.clientId !== "", "an empty client identifier"],
      [
        client.authenticationMethod === "none" || hasSecret,
        `${client.authenticationMethod} without a secret`
      ],
      [
        client.secretExpiresAt === undefined || !Number.isNaN(new Date(client.secretExpiresAt).getTime()),
        `a secret that ends at ${client.secretExpiresAt}`
      ],
      [secretIn(seenOf(shown), secrets) === undefined, "a secret that can be seen"]
    ])
    network.sent.length = 0
    const forgotten = yield* outcomeOf(
      ClientRegistrar.use((registrar) => registrar.deregister(client)),
      { errors: ["NetworkError"], secrets }
    ).pipe(live)
    const { management } = client
    yield* mustAll([
      [
        network.sent.length === (management === undefined ? 0 : 1),
        `${network.sent.length} requests to forget`
      ],
      ...network.sent.map(
        ({ method, url }) =>
          [
            method === "DELETE" &&
              isUsable(url) &&
              url === management?.url &&
              URL.parse(url)?.origin === URL.parse(input.endpoint)?.origin,
            `a ${method} to ${url}`
          ] as const
      )
    ])
    return management === undefined
      ? "registered"
      : `registered, ${forgotten._tag === "Failed" ? forgotten.error._tag : forgotten.value ? "forgotten" : "kept"}`
  })
}
