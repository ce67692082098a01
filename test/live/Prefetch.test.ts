import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chosenBackend, prefetchOf } from "../../src/live/Prefetch.ts"
import { storageBackendNames } from "../../src/ports/StorageBackend.ts"
import { temporaryFolder } from "../adapters/TemporaryFolder.ts"

describe("what starts before the program has loaded", () => {
  it("is the keyring of the choice, the key of encrypted files, and nothing for every other backend", () => {
    const step = (name: string) => prefetchOf(name).step
    const keyrings = ["keychain", "windows"]
    for (const name of keyrings) assert.strictEqual(step(name), "start-keyring")
    assert.strictEqual(step("secretservice"), "connect-bus")
    assert.strictEqual(step("encrypted"), "derive-key")
    for (const name of storageBackendNames)
      if (![...keyrings, "secretservice", "encrypted"].includes(name))
        assert.strictEqual(step(name), "nothing", name)
    assert.strictEqual(prefetchOf("a backend of a newer version").step, "nothing")
    assert.strictEqual(prefetchOf(undefined).step, "derive-key")
  })

  it.effect("follows the stored choice, and takes an unreadable one for none", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      assert.isUndefined(chosenBackend(folder))
      mkdirSync(join(folder, "storage"))
      writeFileSync(join(folder, "storage", "choice.json"), '{"backend":"vault"}')
      assert.strictEqual(chosenBackend(folder), "vault")
      writeFileSync(join(folder, "storage", "choice.json"), '{"backend":')
      assert.isUndefined(chosenBackend(folder))
    })
  )
})
