import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { PendingSignIn } from "../../../src/domain/PendingSignIn.ts"
import { PendingSignInJson } from "../../../src/domain/PendingSignInJson.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { ClientRegistrar } from "../../../src/ports/ClientRegistrar.ts"
import { ClientRegistrations } from "../../../src/ports/ClientRegistrations.ts"
import { CredentialLock, LockError } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { InvalidClient, Refused } from "../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed } from "../World.ts"
import { approve, finish, network, startReplica, startReplicaOver } from "./Replicas.ts"
import { secretTextOf } from "../../SecretText.ts"

const notion = serverNamed("notion")
const redirectUri = new URL("https://app.test/callback")
const request = { server: notion, account: "ann", redirectUri }
const counts = Effect.map(ScriptedAuthorizationServer, (server) => server.counts)
const stored = (server: RemoteServer = notion, account = "ann") =>
  Effect.map(
    CredentialStore.use((store) => store.get(CredentialKey.of(server.name, account))),
    Option.getOrUndefined
  )
const encode = Schema.encodeSync(PendingSignInJson)
const decode = Schema.decodeSync(PendingSignInJson)
const reasonOf = <R>(effect: Effect.Effect<unknown, { readonly _tag: string }, R>) =>
  Effect.map(Effect.flip(effect), (error) => ("reason" in error ? error.reason : error._tag))

