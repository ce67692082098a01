import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as ScriptedChatModel from "../../../src/adapters/scripted/ScriptedChatModel.ts"
import { withSecrets } from "../../../src/domain/ConfiguredServer.ts"
import { SecretReference } from "../../../src/domain/SecretReference.ts"
import type { Server } from "../../../src/domain/Server.ts"
import type { ScriptedAnswer } from "../../../src/adapters/scripted/ScriptedChatModel.ts"
import type { TurnEvent } from "../../../src/app/chat/Chat.ts"
import { chatServer } from "../../../src/app/chat/ChatServer.ts"
import type { ChatFailure } from "../../../src/ports/ChatModel.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import { McpError } from "../../../src/ports/McpConnector.ts"
import { UserWait } from "../../../src/ports/UserWait.ts"
import { makeUserTime } from "../../../src/app/chat/UserTime.ts"
import type { SessionError } from "../../../src/app/session/ServerSession.ts"
import { command } from "../../../src/domain/Remedy.ts"
import { serverNamed } from "../World.ts"
import {
  answerIn,
  type ChatWorldOptions,
  openChat,
  outcomesIn,
  serverOf,
  textResult,
  toldIn,
  toolNamed
} from "./ChatWorld.ts"

const limitsIn = (events: ReadonlyArray<TurnEvent>) =>
  events.flatMap((event) => (event._tag === "Limit" ? [event.limit] : []))

const call = (args: Record<string, unknown> = {}, name = "notion__search"): ScriptedAnswer => ({
  calls: [{ name, arguments: args }]
})

/** The next turn is accepted by a model that refuses what real ones refuse. */
const goesOn = (options: ChatWorldOptions, first = "first") =>
  Effect.gen(function* () {
    const world = yield* openChat({ ...options, answers: [...options.answers, "fine"] })
    const events = yield* world.say(first)
    assert.strictEqual(answerIn(yield* world.say("next")), "fine")
    return { ...world, events }
  })

describe("the limits of a turn", () => {
  it.effect("end a model that calls the same tool for ever", () =>
    Effect.gen(function* () {
      const notion = serverOf()
      const answers = Array.from({ length: 4 }, () => call({ a: 1, b: 2 }))
      const { events } = yield* goesOn({ servers: [notion.server], answers })
      assert.strictEqual(notion.calls.length, 3)
      assert.deepStrictEqual(limitsIn(events), ["same-call"])
    })
  )

  it.effect("count equal calls of one answer, and in whatever order their arguments are", () =>
    Effect.gen(function* () {
      const notion = serverOf()
      const texts = ['{"a":1,"b":2}', '{"b":2,"a":1}', '{ "a": 1, "b": 2 }', '{"b":2, "a":1}']
      const answers = [{ calls: texts.map((text) => ({ name: "notion__search", arguments: text })) }]
      const { events } = yield* goesOn({ servers: [notion.server], answers })
      assert.strictEqual(notion.calls.length, 3)
      assert.deepStrictEqual(limitsIn(events), ["same-call"])
    })
  )

  it.effect.each([1, 4, 20])("end a turn at 16 calls, %d in each answer", (size) =>
    Effect.gen(function* () {
      const notion = serverOf()
      const answers = Array.from({ length: Math.floor(16 / size) + 1 }, (_, round) => ({
        calls: Array.from({ length: size }, (__, at) => ({
          name: "notion__search",
          arguments: { round, at }
        }))
      }))
      const { events } = yield* goesOn({ servers: [notion.server], answers })
      assert.strictEqual(notion.calls.length, 16)
      assert.deepStrictEqual(limitsIn(events), ["calls"])
    })
  )

  it.effect("end a model that makes up tools for ever", () =>
    Effect.gen(function* () {
      const answers = Array.from({ length: 4 }, () => call({}, "made.up tool"))
      assert.deepStrictEqual(limitsIn((yield* goesOn({ answers })).events), ["same-call"])
    })
  )
})

