import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import * as AuthorizedHttp from "../../../src/app/http/AuthorizedHttp.ts"
import * as SignOut from "../../../src/app/signin/SignOut.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { BackendError } from "../../../src/ports/StorageFailure.ts"
import { defaultTokenPolicy, TokenPolicy, type TokenPolicySettings } from "../../../src/ports/TokenPolicy.ts"
import { Transient } from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../World.ts"

const get = AccessTokens.use((tokens) => tokens.get({ server: serverNamed("notion") }))
const policy = {
  ...defaultTokenPolicy,
  refreshBefore: Duration.minutes(20),
  cooldown: Duration.minutes(1),
  retry: { ...defaultTokenPolicy.retry, maxRetries: 1 }
}
/** A world whose layers are built with this policy. The effects that use it run with the default one. */
const following = (changes: Partial<TokenPolicySettings>, options: Parameters<typeof world>[0] = {}) =>
  SignOut.layer.pipe(
    Layer.provideMerge(world(options)),
    Layer.provide(Layer.succeed(TokenPolicy, { ...defaultTokenPolicy, ...changes }))
  )
const changed = following(policy)
const away = new Transient({ detail: "HTTP 503" })

describe("a policy of the embedder", () => {
  it.effect("sets when a token is refreshed, and how long not again after a failure", () =>
    Effect.gen(function* () {
      const server = yield* ScriptedAuthorizationServer
      const first = yield* get
      yield* TestClock.adjust("41 minutes")
      yield* server.failNext(away)
      assert.isTrue((yield* get).holds(first.accessToken))
      yield* TestClock.adjust("59 seconds")
      assert.isTrue((yield* get).holds(first.accessToken))
      assert.strictEqual(server.counts.refreshes, 1)
      yield* TestClock.adjust("2 seconds")
      assert.isFalse((yield* get).holds(first.accessToken))
    }).pipe(Effect.provide(changed))
  )

  it.effect("sets how often a request is repeated", () =>
    Effect.gen(function* () {
      const server = yield* ScriptedAuthorizationServer
      yield* get
      yield* TestClock.adjust("2 hours")
      yield* server.failNext(away, away, away, away)
      const asking = yield* Effect.forkChild(Effect.exit(get))
      yield* TestClock.adjust("1 minute")
      assert.isDefined(asking.pollUnsafe())
      assert.strictEqual(server.counts.refreshes, 2)
    }).pipe(Effect.provide(changed))
  )

  it.effect("sets how often a write to the store is repeated", () => {
    let writes = 0
    const broken = Layer.effect(
      CredentialStore,
      Effect.map(CredentialStore, (store) =>
        CredentialStore.of({
          ...store,
          put: () =>
            Effect.suspend(() => {
              writes += 1
              return new StorageError({
                reason: new BackendError({ backend: storageBackends.vault, detail: "a test's" })
              })
            })
        })
      )
    )
    const storeRetry = { firstDelay: Duration.millis(1), maxRetries: 4 }
    return Effect.gen(function* () {
      const asking = yield* Effect.forkChild(get)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(asking)
      assert.strictEqual(writes, 5)
    }).pipe(Effect.provide(following({ storeRetry }, { wrapStore: broken })))
  })

  it.effect(
    "sets how often a revocation is repeated, although the caller of a logout has another policy",
    () =>
      Effect.gen(function* () {
        const server = yield* ScriptedAuthorizationServer
        yield* get
        yield* server.failNext(away, away)
        const logout = SignOut.SignOut.use((signOut) => signOut.logout(serverNamed("notion")))
        assert.strictEqual((yield* Effect.flip(logout))._tag, "RevocationFailed")
      }).pipe(Effect.provide(following({ retry: { ...defaultTokenPolicy.retry, maxRetries: 0 } })))
  )

  it.effect("sets how often one request steps up", () => {
    const insatiable = Layer.succeed(HttpTransport, {
      send: (request) =>
        Effect.sync(() => {
          const scope = `after-${request.headers.get("authorization")}`.replaceAll(" ", "-")
          const header = { "www-authenticate": `Bearer error="insufficient_scope", scope="${scope}"` }
          return new Response(null, { status: 403, headers: header })
        })
    })
    const stepUp = { ...defaultTokenPolicy.stepUp, maxPerRequest: 3 }
    return Effect.gen(function* () {
      yield* get
      const http = yield* AuthorizedHttp.AuthorizedHttp
      yield* http.sendTo(serverNamed("notion"))(new Request("https://notion.test/mcp"))
      assert.strictEqual((yield* ScriptedUser).opened.length, 1 + 3)
    }).pipe(
      Effect.provide(
        AuthorizedHttp.layer.pipe(
          Layer.provide(insatiable),
          Layer.provide(Layer.succeed(TokenPolicy, { ...defaultTokenPolicy, stepUp })),
          Layer.provideMerge(world())
        )
      )
    )
  })
})
