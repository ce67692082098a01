import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { makeMessageLog } from "../../../src/adapters/mcp/MessageLog.ts"

describe("the log of a program's messages", () => {
  it.effect("has the method, the result and the time of each, and nothing of their contents", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const recorder = Logger.make(({ message }) => void lines.push([message].flat().join(" ")))
      yield* Effect.gen(function* () {
        const log = yield* makeMessageLog("local")
        log.sent({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { key: "secret" } })
        yield* TestClock.adjust(12)
        log.received({ jsonrpc: "2.0", method: "notifications/progress", params: { token: "secret" } })
        log.received({ jsonrpc: "2.0", id: 1, result: { text: "secret" } })
        log.sent({ jsonrpc: "2.0", id: "b", method: "ping" })
        log.received({
          jsonrpc: "2.0",
          id: "b",
          error: { code: -32601, message: "no\u001b[2J\nsuch method" }
        })
        log.sent({ jsonrpc: "2.0", method: "notifications/initialized" })
        log.received({ jsonrpc: "2.0", id: 1, result: {} })
      }).pipe(
        Effect.provide(Logger.layer([recorder])),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      assert.deepStrictEqual(lines, [
        "local: notifications/progress from the server",
        "local: tools/call -> answered in 12 ms",
        "local: ping -> error -32601 (no[2J such method) in 0 ms",
        "local: notifications/initialized",
        "local: an answer to no request"
      ])
    })
  )
})