describe("an answer of a model", () => {
  const odd: ReadonlyArray<readonly [string, ScriptedAnswer, ReadonlyArray<string>]> = [
    ["has nothing in it", {}, ["empty-answer"]],
    ["has only blanks", { text: " \n" }, ["empty-answer"]],
    ["has only reasoning", { reasoning: "hm" }, ["empty-answer"]],
    ["is cut before anything", { reason: "length" }, ["length"]],
    ["is cut in its text", { text: "It is", reason: "length" }, ["length"]],
    [
      "is cut in a call",
      { calls: [{ name: "notion__search", arguments: '{"q' }], reason: "length" },
      ["length"]
    ],
    ["is filtered", { text: "I", reason: "content-filter" }, ["content-filter"]]
  ]
  it.effect.each(odd)(
    "that %s ends the turn with a sentence, and the next turn is accepted",
    ([, answer, limits]) =>
      Effect.gen(function* () {
        const notion = serverOf()
        const { events } = yield* goesOn({ servers: [notion.server], answers: [answer] })
        assert.deepStrictEqual(limitsIn(events), limits)
        assert.deepStrictEqual(notion.calls, [])
      })
  )

  it.effect("that prints a call as text is shown, and carries nothing out", () =>
    Effect.gen(function* () {
      const notion = serverOf()
      const printed = '{"name": "notion__search", "arguments": {"query": "x"}}'
      const { events } = yield* goesOn({ servers: [notion.server], answers: [printed] })
      assert.strictEqual(answerIn(events), printed)
      assert.deepStrictEqual(notion.calls, [])
    })
  )

  it.effect("that ends with `stop` after calls gets their results", () =>
    Effect.gen(function* () {
      const { events } = yield* goesOn({ answers: [{ ...call(), reason: "stop" }, "found"] })
      assert.strictEqual(answerIn(events), "found")
    })
  )

  it.effect("whose calls have ids that were there before is accepted", () =>
    Effect.gen(function* () {
      const same = {
        calls: [1, 2].map((at) => ({ name: "notion__search", id: "call_0", arguments: { at } }))
      }
      const notion = serverOf()
      yield* goesOn({
        servers: [notion.server],
        answers: [same, same, { calls: [{ name: "notion__search", id: "" }] }, "ok"]
      })
      assert.strictEqual(notion.calls.length, 5)
    })
  )

  const wrong: ReadonlyArray<readonly [string, string | Record<string, unknown>, RegExp]> = [
    ["no JSON", '{"query": "x', /not a JSON object.*\{"query": "x/],
    ["a list", "[1]", /not a JSON object/],
    ["a text", '"x"', /not a JSON object/],
    ["lists in lists", `{"query":${"[".repeat(1e5)}${"]".repeat(1e5)}}`, /not a JSON object/],
    ["objects in objects", `${'{"query":'.repeat(1e5)}{}${"}".repeat(1e5)}`, /not a JSON object/],
    ["of a wrong type", { query: 7 }, /The argument query of notion__search must be a string, and not 7\./],
    ["misspelt", { qury: "x" }, /has no argument qury. Did you mean query\?/],
    ["missing", {}, /needs the argument query \(string\)/]
  ]
  it.effect.each(wrong)("whose arguments are %s is told so, and nothing is called", ([, args, text]) =>
    Effect.gen(function* () {
      const inputSchema = { type: "object", properties: { query: { type: "string" } }, required: ["query"] }
      const notion = serverOf({ tools: [toolNamed("search", { inputSchema })] })
      const { asked, requests } = yield* goesOn({
        servers: [notion.server],
        answers: [{ calls: [{ name: "notion__search", arguments: args }] }, "sorry"]
      })
      assert.match(toldIn(requests[1]?.messages ?? [])[0] ?? "", text)
      assert.deepStrictEqual([notion.calls, asked], [[], []])
    })
  )

  it.effect("with empty arguments calls a tool that needs none", () =>
    Effect.gen(function* () {
      const notion = serverOf()
      yield* goesOn({
        servers: [notion.server],
        answers: [{ calls: [{ name: "notion__search", arguments: "" }] }, "ok"]
      })
      assert.deepStrictEqual(notion.calls, [["search", {}]])
    })
  )

  it.effect.each(["search", "notion.search", "notion:search", "notion__serch", "notion_search"])(
    "that calls %s, which there is not, is told the nearest name",
    (name) =>
      Effect.gen(function* () {
        const notion = serverOf()
        const { requests } = yield* goesOn({ servers: [notion.server], answers: [call({}, name), "ok"] })
        assert.include(toldIn(requests[1]?.messages ?? [])[0], "Did you mean notion__search?")
        assert.deepStrictEqual(notion.calls, [])
      })
  )
})

describe("what a model writes before a call", () => {
  const texts = [
    ["a question about the call", { rules: {} }],
    ["a call without a question, in which its server may ask", { rules: { allow: ["search"] } }]
  ] as const
  it.effect.each(texts)("is read before %s", ([, { rules }]) =>
    Effect.gen(function* () {
      let read = ""
      const readBefore: Array<string> = []
      const look = Effect.sync(() => void readBefore.push(read))
      const { server } = serverOf({ rules, call: () => Effect.as(look, textResult("found")) })
      const { chat } = yield* openChat({
        servers: [server],
        decide: () => Effect.as(look, { _tag: "Once" as const }),
        answers: [
          { text: "I look into the pages.", ...call() },
          { text: "Again.", ...call({ a: 1 }) },
          "Done."
        ]
      })
      // A screen that is slower than the model.
      yield* Stream.runForEach(chat.turn([{ _tag: "Text", text: "go" }]), (event) =>
        Effect.sync(() => {
          if (event._tag === "Text") read += event.text
        }).pipe(Effect.delay("1 second"))
      ).pipe(Effect.forkChild, Effect.tap(TestClock.adjust("1 minute")), Effect.flatMap(Fiber.join))
      const expected = ["I look into the pages.", "I look into the pages.Again."]
      assert.deepStrictEqual([...new Set(readBefore)], expected)
      assert.strictEqual(read, "I look into the pages.Again.Done.")
    })
  )
})

describe("a result of a tool", () => {
  const told = (result: ReturnType<typeof textResult>, canSee?: boolean, tool = toolNamed("search")) =>
    Effect.gen(function* () {
      const notion = serverOf({ tools: [tool], call: () => Effect.succeed(result) })
      const { events, requests } = yield* goesOn({
        servers: [notion.server],
        answers: [call(), "ok"],
        ...(canSee === undefined ? {} : { model: { canSee } })
      })
      return { told: toldIn(requests[1]?.messages ?? [])[0] ?? "", outcome: outcomesIn(events)[0] }
    })
  const picture = { _tag: "Binary" as const, mimeType: "image/png", bytes: 3, base64: "AAAA" }

  it.effect("of 10 MB is cut, with how much is left out", () =>
    Effect.gen(function* () {
      const { outcome, told: text } = yield* told(textResult("x".repeat(10_000_000)))
      assert.match(
        text,
        /^x{32000}\n\[The result is cut: 9,968,000 of 10,000,000 characters are left out\.\]$/
      )
      assert.strictEqual(outcome?._tag === "Done" && outcome.cutCharacters, 9_968_000)
    })
  )

  it.effect("that is cut within a character stays well-formed", () =>
    Effect.gen(function* () {
      const { told: text } = yield* told(textResult(`${"x".repeat(31_999)}😀${"y".repeat(9)}`))
      assert.isTrue(text.isWellFormed())
    })
  )

  it.effect.each([
    [true, "<image/png>"],
    [false, "[There is image/png here, which you cannot see.]"],
    [undefined, "[There is image/png here, which you cannot see.]"]
  ] as const)("with a picture, for a model of which `canSee` is %s", ([canSee, expected]) =>
    Effect.gen(function* () {
      const { told: text } = yield* told(textResult("a", { content: [picture] }), canSee)
      assert.strictEqual(text, expected)
    })
  )

  const others: ReadonlyArray<readonly [string, Parameters<typeof textResult>[1], string]> = [
    [
      "of another kind of file",
      { content: [{ ...picture, mimeType: "application/pdf" }] },
      "[The tool returned application/pdf of 3 bytes, which you cannot read.]"
    ],
    [
      "with a picture that is too large",
      { content: [{ ...picture, bytes: 9_000_000 }] },
      "[The tool returned image/png of 9,000,000 bytes, which you cannot read.]"
    ],
    ["that is structured only", { content: [], structured: Option.some({ n: 1 }) }, '{"n":1}'],
    ["that is structured, with its text", { structured: Option.some({ n: 1 }) }, "a"],
    ["with nothing in it", { content: [] }, "(no content)"]
  ]
  it.effect.each(others)("%s is told as a text", ([, more, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* told(textResult("a", more), true)).told, expected)
    })
  )

  it.effect("that does not match the output schema is told with a note", () =>
    Effect.gen(function* () {
      const outputSchema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] }
      const tool = toolNamed("search", { outputSchema })
      const result = (n: unknown) => textResult("a", { structured: Option.some({ n }) })
      assert.strictEqual((yield* told(result(1), true, tool)).told, "a")
      assert.include((yield* told(result("1"), true, tool)).told, "does not match the output schema")
    })
  )

  it.effect("that says that it failed is an error for the user and the model", () =>
    Effect.gen(function* () {
      const { outcome } = yield* told(textResult("no such page", { isError: true }))
      assert.deepStrictEqual(outcome, { _tag: "Failed", text: "no such page" })
    })
  )

  it.effect("of a server that ended is a failed call, and the conversation goes on", () =>
    Effect.gen(function* () {
      const notion = serverOf({
        call: () => Effect.fail(new McpError({ server: "notion", detail: "its program ended." }))
      })
      const { requests } = yield* goesOn({ servers: [notion.server], answers: [call(), "ok"] })
      assert.deepStrictEqual(toldIn(requests[1]?.messages ?? []), ["notion: its program ended."])
      assert.strictEqual(notion.calls.length, 1)
    })
  )
})

