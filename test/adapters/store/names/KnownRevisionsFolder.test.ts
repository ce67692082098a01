import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as KnownRevisionsFolder from "../../../../src/adapters/store/names/KnownRevisionsFolder.ts"
import { KnownRevisions } from "../../../../src/ports/KnownRevisions.ts"
import { serverNamed } from "../../../app/World.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const notion = serverNamed("notion")

const memoryIn = Effect.gen(function* () {
  const directory = join(yield* temporaryFolder, "names")
  yield* TestClock.setTime(Date.UTC(2026, 10, 27))
  return {
    directory,
    memory: yield* KnownRevisions.pipe(Effect.provide(KnownRevisionsFolder.layer(directory)))
  }
})

describe("a server of an older revision", () => {
  it.effect("is remembered for a day, at its place", () =>
    Effect.gen(function* () {
      const { directory, memory } = yield* memoryIn
      assert.isFalse(yield* memory.isOlder(notion))
      yield* memory.remember(notion, true)
      assert.isTrue(yield* memory.isOlder(notion))
      assert.isFalse(yield* memory.isOlder(serverNamed("other")))
      assert.isFalse(
        yield* memory.isOlder({ ...notion, url: new URL("https://elsewhere.test/mcp?key=secret") })
      )
      yield* TestClock.adjust("23 hours")
      assert.isTrue(yield* memory.isOlder(notion))
      yield* TestClock.adjust("1 hour")
      assert.isFalse(yield* memory.isOlder(notion))
      assert.lengthOf(readdirSync(directory), 1)
    })
  )

  it.effect("is forgotten", () =>
    Effect.gen(function* () {
      const { directory, memory } = yield* memoryIn
      yield* memory.remember(notion, true)
      yield* memory.remember(notion, false)
      assert.isFalse(yield* memory.isOlder(notion))
      assert.lengthOf(readdirSync(directory), 0)
    })
  )

  it.effect("is not one where the memory is unreadable, or of the future", () =>
    Effect.gen(function* () {
      const { directory, memory } = yield* memoryIn
      yield* memory.remember(notion, true)
      const [file = ""] = readdirSync(directory)
      for (const content of ["", "soon", "{}", "99999999999999"]) {
        writeFileSync(join(directory, file), content)
        assert.isFalse(yield* memory.isOlder(notion), content)
      }
    })
  )
})
