import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as ClientRegistrar from "../../../src/adapters/oauth/ClientRegistrar.ts"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import { ClientRegistrar as Port } from "../../../src/ports/ClientRegistrar.ts"
import { wire } from "./Wire.ts"

const as = "https://as.test"
const metadata = { issuer: as, authorization_endpoint: `${as}/authorize`, token_endpoint: `${as}/token` }
/** That it registers clients. */
const offered = { registration_endpoint: `${as}/register` }

const register = (answer: () => Response, more: object = offered) => {
  const network = wire({ [`${as}/register`]: answer })
  const asking = Port.use((service) =>
    service.register({
      server: "notion",
      metadata: new AuthorizationServerMetadata({ ...metadata, ...more }),
      redirectUri: new URL("http://localhost:8080/callback"),
      scopes: ["read"]
    })
  ).pipe(Effect.provide(ClientRegistrar.layer.pipe(Layer.provide(network.layer))))
  return { ...network, asking }
}

describe("registration", () => {
  it.effect("asks for a native client that refreshes and has no secret", () =>
    Effect.gen(function* () {
      const { asking, sent } = register(() => Response.json({ client_id: "new" }, { status: 201 }))
      const client = yield* asking
      assert.deepEqual(JSON.parse(sent[0]?.body ?? ""), {
        client_name: "mcp-cli",
        redirect_uris: ["http://localhost:8080/callback"],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        application_type: "native",
        token_endpoint_auth_method: "none",
        scope: "read"
      })
      assert.deepInclude(client, { clientId: "new", authenticationMethod: "none" })
    })
  )

  it.effect("takes the secret, its end and the method that the server gives", () =>
    Effect.gen(function* () {
      const { asking, sent } = register(
        () =>
          Response.json({
            client_id: "new",
            client_secret: "given",
            client_secret_expires_at: 1_800_000_000,
            token_endpoint_auth_method: "client_secret_post"
          }),
        { ...offered, token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"] }
      )
      const client = yield* asking
      assert.include(sent[0]?.body, '"token_endpoint_auth_method":"client_secret_basic"')
      assert.deepInclude(client, {
        authenticationMethod: "client_secret_post",
        secretExpiresAt: 1_800_000_000_000
      })
      assert.strictEqual(client.clientSecret && Redacted.value(client.clientSecret), "given")
    })
  )

  it.effect("that is refused says why, and what to write instead", () =>
    Effect.gen(function* () {
      const { asking } = register(() =>
        Response.json({ error: "invalid_redirect_uri", error_description: "no\u001b[2J" }, { status: 400 })
      )
      const error = yield* Effect.flip(asking)
      assert.include(error.message, "invalid_redirect_uri: no [2J")
      assert.include(error.message, '"client_id"')
    })
  )

  it.effect("that is not offered says so", () =>
    Effect.gen(function* () {
      const { asking, sent } = register(() => Response.json({}), {})
      const error = yield* Effect.flip(asking)
      assert.include(error.message, "does not register clients by itself")
      assert.deepEqual(sent, [])
    })
  )
})
