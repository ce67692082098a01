import { assert, describe, it } from "@effect/vitest"
import { secretFormProblem } from "../../src/domain/SecretForm.ts"

const encoded = (text: string): string => Buffer.from(text).toString("base64url")
const jwt = `${encoded('{"alg":"RS256","typ":"JWT"}')}.${encoded('{"sub":"ann"}')}.c2ln`
const saml = '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">\n</saml:Assertion>'

describe("a secret", () => {
  it("may be sent if it is what its field says", () => {
    assert.isUndefined(secretFormProblem("jwt", jwt))
    assert.isUndefined(secretFormProblem("saml2", saml))
    assert.isUndefined(secretFormProblem("saml2", encoded(saml)))
    assert.isUndefined(secretFormProblem("saml2", `${encoded(saml)}==`))
    assert.isUndefined(secretFormProblem("token", "hvs.CAESIJ"))
  })

  it.each([
    ["jwt", "a.b.c"],
    ["jwt", `${jwt}.more`],
    ["jwt", jwt.slice(0, jwt.lastIndexOf("."))],
    ["jwt", `${encoded("[]")}.${encoded("{}")}.c2ln`],
    ["jwt", `${encoded('{"typ":"JWT"}')}.${encoded("{}")}.c2ln`],
    ["jwt", `${encoded('{"alg":"RS256"}')}.${encoded("claims")}.c2ln`],
    ["jwt", "-----BEGIN OPENSSH PRIVATE KEY-----"],
    ["saml2", jwt],
    ["saml2", "root:x:0:0::/root:/bin/sh"],
    ["saml2", encoded("no XML")],
    ["token", "two lines\nof text"],
    ["token", "a token"],
    ["token", ""]
  ] as const)("may not be sent otherwise: %s %s", (form, text) => {
    assert.isString(secretFormProblem(form, text))
    assert.notInclude(secretFormProblem(form, text) ?? "", text === "" ? "-" : text)
  })
})
