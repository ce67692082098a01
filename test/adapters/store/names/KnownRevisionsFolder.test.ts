import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
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

describe("the revisions of a server", () => {
  for (const [spoken, days] of [
    ["older", 1],
    ["modern", 30]
  ] as const) {
    it.effect(`are remembered for ${days} days if they are ${spoken}, at its place`, () =>
      Effect.gen(function* () {
        const { directory, memory } = yield* memoryIn
        assert.isUndefined(yield* memory.recall(notion))
        yield* memory.remember(notion, spoken)
        assert.strictEqual(yield* memory.recall(notion), spoken)
        assert.isUndefined(yield* memory.recall(serverNamed("other")))
        const elsewhere = { ...notion, url: new URL("https://elsewhere.test/mcp?key=secret") }
        assert.isUndefined(yield* memory.recall(elsewhere))
        yield* TestClock.adjust(Duration.hours(24 * days - 1))
        assert.strictEqual(yield* memory.recall(notion), spoken)
        yield* TestClock.adjust("1 hour")
        assert.isUndefined(yield* memory.recall(notion))
        assert.lengthOf(readdirSync(directory), 1)
      })
    )
  }

  it.effect("are forgotten", () =>
    Effect.gen(function* () {
      const { directory, memory } = yield* memoryIn
      yield* memory.remember(notion, "older")
      yield* memory.remember(notion, "modern")
      assert.strictEqual(yield* memory.recall(notion), "modern")
      yield* memory.remember(notion, undefined)
      assert.isUndefined(yield* memory.recall(notion))
      assert.lengthOf(readdirSync(directory), 0)
    })
  )

  it.effect("are not known where the memory is unreadable, or of the future", () =>
    Effect.gen(function* () {
      const { directory, memory } = yield* memoryIn
      yield* memory.remember(notion, "older")
      const [file = ""] = readdirSync(directory)
      for (const content of ["", "soon", "{}", "older", "older x", "newer 1", "modern 99999999999999"]) {
        writeFileSync(join(directory, file), content)
        assert.isUndefined(yield* memory.recall(notion), content)
      }
    })
  )
})