describe("a call without an answer", () => {
  const error = (more: Partial<ConstructorParameters<typeof McpError>[0]>) =>
    new McpError({ server: "notion", detail: "it closed the connection.", ...more })
  const network = (more: object) =>
    new NetworkError({ origin: "https://notion.test", detail: "lost", ...more })
  const failures: ReadonlyArray<readonly [string, SessionError, "ran" | "not made" | "refused"]> = [
    ["the server lost", error({ call: "uncertain" }), "ran"],
    ["a long error goes on", error({ call: "uncertain", detail: "x".repeat(100_000) }), "ran"],
    ["the network lost", network({ unanswered: "broke" }), "ran"],
    ["nobody answered in time", network({ unanswered: "timeout" }), "ran"],
    ["the network did not carry", network({}), "not made"],
    ["found no connection", error({ call: "not made" }), "not made"],
    ["a sign-in stopped", error({ remedies: [command("auth login", { server: "notion" })] }), "not made"],
    ["the server refused", error({}), "refused"]
  ]
  it.effect.each(failures)(
    "that %s: the model and the user learn whether it may have run",
    ([, failure, what]) =>
      Effect.gen(function* () {
        const notion = serverOf({ call: () => Effect.fail(failure) })
        const { events, requests } = yield* goesOn({ servers: [notion.server], answers: [call(), "ok"] })
        const [told = ""] = toldIn(requests[1]?.messages ?? [])
        assert.strictEqual(
          told.includes("The call may have been carried out: find out before"),
          what === "ran"
        )
        assert.strictEqual(told.includes("The call was not made."), what === "not made")
        const [outcome] = outcomesIn(events)
        assert.strictEqual(outcome?._tag === "Failed" && outcome.mayHaveRun === true, what === "ran")
      })
  )

  it.effect("has a duration without the time that the user took", () =>
    Effect.gen(function* () {
      const userTime = makeUserTime()
      const question = Effect.sleep("3 minutes")
      const both = Effect.all(
        [userTime.asking("notion", question), Effect.delay(userTime.asking("notion", question), "1 minute")],
        { concurrency: "unbounded" }
      )
      const notion = serverOf({
        rules: { allow: ["*"] },
        call: () =>
          Effect.sleep("1 second").pipe(
            Effect.andThen(both),
            // A sign-in.
            Effect.andThen(
              Effect.flatMap(UserWait, (waiting) => waiting("notion", Effect.sleep("1 minute")))
            ),
            Effect.andThen(Effect.sleep("2 seconds")),
            Effect.as(textResult("found"))
          )
      })
      const linear = serverOf({
        name: "linear",
        rules: { allow: ["*"] },
        call: () => Effect.as(Effect.sleep("2 minutes"), textResult("found"))
      })
      const answers = [{ calls: [{ name: "notion__search" }, { name: "linear__search" }] }, "Done."]
      const { say } = yield* openChat({ servers: [notion.server, linear.server], answers, userTime })
      const turn = yield* Effect.forkChild(say("go"))
      yield* TestClock.adjust("10 minutes")
      const durations = (yield* Fiber.join(turn)).flatMap((event) =>
        event._tag === "CallEnded" ? [`${event.call.name} ${Duration.format(event.duration)}`] : []
      )
      assert.deepStrictEqual(durations, ["linear__search 2m", "notion__search 3s"])
    })
  )
})

