import { assert, describe, it } from "@effect/vitest"
import { nearName } from "../../src/domain/NearName.ts"

const known = ["url", "type", "client_id", "client_secret", "redirect_uri"]

describe("an unknown name", () => {
  it.each([
    ["uri", "url"],
    ["ulr", "url"],
    ["clientId", "client_id"],
    ["client-secret", "client_secret"],
    ["CLIENT_SECRET", "client_secret"],
    ["redirect_url", "redirect_uri"],
    ["clientids", "client_id"],
    ["timeout", undefined],
    ["disabled", undefined],
    ["", undefined],
    ["u".repeat(100_000), undefined]
  ])("%s was probably meant to be %s", (name, meant) => {
    assert.strictEqual(nearName(name, known), meant)
  })

  it.each([
    ["foo", ["fx"], undefined],
    ["wait", ["fail"], undefined],
    ["oepn", ["open"], "open"],
    ["serch", ["search"], "search"]
  ])("%s of %j was probably meant to be %s", (name, candidates, meant) => {
    assert.strictEqual(nearName(name, candidates), meant)
  })

  it("is compared with the nearest, not the first", () => {
    assert.strictEqual(nearName("abcd", ["abxy", "abcx"]), "abcx")
  })
})
