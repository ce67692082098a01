import { assert, describe, it } from "@effect/vitest"
import { isTransientStatus } from "../../src/domain/TransientStatus.ts"

describe("a status", () => {
  it.each([408, 425, 429, 500, 503, 599])("of %d may pass", (status) => {
    assert.isTrue(isTransientStatus(status))
  })

  it.each([200, 302, 400, 401, 403, 404, 410, 426])("of %d stays", (status) => {
    assert.isFalse(isTransientStatus(status))
  })
})
