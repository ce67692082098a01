import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { bearerChallenge } from "../../../src/domain/Challenge.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { Discovery } from "../../../src/ports/Discovery.ts"
import { Superseded } from "../../../src/ports/Superseded.ts"
import {
  InvalidClient,
  InvalidGrant,
  Malformed,
  NotSenderConstrained,
  Refused,
  TokenEndpoint,
  TokenRequestError,
  Transient,
  type TokenFailure
} from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../World.ts"

const notion = serverNamed("notion")
const get = (server: RemoteServer = notion) => AccessTokens.use((tokens) => tokens.get({ server }))
const stored = CredentialStore.use((store) => store.get(CredentialKey.of("notion"))).pipe(
  Effect.map(Option.getOrThrow)
)
const opened = ScriptedUser.use(({ opened }) => Effect.succeed(opened.length))
const failNext = (...failures: ReadonlyArray<TokenFailure>) =>
  ScriptedAuthorizationServer.use((server) => server.failNext(...failures))

type Refresh = TokenEndpoint["Service"]["refresh"]

/** A world in which refreshes go another way. */
const worldWith = (
  refresh: (request: Parameters<Refresh>[0], real: Refresh) => ReturnType<Refresh>,
  options: Parameters<typeof world>[0] = {}
) =>
  world({
    ...options,
    wrapTokenEndpoint: Layer.effect(
      TokenEndpoint,
      Effect.map(TokenEndpoint, (service) =>
        TokenEndpoint.of({ ...service, refresh: (request) => refresh(request, service.refresh) })
      )
    )
  })

describe("a token that still works while its refresh is refused for good", () => {
  it.effect.each<TokenFailure>([
    new Refused({ error: "invalid_scope" }),
    new InvalidGrant(),
    new InvalidClient()
  ])("is used to its end, and nobody is asked before: %s", (reason) =>
    Effect.gen(function* () {
      const first = yield* get()
      yield* TestClock.adjust("56 minutes")
      yield* failNext(reason)
      assert.isTrue((yield* get()).holds(first.accessToken))
      assert.isTrue((yield* stored).tokens?.holds(first.accessToken))
      assert.strictEqual(yield* opened, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is not refreshed with a refresh token that is worth nothing, and then asks a user", () =>
    Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("56 minutes")
      yield* failNext(new InvalidGrant())
      yield* get()
      yield* TestClock.adjust("1 minute")
      yield* get()
      assert.strictEqual(
        yield* ScriptedAuthorizationServer.use(({ counts }) => Effect.succeed(counts.refreshes)),
        1
      )
      assert.strictEqual(yield* opened, 1)
      yield* TestClock.adjust("5 minutes")
      yield* get()
      assert.strictEqual(yield* opened, 2)
    }).pipe(Effect.provide(world()))
  )
})

describe("a refresh token that is refused", () => {
  it.effect("is removed although a clock that is behind reaches the start of the access token", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 hours")
      const first = yield* get()
      yield* TestClock.setTime(Duration.toMillis("114 minutes"))
      const waiting = yield* Effect.forkChild(get())
      yield* TestClock.adjust("2 minutes")
      assert.isTrue((yield* Fiber.join(waiting)).holds(first.accessToken))
      const { tokens } = yield* stored
      assert.isUndefined(tokens?.refreshToken)
      assert.isDefined(tokens?.refusal)
      assert.isTrue((yield* get()).holds(first.accessToken))
    }).pipe(
      Effect.provide(
        worldWith(() => {
          const reason = new InvalidGrant()
          const error = new TokenRequestError({ server: "notion", origin: "https://as.test", reason })
          return Effect.andThen(Effect.sleep("2 minutes"), error)
        })
      )
    )
  )
})

