import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ScriptedAuthorizationServer } from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { serverNamed, world } from "../World.ts"

const server = serverNamed("notion")
const tokenOf = (name: string) =>
  AccessTokens.use((tokens) => tokens.get({ server: serverNamed(name) })).pipe(
    Effect.map(({ accessToken }) => accessToken)
  )
const token = tokenOf(server.name)

describe("access tokens whose code is loaded on demand", () => {
  it.effect(
    "come from one sign-in and one refresh, although the first caller, for another server, leaves",
    () =>
      Effect.gen(function* () {
        const { counts } = yield* ScriptedAuthorizationServer
        for (const expected of [
          { codeExchanges: 1, refreshes: 0 },
          { codeExchanges: 1, refreshes: 1 },
          { codeExchanges: 1, refreshes: 2 }
        ]) {
          const first = yield* Effect.forkChild(tokenOf("linear"), { startImmediately: true })
          const others = yield* Effect.forkChild(
            Effect.all(
              Array.from({ length: 100 }, () => token),
              { concurrency: "unbounded" }
            ),
            { startImmediately: true }
          )
          yield* Fiber.interrupt(first)
          const values = new Set((yield* Fiber.join(others)).map(Redacted.value))
          assert.strictEqual(values.size, 1)
          assert.deepInclude(counts, expected)
          yield* TestClock.adjust("2 hours")
        }
        assert.strictEqual((yield* ScriptedUser).opened.length, 1)
      }).pipe(Effect.provide(world({ onDemand: true })))
  )

  it.effect("get the scopes that a 403 names", () =>
    Effect.gen(function* () {
      const challenge = { error: "insufficient_scope", scope: "write", resourceMetadata: undefined }
      const { scopesOf } = yield* ScriptedAuthorizationServer
      const sent = yield* token
      const more = yield* AccessTokens.use(({ stepUp }) => stepUp({ server, challenge }, sent))
      const { accessToken } = Option.getOrThrow(more)
      assert.include(yield* scopesOf(accessToken), "write")
      assert.deepEqual(yield* token, accessToken)
    }).pipe(Effect.provide(world({ onDemand: true })))
  )

  it.effect("end with the error of the sign-in where no user is present", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(token)
      assert.strictEqual(error._tag, "SignInRequired")
    }).pipe(Effect.provide(world({ onDemand: true, present: false })))
  )
})
