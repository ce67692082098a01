import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { longFunctionsOf } from "./FunctionLength.ts"

const body = (lines: number) => "  yield* Effect.void\n".repeat(lines)

describe("the functions of src", () => {
  it("are at most 120 lines long, and those that build a layer 150", () => {
    const found = globSync("src/**/*.ts").flatMap((file) =>
      longFunctionsOf(readFileSync(file, "utf8")).map((long) => ({ file, ...long }))
    )
    assert.deepStrictEqual(found, [])
  })

  it.for([
    ["a function", `const a = function* () {\n${body(121)}}`],
    ["a layer", `const layer = Layer.effect(A, Effect.gen(function* () {\n${body(150)}}))`],
    [
      "a layer of a class",
      `class A {\n static layer = Layer.effect(\n  this,\n  Effect.gen(function* () {\n${body(150)}}))\n}`
    ]
  ] as const)("break the rule when %s is longer", ([, source]) => {
    assert.lengthOf(longFunctionsOf(source), 1)
  })

  it("may fill the limit", () => {
    const source = `const layer = Layer.effect(A, Effect.gen(function* () {\n${body(140)}}))`
    assert.deepStrictEqual(longFunctionsOf(source), [])
  })
})
