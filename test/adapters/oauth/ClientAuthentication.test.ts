import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import { withClient } from "../../../src/app/signin/WithClient.ts"
import { authenticationMethods } from "../../../src/domain/ClientAuthentication.ts"
import { TokenEndpoint as Port } from "../../../src/ports/TokenEndpoint.ts"
import { type Sent, wire } from "./Wire.ts"

const as = "https://as.test"

/** How a request authenticated. */
const methodOf = ({ body, headers }: Sent): string => {
  const form = new URLSearchParams(body)
  if (headers.has("authorization")) return form.has("client_id") ? "basic with client_id" : "basic"
  return form.has("client_secret") ? "post" : "none"
}

const error = (status: number, code: string, description?: string) =>
  Response.json({ error: code, error_description: description }, { status })

/** A refresh of a client with a secret at a server that accepts one way to authenticate. */
const refresh = (options: {
  readonly accepts: string | undefined
  readonly refuse: (method: string) => Response
  readonly supported?: ReadonlyArray<string>
  readonly decided?: "client_secret_basic" | "client_secret_post"
}) => {
  const network = wire({
    [`${as}/token`]: (request) =>
      methodOf(request) === options.accepts
        ? Response.json({ access_token: "new", token_type: "Bearer" })
        : options.refuse(methodOf(request))
  })
  const methods = authenticationMethods({
    hasSecret: true,
    decided: options.decided,
    supported: options.supported
  })
  const credentials = { clientId: "id", clientSecret: Redacted.make("a secret"), signing: undefined, methods }
  const asking = Port.use((endpoint) =>
    withClient(credentials, (client) =>
      endpoint.refresh({
        server: "notion",
        tokenEndpoint: new URL(`${as}/token`),
        client,
        resource: undefined,
        refreshToken: Redacted.make("old")
      })
    )
  ).pipe(
    Effect.provide(TokenEndpoint.layer.pipe(Layer.provide(DpopProofs.layer), Layer.provide(network.layer)))
  )
  return { asking, tried: () => network.sent.map(methodOf) }
}

describe("a client with a secret whose authentication fails", () => {
  it.effect.each<readonly [string, () => Response]>([
    ["401 invalid_client", () => error(401, "invalid_client")],
    ["400 invalid_client", () => error(400, "invalid_client")],
    ["401 unauthorized_client of Keycloak", () => error(401, "unauthorized_client")],
    ["401 without JSON", () => new Response("Unauthorized", { status: 401 })],
    ["401 with JSON of another kind", () => Response.json({ message: "no" }, { status: 401 })],
    ["401 with a code of its own", () => error(401, "unauthorized")],
    ["400 that misses the client_id", () => error(400, "invalid_request", "Missing client_id")],
    ["400 that misses the secret", () => error(400, "invalid_request", "client_secret is required")]
  ])("is tried in the other way: %s", ([, refuse]) =>
    Effect.gen(function* () {
      const { asking, tried } = refresh({ accepts: "post", refuse })
      assert.strictEqual((yield* asking).method, "client_secret_post")
      assert.deepEqual(tried(), ["basic", "post"])
    })
  )

  it.effect("is tried with client_id beside Basic last, and where Basic is configured", () =>
    Effect.gen(function* () {
      const refuse = () => error(401, "invalid_client", "Missing client_id")
      const accepts = "basic with client_id"
      const listed = refresh({ accepts, refuse })
      assert.strictEqual((yield* listed.asking).method, "client_secret_basic with client_id")
      assert.deepEqual(listed.tried(), ["basic", "post", accepts])
      const decided = refresh({ accepts, refuse, decided: "client_secret_basic" })
      yield* decided.asking
      assert.deepEqual(decided.tried(), ["basic", accepts])
    })
  )

  it.effect.each<readonly [string, Response]>([
    ["InvalidGrant", error(400, "invalid_grant")],
    ["InvalidGrant", error(401, "invalid_grant")],
    ["Refused", error(403, "unauthorized_client", "refresh_token is invalid")],
    ["Refused", error(400, "unauthorized_client")],
    ["Refused", error(400, "invalid_request", "scope is malformed")],
    ["Malformed", new Response("no", { status: 403 })],
    ["Transient", new Response("", { status: 503 })]
  ])("is tried in one way after %s", ([tag, response]) =>
    Effect.gen(function* () {
      const { asking, tried } = refresh({ accepts: undefined, refuse: () => response })
      assert.strictEqual((yield* Effect.flip(asking)).reason._tag, tag)
      assert.deepEqual(tried(), ["basic"])
    })
  )

  it.effect("is never tried by a method that the server does not list", () =>
    Effect.gen(function* () {
      const refuse = () => error(401, "invalid_client")
      const { asking, tried } = refresh({ accepts: "basic", refuse, supported: ["client_secret_post"] })
      assert.strictEqual((yield* Effect.flip(asking)).reason._tag, "InvalidClient")
      assert.deepEqual(tried(), ["post"])
    })
  )

  it.effect("fails as the server said of the client, whatever it says of the other ways", () =>
    Effect.gen(function* () {
      const answers: Readonly<Record<string, () => Response>> = {
        basic: () => error(401, "invalid_client"),
        post: () => error(400, "invalid_request", "client_secret is not allowed"),
        "basic with client_id": () => error(400, "invalid_request", "multiple client credentials")
      }
      const { asking, tried } = refresh({ accepts: undefined, refuse: (method) => answers[method]!() })
      assert.strictEqual((yield* Effect.flip(asking)).reason._tag, "InvalidClient")
      assert.lengthOf(tried(), 3)
    })
  )
})
