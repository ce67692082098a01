import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Logger, References } from "effect"
import { warningLog } from "../../../src/app/cli/WarningLog.ts"

describe("the log of a command", () => {
  it.effect("is read as other warnings are, and cannot control the terminal", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const recorder = { ...console, error: (line: string) => void lines.push(line) }
      yield* Effect.gen(function* () {
        yield* Effect.logWarning("Old versions stay.")
        yield* Effect.logError("Two", "parts.")
        yield* Effect.logWarning("a server's \u001b[31mtext\nmcp-cli: done")
        yield* Effect.logDebug("hidden")
        yield* Effect.logDebug("shown by --verbose").pipe(
          Effect.provideService(References.MinimumLogLevel, "Debug")
        )
      }).pipe(
        Effect.provide(Logger.layer([Logger.withConsoleError(warningLog)])),
        Effect.provideService(References.MinimumLogLevel, "Warn"),
        Effect.provideService(Console.Console, recorder)
      )
      const [first, second, hostile = "", verbose, ...others] = lines
      assert.strictEqual(first, "mcp-cli: warning: Old versions stay.")
      assert.strictEqual(second, "mcp-cli: warning: Two parts.")
      assert.match(hostile, /^mcp-cli: warning: a server's /)
      for (const control of ["\u001b", "\n"]) assert.notInclude(hostile, control)
      assert.strictEqual(verbose, "mcp-cli: shown by --verbose")
      assert.deepStrictEqual(others, [])
    })
  )
})
