import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import { Discovery } from "../../../src/ports/Discovery.ts"
import { serverNamed, world } from "../World.ts"

/** What a server names, and what the page of the sign-in says about itself. */
interface Case {
  readonly issuer?: string
  readonly page?: string
  readonly token?: string
  readonly own?: ReadonlyArray<string>
}

/** A server that names the page of an honest provider, and a token endpoint of its own. */
const naming = (
  { issuer = "https://other.test", own = [], page = "https://as.test/authorize", token }: Case,
  asked: Array<string> = []
) =>
  world({
    devicePending: 0,
    wrapDiscovery: Layer.effect(
      Discovery,
      Effect.map(Discovery, ({ discover }) =>
        Discovery.of({
          discover: (server, challenge) =>
            Effect.map(discover(server, challenge), (found) => ({
              ...found,
              metadata: new AuthorizationServerMetadata({
                ...found.metadata,
                issuer,
                authorization_endpoint: page,
                token_endpoint: token ?? "https://other.test/token"
              })
            })),
          tokenEndpointsFor: (_server, url) =>
            Effect.sync(() => {
              asked.push(url.href)
              return own.map((endpoint) => new URL(endpoint))
            })
        })
      )
    )
  })

const begin = (oauth = {}) => SignIn.use((service) => service.begin({ server: serverNamed("demo", oauth) }))
const signIn = (options: { readonly device?: boolean } = {}) =>
  Effect.result(SignIn.use((service) => service.signIn({ server: serverNamed("demo"), ...options })))

describe("a page and a token endpoint at different origins", () => {
  it.effect("end the sign-in if the page names another token endpoint, before a client is registered", () =>
    Effect.gen(function* () {
      const whole = SignIn.use((service) => service.signIn({ server: serverNamed("demo") }))
      for (const attempt of [Effect.asVoid(begin()), Effect.asVoid(whole)]) {
        const error = yield* Effect.flip(attempt)
        assert.strictEqual(
          errorText(error),
          'Cannot find out how to sign in to demo: https://other.test sends users to https://as.test and the result to https://other.test, but https://as.test names https://token.as.test for that. No browser was opened.\nTell the provider of demo.\nIf you trust it with your account at that provider, set "issuer" in the oauth block of demo.'
        )
      }
      assert.lengthOf((yield* ScriptedUser).opened, 0)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.registrations, 0)
    }).pipe(Effect.provide(naming({ own: ["https://token.as.test/token"] })))
  )

  it.effect("are told before the browser opens if the page says nothing about itself", () =>
    Effect.gen(function* () {
      yield* signIn()
      const { opened, told } = yield* ScriptedUser
      assert.lengthOf(opened, 1)
      assert.include(told[0], "at https://as.test, and https://other.test gets the result")
    }).pipe(Effect.provide(naming({})))
  )

  it.effect("are told before a device code is shown", () =>
    Effect.gen(function* () {
      const signingIn = yield* Effect.forkChild(signIn({ device: true }))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(signingIn)
      const { told } = yield* ScriptedUser
      assert.include(told[0], "at https://as.test, and https://other.test gets the result")
    }).pipe(Effect.provide(naming({ issuer: "https://as.test/tenant" })))
  )

  it.effect.each<readonly [string, Case, number]>([
    ["the page names it", { own: ["https://x.test/token", "https://other.test/other"] }, 1],
    ["the issuer is above the page", { issuer: "https://as.test" }, 0],
    [
      "the issuer has a path above the page",
      { issuer: "https://as.test/realms/a", page: "https://as.test/realms/a/auth" },
      0
    ],
    ["they have one origin after all", { token: "https://as.test/token" }, 0]
  ])("are used if %s", ([, given, requests]) => {
    const asked: Array<string> = []
    return Effect.gen(function* () {
      yield* begin()
      yield* signIn()
      assert.lengthOf((yield* ScriptedUser).told, 0)
      assert.lengthOf((yield* ScriptedUser).opened, 1)
      assert.lengthOf(asked, 2 * requests)
    }).pipe(Effect.provide(naming(given, asked)))
  })

  it.effect.each([
    ["beside the page", "/authorize"],
    ["of a path with an encoded slash, which a server decodes", "/evil/raw/..%2f..%2fauthorize"],
    ["of a path that is encoded twice", "/evil/raw/%252e%252e/%252E./authorize"],
    ["of a path with an encoded backslash", "/evil/raw/..%5C../authorize"],
    ["of a path with an empty part", "/evil/raw//..;/authorize"]
  ])("are not confirmed by an issuer that users of the provider may have made: %s", ([, path]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(begin())
      assert.include(error.message, "https://as.test names https://as.test")
    }).pipe(
      Effect.provide(
        naming({
          issuer: "https://as.test/evil/raw",
          page: `https://as.test${path}`,
          own: ["https://as.test/token"]
        })
      )
    )
  )

  it.effect("are used if the user has configured the issuer", () =>
    Effect.gen(function* () {
      yield* begin({ issuer: "https://other.test" })
    }).pipe(Effect.provide(naming({ own: ["https://token.as.test/token"] })))
  )
})
