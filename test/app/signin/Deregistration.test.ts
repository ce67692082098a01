import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import * as SignOut from "../../../src/app/signin/SignOut.ts"
import { ClientRegistrar } from "../../../src/ports/ClientRegistrar.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import { byHand, serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")
const signIn = (server = notion) => SignIn.use((service) => service.signIn({ server }))
const deregistered = Effect.map(ScriptedAuthorizationServer, (server) => server.deregistered)
const kept = Effect.map(
  CredentialStore.use((store) => store.list),
  (keys) => keys.map(({ storageName }) => storageName)
)
const logout = (server = notion) => SignOut.SignOut.use((service) => service.logout(server))
const signingOut = (options: Parameters<typeof world>[0] = {}) =>
  SignOut.layer.pipe(Layer.provideMerge(world(options)))

describe("the registration of a client", () => {
  it.effect("is taken back by a logout, once its tokens are revoked", () =>
    Effect.gen(function* () {
      yield* signIn()
      assert.strictEqual((yield* logout())._tag, "Revoked")
      assert.deepEqual(yield* deregistered, ["dynamic-1"])
    }).pipe(Effect.provide(signingOut()))
  )

  it.effect("is taken back where tokens cannot be revoked, too", () =>
    Effect.gen(function* () {
      yield* signIn()
      assert.strictEqual((yield* logout())._tag, "NotOffered")
      assert.deepEqual(yield* deregistered, ["dynamic-1"])
    }).pipe(Effect.provide(signingOut({ revocation: false })))
  )

  it.effect("is left alone by a reset, which needs no network", () =>
    Effect.gen(function* () {
      yield* signIn()
      assert.isTrue(yield* SignOut.SignOut.use((service) => service.reset("notion")))
      assert.deepEqual(yield* deregistered, [])
    }).pipe(Effect.provide(signingOut()))
  )

  it.effect("that is not ours is never taken back", () =>
    Effect.gen(function* () {
      const server = byHand("notion")
      yield* signIn(server)
      yield* logout(server)
      assert.deepEqual(yield* deregistered, [])
    }).pipe(Effect.provide(signingOut()))
  )

  it.effect("that cannot be taken back keeps nobody signed in", () => {
    const away = Layer.effect(
      ClientRegistrar,
      Effect.map(ClientRegistrar, ({ register }) =>
        ClientRegistrar.of({
          register,
          deregister: () => Effect.fail(new NetworkError({ origin: "https://as.test", detail: "away" }))
        })
      )
    )
    return Effect.gen(function* () {
      yield* signIn()
      yield* logout()
      assert.deepEqual(yield* kept, [])
    }).pipe(Effect.provide(SignOut.layer.pipe(Layer.provide(away), Layer.provideMerge(world()))))
  })
})
