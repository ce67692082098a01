import { assert, describe, it } from "@effect/vitest"
import { BoundedMap } from "../../../src/app/credentials/BoundedMap.ts"

const keys = Array.from({ length: 1000 }, (_, at) => `${at}`)
const heldBy = (map: BoundedMap<string>) => keys.filter((key) => map.get(key) !== undefined)

describe("a bounded map", () => {
  it("holds at most its size, and drops what was used longest ago", () => {
    const map = new BoundedMap<string>(100)
    for (const key of keys) {
      map.set(key, key)
      map.get("0")
    }
    const latest = keys.slice(-49)
    assert.deepEqual(
      latest.filter((key) => map.get(key) !== undefined),
      latest
    )
    // It was in use all the time.
    assert.strictEqual(map.get("0"), "0")
    assert.isAtMost(heldBy(map).length, 100)
  })

  it("has one value per key, which can be replaced and deleted", () => {
    const map = new BoundedMap<string>(4)
    for (const key of ["0", "1", "2", "3"]) map.set(key, "old")
    map.set("0", "new")
    assert.strictEqual(map.get("0"), "new")
    for (const key of ["0", "1", "2", "3"]) map.delete(key)
    assert.deepEqual(heldBy(map), [])
  })
})
