import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as KnownSignInNeedsFolder from "../../../../src/adapters/store/names/KnownSignInNeedsFolder.ts"
import { KnownSignInNeeds } from "../../../../src/ports/KnownSignInNeeds.ts"
import { serverNamed } from "../../../app/World.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"

const notion = serverNamed("notion")

describe("a server that answers without a token", () => {
  it.effect("is remembered at its place, and what it requires later, too", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "names")
      const memory = yield* KnownSignInNeeds.pipe(Effect.provide(KnownSignInNeedsFolder.layer(directory)))
      // One that has always required a token is not worth a file.
      yield* memory.note(notion, "later")
      assert.isUndefined(yield* memory.recall(notion))
      for (const [need, expected] of [
        ["none", "none"],
        ["later", "later"],
        ["none", "later"]
      ] as const) {
        yield* memory.note(notion, need)
        assert.strictEqual(yield* memory.recall(notion), expected)
        const other = yield* KnownSignInNeeds.pipe(Effect.provide(KnownSignInNeedsFolder.layer(directory)))
        assert.strictEqual(yield* other.recall(notion), expected)
      }
      assert.isUndefined(yield* memory.recall(serverNamed("other")))
      assert.isUndefined(yield* memory.recall({ ...notion, url: new URL("https://elsewhere.test/mcp") }))
      const [file = "", ...more] = readdirSync(directory)
      assert.lengthOf(more, 0)
      writeFileSync(join(directory, file), "something else")
      const other = yield* KnownSignInNeeds.pipe(Effect.provide(KnownSignInNeedsFolder.layer(directory)))
      assert.isUndefined(yield* other.recall(notion))
    })
  )

  it.effect("is not remembered where nothing can be written", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "names")
      writeFileSync(directory, "")
      const memory = yield* KnownSignInNeeds.pipe(Effect.provide(KnownSignInNeedsFolder.layer(directory)))
      yield* memory.note(notion, "none")
      assert.strictEqual(readFileSync(directory, "utf8"), "")
    })
  )
})
