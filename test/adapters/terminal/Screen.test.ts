import { assert, describe, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { vi } from "vitest"
import { displayWidth } from "../../../src/app/cli/TextWidth.ts"
import { TextOutput } from "../../../src/ports/TextOutput.ts"
import { layer, writeStatus } from "../../../src/adapters/terminal/Screen.ts"

describe("a long result", () => {
  it.effect.each([
    ["no text", ""],
    ["ASCII", "x".repeat(200_000)],
    ["characters of two units", "\u{1f511}".repeat(100_000)],
    ["the same, one unit later", `x${"\u{1f511}".repeat(100_000)}`],
    ["half of a pair at the end of a piece", `${"x".repeat(65_535)}\ud83dx`]
  ])("is written in pieces that hold whole characters: %s", ([, text]) =>
    Effect.gen(function* () {
      const pieces: Array<string> = []
      const write = vi.spyOn(process.stdout, "write").mockImplementation((piece) => {
        pieces.push(String(piece))
        return true
      })
      yield* Effect.ensuring(
        Console.log(text),
        Effect.sync(() => write.mockRestore())
      )
      const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
      assert.isTrue(bytes.equals(Buffer.from(`${text}\n`)))
      for (const piece of pieces) assert.isAtMost(piece.length, 65_537)
    }).pipe(Effect.provide(layer))
  )
})

describe("the last line of the screen", () => {
  it.each([
    ["ASCII", "x".repeat(500)],
    ["wide characters", "\u7a0b".repeat(500)],
    ["emoji", "\u{1f511}".repeat(500)],
    ["wide characters before a text like ours", `${"\uff0d".repeat(40)}mcp-cli: the password?`]
  ])("is never two lines: %s", (_what, text) => {
    const written: Array<string> = []
    const write = vi.spyOn(process.stderr, "write").mockImplementation((piece) => {
      written.push(String(piece))
      return true
    })
    try {
      writeStatus(text)
    } finally {
      write.mockRestore()
    }
    const line = written.join("").replace("\r\u001b[K", "")
    assert.isTrue(line.isWellFormed())
    assert.match(line, /.\u2026$/)
    assert.isTrue(text.startsWith(line.slice(0, -1)))
    assert.isAtMost(displayWidth(line), (process.stderr.columns ?? 80) - 1)
  })
})

describe("a line that grows", () => {
  it.effect.each<[what: string, write: Effect.Effect<void>, shown: string]>([
    ["a message", Console.error("mcp-cli: hello"), "An ans\nmcp-cli: hello\n"],
    ["a result", Console.log("hello"), "An ans\nhello\n"],
    ["how far a call is", Effect.sync(() => writeStatus("waiting")), "An ans\n\r\u001b[Kwaiting"],
    ["more of it", Effect.flatMap(TextOutput, (output) => output.write("wer")), "An answer"]
  ])("stays whole before %s", ([, write, shown]) =>
    Effect.gen(function* () {
      const pieces: Array<string> = []
      const take = (piece: unknown) => {
        pieces.push(String(piece))
        return true
      }
      const out = vi.spyOn(process.stdout, "write").mockImplementation(take)
      const error = vi.spyOn(process.stderr, "write").mockImplementation(take)
      const isTerminal = process.stdout.isTTY
      process.stdout.isTTY = true
      yield* Effect.gen(function* () {
        const output = yield* TextOutput
        yield* output.write("An ans")
        yield* write
        assert.strictEqual(pieces.join(""), shown)
        yield* output.endLine
      }).pipe(
        Effect.provide(layer),
        Effect.ensuring(
          Effect.sync(() => {
            process.stdout.isTTY = isTerminal
            out.mockRestore()
            error.mockRestore()
          })
        )
      )
    })
  )
})
