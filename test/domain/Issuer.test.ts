import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isSameIssuer } from "../../src/domain/Issuer.ts"

describe("two texts", () => {
  it.each([
    ["https://as.test", "https://as.test/"],
    ["http://localhost:8000", "http://localhost:8000/"],
    ["https://[::1]:8443", "https://[::1]:8443/"],
    ["https://as.test/tenant", "https://as.test/tenant"],
    ["not an address", "not an address"]
  ])("name one issuer: %s and %s", (one, other) => {
    assert.isTrue(isSameIssuer(one, other))
    assert.isTrue(isSameIssuer(other, one))
  })

  it.each([
    ["https://as.test/tenant", "https://as.test/tenant/"],
    ["https://as.test", "https://as.test//"],
    ["https://as.test", "http://as.test"],
    ["https://as.test", "https://AS.test"],
    ["https://as.test", "https://as.test:443"],
    ["https://as.test", "https://as.test."],
    ["https://as.test", "https://as.test/."],
    ["https://as.test", "https://as.test/?"],
    ["https://as.test", "https://as.test/#"],
    ["https://as.test", "https://user@as.test/"],
    ["https://as.test", " https://as.test"],
    ["https://as.test", "https://as.test\n"],
    ["https://as.test", "https:\\\\as.test"],
    ["https://as.test", "https://as.test.evil.test/"],
    ["urn:as", "urn:as/"],
    ["", "/"]
  ])("name two issuers: %j and %j", (one, other) => {
    assert.isFalse(isSameIssuer(one, other))
    assert.isFalse(isSameIssuer(other, one))
  })

  it.prop("name one issuer only if they differ by nothing but one slash", [Schema.String], ([text]) => {
    assert.isTrue(isSameIssuer(text, text))
    const isOrigin = URL.parse(text)?.origin === text
    assert.strictEqual(isSameIssuer(text, `${text}/`), isOrigin && text !== "null")
  })
})
