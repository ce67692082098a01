import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { layer as signInLayer, SignIn } from "../../../src/app/signin/SignIn.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CallbackListener, RedirectPortBusy } from "../../../src/ports/CallbackListener.ts"
import { ClientRegistrar } from "../../../src/ports/ClientRegistrar.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { byHand, serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")
const signIn = SignIn.use((service) => service.signIn({ server: notion }))
const clientIds = Effect.map(ScriptedUser, ({ opened }) =>
  opened.map((url) => url.searchParams.get("client_id"))
)
const told = Effect.map(ScriptedUser, (user) => user.told.join("\n"))
const counts = Effect.map(ScriptedAuthorizationServer, (server) => server.counts)
const stored = Effect.map(
  CredentialStore.use((store) => store.get(CredentialKey.of("notion"))),
  Option.getOrUndefined
)

/** A sign-in that no browser answers. */
const timeOut = Effect.gen(function* () {
  const waiting = yield* Effect.forkChild(Effect.flip(signIn))
  yield* TestClock.adjust("6 minutes")
  return yield* Fiber.join(waiting)
})

describe("a client that was registered for a sign-in that failed", () => {
  it.effect.each(["deny", { error: "server_error" }, { error: "temporarily_unavailable" }] as const)(
    "is used by the next one: %j",
    (script) =>
      Effect.gen(function* () {
        yield* Effect.flip(signIn)
        yield* signIn
        assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-1"])
        assert.isDefined((yield* stored)?.tokens)
      }).pipe(Effect.provide(world({ script: [script, "approve"] })))
  )

  it.effect("is used after a timeout and after Ctrl-C, and is no sign-in", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(signIn)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waiting)
      assert.deepInclude(yield* stored, { isUnused: true })
      yield* timeOut
      assert.deepEqual(new Set(yield* clientIds), new Set(["dynamic-1"]))
    }).pipe(Effect.provide(world({ script: "ignore" })))
  )

  it.effect("is used by the next one beside a sign-in that is stored", () =>
    Effect.gen(function* () {
      yield* signIn
      yield* Effect.flip(signIn)
      assert.isDefined((yield* stored)?.tokens)
      yield* Effect.flip(signIn)
      const { credential } = yield* signIn
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-2", "dynamic-2", "dynamic-2"])
      assert.isUndefined(credential.spareRegistration)
    }).pipe(Effect.provide(world({ script: ["approve", "deny", "deny", "approve"] })))
  )

  it.effect("is not used again if the server refuses it", () =>
    Effect.gen(function* () {
      yield* Effect.flip(signIn)
      assert.isUndefined(yield* stored)
    }).pipe(Effect.provide(world({ script: { error: "invalid_client" } })))
  )
})

describe("a client that its server has forgotten", () => {
  const elsewhere = (location: string) => () => new Response(null, { status: 302, headers: { location } })

  it.effect.each<readonly [string, number | (() => Response)]>([
    ["a page with status 400", 400],
    ["a page with status 401", 401],
    ["Hydra's page", elsewhere("https://as.test/oauth2/fallbacks/error?error=invalid_client")],
    ["a relative page", elsewhere("/error?error=invalid_client&error_description=gone")],
    ["a page with the error in its fragment", elsewhere("https://as.test/#error=client_not_found")],
    ["a redirect to us", elsewhere("http://localhost:8080/callback?error=unauthorized_client&state=x")]
  ])("is registered again before a browser opens: %s", ([, preflight]) =>
    Effect.gen(function* () {
      yield* Effect.flip(signIn)
      yield* signIn
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-2"])
      assert.include(yield* told, "no longer knows the client")
    }).pipe(Effect.provide(world({ preflight, script: ["deny", "approve"] })))
  )

  it.effect.each<readonly [string, number | (() => Response)]>([
    ["a sign-in page", 200],
    ["a redirect to a sign-in page", elsewhere("https://as.test/login?next=error")],
    ["a refusal of programs", 403],
    ["a refusal of something else", elsewhere("http://localhost:8080/callback?error=login_required")]
  ])("is not seen in %s", ([, preflight]) =>
    Effect.gen(function* () {
      yield* Effect.flip(signIn)
      yield* signIn
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-1"])
    }).pipe(Effect.provide(world({ preflight, script: ["deny", "approve"] })))
  )

  it.effect("is registered again before a browser opens, if only the token endpoint says so", () =>
    Effect.gen(function* () {
      yield* Effect.flip(signIn)
      yield* ScriptedAuthorizationServer.use(({ forgetClients }) => forgetClients)
      yield* signIn
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world({ preflight: 200, script: ["deny", "approve"] })))
  )

  it.effect("is registered again, and the browser opens again, if only the callback says so", () =>
    Effect.gen(function* () {
      yield* Effect.flip(signIn)
      yield* signIn
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world({ script: ["deny", { error: "unauthorized_client" }, "approve"] })))
  )

  it.effect("is dropped by a second sign-in that no browser answers, and the next one says so", () =>
    Effect.gen(function* () {
      yield* timeOut
      assert.notInclude(yield* told, "Registering")
      assert.include(errorText(yield* timeOut), "with a client that is registered again")
      // Nothing is left behind.
      assert.deepEqual((yield* ScriptedAuthorizationServer).deregistered, ["dynamic-1"])
      yield* timeOut
      assert.include(yield* told, "Registering another one.")
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world({ script: "ignore" })))
  )

  it.effect("is dropped beside tokens that still work, and stays registered for them", () =>
    Effect.gen(function* () {
      const { credential } = yield* signIn
      const stepUp = SignIn.use((service) => service.signIn({ server: notion, moreScopes: [] }))
      const waiting = yield* Effect.forkChild(Effect.flip(stepUp))
      yield* TestClock.adjust("6 minutes")
      yield* Fiber.join(waiting)
      assert.deepEqual((yield* ScriptedAuthorizationServer).deregistered, [])
      assert.deepEqual((yield* stored)?.tokens, credential.tokens)
      yield* stepUp
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world({ script: ["approve", "ignore", "approve"] })))
  )
})

