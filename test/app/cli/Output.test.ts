import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stdio } from "effect"
import { TestConsole } from "effect/testing"
import { firstLine, print, printContent, relativeTime, tell, tellError } from "../../../src/app/cli/Output.ts"
import { advice, command } from "../../../src/domain/Remedy.ts"
import { safeJson, safeLine, safeText } from "../../../src/domain/PrintableText.ts"
import { Display } from "../../../src/ports/Display.ts"

describe("text of a server on a terminal", () => {
  it.prop("holds nothing that could rewrite the screen", [Schema.String], ([text]) => {
    const shown = safeText(`${text}\u001b[2J${text}\u202e`)
    for (const character of shown) assert.notMatch(character, /(?![\n\t])\p{Cc}|[\u202a-\u202e]/u)
  })

  it.prop(
    "is JSON that a terminal does not act on, and that reads back the same",
    [Schema.String],
    ([text]) => {
      const value = { [text]: `${text}\u009b31m\u202e\u2066\u2028${text}` }
      const shown = safeJson(value, 2)
      assert.notMatch(shown, /(?!\n)\p{Cc}|[\u2028-\u202e\u2066-\u2069]/u)
      assert.deepStrictEqual(JSON.parse(shown), value)
    }
  )

  it("adds no line of its own", () => {
    assert.strictEqual(safeLine("a\r\nRun: rm\u2028b\u001b[2J"), "a Run: rm b[2J")
  })

  it("keeps its lines and tabs, and its words in any script", () => {
    assert.strictEqual(safeText("a\r\nb\tc 日本語 🦊"), "a\nb\tc 日本語 🦊")
    assert.strictEqual(firstLine("  first\u0007\nsecond"), "first")
  })

  it.effect.each([
    [true, "a[2J\n[image/png, 5 bytes]"],
    [false, "a\u001b[2J\n[image/png, 5 bytes]"]
  ] as const)("is shown as content, safe on a terminal: %s", ([isScreen, shown]) =>
    Effect.gen(function* () {
      yield* printContent([
        { _tag: "Text", text: "a\u001b[2J" },
        { _tag: "Binary", mimeType: "image/\u001bpng", bytes: 5, base64: "" }
      ])
      assert.deepStrictEqual(yield* TestConsole.logLines, [shown])
    }).pipe(Effect.provide(Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(isScreen) })))
  )

  it.effect("adds neither a line nor an escape to ours", () =>
    Effect.gen(function* () {
      const hostile = "a\u001b[31m\r\nmcp-cli: all is well\u2028b\u009b2J"
      yield* print(hostile, [hostile])
      yield* tell(hostile, "ours")
      yield* tellError({ message: hostile, remedies: [] }, undefined)
      const shown = [...(yield* TestConsole.logLines), ...(yield* TestConsole.errorLines)]
      const lines = shown.join("\n").split("\n")
      assert.lengthOf(lines, 7)
      for (const line of lines) assert.notMatch(line, /\p{Cc}|^mcp-cli: all/u)
    })
  )
})

describe("a message on a terminal", () => {
  it.effect("is broken at words with a hanging indent, except for a command", () =>
    Effect.gen(function* () {
      const error = {
        message: "No answer from https://mcp.example.com: the connection was refused.",
        remedies: [
          advice("Check the address, the network and the proxy settings."),
          command("auth doctor", { server: "demo", purpose: "see what is wrong with this server" })
        ]
      }
      yield* tellError(error, undefined)
      const display = { columns: 40, errorColumns: 40, canColor: true, canColorErrors: true }
      yield* Effect.provideService(tellError(error, undefined), Display, display)
      const [piped = "", screen = ""] = (yield* TestConsole.errorLines).map(String)
      assert.strictEqual(
        piped,
        [
          "mcp-cli: No answer from https://mcp.example.com: the connection was refused.",
          "Check the address, the network and the proxy settings.",
          "To see what is wrong with this server, run: mcp-cli auth doctor demo"
        ].join("\n")
      )
      assert.strictEqual(
        screen,
        [
          "\u001b[31mmcp-cli:\u001b[0m No answer from",
          "  https://mcp.example.com: the",
          "  connection was refused.",
          "Check the address, the network and the",
          "  proxy settings.",
          "To see what is wrong with this server,",
          "  run:",
          "  mcp-cli auth doctor demo"
        ].join("\n")
      )
    })
  )
})

describe("a time", () => {
  it.each([
    [47 * 60_000, "in 47 minutes"],
    [3_600_000, "in 1 hour"],
    [1500, "in 1 second"],
    [0, "in 0 seconds"],
    [-90_000, "1 minute ago"],
    [-2 * 86_400_000, "2 days ago"]
  ])("%i ms from now is %s", (distance, words) => {
    assert.strictEqual(relativeTime(1_000_000_000 + distance, 1_000_000_000), words)
  })
})
