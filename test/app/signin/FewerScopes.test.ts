import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser, type UserScript } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { SignIn, type SignInRequest } from "../../../src/app/signin/SignIn.ts"
import { Refused } from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../World.ts"

const challenge = { error: undefined, scope: "mcp:read", resourceMetadata: undefined }
const metadata = { scopes_supported: ["mcp:read", "offline_access"] }
const refusal = { error: "invalid_scope", description: "Invalid scopes" }

const signIn = (rest: Partial<SignInRequest> = {}) =>
  SignIn.use((service) => service.signIn({ server: serverNamed("notion"), challenge, ...rest }))

/** The scopes of each authorization request. */
const requested = Effect.map(ScriptedUser, ({ opened }) => opened.map((url) => url.searchParams.get("scope")))

describe("scopes that this program chose and the server refuses", () => {
  it.effect.each<readonly [string, ReadonlyArray<UserScript>, ReadonlyArray<string | null>]>([
    ["offline_access", [refusal, "approve"], ["mcp:read offline_access", "mcp:read"]],
    [
      "offline_access by the code of Keycloak",
      [{ error: "not_allowed" }, "approve"],
      ["mcp:read offline_access", "mcp:read"]
    ],
    ["all of them", [refusal, refusal, "approve"], ["mcp:read offline_access", "mcp:read", null]]
  ])("are left out: %s", ([, script, expected]) =>
    Effect.gen(function* () {
      yield* signIn()
      assert.deepEqual(yield* requested, expected)
      const { told } = yield* ScriptedUser
      assert.include(told[0], "https://as.test refuses the scope offline_access. Signing in without it.")
      // The client of the first attempt is used again.
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.registrations, 1)
    }).pipe(Effect.provide(world({ metadata, script })))
  )

  it.effect.each(["not_allowed", "invalid_scope"])("may be refused at the token endpoint only: %s", (error) =>
    Effect.gen(function* () {
      const { failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(
        new Refused({ error, description: "Offline tokens not allowed for the user or client" })
      )
      yield* signIn()
      assert.deepEqual(yield* requested, ["mcp:read offline_access", "mcp:read"])
      // The next sign-in does not ask for it again, since the refresh token came without it.
      yield* signIn()
      assert.deepEqual((yield* requested).slice(2), ["mcp:read"])
    }).pipe(Effect.provide(world({ metadata })))
  )

  it.effect("end the sign-in if the server refuses none at all too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn())
      assert.strictEqual(error._tag, "SignInRefused")
      assert.lengthOf(yield* requested, 3)
    }).pipe(Effect.provide(world({ metadata, script: refusal })))
  )

  it.effect("are left out of the request for a device code", () =>
    Effect.gen(function* () {
      const { counts, failNext } = yield* ScriptedAuthorizationServer
      yield* failNext(new Refused(refusal))
      const signingIn = yield* Effect.forkChild(signIn({ device: true }))
      yield* TestClock.adjust("1 minute")
      const { credential } = yield* Fiber.join(signingIn)
      assert.deepEqual(credential.requestedScopes, ["mcp:read"])
      assert.strictEqual(counts.registrations, 1)
    }).pipe(Effect.provide(world({ metadata, devicePending: 0 })))
  )
})

describe("scopes that the user chose and the server refuses", () => {
  const { oauth, ...server } = serverNamed("notion")
  it.effect.each<readonly [string, Partial<SignInRequest>]>([
    ["in the configuration", { server: { ...server, oauth: { ...oauth, scopes: ["a", "offline_access"] } } }],
    ["on the command line", { scopes: ["a", "offline_access"] }],
    ["by a tool that requires them", { moreScopes: ["a", "offline_access"] }]
  ])("end the sign-in: %s", ([, request]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn(request))
      assert.strictEqual(error._tag, "SignInRefused")
      assert.deepEqual(yield* requested, ["a offline_access"])
    }).pipe(Effect.provide(world({ metadata, script: refusal })))
  )
})
