import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { scopesApart, scopesOf, TokenSet } from "../../src/domain/TokenSet.ts"

const minute = 60_000
const tokens = (
  lifetime?: number,
  more: { readonly refreshToken?: Redacted.Redacted; readonly scope?: string } = {}
) =>
  new TokenSet({
    accessToken: Redacted.make("access"),
    tokenType: "bearer",
    obtainedAt: 0,
    ...(lifetime === undefined ? {} : { expiresAt: lifetime }),
    ...more
  })

describe("tokens", () => {
  it.each([
    [60 * minute, 54 * minute, true],
    [60 * minute, 55 * minute, false],
    [8 * minute, 3.9 * minute, true],
    [8 * minute, 4 * minute, false],
    [4000, 1999, true],
    [4000, 2000, false],
    [0, 0, false]
  ])("that live %i ms are fresh after %i ms: %s", (lifetime, now, fresh) => {
    assert.strictEqual(tokens(lifetime).isFresh(now), fresh)
  })

  it("without an end are fresh for ever, and never expired", () => {
    assert.isTrue(tokens().isFresh(Number.MAX_SAFE_INTEGER))
    assert.isFalse(tokens().isExpired(Number.MAX_SAFE_INTEGER))
  })

  it("are expired at their end and not before", () => {
    assert.isFalse(tokens(1000).isExpired(999))
    assert.isTrue(tokens(1000).isExpired(1000))
  })

  it("carry forward what the answer to a refresh leaves out, and take what it brings", () => {
    const before = tokens(1000, { refreshToken: Redacted.make("first"), scope: "a" })
    const kept = before.refreshedBy(tokens())
    assert.deepEqual([kept.refreshToken && Redacted.value(kept.refreshToken), kept.scope], ["first", "a"])
    assert.isUndefined(kept.expiresAt)
    const taken = before.refreshedBy(tokens(5000, { refreshToken: Redacted.make("second"), scope: "b" }))
    assert.deepEqual([taken.refreshToken && Redacted.value(taken.refreshToken), taken.scope], ["second", "b"])
  })

  it("show nothing of themselves", () => {
    const shown = `${JSON.stringify(tokens(1))}${String(tokens(1).accessToken)}`
    assert.notInclude(shown, '"access"')
  })

  it("have scopes once each, in their order", () => {
    assert.deepEqual(scopesOf(" b a  b "), ["b", "a"])
    assert.deepEqual(scopesOf(undefined), [])
    assert.deepEqual(scopesOf('read \u001b[2J \u009b2J \u202erun écrire "a" a\\b'), ["read"])
  })

  it.each([
    ["repo,gist", ["repo", "gist"], ["repo", "gist"]],
    ["repo,gist", ["gist"], ["repo", "gist"]],
    ["repo,gist,", ["gist"], ["repo", "gist"]],
    ["a,b c", ["b", "d"], ["a", "b", "c"]],
    ["a,b b", ["b"], ["a", "b"]],
    // Nothing says that these are several.
    ["repo,gist", [], ["repo,gist"]],
    ["repo,gist", ["user"], ["repo,gist"]],
    ["geo:1,2", ["geo:1,2", "2"], ["geo:1,2"]]
  ])("read %s apart, where %s are known", (scope, known, expected) => {
    assert.deepEqual(scopesApart(scopesOf(scope), known), expected)
  })
})
