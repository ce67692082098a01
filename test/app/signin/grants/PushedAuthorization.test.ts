import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../../src/adapters/scripted/ScriptedUser.ts"
import { SignIn } from "../../../../src/app/signin/SignIn.ts"
import type { EndpointsByHand, RemoteServer } from "../../../../src/domain/Server.ts"
import { InvalidClient, Transient } from "../../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed, world } from "../../World.ts"

const notion = serverNamed("notion")
const signIn = (server: RemoteServer = notion) =>
  SignIn.use((service) => service.signIn({ server, challenge: undefined }))
const opened = Effect.map(ScriptedUser, (user) => user.opened.map((url) => [...url.searchParams.keys()]))
const pushes = Effect.map(ScriptedAuthorizationServer, ({ counts }) => counts.pushedAuthorizations)

/** A server with endpoints by hand, one of them for pushed requests. */
const pushedByHand = (authorizationEndpoint = "https://as.test/authorize") => {
  const server = byHand("notion")
  const source: EndpointsByHand = {
    ...(server.oauth.source as EndpointsByHand),
    authorizationEndpoint: new URL(authorizationEndpoint),
    endpoints: { pushedAuthorization: new URL("https://as.test/par") }
  }
  return { ...server, oauth: { ...server.oauth, source } }
}

describe("a server that requires pushed authorization requests", () => {
  it.effect("gets the parameters from us, and from the browser only a reference", () =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn(serverNamed("notion", { scopes: ["read"] }))
      assert.isTrue(yield* ScriptedAuthorizationServer.use(({ accepts }) => accepts(tokens.accessToken)))
      const granted = yield* ScriptedAuthorizationServer.use(({ scopesOf }) => scopesOf(tokens.accessToken))
      assert.deepEqual(granted, ["read"])
      assert.deepEqual(yield* opened, [["client_id", "request_uri"]])
      assert.strictEqual(yield* pushes, 1)
    }).pipe(Effect.provide(world({ pushedAuthorization: "required" })))
  )

  it.effect("registers us again if it has forgotten the client, before a browser opens", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* ScriptedAuthorizationServer.use((server) => server.forgetClients)
      const { credential } = yield* SignIn.use((service) =>
        service.signIn({ server: notion, adopt: () => undefined })
      )
      assert.strictEqual(credential.registration.clientId, "dynamic-2")
      assert.strictEqual((yield* opened).length, 2)
      assert.strictEqual(yield* pushes, 3)
      // The address has not been requested before the browser opened it: a reference can be used once.
    }).pipe(Effect.provide(world({ pushedAuthorization: "required", preflight: 400 })))
  )

  it.effect("is asked again after a transient failure", () =>
    Effect.gen(function* () {
      yield* ScriptedAuthorizationServer.use(({ failNext }) =>
        failNext(new Transient({ detail: "HTTP 503" }))
      )
      const running = yield* Effect.forkChild(signIn())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(running)
      assert.strictEqual(yield* pushes, 2)
    }).pipe(Effect.provide(world({ pushedAuthorization: "required" })))
  )

  it.effect("gets a configured secret only if the configuration names its issuer", () =>
    Effect.gen(function* () {
      const client = { clientId: "written", clientSecret: Redacted.make("written-secret") }
      const withSecret = (issuer?: string) =>
        serverNamed("notion", { issuer, source: { _tag: "Discovered", client } })
      const error = yield* Effect.flip(signIn(withSecret()))
      assert.deepInclude(error, { _tag: "DiscoveryError", reason: "issuer not confirmed" })
      assert.strictEqual(yield* pushes, 0)
      yield* signIn(withSecret("https://as.test"))
      assert.strictEqual(yield* pushes, 1)
    }).pipe(Effect.provide(world({ pushedAuthorization: "required" })))
  )

  it.effect("is an error if it names no place for them that may be used", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn())
      assert.strictEqual(error._tag, "DiscoveryError")
      assert.include(error.message, "pushed_authorization_request_endpoint")
      assert.deepEqual(yield* opened, [])
    }).pipe(
      Effect.provide(
        world({
          pushedAuthorization: "required",
          metadata: { pushed_authorization_request_endpoint: "http://as.test/par" }
        })
      )
    )
  )
})

describe("a server that only offers them", () => {
  it.effect("gets the parameters from the browser, as before", () =>
    Effect.gen(function* () {
      yield* signIn()
      assert.include((yield* opened)[0] ?? [], "state")
      assert.strictEqual(yield* pushes, 0)
    }).pipe(Effect.provide(world({ pushedAuthorization: "offered" })))
  )
})

describe("pushed_authorization_request_url", () => {
  it.effect("pushes, and keeps what the address of the authorization endpoint has in it", () =>
    Effect.gen(function* () {
      yield* signIn(pushedByHand("https://as.test/authorize?tenant=t"))
      assert.deepEqual(yield* opened, [["tenant", "client_id", "request_uri"]])
      assert.strictEqual(yield* pushes, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("names the fields of a client that is not accepted there", () =>
    Effect.gen(function* () {
      const invalid = new InvalidClient()
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(invalid, invalid, invalid))
      const error = yield* Effect.flip(signIn(pushedByHand()))
      assert.strictEqual(error._tag, "ClientRejected")
      // With Basic, then in the body, then both.
      assert.strictEqual(yield* pushes, 3)
      assert.deepEqual(yield* opened, [])
    }).pipe(Effect.provide(world()))
  )
})
