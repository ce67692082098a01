import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { bearerChallenge, parseChallenges } from "../../src/domain/Challenge.ts"

const Token = Schema.String.check(Schema.isPattern(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/))
const Parameters = Schema.Array(Schema.Struct({ name: Token, value: Schema.String })).check(
  Schema.makeFilter((list) => new Set(list.map(({ name }) => name.toLowerCase())).size === list.length)
)
const Challenges = Schema.Array(Schema.Struct({ scheme: Token, parameters: Parameters }))

const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`
const print = (challenges: typeof Challenges.Type) =>
  challenges
    .map(({ parameters, scheme }) =>
      [scheme, parameters.map(({ name, value }) => `${name}=${quote(value)}`).join(", ")].join(" ").trim()
    )
    .join(", ")

describe("a WWW-Authenticate header", () => {
  it.prop("is read back as it was written", [Challenges], ([challenges]) => {
    assert.deepEqual(
      parseChallenges(print(challenges)),
      challenges.map(({ parameters, scheme }) => ({
        scheme: scheme.toLowerCase(),
        parameters: Object.fromEntries(parameters.map(({ name, value }) => [name.toLowerCase(), value]))
      }))
    )
  })

  const Value = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9:/._~?=&%-]*[A-Za-z0-9:/._~?&%-]$/)).check(
    Schema.isPattern(/^[^=]/)
  )
  const quotings = [quote, (text: string) => `'${text}'`, (text: string) => text]
  it.prop(
    "says the same with any quotes and separators around an address",
    [Value, Value, Schema.Literals([0, 1, 2]), Schema.Literals([", ", " ", ",", " , "])],
    ([address, scope, quoting, separator]) => {
      const written = quotings[quoting]!
      const header = `Bearer resource_metadata=${written(address)}${separator}scope=${written(scope)}`
      assert.deepInclude(bearerChallenge(header), { resourceMetadata: address, scope })
    }
  )

  it.prop("is read to an end, whatever it holds", [Schema.String], ([text]) => {
    assert.isArray(parseChallenges(text))
  })

  it.each([
    [
      'Bearer resource_metadata="https://a/b", scope="x y"',
      { resourceMetadata: "https://a/b", scope: "x y" }
    ],
    ['Basic realm="r, Bearer scope=no", Bearer scope="yes"', { scope: "yes" }],
    ["Negotiate abc==, bearer error=invalid_token", { error: "invalid_token" }],
    ['Bearer error = "a \\"quoted\\" word"', { error: 'a "quoted" word' }],
    ['Bearer error="Invalid_Token", scope="Read"', { error: "invalid_token", scope: "Read" }],
    ["Bearer", {}],
    [',, Bearer scope="a" ,scope="b"', { scope: "a" }],
    // Beside the grammar, as servers write them.
    ["Bearer resource_metadata=https://a/b?c=d", { resourceMetadata: "https://a/b?c=d" }],
    [
      "Bearer resource_metadata='https://a/b', scope='x y'",
      { resourceMetadata: "https://a/b", scope: "x y" }
    ],
    [
      "Bearer resource_metadata=/.well-known/x, scope=mcp",
      { resourceMetadata: "/.well-known/x", scope: "mcp" }
    ],
    [
      'Bearer realm="x" resource_metadata="https://a/b" scope="x y"',
      { resourceMetadata: "https://a/b", scope: "x y" }
    ],
    ['Bearer realm=My Server, resource_metadata="https://a/b"', { resourceMetadata: "https://a/b" }],
    ['Bearer resource_metadata="", scope="mcp"', { scope: "mcp" }],
    ["Bearer resource_metadata=, scope=mcp", { scope: "mcp" }],
    ['Bearer resource_metadata="", resource_metadata="https://a/b"', { resourceMetadata: "https://a/b" }],
    ['Bearer realm="a", Bearer resource_metadata="https://a/b"', { resourceMetadata: "https://a/b" }],
    ['Basic realm="x" Bearer scope="yes"', { scope: "yes" }],
    ['DPoP algs="ES256" Bearer scope="yes"', { scope: "yes" }],
    ['Bearer ?? scope="yes"', { scope: "yes" }],
    ['Bearer scope="broken', {}]
  ])("says of %s what it says", (header, expected) => {
    assert.deepEqual(bearerChallenge(header), {
      error: undefined,
      scope: undefined,
      resourceMetadata: undefined,
      ...expected
    })
  })

  it.each([null, undefined, "", "Basic realm=x", "=", '"'])("has no Bearer challenge in %s", (header) => {
    assert.isUndefined(bearerChallenge(header))
  })
})
