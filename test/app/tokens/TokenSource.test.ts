import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { type SignInNeeded, signInNeeded, type Usable, usable } from "../../../src/domain/TokenState.ts"
import {
  firstOf,
  queryOf,
  type TokenSource,
  type Unusable,
  whenRenewable,
  whenStale
} from "../../../src/app/tokens/TokenSource.ts"
import { serverNamed } from "../World.ts"

const query = queryOf({ server: serverNamed("notion") })
const tokens = new TokenSet({ accessToken: Redacted.make("a"), tokenType: "bearer", obtainedAt: 0 })

const finding =
  <Left extends Unusable>(state: Usable | Left, seen: Array<unknown>): TokenSource<Left> =>
  (_, before) =>
    Effect.sync(() => {
      seen.push(before)
      return state
    })

describe("firstOf", () => {
  it.effect("stops at usable tokens", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const first: TokenSource<Unusable> = finding(usable(tokens), seen)
      const found = yield* firstOf(first, finding(usable(tokens), seen))(query, "start")
      assert.deepEqual(found, usable(tokens))
      assert.deepEqual(seen, ["start"])
    })
  )

  it.effect("hands each source the state that the one before it left", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const [one, two] = [signInNeeded("expired"), signInNeeded("moved")]
      yield* firstOf(finding(one, seen), finding(two, seen), finding(usable(tokens), seen))(query, "start")
      assert.deepEqual(seen, ["start", one, two])
    })
  )

  it("does not type-check in an order that could end without tokens", () => {
    const store = finding<Unusable>(usable(tokens), [])
    const refresh = whenRenewable(finding<SignInNeeded>(usable(tokens), []))
    const signIn: TokenSource<never, SignInNeeded> = finding<never>(usable(tokens), [])
    const right: TokenSource<never> = firstOf(store, refresh, signIn)
    // @ts-expect-error A stale token is left over: only a refresh takes it.
    const swapped: TokenSource<never> = firstOf(store, signIn, refresh)
    const early = whenStale(finding<SignInNeeded>(usable(tokens), []))
    // @ts-expect-error A lost answer is left over: nothing waits for it.
    const hasty: TokenSource<never> = firstOf(store, early, signIn)
    // @ts-expect-error Nothing signs in.
    const short: TokenSource<never> = firstOf(store, refresh)
    assert.isTrue([right, swapped, hasty, short].every((source) => typeof source === "function"))
  })
})