describe("a sign-in in two steps", () => {
  it.effect("is completed by another replica, from what the first one stored as JSON", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* startReplica, yield* startReplica]
      const pending = decode(encode(yield* one.begin(request)))
      assert.strictEqual(pending.url.searchParams.get("redirect_uri"), redirectUri.href)
      assert.isUndefined(yield* stored())
      const { credential } = yield* finish(two, pending, notion)
      assert.strictEqual(credential.generation, 1)
      assert.isTrue((yield* stored())?.tokens?.holds(credential.tokens!.accessToken))
      assert.deepInclude(yield* counts, { registrations: 1, codeExchanges: 1 })
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("carries the key that its tokens are bound to", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* startReplica, yield* startReplica]
      const pending = decode(encode(yield* one.begin(request)))
      assert.isTrue(pending.url.searchParams.has("dpop_jkt"))
      const { tokens } = yield* finish(two, pending, notion)
      assert.strictEqual(Redacted.value(tokens.dpopKey!), Redacted.value(pending.dpopKey!))
    }).pipe(
      Effect.provide(
        network({ dpopRequired: true, metadata: { dpop_signing_alg_values_supported: ["ES256"] } })
      ),
      Effect.scoped
    )
  )

  it.effect("completes once: neither the same replica nor another one sends a second code", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* startReplica, yield* startReplica]
      const pending = yield* one.begin(request)
      yield* finish(one, pending, notion)
      assert.strictEqual(yield* reasonOf(finish(one, pending, notion)), "already used")
      assert.strictEqual(yield* reasonOf(finish(two, pending, notion)), "already used")
      assert.strictEqual((yield* counts).codeExchanges, 1)
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("completes once if its callback reaches two replicas at the same time", () =>
    Effect.gen(function* () {
      const replicas = [yield* startReplica, yield* startReplica]
      const pending = yield* replicas[0]!.begin(request)
      const parameters = yield* approve(pending)
      const both = yield* Effect.forEach(
        replicas,
        (replica) => Effect.option(replica.complete(pending, parameters, { server: notion })),
        { concurrency: "unbounded" }
      ).pipe(Effect.forkChild)
      yield* TestClock.adjust("1 second")
      assert.lengthOf((yield* Fiber.join(both)).filter(Option.isSome), 1)
      assert.strictEqual((yield* counts).codeExchanges, 1)
    }).pipe(Effect.provide(network({ latency: "100 millis" })), Effect.scoped)
  )

  it.effect("is stored, once, if the lock was removed during the code exchange", () => {
    let removals = 1
    const lock = Layer.effect(
      CredentialLock,
      Effect.map(CredentialLock, (real) =>
        CredentialLock.of({
          ...real,
          confirm: ({ server: name }) =>
            Effect.suspend(() => (removals-- > 0 ? new LockError({ name, detail: "removed" }) : Effect.void))
        })
      )
    )
    return Effect.gen(function* () {
      const [one, two] = [yield* startReplica, yield* startReplica]
      const pending = yield* one.begin(request)
      const { tokens } = yield* finish(one, pending, notion)
      assert.isTrue((yield* stored())?.tokens?.holds(tokens.accessToken))
      assert.strictEqual(yield* reasonOf(finish(two, pending, notion)), "already used")
      assert.strictEqual((yield* counts).codeExchanges, 1)
    }).pipe(Effect.provide(Layer.provideMerge(lock, network())), Effect.scoped)
  })

  it.effect("that failed is not tried again", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const pending = yield* replica.begin(request)
      yield* ScriptedAuthorizationServer.use(({ failNext }) =>
        failNext(new Refused({ error: "invalid_target" }))
      )
      assert.strictEqual((yield* Effect.flip(finish(replica, pending, notion)))._tag, "TokenRequestError")
      assert.strictEqual(yield* reasonOf(finish(replica, pending, notion)), "already used")
      assert.strictEqual((yield* counts).codeExchanges, 1)
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("blocks nothing while its user is away, and can be completed beside another one", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      yield* replica.begin(request)
      const [first, second] = [yield* replica.begin(request), yield* replica.begin(request)]
      yield* finish(replica, second, notion)
      const { credential } = yield* finish(replica, first, notion)
      assert.strictEqual(credential.generation, 2)
      assert.isTrue((yield* stored())?.tokens?.holds(credential.tokens!.accessToken))
      // The first to complete is still remembered by the store.
      const other = yield* startReplica
      assert.strictEqual(yield* reasonOf(finish(other, second, notion)), "already used")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("begins while another process holds both locks of the credential", () =>
    Effect.gen(function* () {
      const { withLock } = yield* CredentialLock
      const key = CredentialKey.of("notion", "ann")
      const replica = yield* startReplica
      yield* replica.begin(request).pipe(withLock(key, "refresh"), withLock(key, "sign-in"))
      assert.strictEqual((yield* counts).registrations, 1)
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("expires after ten minutes", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const [late, inTime] = [yield* replica.begin(request), yield* replica.begin(request)]
      yield* TestClock.adjust("599 seconds")
      yield* finish(replica, inTime, notion)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* reasonOf(finish(replica, late, notion)), "expired")
      assert.strictEqual((yield* counts).codeExchanges, 1)
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("refuses the callback of another one, and stays pending", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const [mine, other] = [yield* replica.begin(request), yield* replica.begin(request)]
      const foreign = yield* approve(other)
      assert.strictEqual(
        yield* reasonOf(replica.complete(mine, foreign, { server: notion })),
        "foreign state"
      )
      assert.strictEqual(
        yield* reasonOf(replica.complete(mine, new URLSearchParams("code=x"), { server: notion })),
        "foreign state"
      )
      yield* finish(replica, mine, notion)
      assert.strictEqual((yield* counts).codeExchanges, 1)
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect.each([
    ["the user denied it", "SignInRefused", { error: "access_denied" }],
    ["it names another issuer", "CallbackRejected", { iss: "https://evil.test" }],
    ["it has no code", "CallbackRejected", { code: "" }]
  ] as const)("is used up by a callback without a code to trust: %s", ([, tag, changes]) =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const pending = yield* replica.begin(request)
      const parameters = yield* approve(pending)
      for (const [name, value] of Object.entries(changes)) parameters.set(name, value)
      const complete = replica.complete(pending, parameters, { server: notion })
      assert.strictEqual((yield* Effect.flip(complete))._tag, tag)
      assert.strictEqual(yield* reasonOf(finish(replica, pending, notion)), "already used")
      assert.strictEqual((yield* counts).codeExchanges, 0)
      assert.isUndefined(yield* stored())
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("sends its code only for the server and the client that it began with", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const pending = yield* replica.begin(request)
      const client = { clientId: "another", clientSecret: Redacted.make("secret") }
      const others = [
        serverNamed("other"),
        { ...notion, url: new URL("https://evil.test/mcp") },
        serverNamed("notion", { issuer: "https://evil.test" }),
        serverNamed("notion", { source: { _tag: "Discovered", client } }),
        serverNamed("notion", { grant: { _tag: "ClientCredentials" } })
      ]
      for (const server of others) {
        assert.strictEqual(yield* reasonOf(finish(replica, pending, server)), "configuration changed")
      }
      yield* finish(replica, pending, notion)
      assert.strictEqual((yield* counts).codeExchanges, 1)
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("takes the client's secret from the configuration when it completes", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const server = byHand("notion")
      const pending = yield* replica.begin({ ...request, server })
      assert.notInclude(encode(pending), "written-secret")
      assert.deepEqual(pending.methods, [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_basic with client_id"
      ])
      const { credential } = yield* finish(replica, pending, server)
      assert.deepInclude(credential.registration, { _tag: "Configured", clientId: "written" })
      const rotated = byHand("notion", {
        source: {
          ...server.oauth.source,
          client: { clientId: "written", clientSecret: Redacted.make("new") }
        }
      } as typeof server.oauth)
      const next = yield* replica.begin({ ...request, server })
      assert.strictEqual(secretTextOf(next.clientAt(rotated).clientSecret), "new")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )
})

describe("where a sign-in in two steps comes back to", () => {
  const begin = (uri: string) =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      return yield* replica.begin({ server: notion, redirectUri: new URL(uri) })
    }).pipe(Effect.provide(network()), Effect.scoped)

  it.effect.each(["https://app.test/cb?a=b", "http://127.0.0.1:3000/cb", "com.example.app:/cb"])(
    "can be %s",
    (uri) => Effect.map(begin(uri), (pending) => assert.strictEqual(pending.redirectUri, new URL(uri).href))
  )

  it.effect.each([
    "http://app.test/cb",
    "https://app.test/cb#",
    "https://user@app.test/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd"
  ])("cannot be %s", (uri) =>
    Effect.map(reasonOf(begin(uri)), (reason) => assert.strictEqual(reason, "redirect URI"))
  )

  it.effect("is the loopback address of the configuration unless the program says otherwise", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const { redirectUri: configured } = yield* replica.begin({ server: notion })
      assert.strictEqual(configured, "http://localhost:8080/callback")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )
})

describe("a web server without a user at its machine", () => {
  it.effect("signs in by the grants that need none, and begins nothing for them", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const own = byHand("notion", { grant: { _tag: "ClientCredentials" } })
      yield* replica.signIn({ server: own })
      assert.strictEqual(yield* reasonOf(replica.begin({ server: own })), "no redirect")
      assert.strictEqual((yield* Effect.flip(replica.signIn({ server: notion })))._tag, "SignInRequired")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )
})

describe("the dynamic client of sign-ins in two steps", () => {
  it.effect("is replaced after one failure if only the token endpoint says that it is forgotten", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      yield* finish(replica, yield* replica.begin(request), notion)
      const before = (yield* stored())?.tokens
      yield* ScriptedAuthorizationServer.use((server) => server.forgetClients)
      const again = Effect.flatMap(replica.begin(request), (pending) => finish(replica, pending, notion))
      assert.strictEqual((yield* Effect.flip(again))._tag, "StaleRegistration")
      // The access token may still be valid.
      assert.isTrue((yield* stored())?.tokens?.holds(before!.accessToken))
      yield* again
      const ben = { ...request, account: "ben" }
      const { credential } = yield* finish(replica, yield* replica.begin(ben), notion)
      assert.strictEqual(credential.registration.clientId, "dynamic-2")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  const begins = (n: number) =>
    Effect.flatMap(startReplica, (replica) =>
      Effect.all(
        Array.from({ length: n }, (_, i) => replica.begin({ ...request, account: `user ${i}` })),
        { concurrency: "unbounded" }
      )
    )
  const registeringSlowly = Layer.effect(
    ClientRegistrar,
    Effect.map(ClientRegistrar, (real) =>
      ClientRegistrar.of({ ...real, register: (options) => Effect.delay(real.register(options), "1 second") })
    )
  )
  const clientIds = (all: ReadonlyArray<PendingSignIn>) => [
    ...new Set(all.map(({ draft }) => draft.registration.clientId))
  ]

  it.effect("is registered once for eight users, abandoned clicks included", () =>
    Effect.gen(function* () {
      const beginning = yield* Effect.forkChild(begins(8))
      yield* TestClock.adjust("1 second")
      const all = yield* Fiber.join(beginning)
      assert.deepEqual(clientIds(all), ["dynamic-1"])
      assert.strictEqual((yield* counts).registrations, 1)
      assert.lengthOf(new Set(all.map(({ state }) => Redacted.value(state))), 8)
    }).pipe(Effect.provide(Layer.provideMerge(registeringSlowly, network())), Effect.scoped)
  )

  it.effect("is another one for another redirect URI, and for another issuer", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const clientAt = (uri: URL) =>
        Effect.map(replica.begin({ server: notion, redirectUri: uri }), (_) => _.draft.registration.clientId)
      const other = new URL("https://other.test/callback")
      assert.strictEqual(yield* clientAt(redirectUri), "dynamic-1")
      assert.strictEqual(yield* clientAt(other), "dynamic-2")
      assert.strictEqual(yield* clientAt(redirectUri), "dynamic-1")
      // The slash of an origin makes no other issuer.
      yield* ScriptedAuthorizationServer.use(({ moveTo }) => moveTo("https://as.test/"))
      assert.strictEqual(yield* clientAt(redirectUri), "dynamic-1")
      yield* ScriptedAuthorizationServer.use(({ moveTo }) => moveTo("https://moved.test"))
      assert.strictEqual(yield* clientAt(redirectUri), "dynamic-3")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("is registered again for further scopes, together with the earlier ones", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const clientFor = (...scopes: ReadonlyArray<string>) =>
        Effect.map(replica.begin({ ...request, scopes }), (_) => _.draft.registration.clientId)
      assert.strictEqual(yield* clientFor("read"), "dynamic-1")
      assert.strictEqual(yield* clientFor("write"), "dynamic-2")
      assert.strictEqual(yield* clientFor("read"), "dynamic-2")
      assert.strictEqual(yield* clientFor("read", "write"), "dynamic-2")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("is registered once at a server that allows it fewer scopes than were requested", () => {
    const narrowing = Layer.effect(
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
                  scopes: ["read"],
                  wantedScopes: options.scopes
                })
            )
        })
      )
    )
    return Effect.gen(function* () {
      const replica = yield* startReplica
      const clientFor = (...scopes: ReadonlyArray<string>) =>
        Effect.map(replica.begin({ ...request, scopes }), (_) => _.draft.registration.clientId)
      assert.strictEqual(yield* clientFor("read", "write"), "dynamic-1")
      assert.strictEqual(yield* clientFor("write"), "dynamic-1")
      assert.strictEqual(yield* clientFor("admin"), "dynamic-2")
    }).pipe(Effect.provide(Layer.provideMerge(narrowing, network())), Effect.scoped)
  })

  it.effect("is registered again, once, if the authorization endpoint has forgotten it", () => {
    let isForgotten = false
    return Effect.gen(function* () {
      const replica = yield* startReplica
      yield* replica.begin(request)
      isForgotten = true
      const all = yield* Effect.all([replica.begin(request), replica.begin(request)], {
        concurrency: "unbounded"
      })
      assert.deepEqual(clientIds(all), ["dynamic-2"])
      isForgotten = false
      assert.deepEqual(clientIds([yield* replica.begin(request)]), ["dynamic-2"])
      assert.strictEqual((yield* counts).registrations, 2)
    }).pipe(Effect.provide(network({ preflight: () => (isForgotten ? 400 : 302) })), Effect.scoped)
  })

  it.effect("is registered again by the next sign-in if the token endpoint has forgotten it", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      yield* finish(replica, yield* replica.begin(request), notion)
      const pending = yield* replica.begin(request)
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(new InvalidClient()))
      const error = yield* Effect.flip(finish(replica, pending, notion))
      assert.strictEqual(error._tag, "StaleRegistration")
      const other = yield* replica.begin({ ...request, account: "ben" })
      assert.strictEqual(other.draft.registration.clientId, "dynamic-2")
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("is kept from one process to the next by the stored credentials", () =>
    Effect.gen(function* () {
      const before = yield* startReplica
      yield* finish(before, yield* before.begin(request), notion)
      const after = yield* startReplica
      const all = [yield* after.begin(request), yield* after.begin({ ...request, account: "ben" })]
      assert.deepEqual(clientIds(all), ["dynamic-1"])
    }).pipe(Effect.provide(network()), Effect.scoped)
  )

  it.effect("is shared without the token that manages it", () => {
    const shared: Array<DynamicRegistration> = []
    const registrations = Layer.succeed(ClientRegistrations, {
      get: () => Effect.succeedNone,
      put: (_, registration) => Effect.sync(() => void shared.push(registration)),
      remove: () => Effect.void
    })
    return Effect.gen(function* () {
      const replica = yield* startReplicaOver(registrations)
      yield* replica.begin(request)
      assert.deepEqual(
        shared.map(({ clientId, management }) => [clientId, management]),
        [["dynamic-1", undefined]]
      )
    }).pipe(Effect.provide(network()), Effect.scoped)
  })

  it.effect("cannot be deregistered by the sign-out of one account", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      yield* finish(replica, yield* replica.begin(request), notion)
      const registration = (yield* stored())?.registration
      assert.isTrue(registration?._tag === "Dynamic" && registration.management === undefined)
    }).pipe(Effect.provide(network()), Effect.scoped)
  )
})

describe("a pending sign-in", () => {
  it.prop("comes back from JSON as it was", [PendingSignIn], ([pending]) => {
    assert.strictEqual(encode(decode(encode(pending))), encode(pending))
  })

  it.effect("shows none of its secrets", () =>
    Effect.gen(function* () {
      const replica = yield* startReplica
      const pending = yield* replica.begin(request)
      const secrets = [pending.state, pending.codeVerifier!, pending.dpopKey!, pending.authorizationUrl]
      const shown = [String(pending), JSON.stringify(pending), inspect(pending, { depth: 10 })].join("\n")
      for (const secret of secrets) {
        assert.include(encode(pending), JSON.stringify(Redacted.value(secret)).slice(1, -1))
        assert.notInclude(shown, Redacted.value(secret))
      }
    }).pipe(
      Effect.provide(
        network({ dpopRequired: true, metadata: { dpop_signing_alg_values_supported: ["ES256"] } })
      ),
      Effect.scoped
    )
  )
})
