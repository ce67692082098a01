import { assert, describe, it } from "vitest"
import { noTokens, tokensText } from "../../../../src/app/cli/chat/TokenText.ts"

describe("the tokens of a conversation", () => {
  it.each([
    ["none, also in one that goes on", noTokens, "no tokens were counted"],
    ["those in", { ...noTokens, input: 1234 }, "1,234 tokens in"],
    ["those out", { ...noTokens, output: 5 }, "5 tokens out"],
    [
      "those of a cache",
      { input: 1234, cachedInput: 1000, output: 56 },
      "1,234 tokens in (1,000 cached), 56 out"
    ]
  ])("are %s", (_, usage, shown) => {
    assert.strictEqual(tokensText(usage, undefined), shown)
  })

  it("have a price where the configuration has one", () => {
    const price = { input: 2, output: 10, currency: "USD" }
    assert.strictEqual(
      tokensText({ input: 1000, cachedInput: undefined, output: 100 }, price),
      "1,000 tokens in, 100 out, 0.0030 USD"
    )
  })
})
