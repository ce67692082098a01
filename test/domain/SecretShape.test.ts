import { assert, describe, it } from "vitest"
import { hasSecretShape, namedSecretAt, withoutSecretShapes } from "../../src/domain/SecretShape.ts"

// In two parts: secret scanners look at this repository, too.
const tokens = [
  ["gh", "o_16C7e42F292c6912E7710c838347Ae178B4a"],
  ["gh", "p_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"],
  ["github", "_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ"],
  ["glp", "at-AbCdEf12345_ghIJkl99"],
  ["xo", "xb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"],
  ["xo", "xe.xo", "xp-1-Mi0yLTEyMzQ1Njc4OTAxMg"],
  ["xa", "pp-1-A0123456789-1234567890123-abcdef"],
  ["sk", "-proj-AbCdEfGh1234IjKlMnOp5678QrSt"],
  ["sk", "-ant-api03-AbCdEfGh1234_IjKlMnOp5678-QrStAA"],
  ["sk", "-0123456789abcdef0123456789abcdef"],
  ["sk", "_live_51AbCdEfGhIjKlMnOp"],
  ["nt", "n_123456789012AbCdEfGhIjKlMnOpQrStUvWxYz"],
  ["np", "m_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"],
  ["AK", "IAIOSFODNN7EXAMPLE"],
  ["AI", "zaSyA-1234567890abcdefghijklmnopqrstu"],
  ["ya", "29.a0AfB_byC-1234567890abcdefghijkl"],
  ["hv", "s.CAESIJ1234567890abcdefghijklmn"],
  ["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"],
  ["ey", "JhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AbCdEf.GhIjKl.MnOpQr"]
].map((parts) => parts.join(""))
const pem = (kind: string) =>
  `-----BEGIN ${kind}-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ==\n-----END ${kind}-----`

describe("a text without the shapes of secrets", () => {
  it.each(tokens)("holds nothing of %s", (token) => {
    for (const [before, after] of [
      ["it is ", " and more"],
      ['{"token":"', '"}'],
      ["(", ")."],
      ["?key=", "&x=1"],
      ["", ""]
    ]) {
      assert.strictEqual(withoutSecretShapes(`${before}${token}${after}`), `${before}…${after}`)
    }
    assert.isTrue(hasSecretShape(token))
  })

  it.each([
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY"
  ])("holds no key in PEM: %s", (kind) => {
    const key = pem(kind)
    assert.strictEqual(withoutSecretShapes(`a\n${key}\nb`), "a\n…\nb")
    assert.strictEqual(withoutSecretShapes(JSON.stringify({ key, b: 1 })), '{"key":"…","b":1}')
    assert.notInclude(withoutSecretShapes(key.slice(0, 80)), "MII")
    assert.notMatch(withoutSecretShapes(`${key.slice(0, -8)} The end.`), /MII|BKc/)
    assert.include(withoutSecretShapes(`-----BEGIN ${kind}----- is a header.`), " is a header.")
  })

  it.each([
    ['aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"', 'aws_secret_access_key = "…"'],
    ['{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}', '{"SecretAccessKey": "…"}'],
    ["Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer …"],
    ["Basic dXNlcjpwYXNzd29yZDE=", "Basic …"]
  ])("holds no secret that has a name: %s", (text, expected) => {
    assert.strictEqual(withoutSecretShapes(text), expected)
  })

  it.each([
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "1f0c2d3e4b5a69788796a5b4c3d2e1f0",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha512-MvE7m0z1qZ3Yy5aX+oN8sQ==",
    '{"next_cursor":"eyJpZCI6MTIzLCJkaXIiOiJuZXh0In0="}',
    "cursor eyJpZCI6MTIzNDU2Nzg5MCwiYSI6ImIifQ. The rest follows.",
    "pk_users_email_address",
    "npm-check-updates and npm_config_registry",
    "sk-learn-contrib, sk-folding-cube",
    "the task-1234-5678 is a risk-2024-assessment",
    "secret_access_key = ${AWS_SECRET}",
    "Bearer authentication is safe and Basic understanding suffices",
    "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIC\n-----END PUBLIC KEY-----",
    "page://roadmap/01HZX3KQ7W8V9Y2N4B6C8D0E1F",
    "https://www.notion.so/Roadmap-1429989fe8ac4effbc8f57f56486db54",
    "arn:aws:s3:::bucket/AKIRA",
    "commit 5f3e2d1c0b9a"
  ])("keeps %s", (text) => {
    assert.strictEqual(withoutSecretShapes(text), text)
  })

  it("is made in time that grows with the text", () => {
    for (const start of [
      "eyJ",
      "sk-",
      "-----BEGIN PRIVATE KEY-----",
      "Bearer ",
      "gho_",
      "1//0",
      "eyJabcdefgh.",
      "eyJa-",
      "session_token = ",
      " "
    ]) {
      assert.isAtMost(withoutSecretShapes(start.repeat(64_000 / start.length)).length, 64_000)
    }
  })

  it("has a name that is looked for in time that grows with the text", () => {
    for (const word of ["a", "-", "--a", "A1", "sk_", "://a", "a  ", "--a "]) {
      assert.isUndefined(namedSecretAt(word.repeat(1_000_000 / word.length)), word)
    }
    assert.strictEqual(namedSecretAt(`${"a".repeat(1_000_000)} token = x`), 1_000_009)
  })
})
