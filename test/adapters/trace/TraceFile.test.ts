import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TraceFileLive from "../../../src/adapters/trace/TraceFile.ts"
import type { Trace } from "../../../src/domain/TraceEvent.ts"
import { TraceFile } from "../../../src/ports/TraceFile.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const trace: Trace = {
  server: "notion",
  account: undefined,
  startedAt: 0,
  endedAt: 1,
  outcome: { _tag: "SignedIn", message: [] },
  lanes: [{ origin: "https://notion.test", roles: ["MCP server"] }],
  events: []
}
const check = (path: string) => TraceFile.use((file) => file.check(path))
const write = (path: string) => TraceFile.use((file) => file.write(path, trace))

describe("the file of a trace", () => {
  it.live("is for its owner only, although others could read what stood there before", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "trace.html")
      writeFileSync(path, "before")
      chmodSync(path, 0o644)
      assert.strictEqual(yield* check(path), path)
      assert.strictEqual(readFileSync(path, "utf8"), "before")
      yield* write(path)
      assert.include(readFileSync(path, "utf8"), "Sign-in to notion")
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.deepEqual(readdirSync(folder), ["trace.html"])
    }).pipe(Effect.scoped, Effect.provide(TraceFileLive.layer({ version: "1" })))
  )

  it.live("is refused before anything happens where it cannot be written, with why", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "file"), "")
      mkdirSync(join(folder, "folder"))
      for (const [name, why] of [
        ["missing/trace.html", "the folder does not exist"],
        ["file/trace.html", "a part of its path is a file"],
        ["folder", "it is a folder"]
      ] as const) {
        const error = yield* Effect.flip(check(join(folder, name)))
        assert.strictEqual(error.message, `The trace cannot be written to ${join(folder, name)}: ${why}.`)
      }
      assert.deepEqual(readdirSync(folder).toSorted(), ["file", "folder"])
    }).pipe(Effect.scoped, Effect.provide(TraceFileLive.layer({ version: "1" })))
  )

  it.live("leaves nothing behind where it could not be written after all", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      mkdirSync(join(folder, "trace.html"))
      const error = yield* Effect.flip(write(join(folder, "trace.html")))
      assert.include(error.message, "trace.html")
      assert.deepEqual(readdirSync(folder), ["trace.html"])
    }).pipe(Effect.scoped, Effect.provide(TraceFileLive.layer({ version: "1" })))
  )
})
