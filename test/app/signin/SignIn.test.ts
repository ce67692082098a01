import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Redacted, Result, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { resolvedByDiscovery } from "../../../src/app/signin/ResolvedAuthorizationServer.ts"
import { layer as signInLayer, SignIn, type SignInRequest } from "../../../src/app/signin/SignIn.ts"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { Browser } from "../../../src/ports/Browser.ts"
import { CallbackListener } from "../../../src/ports/CallbackListener.ts"
import { UserWait } from "../../../src/ports/UserWait.ts"
import { type SignInReturn, UserInteraction } from "../../../src/ports/UserInteraction.ts"
import { remedyText } from "../../../src/app/cli/RemedyText.ts"
import { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { InvalidClient, Malformed, Transient, Unanswered } from "../../../src/ports/TokenEndpoint.ts"
import { byHand, serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")
const signIn = (server = notion) => SignIn.use((service) => service.signIn({ server }))
const opened = Effect.map(ScriptedUser, (user) => user.opened)

/** A sign-in because the stored tokens are of no use, as `AccessTokens` starts it. */
const signInAgain = SignIn.use((service) => service.signIn({ server: notion, adopt: () => undefined }))

describe("a sign-in", () => {
  it.effect("asks with state, PKCE S256 and the resource, and stores what it got", () =>
    Effect.gen(function* () {
      yield* signIn()
      const [url] = yield* opened
      assert.deepEqual(Object.fromEntries(url!.searchParams), {
        response_type: "code",
        client_id: "dynamic-1",
        redirect_uri: "http://localhost:8080/callback",
        state: "state-1",
        resource: "https://notion.test/mcp",
        code_challenge: "challenge-1",
        code_challenge_method: "S256"
      })
      const stored = Option.getOrThrow(
        yield* CredentialStore.use((store) => store.get(CredentialKey.of("notion")))
      )
      assert.deepInclude(stored, {
        resource: "https://notion.test/mcp",
        issuer: "https://as.test",
        generation: 1
      })
      assert.isTrue(stored.isFor(notion))
      assert.strictEqual(stored.revocationEndpoint, "https://as.test/revoke")
    }).pipe(Effect.provide(world()))
  )

  it.effect("takes time of the user, which a caller can tell from that of its request", () =>
    Effect.gen(function* () {
      const waited: Array<string> = []
      const machine = serverNamed("machine", { grant: { _tag: "ClientCredentials" } })
      yield* Effect.forEach([notion, machine], (server) =>
        Effect.exit(AccessTokens.use((tokens) => tokens.get({ server })))
      ).pipe(
        Effect.provideService(UserWait, (server, waiting) =>
          Effect.andThen(
            Effect.sync(() => waited.push(server)),
            waiting
          )
        )
      )
      assert.deepEqual(waited, ["notion"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("says after three seconds that another program signs in, and begins when that one ends", () =>
    Effect.gen(function* () {
      const lock = yield* CredentialLock
      const { told } = yield* ScriptedUser
      const ended = yield* Deferred.make<void>()
      const other = yield* Effect.forkChild(
        lock.withLock(CredentialKey.of("notion"), "sign-in")(Deferred.await(ended)),
        { startImmediately: true }
      )
      const waiting = yield* Effect.forkChild(signIn(), { startImmediately: true })
      yield* TestClock.adjust("2999 millis")
      assert.notInclude(told.join(), "Another program")
      yield* TestClock.adjust("1 milli")
      assert.include(told.join(), "Another program is signing in to notion. Approve it in the tab")
      yield* Deferred.succeed(ended, undefined)
      yield* Fiber.join(other)
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* opened).length, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(told.filter((text) => text.includes("Another program")).length, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("says nothing of another program where it need not wait for one", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* TestClock.adjust("1 minute")
      assert.notInclude((yield* ScriptedUser).told.join(), "Another program")
    }).pipe(Effect.provide(world()))
  )

  it.effect("knows no way to revoke where the authorization server has none", () =>
    Effect.gen(function* () {
      const { credential } = yield* signIn()
      assert.isUndefined(credential.revocationEndpoint)
    }).pipe(Effect.provide(world({ revocation: false })))
  )

  it.effect("keeps the accounts of a server apart, and names them", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* SignIn.use((service) => service.signIn({ server: notion, account: "work" }))
      const tokenOf = (account?: string) =>
        Effect.map(
          AccessTokens.use((tokens) => tokens.get({ server: notion, account })),
          ({ accessToken }) => Redacted.value(accessToken)
        )
      assert.notStrictEqual(yield* tokenOf(), yield* tokenOf("work"))
      assert.strictEqual((yield* opened).length, 2)
      assert.deepEqual(
        (yield* CredentialStore.use((store) => store.list)).map(({ storageName }) => storageName),
        ["notion", "notion@work"]
      )
    }).pipe(Effect.provide(world()))
  )

  it.effect.each<readonly [string | undefined, string]>([
    [undefined, "Not signed in to notion.\nRun: mcp-cli auth login notion"],
    ["work", "Not signed in to notion (work).\nRun: mcp-cli auth login notion --account work"],
    ["my work", 'Not signed in to notion (my work).\nRun: mcp-cli auth login notion --account "my work"'],
    ["-x", "Not signed in to notion (-x).\nRun: mcp-cli auth login notion --account=-x"],
    ["$(id)'s", "Not signed in to notion ($(id)'s).\nRun: mcp-cli auth login notion --account '$(id)'\\''s'"]
  ])("that nobody is there for is asked for by account: %s", ([account, message]) =>
    Effect.gen(function* () {
      const get = AccessTokens.use((tokens) => tokens.get({ server: notion, account }))
      assert.strictEqual(errorText(yield* Effect.flip(get)), message)
    }).pipe(Effect.provide(world({ present: false })))
  )

  it.effect("uses configured endpoints, client, scopes and extra parameters without any discovery", () =>
    Effect.gen(function* () {
      yield* signIn(byHand("notion", { scopes: ["read", "write"], extraAuthParams: { owner: "user" } }))
      const [url] = yield* opened
      assert.deepInclude(Object.fromEntries(url!.searchParams), {
        client_id: "written",
        scope: "read write",
        owner: "user",
        code_challenge_method: "S256"
      })
      assert.isFalse(url!.searchParams.has("resource"))
      const { counts } = yield* ScriptedAuthorizationServer
      assert.deepInclude(counts, { discoveries: 0, registrations: 0, codeExchanges: 1 })
    }).pipe(Effect.provide(world()))
  )

  it.effect("registers a client at the configured endpoint, once, and discovers nothing", () =>
    Effect.gen(function* () {
      const server = byHand("notion", {
        source: {
          _tag: "ByHand",
          authorizationEndpoint: new URL("https://as.test/authorize"),
          tokenEndpoint: new URL("https://as.test/token"),
          registrationEndpoint: new URL("https://as.test/register"),
          client: undefined
        }
      })
      const stepUp = SignIn.use((service) => service.signIn({ server, moreScopes: [] }))
      const { credential } = yield* stepUp
      assert.strictEqual(credential.registration.clientId, "dynamic-1")
      assert.isTrue(credential.isFor(server))
      yield* stepUp
      const { counts } = yield* ScriptedAuthorizationServer
      // One of them asks, with a code of no sign-in, whether the server still knows the client.
      assert.deepInclude(counts, { discoveries: 0, registrations: 1, codeExchanges: 3 })
      assert.isFalse(credential.isFor(byHand("notion")))
    }).pipe(Effect.provide(world()))
  )

  it.effect("goes without PKCE where the configuration says so", () =>
    Effect.gen(function* () {
      yield* signIn(byHand("notion", { usePkce: false }))
      const [url] = yield* opened
      assert.isFalse(url!.searchParams.has("code_challenge"))
    }).pipe(Effect.provide(world()))
  )

  it.effect.each(["unsaid", ["plain"], [], ["s256"]] as const)(
    "stops before any browser where the metadata names no PKCE with S256: %j",
    (pkce) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(signIn())
        assert.strictEqual(error._tag, "PkceUnsupported")
        assert.include(errorText(error), '"use_pkce": false')
        assert.lengthOf(yield* opened, 0)
        assert.strictEqual((yield* ScriptedAuthorizationServer).counts.registrations, 0)
        assert.include(errorText(error), '"assume_pkce": true')
        yield* signIn(serverNamed("notion", { usePkce: false }))
        yield* signIn(serverNamed("notion", { assumePkce: true }))
        const [without, assumed] = yield* opened
        assert.isNull(without!.searchParams.get("code_challenge_method"))
        assert.strictEqual(assumed!.searchParams.get("code_challenge_method"), "S256")
      }).pipe(Effect.provide(world({ pkce })))
  )

  it.effect("believes the issuer that the configuration names beside endpoints by hand, and no other", () =>
    Effect.gen(function* () {
      yield* signIn(byHand("notion", { issuer: "https://as.test" }))
      const error = yield* Effect.flip(signIn(byHand("notion", { issuer: "https://other.test" })))
      assert.strictEqual(error._tag, "CallbackRejected")
      assert.include(error.message, "https://as.test")
    }).pipe(Effect.provide(world()))
  )

  it.effect("takes the redirected address pasted, where the browser is on another machine", () =>
    Effect.gen(function* () {
      const { credential } = yield* signIn()
      assert.isDefined(credential.tokens)
    }).pipe(Effect.provide(world({ script: "paste" })))
  )

  it.effect(
    "asks again for what is no address of its end: the page itself, a consent page, another sign-in",
    () =>
      Effect.gen(function* () {
        const { credential } = yield* signIn()
        assert.isDefined(credential.tokens)
        const { told } = yield* ScriptedUser
        assert.deepEqual(
          told.map((message) => message.split(/[.:]/)[0]),
          [
            "That is the address of the sign-in page",
            "The sign-in has not ended at that address",
            "That address belongs to another sign-in",
            "That is only the start of the address"
          ]
        )
        for (const message of told) assert.include(message, "starts with http://localhost:8080/callback")
      }).pipe(
        Effect.provide(
          world({
            script: "paste",
            pastes: (ended, page) => [
              page.href,
              `https://as.test/consent?challenge=x&state=${page.searchParams.get("state")}`,
              ended.href.replace(/state=[^&]*/, "state=another"),
              `http://localhost:8080/callback?state=${page.searchParams.get("state")}`,
              `"${ended.href}"`
            ]
          })
        )
      )
  )

  it.effect("puts an address together that was cut, wherever", () =>
    Effect.gen(function* () {
      const { credential } = yield* signIn()
      assert.isDefined(credential.tokens)
      const { told } = yield* ScriptedUser
      assert.lengthOf(told, 3)
      for (const message of told)
        assert.include(message, "That is only the start of the address. Paste the rest")
    }).pipe(
      Effect.provide(
        world({
          script: "paste",
          pastes: ({ href }) => [href.slice(0, 20), href.slice(20, 34), href.slice(34, 50), href.slice(50)]
        })
      )
    )
  )

  it.effect("says that a pasted address may have lost its end if its code is refused", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn())
      assert.strictEqual(error._tag, "TokenRequestError")
      const { told } = yield* ScriptedUser
      assert.include(told.at(-1), "The pasted address may have lost its end")
    }).pipe(
      Effect.provide(
        world({
          script: "paste",
          pastes: ({ origin, pathname, searchParams }) => {
            const code = searchParams.get("code") ?? ""
            searchParams.delete("code")
            return [`${origin}${pathname}?${searchParams}&code=${code.slice(0, -1)}`]
          }
        })
      )
    )
  )

  it.effect.each([true, false])(
    "offers a code to a user whose browser is elsewhere if the provider has it: %s",
    (has) => {
      const asked: Array<SignInReturn> = []
      const user = Layer.effect(
        UserInteraction,
        Effect.map(UserInteraction, (inner) =>
          UserInteraction.of({
            ...inner,
            askToSignIn: (_server, _url, back) => Effect.sync(() => asked.push(back))
          })
        )
      )
      return Effect.gen(function* () {
        yield* signIn()
        const [{ byCode, redirectUri } = assert.fail("nothing was asked")] = asked
        assert.strictEqual(redirectUri.href, "http://localhost:8080/callback")
        if (!has) return assert.isUndefined(byCode)
        assert.strictEqual(
          byCode && remedyText(byCode),
          "To sign in with a code instead, run: mcp-cli auth login notion --device"
        )
      }).pipe(
        Effect.provide(
          Layer.fresh(signInLayer).pipe(
            Layer.provide(user),
            Layer.provideMerge(
              world({
                devicePending: 0,
                metadata: {
                  grant_types_supported: [
                    "authorization_code",
                    ...(has ? ["urn:ietf:params:oauth:grant-type:device_code"] : [])
                  ]
                }
              })
            )
          )
        )
      )
    }
  )

  it.effect.each([undefined, { _tag: "DeviceCode" }] as const)(
    "opens a browser or shows a code once the user has done with another sign-in: %j",
    (grant) =>
      Effect.gen(function* () {
        const alone = yield* Semaphore.make(1)
        const user = Layer.effect(
          UserInteraction,
          Effect.map(UserInteraction, (inner) =>
            UserInteraction.of({ ...inner, attention: alone.takeScoped(1) })
          )
        )
        const shown = Effect.map(ScriptedUser, ({ devices, opened }) => devices.length + opened.length)
        yield* Effect.gen(function* () {
          const first = yield* Effect.forkChild(Effect.flip(signIn()))
          yield* TestClock.adjust("1 minute")
          const second = yield* Effect.forkChild(signIn(serverNamed("linear", grant && { grant })))
          yield* TestClock.adjust("1 minute")
          assert.strictEqual(yield* shown, 1)
          yield* TestClock.adjust("4 minutes")
          assert.strictEqual((yield* Fiber.join(first))._tag, "SignInTimedOut")
          yield* Fiber.join(second)
          assert.strictEqual(yield* shown, 2)
        }).pipe(Effect.provide(Layer.fresh(signInLayer).pipe(Layer.provide(user))))
      }).pipe(Effect.provide(world({ script: ["ignore", "approve"], devicePending: 0 })))
  )

  it.effect("ends with the server's word when the user says no", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn())
      assert.deepInclude(error, { _tag: "SignInRefused", error: "access_denied" })
      const stored = yield* CredentialStore.use((store) => store.get(CredentialKey.of("notion")))
      assert.isUndefined(Option.getOrThrow(stored).tokens)
    }).pipe(Effect.provide(world({ script: "deny" })))
  )

  it.effect("gives up when nobody answers, and lets go of the port", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(Effect.flip(signIn()))
      yield* TestClock.adjust("5 minutes")
      const error = yield* Fiber.join(waiting)
      assert.deepInclude(error, { _tag: "SignInTimedOut", seconds: 300 })
    }).pipe(Effect.provide(world({ script: "ignore" })))
  )

  it.effect.each([
    new Transient({ detail: "HTTP 500" }),
    new Transient({ detail: "HTTP 503", retryAfter: 0 }),
    new Transient({ detail: "HTTP 429", retryAfter: 1000 }),
    new Unanswered({ detail: "HTTP 502", end: "broke" }),
    new Unanswered({ detail: "no answer within 15 seconds", end: "timeout" }),
    new Malformed({ detail: "HTTP 200, not a JSON object" })
  ])("sends the code once, and fails with the first answer: %s", (reason) =>
    Effect.gen(function* () {
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(reason))
      const signingIn = yield* Effect.forkChild(Effect.result(signIn()))
      yield* TestClock.adjust("2 minutes")
      const ended = yield* Fiber.join(signingIn)
      assert.include(Result.isFailure(ended) ? ended.failure.message : "signed in", reason.detail)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.codeExchanges, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("sends the code again after a connection that was never established", () =>
    Effect.gen(function* () {
      yield* ScriptedAuthorizationServer.use(({ failNext }) =>
        failNext(new Transient({ detail: "the connection was refused", isUnsent: true }))
      )
      const signingIn = yield* Effect.forkChild(signIn())
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(signingIn)
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.codeExchanges, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("tries client_secret_post once after Basic, and remembers it", () =>
    Effect.gen(function* () {
      const server = byHand("notion")
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(new InvalidClient()))
      const { credential } = yield* signIn(server)
      assert.strictEqual(credential.registration.authenticationMethod, "client_secret_post")
      yield* TestClock.adjust("2 hours")
      yield* AccessTokens.use((tokens) => tokens.get({ server }))
      assert.deepInclude((yield* ScriptedAuthorizationServer).counts, { codeExchanges: 2, refreshes: 1 })
    }).pipe(Effect.provide(world()))
  )

  it.effect("names the configured client when every way of authenticating it fails", () =>
    Effect.gen(function* () {
      yield* ScriptedAuthorizationServer.use(({ failNext }) =>
        failNext(new InvalidClient(), new InvalidClient(), new InvalidClient())
      )
      const error = yield* Effect.flip(signIn(byHand("notion")))
      assert.strictEqual(error._tag, "ClientRejected")
    }).pipe(Effect.provide(world()))
  )

  it.effect("uses the client that it registered before", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* signInAgain
      const { counts } = yield* ScriptedAuthorizationServer
      // The second sign-in asks about the client with a code that does not exist.
      assert.deepInclude(counts, { registrations: 1, codeExchanges: 3 })
    }).pipe(Effect.provide(world()))
  )

  it.effect("registers a new client if the user requests it while another sign-in is stored", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* signIn()
      const clients = (yield* opened).map((url) => url.searchParams.get("client_id"))
      assert.deepEqual(clients, ["dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("registers anew, before a browser opens, where the server has forgotten the client", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* ScriptedAuthorizationServer.use((server) => server.forgetClients)
      yield* signInAgain
      const clients = (yield* opened).map((url) => url.searchParams.get("client_id"))
      assert.deepEqual(clients, ["dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world({ preflight: 400 })))
  )

  it.effect("keeps the client where the address lets no program in: that says nothing of the client", () =>
    Effect.gen(function* () {
      yield* signIn()
      yield* signInAgain
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.registrations, 1)
    }).pipe(Effect.provide(world({ preflight: 403 })))
  )

  it.effect("registers anew, before a browser opens, where the client's secret has ended", () =>
    Effect.gen(function* () {
      yield* signIn()
      const store = yield* CredentialStore
      const key = CredentialKey.of("notion")
      const kept = Option.getOrThrow(yield* store.get(key))
      if (kept.registration._tag !== "Dynamic") return assert.fail()
      const registration = new DynamicRegistration({ ...kept.registration, secretExpiresAt: 60_000 })
      yield* store.put(key, new Credential({ ...kept, registration }))
      yield* signInAgain
      yield* TestClock.adjust("2 minutes")
      yield* signInAgain
      const clients = (yield* opened).map((url) => url.searchParams.get("client_id"))
      assert.deepEqual(clients, ["dynamic-1", "dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("is shared by everybody in the process who needs it", () =>
    Effect.gen(function* () {
      const get = AccessTokens.use((tokens) => tokens.get({ server: notion }))
      yield* Effect.all([get, get, get], { concurrency: "unbounded" })
      assert.strictEqual((yield* opened).length, 1)
    }).pipe(Effect.provide(world()))
  )
})

describe("the scopes of a sign-in", () => {
  const scopeOf = (options: Parameters<typeof world>[0], request: Partial<SignInRequest> = {}) =>
    Effect.gen(function* () {
      yield* SignIn.use((service) => service.signIn({ server: notion, ...request }))
      return (yield* opened).at(-1)?.searchParams.get("scope") ?? undefined
    }).pipe(Effect.provide(world(options)))
  const challenge = { error: undefined, resourceMetadata: undefined, scope: "read" }
  const offline = { metadata: { scopes_supported: ["read", "offline_access"] } }

  it.effect("are joined by offline_access where the authorization server has it, and nowhere else", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* scopeOf(offline, { challenge }), "read offline_access")
      assert.strictEqual(yield* scopeOf({ metadata: { scopes_supported: ["read"] } }, { challenge }), "read")
      assert.strictEqual(yield* scopeOf({}, { challenge }), "read")
      const twice = { ...challenge, scope: "offline_access read" }
      assert.strictEqual(yield* scopeOf(offline, { challenge: twice }), "offline_access read")
    })
  )

  it.effect("are none where the server names none: the authorization server decides then", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* scopeOf(offline))
    })
  )

  it.effect("stay as they are written by hand", () =>
    Effect.gen(function* () {
      const server = serverNamed("notion", { scopes: ["profile"] })
      assert.strictEqual(yield* scopeOf(offline, { challenge, server }), "profile")
      assert.strictEqual(yield* scopeOf(offline, { challenge, server, scopes: ["a", "b"] }), "a b")
    })
  )
})

describe("the client of a sign-in", () => {
  const clientMetadataUrl = "https://example.com/mcp-cli.json"
  const takes = { client_id_metadata_document_supported: true }
  const published = serverNamed("notion", { clientMetadataUrl })
  const clientIds = Effect.map(opened, (urls) => urls.map((url) => url.searchParams.get("client_id")))

  it.effect("is the published document where the authorization server takes those", () =>
    Effect.gen(function* () {
      const { credential } = yield* signIn(published)
      assert.deepEqual(yield* clientIds, [clientMetadataUrl])
      assert.strictEqual((yield* ScriptedAuthorizationServer).counts.registrations, 0)
      assert.deepEqual(
        { ...credential.registration },
        { _tag: "MetadataDocument", clientId: clientMetadataUrl }
      )
      assert.isTrue(credential.isFor(published))
      assert.isFalse(credential.isFor(notion))
      // It is kept, read again and refreshed like any other.
      yield* TestClock.adjust("2 hours")
      yield* AccessTokens.use((tokens) => tokens.get({ server: published }))
      assert.deepInclude((yield* ScriptedAuthorizationServer).counts, { codeExchanges: 1, refreshes: 1 })
    }).pipe(Effect.provide(world({ metadata: takes })))
  )

  it.effect("is registered where the authorization server takes no documents", () =>
    Effect.gen(function* () {
      const { credential } = yield* signIn(published)
      assert.strictEqual(credential.registration._tag, "Dynamic")
      assert.isTrue(credential.isFor(published))
    }).pipe(Effect.provide(world()))
  )

  it.effect("is the configured one before the published one", () =>
    Effect.gen(function* () {
      const client = { clientId: "written", clientSecret: undefined }
      const source = { _tag: "Discovered", client } as const
      yield* signIn(serverNamed("notion", { clientMetadataUrl, source }))
      assert.deepEqual(yield* clientIds, ["written"])
    }).pipe(Effect.provide(world({ metadata: takes })))
  )

  it.effect("is asked for at the place that it is published for, and no other", () => {
    const moving: Array<boolean> = []
    const watched = Layer.effect(
      CallbackListener,
      Effect.map(CallbackListener, ({ bind }) =>
        CallbackListener.of({
          bind: (options) => {
            moving.push(options.portMayMove)
            return bind(options)
          }
        })
      )
    )
    return Effect.gen(function* () {
      yield* signIn(published)
      yield* signIn()
      assert.deepEqual(moving, [false, true])
    }).pipe(
      Effect.provide(
        Layer.fresh(signInLayer).pipe(Layer.provide(watched), Layer.provideMerge(world({ metadata: takes })))
      )
    )
  })

  it.effect.each([true, false])("gives $BROWSER the whole URL if other users are refused: %s", (checksUser) =>
    Effect.gen(function* () {
      const once = new URL("http://localhost:8080/start/x")
      const given = yield* Deferred.make<ReadonlyArray<string | undefined>>()
      const listener = Layer.effect(
        CallbackListener,
        Effect.map(CallbackListener, ({ bind }) =>
          CallbackListener.of({
            bind: (options) =>
              Effect.map(bind(options), (bound) => ({
                ...bound,
                checksUser,
                conclude: () => Effect.void,
                redirectOnce: () => Effect.succeed(once)
              }))
          })
        )
      )
      const browser = Layer.mock(Browser, {
        open: (url, named) => Effect.asVoid(Deferred.succeed(given, [url.href, named?.href]))
      })
      yield* Effect.forkChild(signIn()).pipe(
        Effect.provide(Layer.fresh(signInLayer).pipe(Layer.provide(Layer.merge(listener, browser))))
      )
      const [ofPlatform, ofNamed = ""] = yield* Deferred.await(given)
      assert.strictEqual(ofPlatform, once.href)
      if (checksUser) assert.match(ofNamed, /^https:\/\/as\.test\/authorize\?/)
      else assert.strictEqual(ofNamed, once.href)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is registered anew for scopes that the one of before may not ask for", () =>
    Effect.gen(function* () {
      const challenged = (scope: string) =>
        SignIn.use((service) =>
          service.signIn({
            server: notion,
            challenge: { error: undefined, resourceMetadata: undefined, scope },
            adopt: () => undefined
          })
        )
      yield* challenged("read write")
      yield* challenged("read")
      yield* challenged("read admin")
      assert.deepEqual(yield* clientIds, ["dynamic-1", "dynamic-1", "dynamic-2"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("that is published is named by its address where it is not accepted", () =>
    Effect.gen(function* () {
      yield* ScriptedAuthorizationServer.use(({ failNext }) => failNext(new InvalidClient()))
      const error = yield* Effect.flip(signIn(published))
      assert.strictEqual(error._tag, "ClientRejected")
      assert.include(errorText(error), clientMetadataUrl)
      assert.include(errorText(error), "mcp-cli auth client-metadata notion")
    }).pipe(Effect.provide(world({ metadata: takes })))
  )

  it.effect("has to be made by the user where there is no other way", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(signIn())
      assert.strictEqual(error._tag, "RegistrationError")
      assert.include(errorText(error), '"client_id"')
    }).pipe(Effect.provide(world({ registration: false })))
  )
})

describe("metadata", () => {
  it("may not send tokens for revoking where anybody can read them", () => {
    const placeOf = (revocation_endpoint: string) =>
      resolvedByDiscovery(notion, {
        metadata: new AuthorizationServerMetadata({
          issuer: "https://as.test",
          authorization_endpoint: "https://as.test/authorize",
          token_endpoint: "https://as.test/token",
          revocation_endpoint
        }),
        resource: "https://notion.test/mcp",
        scopes: []
      }).endpoints.revocation?.href
    assert.strictEqual(placeOf("https://other.test/revoke"), "https://other.test/revoke")
    assert.strictEqual(placeOf("http://127.0.0.1:1/revoke"), "http://127.0.0.1:1/revoke")
    for (const bad of ["http://as.test/revoke", "/revoke", "ftp://as.test/revoke"]) {
      assert.isUndefined(placeOf(bad), bad)
    }
  })
})

describe("a credential of another configuration", () => {
  it.effect("is not used after the URL of the server has changed", () =>
    Effect.gen(function* () {
      yield* signIn()
      const moved = { ...notion, url: new URL("https://evil.test/mcp") }
      yield* AccessTokens.use((tokens) => tokens.get({ server: moved }))
      assert.strictEqual((yield* opened).length, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is not used after the client in the configuration has changed", () =>
    Effect.gen(function* () {
      const server = byHand("notion")
      yield* signIn(server)
      const other = byHand("notion", {
        source: { ...server.oauth.source, client: { clientId: "another", clientSecret: undefined } }
      } as typeof server.oauth)
      yield* AccessTokens.use((tokens) => tokens.get({ server: other }))
      assert.strictEqual((yield* opened).length, 2)
    }).pipe(Effect.provide(world()))
  )
})
