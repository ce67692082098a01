import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as CallbackListener from "../../../src/adapters/loopback/CallbackListener.ts"
import * as ClientRegistrar from "../../../src/adapters/oauth/ClientRegistrar.ts"
import * as Discovery from "../../../src/adapters/oauth/Discovery.ts"
import * as PkceGenerator from "../../../src/adapters/oauth/PkceGenerator.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as TokenEndpoint from "../../../src/adapters/oauth/TokenEndpoint.ts"
import { authorizationUrl } from "../../../src/domain/AuthorizationRequest.ts"
import { readAuthorizationResponse } from "../../../src/domain/AuthorizationResponse.ts"
import { CallbackListener as CallbackListenerPort } from "../../../src/ports/CallbackListener.ts"
import { ClientRegistrar as ClientRegistrarPort } from "../../../src/ports/ClientRegistrar.ts"
import { Discovery as DiscoveryPort } from "../../../src/ports/Discovery.ts"
import { PkceGenerator as FlowSecretSourcePort } from "../../../src/ports/PkceGenerator.ts"
import { TokenEndpoint as TokenEndpointPort } from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed } from "../../app/World.ts"
import { startAuthorizationServer } from "../../servers/AuthorizationServer.ts"
import { startMcpServer } from "../../servers/McpServer.ts"
import { followRedirects } from "../../servers/BrowserUser.ts"

const wire = Layer.mergeAll(
  CallbackListener.layer,
  ClientRegistrar.layer,
  Discovery.layer,
  PkceGenerator.layer,
  TokenEndpoint.layer
).pipe(Layer.provide([FetchTransport.layer, DpopProofs.layer]))

const servers = Effect.gen(function* () {
  const authorizationServer = yield* Effect.acquireRelease(
    Effect.promise(() => startAuthorizationServer({ autoApprove: true })),
    (running) => Effect.promise(() => running.close())
  )
  const mcpServer = yield* Effect.acquireRelease(
    Effect.promise(() => startMcpServer({ authorizationServer, scope: "mcp:read" })),
    (running) => Effect.promise(() => running.close())
  )
  return { authorizationServer, mcpServer }
})

