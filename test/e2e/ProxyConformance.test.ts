import { assert, describe, it } from "vitest"
import { runScenario } from "../conformance/Suite.ts"

// Some of `npm run conformance:proxy`, which takes minutes: one for each way in which the proxy takes part.

const names = [
  "auth/metadata-default",
  "auth/scope-step-up",
  "auth/dpop-nonce",
  "auth/iss-wrong-issuer",
  "auth/client-credentials-jwt",
  "elicitation-sep1034-client-defaults",
  "sse-retry"
]

describe("the official conformance suite, through mcp-cli proxy,", () => {
  for (const name of names) {
    it(`passes ${name}`, async () => {
      const { code, complaints, output, passed } = await runScenario(name, "proxyClient.ts")
      assert.deepStrictEqual(complaints, [])
      assert.strictEqual(code, 0, output)
      assert.isAbove(passed, 0)
    })
  }
})
