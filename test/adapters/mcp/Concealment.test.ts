import { assert, describe, it } from "@effect/vitest"
import { Redacted, Schema } from "effect"
import { concealer } from "../../../src/adapters/mcp/Concealment.ts"

const Secret = Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9]{6,40}$/)))

describe("text that a server repeats", () => {
  it.prop(
    "holds no secret that was given, nor a part of one between spaces",
    [Secret, Secret],
    ([one, two]) => {
      const conceal = concealer([Redacted.make(`Token ${one}`), Redacted.make(two)])
      const concealed = conceal(`got ${one}, ${two} and ${one}${two}`)
      assert.notInclude(concealed, one)
      assert.notInclude(concealed, two)
    }
  )

  it("holds no token after its scheme", () => {
    const conceal = concealer([])
    assert.strictEqual(
      conceal("authorization: Bearer eyJhbGciOi.J9-_~+/= and more"),
      "authorization: Bearer … and more"
    )
    assert.strictEqual(conceal("basic dXNlcjpwYXNz"), "basic …")
  })

  it("is otherwise as it was, short words of the configuration included", () => {
    const conceal = concealer([Redacted.make("true"), Redacted.make("a b")])
    assert.strictEqual(
      conceal("it is true: a Bearer token is missing"),
      "it is true: a Bearer token is missing"
    )
  })
})