describe("the wire, against a certified authorization server", () => {
  it.live("finds it, registers, gets tokens for the resource, and knows what is worth nothing any more", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* servers
      const server = { ...serverNamed("real"), url: mcpServer.url }
      const discovery = yield* DiscoveryPort
      const registrar = yield* ClientRegistrarPort
      const endpoint = yield* TokenEndpointPort

      const { metadata, resource, scopes } = yield* discovery.discover(server, undefined)
      assert.strictEqual(metadata.issuer, authorizationServer.issuer)
      assert.strictEqual(resource, mcpServer.url.href)
      assert.deepEqual(scopes, ["mcp:read"])

      const listener = yield* CallbackListenerPort
      const { conclude, receive, redirectUri } = yield* listener.bind({
        server: server.name,
        redirectUri: new URL("http://localhost:0/callback"),
        portMayMove: true
      })
      const registration = yield* registrar.register({ server: server.name, metadata, redirectUri, scopes })
      const secrets = yield* FlowSecretSourcePort.use(({ make }) => make)
      const flow = {
        server: server.name,
        authorizationEndpoint: new URL(metadata.authorization_endpoint ?? ""),
        tokenEndpoint: new URL(metadata.token_endpoint),
        issuer: metadata.issuer,
        issuerRequired: metadata.authorization_response_iss_parameter_supported === true,
        clientId: registration.clientId,
        redirectUri,
        scopes,
        resource,
        usePkce: true,
        extraAuthParams: {},
        secrets
      }
      assert.isTrue(flow.issuerRequired)
      const waiting = yield* Effect.forkChild(
        receive((parameters) => readAuthorizationResponse(flow, parameters)).pipe(
          Effect.tap(() => conclude(true))
        )
      )
      const page = yield* Effect.promise(() => followRedirects(authorizationUrl(flow).href))
      assert.include(page.body, "Signed in to real")
      const answer = yield* Fiber.join(waiting)
      if (answer._tag !== "Granted") return assert.fail(answer._tag)

      const request = {
        server: server.name,
        tokenEndpoint: flow.tokenEndpoint,
        client: {
          clientId: registration.clientId,
          clientSecret: registration.clientSecret,
          authenticationMethod: registration.authenticationMethod
        },
        resource
      }
      const exchange = endpoint.exchange({
        ...request,
        code: answer.code,
        redirectUri,
        codeVerifier: secrets.codeVerifier
      })
      const first = yield* exchange
      const { active } = yield* Effect.promise(() =>
        authorizationServer.introspect(Redacted.value(first.accessToken), resource)
      )
      assert.isTrue(active)
      const refreshToken = first.refreshToken
      if (refreshToken === undefined) return assert.fail("no refresh token")
      const second = yield* endpoint.refresh({ ...request, refreshToken })
      assert.notStrictEqual(Redacted.value(second.accessToken), Redacted.value(first.accessToken))

      const replayed = yield* Effect.flip(endpoint.refresh({ ...request, refreshToken }))
      assert.strictEqual(replayed.reason._tag, "InvalidGrant")
      assert.strictEqual((yield* Effect.flip(exchange)).reason._tag, "InvalidGrant")
      authorizationServer.forgetClients()
      const forgotten = yield* Effect.flip(endpoint.refresh({ ...request, refreshToken }))
      assert.strictEqual(forgotten.reason._tag, "InvalidClient")
    }).pipe(Effect.provide(wire))
  )

  it.live("revokes a refresh token, and the access token with it, and then knows neither", () =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer } = yield* servers
      const server = { ...serverNamed("real"), url: mcpServer.url }
      const endpoint = yield* TokenEndpointPort
      const { metadata, resource, scopes } = yield* DiscoveryPort.use((_) => _.discover(server, undefined))
      assert.strictEqual(metadata.revocation_endpoint, `${authorizationServer.issuer}/revoke`)
      const { conclude, receive, redirectUri } = yield* CallbackListenerPort.use((_) =>
        _.bind({
          server: server.name,
          redirectUri: new URL("http://localhost:0/callback"),
          portMayMove: true
        })
      )
      const { clientId, clientSecret, authenticationMethod } = yield* ClientRegistrarPort.use((_) =>
        _.register({ server: server.name, metadata, redirectUri, scopes })
      )
      const secrets = yield* FlowSecretSourcePort.use(({ make }) => make)
      const flow = {
        server: server.name,
        authorizationEndpoint: new URL(metadata.authorization_endpoint ?? ""),
        tokenEndpoint: new URL(metadata.token_endpoint),
        issuer: metadata.issuer,
        issuerRequired: true,
        clientId,
        redirectUri,
        scopes,
        resource,
        usePkce: true,
        extraAuthParams: {},
        secrets
      }
      const waiting = yield* Effect.forkChild(
        receive((parameters) => readAuthorizationResponse(flow, parameters)).pipe(
          Effect.tap(() => conclude(true))
        )
      )
      yield* Effect.promise(() => followRedirects(authorizationUrl(flow).href))
      const answer = yield* Fiber.join(waiting)
      if (answer._tag !== "Granted") return assert.fail(answer._tag)
      const request = {
        server: server.name,
        tokenEndpoint: flow.tokenEndpoint,
        client: { clientId, clientSecret, authenticationMethod },
        resource
      }
      const { accessToken, refreshToken } = yield* endpoint.exchange({
        ...request,
        code: answer.code,
        redirectUri,
        codeVerifier: secrets.codeVerifier
      })
      if (refreshToken === undefined) return assert.fail("no refresh token")
      const isActive = Effect.promise(() =>
        authorizationServer.introspect(Redacted.value(accessToken), resource)
      ).pipe(Effect.map(({ active }) => active))
      assert.isTrue(yield* isActive)

      const revocation = {
        server: server.name,
        revocationEndpoint: new URL(metadata.revocation_endpoint!),
        client: request.client
      }
      const refresh = { ...revocation, token: refreshToken, hint: "refresh_token" } as const
      yield* endpoint.revoke(refresh)
      const refreshed = yield* Effect.flip(endpoint.refresh({ ...request, refreshToken }))
      assert.strictEqual(refreshed.reason._tag, "InvalidGrant")
      yield* endpoint.revoke({ ...revocation, token: accessToken, hint: "access_token" })
      assert.isFalse(yield* isActive)
      // What is unknown is revoked as well (RFC 7009 §2.2).
      yield* endpoint.revoke(refresh)

      authorizationServer.forgetClients()
      const forgotten = yield* Effect.flip(endpoint.revoke(refresh))
      assert.strictEqual(forgotten.reason._tag, "InvalidClient")
    }).pipe(Effect.provide(wire))
  )

  it.live("makes new secrets for every flow, as long as they should be", () =>
    Effect.gen(function* () {
      const { make } = yield* FlowSecretSourcePort
      const made = yield* Effect.all([make, make])
      const values = made.flatMap(({ codeChallenge, codeVerifier, state }) => [
        Redacted.value(state),
        Redacted.value(codeVerifier),
        codeChallenge
      ])
      assert.strictEqual(new Set(values).size, 6)
      for (const value of values) assert.match(value, /^[A-Za-z0-9_-]{43,128}$/)
    }).pipe(Effect.provide(wire))
  )
})
