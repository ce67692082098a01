import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { functionsOf } from "../../scripts/Functions.ts"

const profile = JSON.parse(readFileSync("scripts/profile.json", "utf8")) as Readonly<
  Record<string, Readonly<Record<string, string>>>
>

describe("the profile of the build", () => {
  it("describes the sources as they are: if not, run node scripts/profile.ts", () => {
    let known = 0
    let all = 0
    for (const [file, called] of Object.values(profile).flatMap((modules) => Object.entries(modules))) {
      const hashes = new Set(functionsOf(readFileSync(file, "utf8")).map(({ hash }) => hash))
      const listed = called.split(" ").filter((hash) => hash !== "")
      all += listed.length
      known += listed.filter((hash) => hashes.has(hash)).length
    }
    assert.isAbove(known / all, 0.8)
  })

  it.each([
    ["const f = function (a: number) {}", ["function (a: number) {}"]],
    ["const f = (a: number): number => a", ["(a: number): number => a"]],
    ["gen(function* () { g(() => 1) })", ["function* () { g(() => 1) }", "() => 1"]],
    ["const f = async function () {}", ["async function () {}"]],
    ["const o = { f: () => 1 }", ["() => 1"]],
    ["class A { f = () => 1 }", ["() => 1"]],
    ["function f() {}", []],
    ["const f = async () => {}", []],
    ["class A { f() {} get g() { return 1 } }", []],
    ["const o = { f() {}, get g() { return 1 } }", []]
  ])("can mark in %s: %j", (code, expected) => {
    assert.deepStrictEqual(
      functionsOf(code).map(({ end, start }) => code.slice(start, end)),
      expected
    )
  })

  it("knows a function again where other code has changed, and not another one", () => {
    const hashOf = (code: string) => functionsOf(code)[0]?.hash
    assert.strictEqual(hashOf("const f = () => 1"), hashOf("const a = 2\nconst g = () => 1"))
    assert.notStrictEqual(hashOf("const f = () => 1"), hashOf("const f = () => 2"))
  })
})