describe("a sign-in that is needed in a call", () => {
  it.effect("is told to the user; the model hears only that", () =>
    Effect.gen(function* () {
      const login = command("auth login", { server: "notion" })
      const failure = new McpError({
        server: "notion",
        detail: "it answered 401 to the token secret-token.",
        remedies: [login]
      })
      const notion = serverOf({ call: () => Effect.fail(failure) })
      const { events, requests } = yield* goesOn({ servers: [notion.server], answers: [call(), "ok"] })
      assert.deepStrictEqual(toldIn(requests[1]?.messages ?? []), [
        "Not signed in to notion. The call was not made."
      ])
      assert.deepInclude(events, { _tag: "Notice", text: failure.message, remedies: [login] })
      assert.notInclude(JSON.stringify(requests), "secret-token")
    })
  )

  it.effect("is no sign-in if the network fails", () =>
    Effect.gen(function* () {
      const failure = new NetworkError({ origin: "https://notion.test", detail: "no route" })
      const notion = serverOf({ call: () => Effect.fail(failure) })
      const { requests } = yield* goesOn({ servers: [notion.server], answers: [call(), "ok"] })
      assert.deepStrictEqual(toldIn(requests[1]?.messages ?? []), [
        "notion: it cannot be reached. The call was not made."
      ])
    })
  )
})

