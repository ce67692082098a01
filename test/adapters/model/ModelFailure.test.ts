import { APICallError } from "@ai-sdk/provider"
import { Redacted } from "effect"
import { assert, describe, it } from "vitest"
import { modelFailure, Thrown } from "../../../src/adapters/model/ModelFailure.ts"

const key = "sk-live-0123456789"
const header = "team-4f8a1c9d77"

const failureOf = (responseBody: string, statusCode = 400) =>
  modelFailure(
    {
      name: "work:big",
      provider: "work",
      key: Redacted.make(key),
      headers: { "X-Team-Secret": Redacted.make(header), Authorization: Redacted.make(`Bearer ${header}2`) },
      isLocal: false
    },
    new Thrown(
      new APICallError({ message: "", url: "", requestBodyValues: undefined, statusCode, responseBody })
    ),
    0
  )

const messageOf = (message: string) => JSON.stringify({ error: { message } })
const nested = (open: string, close: string) => open.repeat(200_000) + close.repeat(200_000)

describe("an error of a hostile model server", () => {
  // Each took hours to read: the time grew with the square of the length.
  it.each(["maximum ", "token count ", "model ", "tool use ", "context length "])(
    "is read although it repeats %j for megabytes",
    (text) => {
      const { detail } = failureOf(messageOf(text.repeat(4_000_000 / text.length)))
      assert.match(detail, /^it answered HTTP 400: /)
      assert.isBelow(detail.length, 600)
    }
  )

  it.each([
    ["lists", nested("[", "]")],
    ["errors", `${'{"error":'.repeat(200_000)}{}${"}".repeat(200_000)}`],
    ["details", `{"detail":[${nested("[", "]")}]}`]
  ])("is read although its %s are nested deep", (_, body) => {
    assert.strictEqual(failureOf(body).detail, "it answered HTTP 400.")
  })

  it.each([
    ["the key", `no access for ${key}`],
    ["the key with a control character in it", `no access for ${key.slice(0, 4)}\u0000${key.slice(4)}`],
    ["the key in Base64", `no access for ${btoa(key)}`],
    ["a header", `unknown team ${header}`],
    ["what follows a scheme in a header", `got Authorization: Bearer ${header}2`]
  ])("does not show %s", (_, message) => {
    for (const body of [messageOf(message), message, JSON.stringify({ detail: [{ msg: message }] })]) {
      const failure = failureOf(body)
      assert.match(failure.detail, /…/)
      assert.notMatch(JSON.stringify(failure), /0123456789|4f8a1c9d77|c2stbGl2ZS/)
    }
  })

  it("is told with the problems that it lists", () => {
    const detail = [{ loc: ["body"], msg: "Field required" }, { msg: "Too long" }]
    assert.strictEqual(
      failureOf(JSON.stringify({ detail }), 422).detail,
      "it answered HTTP 422: Field required; Too long."
    )
  })
})
