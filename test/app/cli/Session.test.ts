import { assert, describe, it } from "@effect/vitest"
import { ServerSecrets } from "../../../src/ports/ServerSecrets.ts"
import { Cause, Effect, FileSystem, Layer, Option, Stdio } from "effect"
import { TestConsole } from "effect/testing"
import { Account, ConfigFile, Json } from "../../../src/app/cli/Settings.ts"
import { exitCodeOf } from "../../../src/app/cli/ExitCode.ts"
import { type ChatFlags, noChatFlags } from "../../../src/app/cli/ModelFlags.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { interactiveSession } from "../../../src/app/cli/Session.ts"
import { completions } from "../../../src/app/cli/SessionCommands.ts"
import type { SessionContext } from "../../../src/app/cli/SessionServers.ts"
import { commandsIn, words } from "../../../src/app/cli/SessionWords.ts"
import { ServerSession } from "../../../src/app/session/ServerSession.ts"
import { Chat } from "../../../src/app/chat/Chat.ts"
import { ChatModels } from "../../../src/ports/ChatModels.ts"
import { ServerQuestions } from "../../../src/ports/ServerRequests.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
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
      inputSchema: {
        properties: {
          a: { type: "number" },
          status: { enum: ["open", "in progress"], default: "open", description: "Which" },
          deep: { type: "boolean" },
          text: { type: "string", maxLength: 9 },
          near: {
            type: ["object", "null"],
            properties: { by: { enum: ["road", "air"] }, open: { type: "boolean" } }
          }
        }
      }
    }
  ]),
  call: (tool, args) =>
    Effect.suspend(() => {
      calls.push([tool, args])
      return tool !== "nothing"
        ? Effect.succeed({
            content: [{ _tag: "Text" as const, text: "done\u001b[31m" }],
            structured: Option.none(),
            isError: tool === "refuses",
            raw: {}
          })
        : Effect.fail(new McpError({ server: "demo", detail: "no such tool" }))
    }),
  resources: Effect.succeed([{ uri: "x:///a", name: "a", description: undefined, mimeType: undefined }]),
  read: (uri) => Effect.succeed({ content: [{ _tag: "Text", text: `of ${uri}` }], raw: {} }),
  prompt: (name) => Effect.succeed({ content: [{ _tag: "Text", text: `messages of ${name}` }], raw: {} }),
  complete: ({ value }) => Effect.succeed(["Ada Lovelace", "Bob"].filter((one) => one.startsWith(value))),
  prompts: Effect.succeed([
    {
      name: "greet",
      description: undefined,
      arguments: [{ name: "who", description: undefined, required: true }]
    }
  ]),
  ping: Effect.void
}

const context: SessionContext = {
  isInteractive: true,
  servers: [
    {
      name: "demo",
      session,
      tools: Effect.runSync(session.tools),
      resources: Effect.orDie(session.resources),
      prompts: Effect.orDie(session.prompts)
    }
  ]
}

/** No model is asked for: these sessions are sessions of commands. */
const noChat = Layer.mergeAll(
  Layer.mock(Chat, {}),
  Layer.mock(ChatModels, {}),
  Layer.mock(ServerQuestions, {})
)