describe("a refresh that times out", () => {
  /** A world whose next refresh gets no answer for 15 seconds. */
  const slowOnce = () => {
    let isFirst = true
    return worldWith((request, real) => {
      if (!isFirst) return real(request)
      isFirst = false
      const reason = new Transient({ detail: "no answer within 15 seconds" })
      const error = new TokenRequestError({ server: "notion", origin: "https://as.test", reason })
      return Effect.andThen(Effect.sleep("15 seconds"), error)
    })
  }

  it.effect("does not return the access token if it has expired meanwhile", () =>
    Effect.gen(function* () {
      const first = yield* get()
      yield* TestClock.adjust("59 minutes")
      yield* TestClock.adjust("50 seconds")
      const waiting = yield* Effect.forkChild(get())
      yield* TestClock.adjust("15 seconds")
      assert.isFalse((yield* Fiber.join(waiting)).holds(first.accessToken))
      assert.strictEqual(yield* opened, 1)
    }).pipe(Effect.provide(slowOnce()))
  )

  it.effect("does not return the access token to a caller that has rejected it meanwhile", () =>
    Effect.gen(function* () {
      const first = yield* get()
      yield* TestClock.adjust("56 minutes")
      const waiting = yield* Effect.forkChild(get())
      yield* TestClock.adjust("1 second")
      yield* AccessTokens.use((tokens) => tokens.reject({ server: notion }, first.accessToken))
      const rejecting = yield* Effect.forkChild(get())
      yield* TestClock.adjust("15 seconds")
      assert.isFalse((yield* Fiber.join(rejecting)).holds(first.accessToken))
      assert.isFalse((yield* Fiber.join(waiting)).holds(first.accessToken))
      assert.strictEqual(yield* opened, 1)
    }).pipe(Effect.provide(slowOnce()))
  )
})

