import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { exposure } from "../../../../src/adapters/store/folder/PrivateRead.ts"

describe.skipIf(process.getuid === undefined)("a file of the store (needs owners and modes)", () => {
  const me = process.getuid?.() ?? 0

  it.each([
    ["of this user", me, 0o600, undefined],
    ["of this user, that others can read", me, 0o604, "can be read by other users"],
    ["of another user, who may have put it there", me + 1, 0o600, "belongs to another user"]
  ])("is looked at before it is read: one %s", (_, uid, mode, problem) => {
    const found = exposure("/f", { uid, mode: 0o100000 + mode }, "600")
    assert.strictEqual(Option.getOrUndefined(found)?.detail, problem)
  })
})