/** A session of these lines; gives what was shown. */
const sessionOf = (isInteractive: boolean, lines: ReadonlyArray<string>, flags: Partial<ChatFlags> = {}) =>
  Effect.gen(function* () {
    calls.length = 0
    const left = [...lines]
    yield* interactiveSession(
      ["demo"],
      { ...noChatFlags, model: Option.some("none"), ...flags },
      () => noChat
    ).pipe(
      Effect.provide(
        Layer.mergeAll(
          Layer.mock(Configuration, {
            server: () => Effect.succeed(serverNamed("demo")),
            servers: Effect.succeed([
              {
                name: "demo",
                transport: "http" as const,
                target: "https://demo.test/${TEAM}",
                authorization: "oauth (discovered)" as const
              }
            ]),
            invalid: Effect.succeed([]),
            warnings: Effect.succeed([])
          }),
          Layer.succeed(Account, Option.none()),
          Layer.mock(CredentialStore, {
            description: { backend: storageBackends.memory, location: "this process" },
            get: () => Effect.succeedNone
          }),
          Layer.mock(ServerSecrets, {}),
          Layer.succeed(ConfigFile, Option.none()),
          Layer.succeed(Json, false),
          FileSystem.layerNoop({}),
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

  it.effect("of a script says how to ask a model, where a line is a question", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(sessionOf(false, ["list my pages"]))
      assert.strictEqual(exitCodeOf(Cause.fail(error)), 2)
      assert.include(errorText(error), 'mcp-cli ask demo "list my pages"')
      assert.notInclude(errorText(yield* Effect.flip(sessionOf(false, ["/list my pages"]))), "mcp-cli ask")
    })
  )

  it.effect.each<[what: string, isInteractive: boolean, flags: Partial<ChatFlags>, message: RegExp]>([
    [
      "of the last conversation",
      false,
      { continues: true },
      /^--continue needs a conversation, which needs a terminal.*ask demo "your question"$/s
    ],
    ["of another", false, { resume: Option.some("x") }, /^--resume needs/],
    ["of a model", false, { model: Option.some("ollama:qwen3") }, /^--model needs/],
    ["of its address", false, { baseUrl: Option.some("http://localhost:1") }, /^--base-url needs/],
    ["of calls", false, { allow: ["demo:add"], allowReadOnly: true }, /^--allow and --allow-read-only need/],
    [
      "that contradict each other",
      true,
      { continues: true },
      /^--continue needs a conversation, and --model none/
    ]
  ])("without a conversation refuses the flags %s", ([, isInteractive, flags, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(sessionOf(isInteractive, ["/tools"], flags))
      assert.strictEqual(exitCodeOf(Cause.fail(error)), 2)
      assert.match(errorText(error), message)
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

  it.effect.each<[line: string, found: ReadonlyArray<string>]>([
    ["/r", ["/resources", "/read "]],
    ["re", ["resources", "read "]],
    ["/call a", ["add "]],
    ["call z", []],
    ["/tools a", ["add "]],
    ["/call add ", ["a=", "status=", "deep=", "text=", "near="]],
    ["/call add a=1 te", ["text="]],
    ["/call add status=", ["status=open ", 'status="in progress" ']],
    ["/call add status=o", ["status=open "]],
    ["/call add deep=", ["deep=true ", "deep=false "]],
    ["/call add ne", ["near=", "near.by=", "near.open="]],
    ["/call add near.", ["near.by=", "near.open="]],
    ["/call add near.by=", ["near.by=road ", "near.by=air "]],
    ["/call add near.by=road near.", ["near.open="]],
    ["/call add --n", ["--no-check "]],
    ["/read ", ["x:///a "]],
    ["/prompt g", ["greet "]],
    ["/prompt greet ", ["who="]],
    ["/prompt greet who=A", ['who="Ada Lovelace" ']],
    ["/nothing ", []]
  ])("completes %s", ([line, found]) =>
    Effect.gen(function* () {
      assert.deepEqual((yield* completions(context, line)).found, found)
    })
  )

  it.effect("understands commands without a slash, and suggests a near one", () =>
    Effect.gen(function* () {
      const { error, left, out } = yield* typed(
        "read x:///a",
        "prompt greet who=x",
        "tool",
        "add",
        "exit",
        "rest"
      )
      assert.deepEqual(out, ["of x:///a", "messages of greet"])
      assert.include(error.join("\n"), "Did you mean /tools?")
      assert.include(error.join("\n"), "Did you mean /call add?")
      assert.deepEqual(left, ["rest"])
      for (const help of ["?", "help", "/help"]) assert.match((yield* typed(help)).out.join("\n"), /COMMAND/)
    })
  )

  it.effect("names every wrong argument of a call, each on a line", () =>
    Effect.gen(function* () {
      const { error } = yield* typed("/call add a=ten status=new deep=yes text=0123456789 near.by=sea word")
      assert.deepEqual(error.at(-1)?.split("\n"), [
        'mcp-cli: "word" is not of the form name=value, such as query="road map".',
        '  The argument a of add must be a number, and not "ten".',
        '  The argument status of add must be one of open, in progress, and not "new".',
        '  The argument deep of add must be a boolean, and not "yes".',
        "  The argument text of add must have at most 9 characters.",
        '  The argument near.by of add must be one of road, air, and not "sea".',
        "To see its arguments, type: /tools add",
        "To send it all the same, add --no-check."
      ])
    })
  )

  it.effect("checks arguments before a call, unless it is told not to", () =>
    Effect.gen(function* () {
      const { error } = yield* typed(
        "/call add txet=x",
        "/call add status=opne",
        '/call add {"a": "1"}',
        "/call --no-check add txet=x",
        "/call add txet=x --no-check",
        "/call ad",
        "/call hidden"
      )
      const told = error.join("\n")
      assert.include(told, "add has no argument txet. Did you mean text?")
      assert.include(
        told,
        'The argument status of add must be one of open, in progress, and not "opne". Did you mean open?'
      )
      assert.include(told, 'The argument a of add must be a number, and not "1".')
      assert.include(told, "Did you mean add?")
      assert.include(told, "To see its arguments, type: /tools add")
      assert.deepEqual(calls, [
        ["add", { txet: "x" }],
        ["add", { txet: "x" }],
        ["hidden", {}]
      ])
    })
  )

  it.effect("says which tools there are if one that is not listed fails", () =>
    Effect.gen(function* () {
      const { error } = yield* typed(
        "/call nothing",
        "/call refuses",
        "/tools zzz",
        "/call nothing --no-check"
      )
      const seeTools = "To see its tools, type: /tools"
      assert.deepEqual(
        error.slice(2).flatMap((text) => text.split("\n")),
        [
          "mcp-cli: demo: no such tool",
          "demo lists no tool nothing. It lists add.",
          "mcp-cli: The tool refuses of demo reports an error.",
          "demo lists no tool refuses. It lists add.",
          seeTools,
          "mcp-cli: demo lists no tool zzz. It lists add.",
          seeTools,
          "mcp-cli: demo: no such tool"
        ]
      )
    })
  )

  it.effect("shows its server and its sign-in", () =>
    Effect.gen(function* () {
      const { out } = yield* typed("/status")
      assert.deepEqual(out.join("\n").split("\n"), [
        "server      demo",
        "URL         https://demo.test/${TEAM}",
        "answers as  example[2J 1",
        "protocol    MCP 2026-07-28",
        "sign-in     signed out"
      ])
    })
  )

  it.effect("shows one tool with its arguments", () =>
    Effect.gen(function* () {
      const { error, out } = yield* typed("/tools add", "/tools ad")
      assert.match(out.join("\n"), /^add\n {2}Adds\n {2}more\n/)
      assert.match(out.join("\n"), /status +open \| in progress +default "open" +Which/)
      assert.include(error.join("\n"), "demo lists no tool ad. Did you mean add?")
    })
  )

  it.each<[text: string, commands: ReadonlyArray<string>]>([
    ["/tools\n/help\n", ["/tools", "/help"]],
    ['/call add {\n "a": 1\n}\n/quit', ['/call add {\n "a": 1\n}', "/quit"]],
    ['/call add text="one\ntwo"', ['/call add text="one\ntwo"']],
    ["/call add text=it's\n", ["/call add text=it's"]],
    ["  ", []]
  ])("finds the commands in %j", (text, found) => {
    assert.deepEqual(commandsIn(text), found)
  })

  it("splits a line into words as a shell does", () => {
    assert.deepEqual(words(`/call t a="x \\" y" 'b c' d`), ["/call", "t", 'a=x " y', "b c", "d"])
  })
})
