import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestConsole } from "effect/testing"
import type { Line } from "../../../src/app/cli/Line.ts"
import { printTable } from "../../../src/app/cli/Output.ts"
import { table } from "../../../src/app/cli/Table.ts"
import { messageLines } from "../../../src/app/cli/Output.ts"
import { displayWidth, wrapped } from "../../../src/app/cli/TextWidth.ts"
import { Display } from "../../../src/ports/Display.ts"

const plain = (line: Line): string =>
  typeof line === "string" ? line : line.map((part) => (typeof part === "string" ? part : part.text)).join("")

const shown = (rows: ReadonlyArray<ReadonlyArray<string>>, columns?: number): string =>
  table(rows, columns).map(plain).join("\n")

const words = "Searches every page and database that the connected user can see".split(" ")
const long = Array.from({ length: 12 }, () => words.join(" ")).join(" ")

describe("a table", () => {
  it("stands in columns, without spaces at its right", () => {
    const rows = [
      ["A", "B"],
      ["long", "x"],
      ["s", ""]
    ]
    for (const columns of [undefined, 40, 120])
      assert.strictEqual(shown(rows, columns), "A     B\nlong  x\ns")
  })

  it.each([
    ["日本語", 6],
    ["e\u0301clair", 6],
    ["👨‍👩‍👧‍👦 family", 9],
    ["ไทย", 3],
    ["ﾊﾝｶｸ", 4]
  ])("counts %s as %i columns", (name, width) => {
    assert.strictEqual(displayWidth(name), width)
    const [, row = "", other = ""] = shown([
      ["NAME", "WHAT"],
      [name, "x"],
      ["plain-name", "x"]
    ]).split("\n")
    assert.strictEqual(displayWidth(row.slice(0, row.lastIndexOf("x"))), displayWidth(other.slice(0, -1)))
  })

  it("breaks cells at words, within their columns, at every width of a terminal", () => {
    const rows = [
      ["TOOL", "ARGUMENTS", "DESCRIPTION"],
      ["search", "query filter? limit?", words.join(" ")],
      ["日本語を検索", "クエリ?", "ワークスペース内のすべてのページを検索します。結果は関連度順です。"]
    ]
    for (let columns = 40; columns <= 140; columns++) {
      const lines = shown(rows, columns).split("\n")
      for (const line of lines) assert.isAtMost(displayWidth(line), columns, `${columns}: ${line}`)
      const text = lines.join("\n").replaceAll(/\s+/g, " ")
      for (const word of words) assert.include(text, word, `${columns}`)
    }
  })

  it("cuts a long cell on a terminal only", () => {
    const rows = [
      ["TOOL", "DESCRIPTION"],
      ["t", long]
    ]
    for (const columns of [40, 80]) {
      const lines = shown(rows, columns).split("\n")
      assert.isAtMost(lines.length, 6)
      assert.match(lines.at(-1) ?? "", /…$/)
    }
    assert.include(shown(rows), long)
  })

  it("breaks a word that is longer than its column, and no character", () => {
    const name = "🦊".repeat(60)
    const lines = shown(
      [
        ["NAME", "WHAT"],
        [name, "x"]
      ],
      40
    ).split("\n")
    for (const line of lines) {
      assert.isAtMost(displayWidth(line), 40)
      assert.isTrue(line.isWellFormed())
    }
  })

  it("is not made large by one long cell of many rows", () => {
    const rows = Array.from({ length: 200_000 }, (_, row) => [row === 1 ? "x".repeat(1_000_000) : "t", "d"])
    const lines = shown(rows)
    assert.isBelow(lines.length, 200_000 * 110 + 1_000_000)
    assert.isTrue(lines.endsWith(`\nt${" ".repeat(101)}d`))
  })

  it.effect("has the width and the colours of the terminal, and keeps what a server wrote in its row", () =>
    Effect.gen(function* () {
      const rows = [
        ["NAME", "STATE"],
        ["a\u001b[2J\nb", { style: 32, text: "signed in" } as const],
        ["x".repeat(200), "y"]
      ]
      yield* printTable(rows)
      const display = { columns: 40, errorColumns: 40, canColor: true, canColorErrors: false }
      yield* Effect.provideService(printTable(rows), Display, display)
      const [piped = "", screen = ""] = (yield* TestConsole.logLines).map(String)
      assert.lengthOf(piped.split("\n"), 3)
      assert.notInclude(piped, "\u001b")
      assert.include(piped, "x".repeat(200))
      assert.include(screen, "\u001b[32msigned in\u001b[0m")
      assert.notInclude(screen, "\u001b[2J")
    })
  )
})

describe("a long word of a table", () => {
  it("is on a line of its own where it fits there", () => {
    const path = `/home/someone/${"folder/".repeat(5)}settings.json`
    const rows = [
      ["CLIENT", "THROUGH MCP-CLI", "FILE"],
      ["cursor", "demo", path]
    ]
    for (const columns of [67, 75, 80]) {
      const lines = table(rows, columns).map((line) =>
        [line]
          .flat()
          .map((part) => (typeof part === "string" ? part : part.text))
          .join("")
      )
      assert.isTrue(
        lines.some((line) => line.includes(path)),
        lines.join("\n")
      )
      for (const line of lines) assert.isAtMost(displayWidth(line), columns)
    }
  })
})

describe("a message that ends with a command", () => {
  it("has the command on a line of its own if both do not fit on one", () => {
    const text = "To need no password, at a desktop with a keyring, run: mcp-cli storage move --to keyring"
    assert.deepStrictEqual(messageLines([text], 80), [
      "To need no password, at a desktop with a keyring, run:",
      "  mcp-cli storage move --to keyring"
    ])
    assert.deepStrictEqual(messageLines([text], 100), [text])
  })
})

describe("text in lines", () => {
  it("breaks at spaces, and never in a word", () => {
    assert.deepStrictEqual(wrapped("one two three", 8), ["one two", "three"])
    assert.deepStrictEqual(wrapped("a https://example.com/long b", 10), [
      "a",
      "https://example.com/long",
      "b"
    ])
    assert.deepStrictEqual(wrapped("", 10), [""])
  })
})
