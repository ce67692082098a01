import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import { ScriptedAuthorizationServer } from "../../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../../src/adapters/scripted/ScriptedUser.ts"
import { Credentials } from "../../../../src/app/credentials/Credentials.ts"
import { AccessTokens } from "../../../../src/app/tokens/AccessTokens.ts"
import { SignIn } from "../../../../src/app/signin/SignIn.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { CredentialStore, StorageError } from "../../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../../src/ports/StorageBackend.ts"
import { BackendError } from "../../../../src/ports/StorageFailure.ts"
import { byHand, serverNamed, world } from "../../World.ts"

const notion = serverNamed("notion")

/** Signs in by a device code while the clock runs. */
const signIn = (server = notion, device: boolean | undefined = true) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(SignIn.use((service) => service.signIn({ server, device })))
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

describe("a sign-in by a device code", () => {
  it.effect("shows the code, opens no browser, and keeps what the user approved", () =>
    Effect.gen(function* () {
      const { tokens } = yield* signIn()
      const { devices, opened } = yield* ScriptedUser
      assert.lengthOf(opened, 0)
      assert.deepInclude(devices[0], { userCode: "CODE-1" })
      assert.strictEqual(devices[0]?.verificationUri.href, "https://as.test/activate")
      const { counts } = yield* ScriptedAuthorizationServer
      assert.deepInclude(counts, { grants: 3, registrations: 1, codeExchanges: 0 })
      const stored = yield* CredentialStore.use((store) => store.get(CredentialKey.of("notion")))
      assert.isTrue(
        Option.exists(stored, (credential) => credential.tokens?.holds(tokens.accessToken) === true)
      )
    }).pipe(Effect.provide(world({ devicePending: 2 })))
  )

  it.effect("sends a configured secret only if the configuration names its issuer", () =>
    Effect.gen(function* () {
      const client = { clientId: "written", clientSecret: Redacted.make("written-secret") }
      const withSecret = (issuer?: string) =>
        serverNamed("notion", { issuer, source: { _tag: "Discovered", client } })
      const error = yield* Effect.flip(signIn(withSecret()))
      assert.deepInclude(error, { _tag: "DiscoveryError", reason: "issuer not confirmed" })
      const { devices } = yield* ScriptedUser
      assert.lengthOf(devices, 0)
      yield* signIn(withSecret("https://as.test"))
      assert.lengthOf(devices, 1)
    }).pipe(Effect.provide(world({ devicePending: 0 })))
  )

  it.effect("is held in memory if the store fails once the user has approved, and stored later", () => {
    let failing = false
    const unavailable = new StorageError({
      reason: new BackendError({ backend: storageBackends.vault, detail: "unavailable" })
    })
    const wrapStore = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (real) =>
        CredentialStore.of({
          ...real,
          get: (key) => Effect.suspend(() => (failing ? unavailable : real.get(key))),
          put: (key, credential) => Effect.suspend(() => (failing ? unavailable : real.put(key, credential)))
        })
      )
    )
    return Effect.gen(function* () {
      yield* signIn()
      const signingIn = yield* Effect.forkChild(signIn())
      yield* TestClock.adjust("1 second")
      failing = true
      yield* TestClock.adjust("1 minute")
      const { tokens } = yield* Fiber.join(signingIn)
      assert.include((yield* ScriptedUser).told.join(), "could not be stored")
      failing = false
      const { getIfKnown } = yield* AccessTokens
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Option.getOrThrow(yield* getIfKnown({ server: notion })).holds(tokens.accessToken))
      yield* Credentials.use((credentials) => credentials.load(notion, CredentialKey.of("notion")))
      const stored = yield* CredentialStore.use((store) => store.get(CredentialKey.of("notion")))
      assert.isTrue(Option.getOrThrow(stored).tokens?.holds(tokens.accessToken))
    }).pipe(Effect.provide(world({ devicePending: 0, wrapStore })))
  })

  it.effect("is refreshed as any other is", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* TestClock.adjust("2 hours")
      yield* AccessTokens.use((tokens) => tokens.get({ server: notion }))
      assert.deepInclude((yield* ScriptedAuthorizationServer).counts, { grants: 1, refreshes: 1 })
    }).pipe(Effect.provide(world({ devicePending: 0 })))
  )

  it.effect("is what the configuration may ask for", () =>
    Effect.gen(function* () {
      yield* signIn(serverNamed("notion", { grant: { _tag: "DeviceCode" } }), undefined)
      assert.lengthOf((yield* ScriptedUser).devices, 1)
    }).pipe(Effect.provide(world({ devicePending: 0 })))
  )

  it.effect("is what is left where the authorization server offers no code out of a browser", () =>
    Effect.gen(function* () {
      yield* signIn(notion, undefined)
      assert.lengthOf((yield* ScriptedUser).devices, 1)
    }).pipe(
      Effect.provide(
        world({
          devicePending: 0,
          metadata: { grant_types_supported: ["urn:ietf:params:oauth:grant-type:device_code"] }
        })
      )
    )
  )

  it.effect("uses the endpoints and the client of the configuration", () =>
    Effect.gen(function* () {
      const server = byHand("notion")
      if (server.oauth.source._tag !== "ByHand") return
      const source = {
        ...server.oauth.source,
        endpoints: { deviceAuthorization: new URL("https://as.test/device") }
      }
      const { credential } = yield* signIn({ ...server, oauth: { ...server.oauth, source } })
      assert.strictEqual(credential.registration.clientId, "written")
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.discoveries, 0)
    }).pipe(Effect.provide(world({ devicePending: 0 })))
  )

  it.effect("registers again after a sign-in in the browser, whose client may not use device codes", () =>
    Effect.gen(function* () {
      yield* SignIn.use((service) => service.signIn({ server: notion, adopt: () => undefined }))
      const again = (device: boolean) =>
        Effect.gen(function* () {
          const flow = SignIn.use((service) =>
            service.signIn({ server: notion, device, adopt: () => undefined })
          )
          const fiber = yield* Effect.forkChild(flow)
          yield* TestClock.adjust("1 minute")
          return (yield* Fiber.join(fiber)).credential.registration.clientId
        })
      assert.strictEqual(yield* again(true), "dynamic-2")
      // That one may use both.
      assert.strictEqual(yield* again(true), "dynamic-2")
      assert.strictEqual(yield* again(false), "dynamic-2")
    }).pipe(Effect.provide(world({ devicePending: 0 })))
  )

  it.effect.each([undefined, "required", "refused"] as const)(
    "carries PKCE where the server takes it: %s",
    (devicePkce) =>
      Effect.gen(function* () {
        assert.isDefined((yield* signIn()).tokens)
        const { counts } = yield* ScriptedAuthorizationServer
        assert.strictEqual(counts.registrations, 1)
      }).pipe(Effect.provide(world({ devicePending: 1, ...(devicePkce && { devicePkce }) })))
  )

  it.effect("goes without PKCE where the configuration says so", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn(serverNamed("notion", { usePkce: false })))
      assert.include(error.message, "code_challenge")
    }).pipe(Effect.provide(world({ devicePending: 0, devicePkce: "required" })))
  )

  it.effect("registers anew where the authorization server has forgotten the client", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* ScriptedAuthorizationServer.use((server) => server.forgetClients)
      const { credential } = yield* signIn()
      assert.strictEqual(credential.registration.clientId, "dynamic-2")
    }).pipe(Effect.provide(world({ devicePending: 0 })))
  )

  it.effect("says what to do instead where there are no device codes", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn())
      assert.strictEqual(error._tag, "DeviceCodeNotOffered")
      assert.include(errorText(error), "mcp-cli auth login notion --no-browser")
      assert.lengthOf((yield* ScriptedUser).devices, 0)
    }).pipe(Effect.provide(world()))
  )
})