describe("a secret of a server", () => {
  const stdio = {
    _tag: "Stdio" as const,
    name: "notion",
    command: "server",
    args: [],
    cwd: undefined,
    env: { API_TOKEN: Redacted.make("hunter2-hunter2"), FOLDER: Redacted.make("/home/ada/pages") }
  }
  const http = { ...serverNamed("notion"), headers: { "X-Api-Key": Redacted.make("hunter2-hunter2") } }
  const said =
    "hunter2-hunter2 in /home/ada/pages, Authorization: Bearer eyJsecret.secret.0. Bearer authentication is safe."
  const expected = "… in /home/ada/pages, Authorization: Bearer … Bearer authentication is safe."
  const ways: ReadonlyArray<
    readonly [string, ReturnType<NonNullable<Parameters<typeof serverOf>[0]>["call"] & object>]
  > = [
    ["a result", Effect.succeed(textResult(said))],
    ["a failed result", Effect.succeed(textResult(said, { isError: true }))],
    ["a structured result", Effect.succeed(textResult("", { content: [], structured: Option.some(said) }))],
    ["an error", Effect.fail(new McpError({ server: "notion", detail: said }))]
  ]
  it.effect.each(ways)("does not reach a model by %s", ([, answer]) =>
    Effect.gen(function* () {
      for (const server of [stdio, http]) {
        const { session } = serverOf({ call: () => answer }).server
        const { requests } = yield* goesOn({
          servers: [chatServer(server, "default", session)],
          answers: [call(), "ok"]
        })
        assert.include(toldIn(requests[1]?.messages ?? [])[0], expected)
        assert.notMatch(JSON.stringify(requests), /hunter2|eyJsecret/)
      }
    })
  )

  it.effect.each([
    ["a result", (text: string) => Effect.succeed(textResult(text))],
    ["a failed result", (text: string) => Effect.succeed(textResult(text, { isError: true }))],
    ["an error", (text: string) => Effect.fail(new McpError({ server: "notion", detail: text }))]
  ] as const)("does not reach a model by halves, where %s is cut", ([, answer]) =>
    Effect.gen(function* () {
      const { session } = serverOf({ call: (_, { at }) => answer(`${"x".repeat(Number(at))}${said}`) }).server
      const { requests } = yield* goesOn({
        servers: [chatServer(http, "default", session)],
        answers: [...[31_980, 31_990, 31_999].map((at) => call({ at })), "ok"]
      })
      assert.notMatch(JSON.stringify(requests), /hunter/)
    })
  )

  it.effect("does not reach a model by halves, where texts with thousands of them are cut", () =>
    Effect.gen(function* () {
      const many = (at: unknown) => `${"x".repeat(Number(at))}${"hunter2-hunter2 ".repeat(10_000)}`
      const { session } = serverOf({
        tools: [toolNamed("search", { description: many(5) })],
        instructions: many(5),
        call: (_, { at }) => Effect.succeed(textResult(many(at)))
      }).server
      const { requests } = yield* goesOn({
        servers: [chatServer(http, "default", session)],
        answers: [...[3, 7, 11].map((at) => call({ at })), "ok"]
      })
      assert.notMatch(JSON.stringify(requests), /hunter/)
    })
  )

  const stored = new SecretReference([Redacted.make("of_"), { secret: "NAME" }, Redacted.make("_pages")])
  const entries: ReadonlyArray<readonly [string, Server, string]> = [
    [
      "a header with a scheme of its own",
      { ...http, headers: { Authorization: Redacted.make("Token hunter2-hunter2") } },
      "hunter2-hunter2"
    ],
    [
      "a value in a cookie",
      { ...http, headers: { Cookie: Redacted.make("sid=hunter2-hunter2; theme=dark") } },
      "hunter2-hunter2"
    ],
    [
      "a parameter of a scheme",
      { ...http, headers: { Authorization: Redacted.make('Token token="hunter2-hunter2", v=1') } },
      "hunter2-hunter2"
    ],
    [
      "the password of a client",
      {
        ...http,
        oauth: {
          ...http.oauth,
          source: {
            _tag: "Discovered",
            client: { clientId: "c", clientSecret: Redacted.make("correct horse battery") }
          }
        }
      },
      "correct horse battery"
    ],
    [
      "a key in the path of its address",
      { ...http, url: new URL("https://mcp.test/s/AbCdEf0123456789AbCdEf/mcp") },
      "AbCdEf0123456789AbCdEf"
    ],
    [
      "a key behind its name in the path of its address",
      { ...http, url: new URL("https://mcp.test/token/blue-horse-7/mcp") },
      "blue-horse-7"
    ],
    [
      "a key with escapes in the path of its address",
      { ...http, url: new URL("https://mcp.test/s/AbCdEf0123456789%2BAbCdEf/mcp") },
      "AbCdEf0123456789+AbCdEf"
    ],
    [
      "a key in the path of its address, as that has it",
      { ...http, url: new URL("https://mcp.test/s/AbCdEf0123456789%2bAbCdEf%7E/mcp") },
      "AbCdEf0123456789%2bAbCdEf%7E"
    ],
    [
      "a part of its address that is no text",
      { ...http, url: new URL("https://mcp.test/s/sk-live-0123456789%E0/mcp") },
      "sk-live-0123456789%E0"
    ],
    [
      "a key in the query of its address",
      { ...http, url: new URL("https://mcp.test/mcp?api_key=hunter2-hunter2") },
      "hunter2-hunter2"
    ],
    [
      "an argument of its program",
      { ...stdio, env: {}, args: ["--api-key", "hunter2-hunter2"] },
      "hunter2-hunter2"
    ],
    [
      "a header behind a flag of its program",
      { ...stdio, env: {}, args: ["--header", "X-Api-Key: hunter2-hunter2"] },
      "hunter2-hunter2"
    ],
    [
      "a header in an argument of its program",
      { ...stdio, env: {}, args: ["--header=Authorization: Bearer hunter2-hunter2"] },
      "hunter2-hunter2"
    ],
    [
      "a variable that its program sets",
      { ...stdio, env: {}, args: ["run", "-e", "API_KEY=hunter2-hunter2"] },
      "hunter2-hunter2"
    ],
    [
      "the password of a database",
      { ...stdio, env: {}, args: ["--dsn=postgres://ada:hunter2%2Dhunter2@db.test/pages"] },
      "hunter2-hunter2"
    ],
    [
      "a key in an address for its program",
      { ...stdio, env: {}, args: ["mcp-remote", "https://mcp.test/mcp?api_key=hunter2-hunter2"] },
      "hunter2-hunter2"
    ],
    [
      "the password in the address of a variable",
      { ...stdio, env: { DATABASE_URL: Redacted.make("postgres://ada:hunter2-hunter2@db.test/pages") } },
      "hunter2-hunter2"
    ],
    [
      "an argument with an equals sign",
      { ...stdio, env: {}, args: ["--token=hunter2-hunter2"] },
      "hunter2-hunter2"
    ],
    ["a variable of its program", stdio, "hunter2-hunter2"],
    [
      "a stored secret in a header whose name says nothing",
      withSecrets({ ...http, headers: { "X-Workspace": stored } }, () => Redacted.make("hunter2-hunter2")),
      "hunter2-hunter2"
    ],
    [
      "a stored secret in a variable whose name says nothing",
      withSecrets({ ...stdio, env: { WORKSPACE: stored } }, () => Redacted.make("hunter2-hunter2")),
      "hunter2-hunter2"
    ]
  ]
  it.effect.each(entries)(
    "does not reach a model as %s, by its own server or by another one",
    ([, server, secret]) =>
      Effect.gen(function* () {
        const text = `${secret}, ${Buffer.from(secret).toString("hex")}, a password and 3f2504e0-4f89-11d3-9a0c-0305e82c3301`
        const respond = () => Effect.succeed(textResult(text))
        const own = chatServer(server, "default", serverOf({ call: respond }).server.session)
        const other = serverOf({ name: "linear", call: respond }).server
        const { requests } = yield* goesOn({
          servers: [own, other],
          answers: [call(), call({}, "linear__search"), "ok"]
        })
        const results = requests.slice(1).map(({ messages }) => toldIn(messages)[0])
        for (const result of results)
          assert.strictEqual(result, "…, …, a password and 3f2504e0-4f89-11d3-9a0c-0305e82c3301")
      })
  )

  it.effect("is no name of a database, whose password is the same", () =>
    Effect.gen(function* () {
      const server = { ...stdio, env: {}, args: ["postgres://postgres:postgres@localhost/postgres"] }
      const { session } = serverOf({ call: () => Effect.succeed(textResult("a table of postgres")) }).server
      const { requests } = yield* goesOn({
        servers: [chatServer(server, "default", session)],
        answers: [call(), "ok"]
      })
      assert.deepStrictEqual(toldIn(requests[1]?.messages ?? []), ["a table of postgres"])
    })
  )

  it.effect("is the key of the model, too, and stays one when the model changes", () =>
    Effect.gen(function* () {
      const keyed = (key: string) => {
        const { model } = ScriptedChatModel.make({ answers: [call(), "ok"] })
        return { ...model, secrets: [Redacted.make(key)] }
      }
      const { server } = serverOf({ call: () => Effect.succeed(textResult("first-key-1 second-key-2")) })
      const { chat, say } = yield* openChat({ servers: [server], answers: [] })
      yield* chat.setModel(keyed("first-key-1"))
      yield* say("one")
      yield* chat.setModel(keyed("second-key-2"))
      yield* say("two")
      assert.deepStrictEqual(toldIn(yield* chat.messages), ["… …"])
    })
  )

  it.effect("leaves the tools that a model is told about once it is known to be one", () =>
    Effect.gen(function* () {
      const { server } = serverOf({ tools: [toolNamed("search", { description: "Use late-key-1." })] })
      const { chat, say } = yield* openChat({ servers: [server], answers: [] })
      const described: Array<string | undefined> = []
      for (const key of ["other-key", "late-key-1"]) {
        const { model, requests } = ScriptedChatModel.make({ answers: ["ok", "ok"] })
        yield* chat.setModel({ ...model, secrets: [Redacted.make(key)] })
        yield* say("one")
        yield* say("two")
        described.push(...requests.map(({ tools }) => tools[0]?.description))
      }
      const [open, clear] = ["[notion] Use late-key-1.", "[notion] Use …."]
      assert.deepStrictEqual(described, [open, open, clear, clear])
    })
  )

  it.effect("does not reach a model by what its server says about itself, or a user attaches of it", () =>
    Effect.gen(function* () {
      const inputSchema = { type: "object", properties: { q: { type: "string", description: said } } }
      const { session } = serverOf({
        tools: [toolNamed("search", { description: said, inputSchema })],
        instructions: said
      }).server
      const { chat, requests } = yield* openChat({
        servers: [chatServer(http, "default", session)],
        answers: ["ok"]
      })
      yield* Stream.runDrain(chat.turn([{ _tag: "Text", text: said, sources: ["notion"] }]))
      const [request] = requests
      assert.include(request?.system, expected)
      assert.strictEqual(request?.tools[0]?.description, `[notion] ${expected}`)
      assert.notMatch(JSON.stringify(requests), /hunter2|eyJsecret/)
    })
  )
})

