import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { type ExpectedResponse, readAuthorizationResponse } from "../../src/domain/AuthorizationResponse.ts"

const issuer = "https://as.test"
const secrets = {
  state: Redacted.make("the state"),
  codeVerifier: Redacted.make("the verifier"),
  codeChallenge: "the challenge"
}
const read = (query: string, flow: Partial<Omit<ExpectedResponse, "secrets">> = {}) =>
  readAuthorizationResponse({ issuer, issuerRequired: true, secrets, ...flow }, new URLSearchParams(query))

const good = "code=c&state=the+state"
const iss = `iss=${encodeURIComponent(issuer)}`

describe("an authorization response", () => {
  it.each([
    "",
    "code=c",
    "code=c&state=",
    "code=c&state=the+stat",
    "code=c&state=the+state2",
    "code=c&state=THE+STATE"
  ])("is foreign without exactly this flow's state: %s", (query) =>
    assert.strictEqual(read(`${query}&${iss}`)._tag, "Foreign")
  )

  // The table of RFC 9207 §2.4.
  it.each([
    [true, iss, "Granted"],
    [true, `${iss}%2F`, "Granted"],
    [true, "", "Rejected"],
    [true, "iss=https%3A%2F%2Fattacker.test", "Rejected"],
    [true, `${iss}%2F%2F`, "Rejected"],
    [true, `${iss}%2Ftenant`, "Rejected"],
    [true, "iss=http%3A%2F%2Fas.test", "Rejected"],
    [true, "iss=https%3A%2F%2FAS.test", "Rejected"],
    [true, "iss=https%3A%2F%2Fas.test.evil.test%2F", "Rejected"],
    [true, "iss=", "Rejected"],
    [false, iss, "Granted"],
    [false, "", "Granted"],
    [false, "iss=", "Granted"],
    [false, "iss=https%3A%2F%2Fattacker.test", "Rejected"]
  ])("where iss is announced: %s, and comes as: %s, is %s", (issuerRequired, parameter, expected) => {
    assert.strictEqual(read(`${good}&${parameter}`, { issuerRequired })._tag, expected)
  })

  it.each([
    [issuer, iss, "Granted"],
    [issuer, `${iss}%2F`, "Rejected"],
    [`${issuer}/`, iss, "Rejected"],
    [`${issuer}/`, `${iss}%2F`, "Granted"]
  ])("is compared as text where the server spells its issuer in one way: %s, %s", (named, parameter, tag) => {
    assert.strictEqual(read(`${good}&${parameter}`, { issuer: named, issuerExact: true })._tag, tag)
  })

  it("of endpoints by hand has no issuer to compare", () => {
    assert.strictEqual(read(`${good}&${iss}`, { issuer: undefined, issuerRequired: false })._tag, "Granted")
  })

  // RFC 6749 §3.1: parameters without a value count as omitted.
  it.each([
    ["code=c&error=&error_description=&error_uri=", "Granted"],
    ["code=&error=access_denied", "Denied"],
    ["error=", "Rejected"]
  ])("takes a parameter without a value for an absent one: %s is %s", (query, tag) =>
    assert.strictEqual(read(`${query}&state=the+state&${iss}`)._tag, tag)
  )

  it("grants the code, redacted", () => {
    const response = read(`${good}&${iss}`)
    assert.isTrue(response._tag === "Granted" && Redacted.value(response.code) === "c")
    assert.notInclude(JSON.stringify(response), '"c"')
  })

  it("repeats the server's words only once its issuer is proven", () => {
    const words = "error=access_denied&error_description=gone%1b%5B2J+away&state=the+state"
    assert.deepEqual(read(`${words}&${iss}`), {
      _tag: "Denied",
      error: "access_denied",
      description: "gone[2J away"
    })
    const other = read(`${words}&iss=https%3A%2F%2Fattacker.test`)
    assert.isTrue(other._tag === "Rejected" && !other.detail.includes("away"))
  })

  it.each(["code", "iss", "error"])("is rejected when it carries %s twice", (name) => {
    assert.strictEqual(read(`${good}&${iss}&${name}=x&${name}=y`)._tag, "Rejected")
  })

  it.each(["state=the+state", "code=&state=the+state"])(
    "is rejected without a code or an error: %s",
    (query) => {
      assert.strictEqual(read(`${query}&${iss}`)._tag, "Rejected")
    }
  )
})
