import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { nameTools, toolKey } from "../../../src/domain/chat/ToolNames.ts"
import { fitsPattern } from "../../../src/domain/chat/ToolRules.ts"

const named = (tools: ReadonlyArray<readonly [string, string]>, given = new Map<string, string>()) =>
  nameTools(
    given,
    tools.map(([server, tool]) => ({ server, tool }))
  )

const prototypeNames = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "valueOf"]
const Names = Schema.Array(Schema.String).pipe(Schema.check(Schema.isMaxLength(20)))

describe("the names of tools", () => {
  const names: ReadonlyArray<readonly [string, string, string]> = [
    ["notion", "search", "notion__search"],
    ["notion", "pages.list all", "notion__pages_list_all"],
    ["1password", "get", "_1password__get"],
    ["-", "ünï", "_-___n_"],
    ["notion", "", "notion__"]
  ]
  it.each(names)("of %s and %s is %s", (server, tool, expected) => {
    assert.strictEqual(named([[server, tool]]).get(toolKey(server, tool)), expected)
  })

  it("are different for each tool, and none is longer than 64 characters", () => {
    const long = "x".repeat(80)
    const tools = Array.from({ length: 120 }, (_, at) => ["s", `${long}${at}`] as const)
    const all = [
      ...named([...tools, ["a", "b__c"], ["a__b", "c"], ["a", "b"], ["a", "b_2"], ["a.", "b"]]).values()
    ]
    assert.strictEqual(new Set(all).size, 125)
    assert.isTrue(all.every((name) => /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/.test(name)))
  })

  it.each([
    ["of one letter", (at: number) => "\u00e4".repeat(at % 7 === 0 ? 1 : 2) + "?!*"[at % 3], 40],
    ["that are long", (at: number) => `${"x".repeat(70)}${at}`, 64]
  ])("are found soon for thousands %s that are equal once they are cleaned", (_, nameOf) => {
    const tools = Array.from(
      { length: 50_000 },
      (__, at) =>
        [
          `s${" ".repeat(at % 2)}`,
          `${nameOf(at)}${at % 5 === 0 ? "" : String.fromCodePoint(0x4e00 + at)}`
        ] as const
    )
    const all = named(tools)
    assert.strictEqual(new Set(all.values()).size, all.size)
    // As fast for those that come later.
    const more = named(
      [...tools, ...tools.map(([server, tool]) => [server, `${tool}\u{1f600}`] as const)],
      new Map(all)
    )
    assert.strictEqual(new Set(more.values()).size, more.size)
  })

  it.prop("are one for each tool, whatever the tools are called", [Names], ([names]) => {
    const tools = [...names, ...prototypeNames].map((name, at) => [at % 2 === 0 ? "s" : name, name] as const)
    const all = named(tools)
    const distinct = new Set(tools.map(([server, tool]) => toolKey(server, tool)))
    assert.deepStrictEqual(new Set(all.keys()), distinct)
    assert.strictEqual(new Set(all.values()).size, distinct.size)
    for (const name of all.values()) assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/)
  })

  it("stay with the tools that have them", () => {
    const before = named([["a", "b.c"]])
    const after = named(
      [
        ["a", "b c"],
        ["a", "b.c"]
      ],
      new Map(before)
    )
    assert.strictEqual(after.get(toolKey("a", "b.c")), "a__b_c")
    assert.strictEqual(after.get(toolKey("a", "b c")), "a__b_c_2")
  })
})

describe("a pattern of tools", () => {
  const cases: ReadonlyArray<readonly [string, string, boolean]> = [
    ["search", "search", true],
    ["search", "Search", false],
    ["search", "search_all", false],
    ["*", "", true],
    ["a*c", "abc", true],
    ["a*c", "ac", true],
    ["a*a", "a", false],
    ["a*b*c", "axbxc", true],
    ["a*b*c", "axcxb", false],
    ["*_page", "delete_page", true],
    ["a.c", "abc", false],
    ["**", "x", true]
  ]
  it.each(cases)("%s and the name %s: %s", (pattern, name, expected) => {
    assert.strictEqual(fitsPattern(pattern, name), expected)
  })

  it("with many stars takes no time", () => {
    assert.isFalse(fitsPattern("a*".repeat(50) + "b", "a".repeat(20_000)))
  })
})
