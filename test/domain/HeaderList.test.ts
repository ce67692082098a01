import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { HeaderList } from "../../src/domain/HeaderList.ts"

/** What one list of headers says, and what its platform would. */
const seen = (headers: Headers) => ({
  all: [...headers],
  cookies: headers.getSetCookie(),
  x: headers.get("x")
})

const Name = Schema.Literals(["x", "X", "accept", "Set-Cookie", "set-cookie", "y", "bad name", ""])
const Value = Schema.Union([
  Schema.String,
  Schema.Literals(["", "a", " b\t", "é", "\xff", "ł", "a\nb", "\r\nc", "\0", "d, e"])
])
const Act = Schema.Struct({ act: Schema.Literals(["append", "set", "delete"]), name: Name, value: Value })

/** What an act on headers leads to: `refused` if it throws. */
const done = (headers: Headers, { act, name, value }: typeof Act.Type): string => {
  try {
    if (act === "delete") headers.delete(name)
    else headers[act](name, value)
    return "done"
  } catch (error) {
    return error instanceof TypeError ? "refused" : "failed"
  }
}

describe("a list of headers", () => {
  it.prop("is what Headers of the platform are, after the same acts", [Schema.Array(Act)], ([acts]) => {
    const [ours, theirs] = [new HeaderList(), new Headers()]
    for (const act of acts) {
      assert.strictEqual(done(ours, act), done(theirs, act))
      assert.deepEqual(seen(ours), seen(theirs))
    }
    // A value that was joined of empty ones ends with white space, which is no part of a value.
    assert.deepEqual(seen(new HeaderList(theirs)), seen(new Headers([...theirs])))
  })

  it("does not quote a value that it refuses", () => {
    const make = () =>
      new HeaderList([
        ["authorization", "Bearer secret\n"],
        ["x", "secret\nagain"]
      ])
    assert.throws(make, /^not a value of a header$/)
  })
})