describe("the scopes of a registration", () => {
  /** A server whose registrations name these scopes, whatever was requested. */
  const naming = (scopes: ReadonlyArray<string>) =>
    Layer.effect(
      ClientRegistrar,
      Effect.map(ClientRegistrar, (real) =>
        ClientRegistrar.of({
          ...real,
          register: (options) =>
            Effect.map(
              real.register(options),
              (registration) =>
                new DynamicRegistration({
                  ...registration,
                  scopes,
                  ...(options.scopes.every((scope) => scopes.includes(scope))
                    ? {}
                    : { wantedScopes: options.scopes })
                })
            )
        })
      )
    )

  it.effect.each([
    ["the optional ones only, at Keycloak", ["address", "phone"], {}, 1],
    ["all that the client may request", ["read"], { grants: ["read"] }, 3]
  ] as const)("are %s: a step-up registers accordingly", ([, scopes, options, registrations]) =>
    Effect.gen(function* () {
      const more = (...moreScopes: ReadonlyArray<string>) =>
        SignIn.use((service) => service.signIn({ server: notion, moreScopes }))
      yield* more("read")
      yield* more("write")
      yield* more("admin")
      assert.strictEqual((yield* counts).registrations, registrations)
    }).pipe(
      Effect.provide(
        Layer.fresh(signInLayer).pipe(Layer.provide(naming(scopes)), Layer.provideMerge(world(options)))
      )
    )
  )
})

describe("a browser that does not answer", () => {
  it.effect.each([
    ["a configured client", byHand("notion"), '"client_id"'],
    ["a dynamic client", notion, "may not know the client"]
  ] as const)("leads to a hint about %s after a few seconds, once", ([, server]) =>
    Effect.gen(function* () {
      const user = yield* ScriptedUser
      const flow = SignIn.use((service) => service.signIn({ server }))
      const waiting = yield* Effect.forkChild(Effect.flip(flow))
      yield* TestClock.adjust("7 seconds")
      assert.notInclude(user.told.join(), "No answer from the browser yet")
      yield* TestClock.adjust("2 seconds")
      assert.include(user.told.join(), "the redirect URI http://localhost:8080/callback or the scopes")
      yield* TestClock.adjust("6 minutes")
      yield* Fiber.join(waiting)
      assert.lengthOf(
        user.told.filter((text) => text.includes("No answer from the browser yet")),
        1
      )
    }).pipe(Effect.provide(world({ script: "ignore" })))
  )
})

describe("a redirect URI that another sign-in uses", () => {
  const busy = (isOfSignIn: boolean, times: number) => {
    let left = times
    return Layer.effect(
      CallbackListener,
      Effect.map(CallbackListener, ({ bind }) =>
        CallbackListener.of({
          bind: (options) =>
            Effect.suspend(() => {
              const redirectUri = options.redirectUri.href
              return left-- > 0
                ? Effect.fail(new RedirectPortBusy({ server: options.server, redirectUri, isOfSignIn }))
                : bind(options)
            })
        })
      )
    )
  }
  const flow = SignIn.use((service) => service.signIn({ server: byHand("notion") }))
  const provide = (listener: ReturnType<typeof busy>) =>
    Layer.fresh(signInLayer).pipe(Layer.provide(listener), Layer.provideMerge(world()))

  it.effect("is waited for, and the user is told", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(flow)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 10 })
      yield* Fiber.join(waiting)
      assert.include(yield* told, "Another sign-in waits for its browser at http://localhost:8080/callback")
    }).pipe(Effect.provide(provide(busy(true, 5))))
  )

  it.effect("is not waited for longer than a sign-in takes", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(Effect.flip(flow))
      yield* TestClock.adjust("6 minutes")
      assert.include(errorText(yield* Fiber.join(waiting)), "Finish or end that sign-in")
    }).pipe(Effect.provide(provide(busy(true, 1e9))))
  )

  it.effect("of another program is an error at once", () =>
    Effect.gen(function* () {
      assert.include(errorText(yield* Effect.flip(flow)), "End that program")
      assert.strictEqual(yield* told, "")
    }).pipe(Effect.provide(provide(busy(false, 1))))
  )
})

describe("a client whose requests must be pushed", () => {
  const script = [
    { error: "invalid_request", description: "Pushed Authorization Request is only allowed." },
    "approve"
  ] as const

  it.effect("pushes them once the server says so, with the same client", () =>
    Effect.gen(function* () {
      yield* signIn
      assert.deepInclude(yield* counts, { registrations: 1, pushedAuthorizations: 1 })
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-1"])
      assert.isTrue((yield* ScriptedUser).opened[1]?.searchParams.has("request_uri"))
    }).pipe(Effect.provide(world({ pushedAuthorization: "offered", script })))
  )

  it.effect.each([
    ["a server without the endpoint", {}, script],
    [
      "another refusal",
      { pushedAuthorization: "offered" },
      [{ error: "invalid_request", description: "no" }]
    ],
    ["a repeated refusal", { pushedAuthorization: "offered" }, [script[0]]]
  ] as const)("stays refused by %s", ([, options, answers]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn)
      assert.deepInclude(error, { _tag: "SignInRefused", error: "invalid_request" })
    }).pipe(Effect.provide(world({ ...options, script: answers })))
  )
})
