import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chosenBackend, prefetchOf } from "../../src/live/Prefetch.ts"
import { storageBackendNames } from "../../src/ports/StorageBackend.ts"
import { temporaryFolder } from "../adapters/TemporaryFolder.ts"

describe("what starts before the program has loaded", () => {
  it("is the keyring of the choice, the key of encrypted files, and nothing for every other backend", () => {
    const steps = Object.fromEntries(storageBackendNames.map((name) => [name, prefetchOf(name).step]))
    assert.deepStrictEqual(steps, {
      keychain: "start-keyring",
      windows: "start-keyring",
      secretservice: "start-keyring",
      vault: "nothing",
      encrypted: "derive-key",
      memory: "nothing"
    })
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
