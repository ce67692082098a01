import { assert, describe, it } from "@effect/vitest"
import { Redacted, Schema } from "effect"
import {
  basicCredentials,
  quoted,
  redact,
  redactConfigured,
  secretsInHeader,
  secretsInRequest
} from "../../src/domain/Redaction.ts"

const Secret = Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9]{6,40}$/)))
const SixOrMore = Schema.String.pipe(Schema.check(Schema.isMinLength(6)))

describe("a redacted text", () => {
  it.prop("holds no secret in any form in which a server may repeat it", [SixOrMore], ([secret]) => {
    const forms = [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      new URLSearchParams({ x: secret }).toString().slice(2),
      Buffer.from(secret.toWellFormed()).toString("base64"),
      Buffer.from(secret.toWellFormed()).toString("hex"),
      Buffer.from(secret.toWellFormed()).toString("hex").toUpperCase(),
      JSON.stringify(secret).slice(1, -1)
    ]
    for (const form of forms) assert.strictEqual(redact(`<${form}>`, [secret]), "<…>")
  })

  it.prop(
    "holds next to nothing of a secret within the Base64 of a longer text",
    [Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9~!?]{12,40}$/))), Schema.String],
    ([secret, before]) => {
      for (const encoding of ["base64", "base64url"] as const) {
        const encoded = Buffer.from(`${before}${secret} after`).toString(encoding)
        const left = Buffer.from(redact(encoded, [secret]).replace(/^.*…/, ""), encoding).toString("latin1")
        assert.include(redact(encoded, [secret]), "…")
        assert.notInclude(left, secret.slice(3))
      }
    }
  )

  it("is made in time that grows with the text, however often it holds a secret", () => {
    const secrets = Array.from({ length: 50 }, (_, at) => `secret-${at}-value`)
    assert.strictEqual(redact(secrets.join("").repeat(200), secrets), "…".repeat(10_000))
  })

  it("holds no secret of tens of thousands of characters, such as a document in a variable", () => {
    for (const secret of ["ab/+".repeat(10_000), "€".repeat(5000), `{"key":"${"\n".repeat(20_000)}"}`]) {
      for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
        assert.strictEqual(redact(`<${form}>`, [secret]), "<…>")
      assert.strictEqual(redact(Buffer.from(secret).toString("hex"), [secret]), "…")
      assert.strictEqual(redact(Buffer.from(secret).toString("base64"), [secret]), "…")
    }
  })

  it("holds none of thousands of tokens, as a long chat knows them", () => {
    const tokens = Array.from({ length: 3000 }, (_, at) => `eyJhbGciOiJSUzI1NiJ9.${at}.${"x".repeat(1500)}`)
    assert.strictEqual(redact(tokens.slice(0, 20).join(" "), tokens), Array(20).fill("…").join(" "))
  })

  it("keeps what is around the secrets, and values that are too short to be one", () => {
    assert.strictEqual(redact("ab secret-1secret-2 cd", ["secret-1", "secret-2", "ab"]), "ab …… cd")
    assert.strictEqual(redact("secret-12", ["secret-1", "secret-12"]), "…")
    assert.strictEqual(redact("", ["secret-1"]), "")
  })
})

describe("the secrets of a request", () => {
  it("are the parameters with secret names, and what authenticates the client", () => {
    const parameters = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: "r-token",
      scope: "a"
    })
    // oauth4webapi also encodes characters that a form may hold as they are.
    const basic = btoa("the+client:written%2Dsecret")
    assert.deepEqual(secretsInRequest(parameters, `Basic ${basic}`), [
      "r-token",
      `Basic ${basic}`,
      basic,
      "written-secret",
      "written%2Dsecret"
    ])
    assert.deepEqual(secretsInRequest(parameters, null), ["r-token"])
  })

  it("name the client of Basic, where it is well-formed", () => {
    assert.deepInclude(basicCredentials(btoa("the+client:a%3Ab")), {
      clientId: "the client",
      clientSecret: "a:b"
    })
    assert.isUndefined(basicCredentials(btoa("no colon")))
    assert.isUndefined(basicCredentials("???"))
  })

  it("are each word of a header but its scheme", () => {
    assert.deepEqual(secretsInHeader("Bearer the-token"), ["Bearer the-token", "the-token"])
    assert.deepEqual(secretsInHeader("Token one two"), ["Token one two", "Token", "one", "two"])
  })
})

describe("text that may repeat the configuration", () => {
  it.prop("holds no configured value, nor a word of one", [Secret, Secret], ([one, two]) => {
    const configured = { Authorization: Redacted.make(`Token ${one}`), "X-Key": Redacted.make(two) }
    const redacted = redactConfigured(`got ${one}, ${two} and ${one}${two}`, configured)
    assert.notInclude(redacted, one)
    assert.notInclude(redacted, two)
  })

  it("holds no token after its scheme", () => {
    assert.strictEqual(
      redactConfigured("authorization: Bearer eyJhbGciOi.J9-_~+/= and more", {}),
      "authorization: Bearer … and more"
    )
    assert.strictEqual(redactConfigured("basic dXNlcjpwYXNz", {}), "basic …")
  })

  it("is otherwise as it was, short words of the configuration included", () => {
    const configured = { one: Redacted.make("true"), two: Redacted.make("a b") }
    const text = "it is true: a Bearer token is missing"
    assert.strictEqual(redactConfigured(text, configured), text)
  })
})

describe("a quotation of a server", () => {
  const secret = "eyJhbGciOiJFUzI1NiJ9.c2VjcmV0"
  it.each([
    ["the secret", `has ${secret} in it`, "has … in it"],
    ["control characters in it", `has ${secret.slice(0, 5)}\u0000\u0001${secret.slice(5)}`, "has …"],
    ["a zero-width character in it", `${secret.slice(0, 9)}\u200b${secret.slice(9)}\u202e`, "…"],
    ["escape sequences before it", `\u001b[31m${secret}`, "[31m…"],
    ["its first half at the end of what is shown", `${"x".repeat(290)}${secret}`, `${"x".repeat(290)}…`]
  ])("holds no secret where it repeats %s", (_, text, expected) =>
    assert.strictEqual(
      quoted(text, (said) => redact(said, [secret])),
      expected
    )
  )
})