describe("a model that fails", () => {
  const failing = (failure: ChatFailure, retryAfter?: number, text?: string): ScriptedAnswer => ({
    failure: { failure, ...(retryAfter === undefined ? {} : { retryAfter }) },
    ...(text === undefined ? {} : { text })
  })
  const run = (answers: ReadonlyArray<ScriptedAnswer | string>) =>
    Effect.gen(function* () {
      const world = yield* openChat({ answers: [...answers, "fine"] })
      const fiber = yield* Effect.forkChild(Effect.result(world.say("hello")))
      yield* TestClock.adjust("10 minutes")
      return { ...world, result: yield* Fiber.join(fiber) }
    })

  it.effect.each(["rate-limit", "unavailable", "unreachable"] as const)(
    "with %s is asked again, and the user sees that",
    (failure) =>
      Effect.gen(function* () {
        const { requests, result } = yield* run([failing(failure, 7000), "hello"])
        assert.strictEqual(requests.length, 2)
        const retries =
          result._tag === "Success" ? result.success.filter(({ _tag }) => _tag === "Retrying") : []
        const [retry] = retries
        assert.strictEqual(retry?._tag === "Retrying" && Duration.toMillis(retry.delay), 7000)
      })
  )

  it.effect.each([
    "not-running",
    "refused",
    "authentication",
    "context-full",
    "unknown-model",
    "wrong-address"
  ] as const)("with %s is not asked again, and does not say so", (failure) =>
    Effect.gen(function* () {
      const { chat, requests } = yield* openChat({ answers: [failing(failure), "fine"] })
      const events: Array<TurnEvent> = []
      yield* Effect.result(
        Stream.runForEach(chat.turn([{ _tag: "Text", text: "hello" }]), (event) =>
          Effect.sync(() => events.push(event))
        )
      )
      assert.strictEqual(requests.length, 1)
      assert.notInclude(
        events.map(({ _tag }) => _tag),
        "Retrying"
      )
    })
  )

  it.effect("is asked at most four times", () =>
    Effect.gen(function* () {
      const { chat, requests, result } = yield* run(Array.from({ length: 9 }, () => failing("unavailable")))
      assert.strictEqual(requests.length, 4)
      assert.strictEqual(result._tag, "Failure")
      assert.deepStrictEqual(yield* chat.messages, [])
    })
  )

  const once: ReadonlyArray<readonly [string, ScriptedAnswer]> = [
    ["after its first word", failing("unreachable", undefined, "It ")],
    ["for another reason", failing("authentication")],
    ["and wants an hour", failing("rate-limit", 3_600_000)]
  ]
  it.effect.each(once)("%s is not asked again", ([, answer]) =>
    Effect.gen(function* () {
      const { requests, result, say } = yield* run([answer])
      assert.deepStrictEqual([requests.length, result._tag], [1, "Failure"])
      assert.strictEqual(answerIn(yield* say("next")), "fine")
    })
  )
})

