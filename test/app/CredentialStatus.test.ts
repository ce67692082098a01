import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as CredentialStatus from "../../src/app/CredentialStatus.ts"
import { SignIn } from "../../src/app/SignIn.ts"
import { CredentialKey } from "../../src/domain/CredentialKey.ts"
import type { OAuthSettings } from "../../src/domain/Server.ts"
import { byHand, world } from "./World.ts"

const key = CredentialKey.of("s")

/** The state of a sign-in by these settings, now and two hours later. */
const states = (oauth: Partial<OAuthSettings>, options: Parameters<typeof world>[0]) =>
  Effect.gen(function* () {
    const state = CredentialStatus.CredentialStatus.use((status) => status.of(key))
    const before = yield* state
    yield* SignIn.use((service) => service.signIn({ server: byHand("s", oauth) }))
    const signedIn = yield* state
    yield* TestClock.adjust("2 hours")
    return [before, signedIn, yield* state].map((found) => found.state)
  }).pipe(Effect.provide(CredentialStatus.layer.pipe(Layer.provideMerge(world(options)))))

describe("the state of a sign-in", () => {
  it.effect("is that it can be refreshed, where there is a refresh token", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* states({}, {}), ["signed out", "signed in", "refreshable"])
    })
  )

  it.effect("is that it has expired, where there is none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* states({}, { refreshTokens: false }), [
        "signed out",
        "signed in",
        "expired"
      ])
    })
  )

  it.effect("is never that it has expired, where nobody has to approve", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* states({ grant: { _tag: "ClientCredentials" } }, {}), [
        "signed out",
        "signed in",
        "refreshable"
      ])
    })
  )
})