describe("a refresh", () => {
  it.effect("that grants less than before is followed by a step-up when that is missed", () =>
    Effect.gen(function* () {
      const server = serverNamed("notion", { scopes: ["read", "write"] })
      yield* get(server)
      yield* TestClock.adjust("2 hours")
      const narrowed = yield* get(server)
      assert.deepEqual((yield* stored).grantedScopes, ["read"])
      assert.deepEqual((yield* stored).requestedScopes, ["read", "write"])
      const challenge = bearerChallenge(`Bearer error="insufficient_scope", scope="write"`)
      const more = yield* AccessTokens.use((tokens) =>
        tokens.stepUp({ server, challenge }, narrowed.accessToken)
      )
      assert.isTrue(Option.isSome(more))
      assert.strictEqual(yield* opened, 2)
    }).pipe(
      Effect.provide(
        worldWith((request, real) =>
          Effect.map(real(request), (tokens) => new TokenSet({ ...tokens, scope: "read" }))
        )
      )
    )
  )

  it.effect("goes where the same issuer says that its token endpoint is now, and remembers that", () => {
    const asked: Array<string> = []
    return Effect.gen(function* () {
      yield* get()
      yield* ScriptedAuthorizationServer.use(({ moveTokenEndpoint }) => moveTokenEndpoint("/token2"))
      yield* TestClock.adjust("2 hours")
      yield* get()
      assert.deepEqual(asked, ["https://as.test/token", "https://as.test/token2"])
      assert.strictEqual((yield* stored).tokenEndpoint, "https://as.test/token2")
      assert.strictEqual(yield* opened, 1)
    }).pipe(
      Effect.provide(
        worldWith((request, real) => {
          asked.push(request.tokenEndpoint.href)
          return request.tokenEndpoint.pathname === "/token2"
            ? real(request)
            : Effect.fail(
                new TokenRequestError({
                  server: "notion",
                  origin: "https://as.test",
                  reason: new Malformed({ detail: "HTTP 404" })
                })
              )
        })
      )
    )
  })

  it.effect("is not sent to the endpoint of another issuer", () =>
    Effect.gen(function* () {
      yield* get()
      yield* ScriptedAuthorizationServer.use(({ moveTo }) => moveTo("https://evil.test"))
      yield* TestClock.adjust("2 hours")
      yield* get()
      assert.strictEqual(yield* opened, 2)
    }).pipe(
      Effect.provide(
        worldWith((request) => {
          assert.strictEqual(request.tokenEndpoint.origin, "https://as.test")
          return Effect.fail(
            new TokenRequestError({
              server: "notion",
              origin: "https://as.test",
              reason: new Malformed({ detail: "HTTP 404" })
            })
          )
        })
      )
    )
  )

  it.effect("with a first key is not sent to a server that binds no tokens", () =>
    Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      const error = yield* Effect.flip(get(serverNamed("notion", { dpop: true })))
      assert.strictEqual(error._tag, "DpopUnsupported")
      assert.strictEqual(
        yield* ScriptedAuthorizationServer.use(({ counts }) => Effect.succeed(counts.refreshes)),
        0
      )
      yield* get()
      assert.strictEqual(yield* opened, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("whose tokens are not bound keeps the refresh token that took the place of ours", () => {
    let answers = 0
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      const error = yield* Effect.flip(get(serverNamed("notion", { dpop: true })))
      assert.strictEqual(
        error._tag === "TokenRequestError" ? error.reason._tag : error._tag,
        "NotSenderConstrained"
      )
      // Taken out again, as the message says.
      yield* get()
      const { counts } = yield* ScriptedAuthorizationServer
      assert.strictEqual(counts.revokedFamilies, 0)
      assert.strictEqual(yield* opened, 1)
    }).pipe(
      Effect.provide(
        worldWith(
          (request, real) =>
            Effect.flatMap(real(request), (tokens) =>
              answers++ > 0 || tokens.refreshToken === undefined
                ? Effect.succeed(tokens)
                : Effect.fail(
                    new TokenRequestError({
                      server: "notion",
                      origin: "https://as.test",
                      reason: new NotSenderConstrained({ refreshToken: tokens.refreshToken })
                    })
                  )
            ),
          { metadata: { dpop_signing_alg_values_supported: ["ES256"] } }
        )
      )
    )
  })

  it.effect("whose answer is unusable keeps the refresh token in it, and reports what was wrong", () => {
    let answers = 0
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      const error = yield* Effect.flip(get())
      assert.include(error.message, "without a usable access_token")
      yield* get()
      const { counts } = yield* ScriptedAuthorizationServer
      assert.deepInclude(counts, { refreshes: 2, revokedFamilies: 0 })
      assert.strictEqual(yield* opened, 1)
    }).pipe(
      Effect.provide(
        worldWith((request, real) =>
          Effect.flatMap(real(request), (tokens) =>
            answers++ > 0 || tokens.refreshToken === undefined
              ? Effect.succeed(tokens)
              : Effect.fail(
                  new TokenRequestError({
                    server: "notion",
                    origin: "https://as.test",
                    reason: new Malformed({
                      detail: "HTTP 200, without a usable access_token",
                      refreshToken: tokens.refreshToken
                    })
                  })
                )
          )
        )
      )
    )
  })

  it.effect("returns what another process has stored after the lock was lost", () => {
    const elsewhere = new TokenSet({
      accessToken: Redacted.make("of another process"),
      tokenType: "bearer",
      obtainedAt: 0
    })
    let isLockLost = false
    const superseding = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          put: Effect.fn("superseding.put")(function* (key, credential) {
            if (!isLockLost) return yield* store.put(key, credential)
            yield* store.put(key, credential.next({ tokens: elsewhere }))
            return yield* new StorageError({ reason: new Superseded({ server: key.server }) })
          })
        })
      )
    )
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      isLockLost = true
      assert.isTrue((yield* get()).holds(elsewhere.accessToken))
    }).pipe(Effect.provide(world({ wrapStore: superseding })))
  })

  describe("whose lock was lost", () => {
    /** The lock is lost during the next write, and `meanwhile` happens to the store. Reads of the result may fail. */
    const losingLock = (
      meanwhile: (store: CredentialStore["Service"]) => Effect.Effect<unknown, StorageError>,
      canRead = true
    ) => {
      const state = { isLost: false, canRead: true }
      const superseded = new StorageError({ reason: new Superseded({ server: "notion" }) })
      const wrapStore = Layer.effect(
        CredentialStore,
        Effect.map(CredentialStore, (store) =>
          CredentialStore.of({
            ...store,
            get: (key) => (state.canRead ? store.get(key) : superseded),
            put: Effect.fn("losing.put")(function* (key, credential) {
              if (!state.isLost) return yield* store.put(key, credential)
              state.isLost = false
              state.canRead = canRead
              yield* meanwhile(store)
              return yield* superseded
            })
          })
        )
      )
      return { state, layer: world({ wrapStore, present: false }) }
    }
    const signedIn = SignIn.use((service) => service.signIn({ server: notion }))

    it.effect("keeps the new tokens if the store still holds the old ones", () => {
      const { layer, state } = losingLock(() => Effect.void)
      return Effect.gen(function* () {
        const first = yield* signedIn
        yield* TestClock.adjust("2 hours")
        state.isLost = true
        const second = yield* get()
        assert.isFalse(second.holds(first.tokens.accessToken))
        yield* TestClock.adjust("2 hours")
        yield* get()
        const { counts } = yield* ScriptedAuthorizationServer
        assert.deepInclude(counts, { refreshes: 2, revokedFamilies: 0 })
      }).pipe(Effect.provide(layer))
    })

    it.effect("keeps the new tokens if it cannot read what the store holds", () => {
      const { layer, state } = losingLock(() => Effect.void, false)
      return Effect.gen(function* () {
        yield* signedIn
        yield* TestClock.adjust("2 hours")
        state.isLost = true
        yield* get()
        state.canRead = true
        yield* TestClock.adjust("2 hours")
        yield* get()
        const { counts } = yield* ScriptedAuthorizationServer
        assert.deepInclude(counts, { refreshes: 2, revokedFamilies: 0 })
      }).pipe(Effect.provide(layer))
    })

    it.effect("takes the tokens that the process stores which has used the refused refresh token", () => {
      const late = new TokenSet({
        accessToken: Redacted.make("of another process"),
        tokenType: "bearer",
        obtainedAt: 7_200_000
      })
      const { layer, state } = losingLock((store) =>
        store
          .get(CredentialKey.of("notion"))
          .pipe(
            Effect.flatMap((found) =>
              store.put(CredentialKey.of("notion"), Option.getOrThrow(found).next({ tokens: late }))
            )
          )
      )
      return Effect.gen(function* () {
        yield* signedIn
        yield* TestClock.adjust("2 hours")
        yield* ScriptedAuthorizationServer.use((server) => server.failNext(new InvalidGrant()))
        state.isLost = true
        assert.isTrue((yield* get()).holds(late.accessToken))
      }).pipe(Effect.provide(layer))
    })

    it.effect("returns no tokens after a sign-out by another process", () => {
      const { layer, state } = losingLock((store) => store.remove(CredentialKey.of("notion")))
      return Effect.gen(function* () {
        yield* signedIn
        yield* TestClock.adjust("2 hours")
        state.isLost = true
        assert.deepInclude(yield* Effect.flip(get()), { _tag: "SignInRequired", why: "revoked" })
        assert.deepInclude(yield* Effect.flip(get()), { _tag: "SignInRequired", why: "never signed in" })
      }).pipe(Effect.provide(layer))
    })
  })

  it.effect("that waits for discovery, to create its first key, can be interrupted", () => {
    let discovery: "available" | "waiting" | "interrupted" = "available"
    const slow = Layer.effect(
      Discovery,
      Effect.map(Discovery, ({ discover, ...others }) =>
        Discovery.of({
          ...others,
          discover: (server, challenge) =>
            discovery === "available"
              ? discover(server, challenge)
              : Effect.onInterrupt(Effect.never, () =>
                  Effect.sync(() => {
                    discovery = "interrupted"
                  })
                )
        })
      )
    )
    return Effect.gen(function* () {
      yield* get()
      yield* TestClock.adjust("2 hours")
      discovery = "waiting"
      const caller = yield* Effect.forkChild(get(serverNamed("notion", { dpop: true })))
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(Fiber.interrupt(caller))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(discovery, "interrupted")
      assert.isDefined(caller.pollUnsafe())
    }).pipe(Effect.provide(world({ wrapDiscovery: slow })))
  })
})
