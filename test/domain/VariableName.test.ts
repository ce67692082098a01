import { assert, describe, it } from "vitest"
import { variableName } from "../../src/domain/VariableName.ts"

describe("the variable for a secret", () => {
  it.each([
    ["X_API_KEY", "X-API-Key"],
    ["NOTION_CLIENT_SECRET", "notion", "clientSecret"],
    ["MY_SERVER_TOKEN", "my.server", "--token"],
    ["_1_PASSWORD_KEY", "1-password", "key"],
    ["_KEY", "日本", "key"]
  ])("is %s", (name, ...parts) => {
    assert.strictEqual(variableName(...parts), name)
    assert.match(name, /^[A-Z_][A-Z0-9_]*$/)
  })
})
