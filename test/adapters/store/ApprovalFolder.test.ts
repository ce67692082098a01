import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ApprovalFolder from "../../../src/adapters/store/approval/ApprovalFolder.ts"
import { ConfigurationApprovals } from "../../../src/ports/ConfigurationApprovals.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const one = { file: "/home/ann/one/server_config.json", digest: "a".repeat(64) }
const changed = { ...one, digest: "b".repeat(64) }
const other = { ...one, file: "/home/ann/other/server_config.json" }

describe("the approvals of configurations", () => {
  it.effect("are each of one path and one content, for every process", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "trusted")
      const approvals = () => ConfigurationApprovals.pipe(Effect.provide(ApprovalFolder.layer({ directory })))
      const { add, find, remove } = yield* approvals()
      assert.strictEqual(yield* find(one), "new")
      assert.isFalse(yield* remove(one.file))
      yield* add(one)
      yield* add(one)
      const elsewhere = yield* approvals()
      assert.strictEqual(yield* elsewhere.find(one), "approved")
      assert.strictEqual(yield* elsewhere.find(changed), "changed")
      assert.strictEqual(yield* elsewhere.find(other), "new")
      yield* elsewhere.add(changed)
      yield* elsewhere.add(other)
      assert.strictEqual(yield* find(one), "approved")
      assert.isTrue(yield* remove(one.file))
      assert.strictEqual(yield* find(one), "new")
      assert.strictEqual(yield* find(changed), "new")
      assert.strictEqual(yield* find(other), "approved")
    }).pipe(Effect.scoped)
  )

  it.effect("are private", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "trusted")
      yield* Effect.gen(function* () {
        const { add } = yield* ConfigurationApprovals
        yield* add(one)
      }).pipe(Effect.provide(ApprovalFolder.layer({ directory })))
      assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
      const names = readdirSync(directory)
      assert.lengthOf(names, 1)
      for (const name of names) assert.strictEqual(statSync(join(directory, name)).mode & 0o777, 0o600)
    }).pipe(Effect.scoped)
  )
})
