import { assert, describe, it } from "@effect/vitest"
import { addressProblem, notUrlProblem, serverNameProblem } from "../../src/domain/ServerRules.ts"

/** What is wrong with the address that a user wrote. */
const problemOf = (text: string): string | undefined => {
  const url = URL.parse(text)
  return url === null ? notUrlProblem(text) : addressProblem(url)
}

describe("an address that is no URL", () => {
  it.each([
    "mcp.example.com",
    "mcp.example.com/mcp",
    "mcp.example.com:8443/mcp",
    "//mcp.example.com/mcp",
    "localhost:3000/mcp"
  ])("of a host without a scheme, is told to begin with https://: %s", (text) => {
    assert.include(problemOf(text), "begin it with https://")
  })

  it("of this machine is told to begin with http://", () => {
    assert.strictEqual(problemOf("localhost/callback"), "must be an absolute URL: begin it with http://")
  })

  it.each(["", "/mcp", "mcp", "https//x", "${URL}", "a secret.value of someone"])(
    "of another kind, is told what it must be: %s",
    (text) => {
      assert.strictEqual(problemOf(text), "must be an absolute URL")
    }
  )

  it.each([
    ["https://mcp.example.com:65536/mcp", "65536"],
    ["http://localhost:99999", "99999"],
    ["http://[::1]:123456/callback", "123456"]
  ])("of a port that is too large, is told which: %s", (text, port) => {
    assert.strictEqual(problemOf(text), `must have a port of at most 65535, and has ${port}`)
  })

  it.each([
    "https://user:hunter2secret:99999@x.test:70000/?key=hunter2secret",
    "hunter2secret.test/hunter2secret"
  ])("does not have its text in the answer: %s", (text) => {
    assert.notInclude(problemOf(text), "hunter2secret")
  })

  it.each(["https://mcp.example.com:65535/mcp", "http://localhost:3000"])(
    "and a URL has no problem: %s",
    (text) => {
      assert.isUndefined(problemOf(text))
    }
  )
})

describe("the name of a server", () => {
  it.each([
    ["a".repeat(100), undefined],
    ["a".repeat(101), /has at most 100 characters$/],
    [`https://mcp.test/?key=${"k".repeat(90)}`, /100 characters: write this URL into the configuration/],
    ["", /must not be empty/],
    ["a\u200bb", /must not have control or invisible/]
  ])("is checked: %s", (name, problem) => {
    const found = serverNameProblem(name)
    if (problem === undefined) assert.isUndefined(found)
    else assert.match(found ?? "", problem)
  })
})
