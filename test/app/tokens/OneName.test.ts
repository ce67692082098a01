import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { serverNamed, world } from "../World.ts"

const a = { ...serverNamed("s"), url: new URL("https://a.test/mcp") }
const b = { ...serverNamed("s"), url: new URL("https://b.test/mcp") }

describe("two servers of one name in one process", () => {
  it.effect("never get a token of each other, however they are requested", () =>
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const get = (server: typeof a) =>
        Effect.map(tokens.get({ server }), ({ accessToken }) => Redacted.value(accessToken))
      const [ofA, ofB] = yield* Effect.all([get(a), get(b)], { concurrency: 2 })
      assert.notStrictEqual(ofA, ofB)
      yield* tokens.reject({ server: a }, Redacted.make(ofA))
      const [nextOfA, nextOfB] = [yield* get(a), yield* get(b)]
      assert.notInclude([nextOfA, ofA], nextOfB)
    }).pipe(Effect.provide(world()))
  )
})
