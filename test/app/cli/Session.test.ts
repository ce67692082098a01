import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stdio } from "effect"
import { TestConsole } from "effect/testing"
import { Account, ConfigFile, Json } from "../../../src/app/cli/Settings.ts"
import { completions, interactiveSession, words } from "../../../src/app/cli/Session.ts"
import { ServerSession } from "../../../src/app/session/ServerSession.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { LineEditor } from "../../../src/ports/LineEditor.ts"
import { McpError, type McpSession } from "../../../src/ports/McpConnector.ts"
import { serverNamed } from "../World.ts"

const calls: Array<unknown> = []
const session: McpSession<never> = {
  server: { name: "example\u001b[2J", version: "1", protocol: "2026-07-28" },
  instructions: Option.none(),
  tools: Effect.succeed([
    {
      name: "add",
      title: undefined,
      description: "Adds\nmore",
      inputSchema: { properties: { a: { type: "number" }, text: { type: "string" } } }
    }
  ]),
  call: (tool, args) =>
    Effect.suspend(() => {
      calls.push([tool, args])
      return tool === "add"
        ? Effect.succeed({
            content: [{ _tag: "Text" as const, text: "done\u001b[31m" }],
            structured: Option.none(),
            isError: false,
            raw: {}
          })
        : Effect.fail(new McpError({ server: "demo", detail: "no such tool" }))
    }),
  resources: Effect.succeed([{ uri: "x:///a", name: "a", description: undefined, mimeType: undefined }]),
  read: (uri) => Effect.succeed([{ _tag: "Text", text: `of ${uri}` }]),
  prompts: Effect.succeed([]),
  ping: Effect.void
}

/** A session of these lines; gives what was shown. */
const sessionOf = (isInteractive: boolean, lines: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    calls.length = 0
    const left = [...lines]
    yield* interactiveSession("demo").pipe(
      Effect.provide(
        Layer.mergeAll(
          Layer.mock(Configuration, {
            server: () => Effect.succeed(serverNamed("demo")),
            invalid: Effect.succeed([]),
            warnings: Effect.succeed([])
          }),
          Layer.succeed(Account, Option.none()),
          Layer.succeed(ConfigFile, Option.none()),
          Layer.succeed(Json, false),
          Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(true) }),
          Layer.succeed(ServerSession, { open: () => Effect.succeed(session) }),
          Layer.succeed(LineEditor, {
            isInteractive,
            cancellable: Effect.asSome,
            end: Effect.void,
            read: () => Effect.sync(() => Option.fromNullishOr(left.shift()))
          })
        )
      )
    )
    return {
      out: (yield* TestConsole.logLines).map(String),
      error: (yield* TestConsole.errorLines).map(String),
      left
    }
  })

const typed = (...lines: ReadonlyArray<string>) => sessionOf(true, lines)

describe("a session", () => {
  it.effect("of a script ends at what goes wrong, and with it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(sessionOf(false, ["/what", "/read x:///a"]))
      assert.include(error.message, "/what")
      assert.deepEqual(yield* TestConsole.logLines, [])
    })
  )

  it.effect("lists tools with their arguments", () =>
    Effect.gen(function* () {
      assert.match((yield* typed("/tools")).out.join(), /TOOL +ARGUMENTS +DESCRIPTION/)
    })
  )

  it.effect("shows the server and its tools, without the server's escapes", () =>
    Effect.gen(function* () {
      const { error } = yield* typed()
      assert.include(error[0], "Connected to example[2J 1 (MCP 2026-07-28)")
      assert.include(error[1], "1 tool: add")
    })
  )

  it.effect("calls tools with arguments by name, quoted, or as JSON", () =>
    Effect.gen(function* () {
      const { out } = yield* typed(
        '/call add a=1 text="two words"',
        '/call add {"a": 2, "text": "x y"}',
        "/call add"
      )
      assert.deepEqual(calls, [
        ["add", { a: 1, text: "two words" }],
        ["add", { a: 2, text: "x y" }],
        ["add", {}]
      ])
      assert.deepEqual(out, ["done[31m", "done[31m", "done[31m"])
    })
  )

  it.effect("tells an error and goes on", () =>
    Effect.gen(function* () {
      const { error, out } = yield* typed(
        "/call nothing",
        "/call",
        "/what",
        "hello",
        "/call add a=x",
        "/read x:///a"
      )
      assert.strictEqual(error.filter((line) => line.startsWith("mcp-cli: ")).length, 5)
      assert.deepEqual(out, ["of x:///a"])
    })
  )

  it.effect("ends at /quit, and at the end of the input", () =>
    Effect.gen(function* () {
      assert.deepEqual((yield* typed("", "  ", "/quit", "/tools")).left, ["/tools"])
      assert.deepEqual((yield* typed("/tools")).left, [])
    })
  )

  it("completes commands, tools after /call, and URIs after /read", () => {
    const known = { tools: ["add", "echo"], resources: ["x:///a"] }
    assert.deepEqual(completions("/r", known), ["/resources", "/read"])
    assert.deepEqual(completions("/call a", known), ["/call add "])
    assert.deepEqual(completions("/read ", known), ["/read x:///a"])
    assert.deepEqual(completions("/call z", known), [])
    const hostile = { tools: ["add", "a\u001b[2J", "a\nb"], resources: ["x:///\u202ea"] }
    assert.deepEqual(completions("/call a", hostile), ["/call add "])
    assert.deepEqual(completions("/read ", hostile), [])
  })

  it("splits a line into words as a shell does", () => {
    assert.deepEqual(words(`/call t a="x \\" y" 'b c' d`), ["/call", "t", 'a=x " y', "b c", "d"])
  })
})
