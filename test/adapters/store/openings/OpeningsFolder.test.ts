import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layer } from "../../../../src/adapters/store/openings/OpeningsFolder.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { BrowserOpenings } from "../../../../src/ports/BrowserOpenings.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const key = CredentialKey.of("demo")
/** No process has it: the largest of Linux is 2^22. */
const deadPid = 2 ** 30

/** What a process of one home gets. */
const openings = (directory: string) =>
  BrowserOpenings.use((found) => Effect.succeed(found)).pipe(
    Effect.provide(layer({ directory, mayOpen: true }))
  )

describe("the folder of openings", () => {
  it.effect("keeps those of each sign-in, for all processes", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryFolder
      const one = yield* openings(directory)
      const other = yield* openings(directory)
      assert.deepStrictEqual(yield* one.read(key), [])
      const opening = { time: 1_800_000_000_000, pid: one.pid, tag: "0123456789abcdef" }
      yield* one.replace(key, [opening])
      assert.deepStrictEqual(yield* other.read(key), [opening])
      assert.deepStrictEqual(yield* other.read(CredentialKey.of("demo", "work")), [])
      yield* other.replace(key, [])
      assert.deepStrictEqual(yield* one.read(key), [])
    })
  )

  it.effect("has one opening a line, as earlier versions wrote it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryFolder
      const { read, replace } = yield* openings(directory)
      const file = join(directory, key.storageName)
      yield* replace(key, [{ time: 1, pid: 2, tag: "a" }])
      assert.deepStrictEqual(readFileSync(file, "utf8").match(/^(\d+) (\d+)$/gm), ["1 2"])
      writeFileSync(file, "1800000000000 17\n{\n-1 5\nfrom a later version\n1800000000001 18\n")
      assert.deepStrictEqual(yield* read(key), [
        { time: 1_800_000_000_000, pid: 17 },
        { time: 1_800_000_000_001, pid: 18 }
      ])
    })
  )

  it.effect("tells processes that run from those that do not", () =>
    Effect.gen(function* () {
      const { isRunning } = yield* openings(yield* temporaryFolder)
      assert.isTrue(isRunning(process.pid))
      assert.isFalse(isRunning(deadPid))
    })
  )
})
