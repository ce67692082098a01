import { assert, describe, it } from "vitest"
import { isSameAddress } from "../../../src/ports/StorageChoice.ts"

describe("the address that is remembered with the choice of Vault", () => {
  it.each([
    ["https://a", "https://a", true],
    ["https://a", "https://b", false],
    ["https://a", "https://b,https://a", true],
    ["https://a,https://b", "https://b,https://c", true],
    ["https://a,https://b", "https://c,https://d", false]
  ])("%s and %s: one place: %s", (one, other, expected) => {
    const at = (url: string, namespace?: string) => ({
      url,
      isFromEnvironment: true,
      ...(namespace === undefined ? {} : { namespace })
    })
    assert.strictEqual(isSameAddress(at(one), at(other)), expected)
    assert.isFalse(isSameAddress(at(one), at(other, "team")))
  })
})