describe("an interrupted turn", () => {
  const slow: ReadonlyArray<ScriptedAnswer> = [
    {
      text: "I look for it now.",
      calls: [
        { name: "notion__search", arguments: { at: 1 } },
        { name: "notion__search", arguments: { at: 2 } },
        { name: "notion__search", arguments: { at: 3 } }
      ],
      delay: 10
    },
    { reasoning: "What now?", calls: [{ name: "notion__search", arguments: { at: 4 } }], delay: 10 },
    { text: "Two pages: Roadmap and Minutes.", delay: 10 }
  ]

  it.effect("leaves a conversation that the next turn can go on from, whenever it is interrupted", () =>
    Effect.gen(function* () {
      const shapes = new Set<string>()
      for (let time = 0; time < 420; time += 4) {
        const notion = serverOf({
          call: (_, args) => Effect.succeed(textResult("found")).pipe(Effect.delay(Number(args["at"]) * 20))
        })
        const world = yield* openChat({
          servers: [notion.server],
          answers: [...slow.slice(0, 3), "fine", "fine", "fine", "fine"],
          decide: () => Effect.succeed({ _tag: "Once" as const }).pipe(Effect.delay(15))
        })
        const turn = yield* Effect.forkChild(world.say("list my pages"))
        yield* TestClock.adjust(time)
        yield* Fiber.interrupt(turn)
        shapes.add((yield* world.chat.messages).map(({ _tag }) => _tag[0]).join(""))
        const made = notion.calls.length
        const told = JSON.stringify(yield* world.chat.messages)
        // Each call that was sent is known to the model, as done or as possibly done.
        const known = told.split("found").length - 1 + (told.split("It may have been carried out").length - 1)
        assert.strictEqual(known, made, `after ${time} ms`)
        const next = yield* Effect.forkChild(Effect.result(world.say("go on")))
        yield* TestClock.adjust("1 minute")
        const result = yield* Fiber.join(next)
        assert.strictEqual(result._tag, "Success", `after ${time} ms`)
      }
      assert.deepStrictEqual([...shapes].toSorted(), ["", "UA", "UATA", "UATATA"])
    })
  )

  it.effect("tells the model what ran, what may have run, and what did not", () =>
    Effect.gen(function* () {
      const notion = serverOf({
        call: (_, args) => (args["at"] === 1 ? Effect.succeed(textResult("found")) : Effect.never)
      })
      const world = yield* openChat({
        servers: [notion.server],
        answers: [slow[0] ?? "", "fine"],
        decide: ({ arguments: { at } }) => (at === 3 ? Effect.never : { _tag: "Once" as const })
      })
      const turn = yield* Effect.forkChild(world.say("list"))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.interrupt(turn)
      assert.deepStrictEqual(toldIn(yield* world.chat.messages), [
        "found",
        "The call was interrupted while it ran. It may have been carried out: find out before you make it again, or ask the user.",
        "The call was not made: the turn ended before it."
      ])
      yield* world.say("next")
    })
  )
})
