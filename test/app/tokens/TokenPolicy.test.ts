import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { defaultTokenPolicy, TokenPolicy } from "../../../src/ports/TokenPolicy.ts"
import { Transient } from "../../../src/ports/TokenEndpoint.ts"
import { serverNamed, world } from "../World.ts"

const get = AccessTokens.use((tokens) => tokens.get({ server: serverNamed("notion") }))
const policy = {
  ...defaultTokenPolicy,
  refreshBefore: Duration.minutes(20),
  cooldown: Duration.minutes(1),
  retry: { ...defaultTokenPolicy.retry, maxRetries: 1 }
}
const changed = world().pipe(Layer.provide(Layer.succeed(TokenPolicy, policy)))
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
})
