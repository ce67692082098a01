import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Duration, Effect, Exit, Latch, Layer, Option } from "effect"
import { Chat, type TurnEvent } from "../../../../src/app/chat/Chat.ts"
import { askOnce } from "../../../../src/app/cli/chat/AskOnce.ts"
import { exitCodeOf } from "../../../../src/app/cli/ExitCode.ts"
import { type ChatFlags, noChatFlags } from "../../../../src/app/cli/ModelFlags.ts"
import { interactiveSession } from "../../../../src/app/cli/Session.ts"
import type { WholeChat } from "../../../../src/ports/ChatHistory.ts"
import { ChatModelError } from "../../../../src/ports/ChatModel.ts"
import { ChatModels } from "../../../../src/ports/ChatModels.ts"
import { ServerQuestions } from "../../../../src/ports/ServerRequests.ts"
import { callEvents, type ChatWorldOptions, inChatWorld, modelError, type Turn } from "./ChatWorld.ts"

/** The services of the world as the layer that the session builds. */
const ofWorld = () => Layer.effectContext(Effect.context<Chat | ChatModels | ServerQuestions>())

const chatWith = (
  options: ChatWorldOptions & {
    readonly names?: readonly [string, ...ReadonlyArray<string>]
    readonly model?: string
  }
) =>
  inChatWorld(
    interactiveSession(
      options.names ?? ["notion"],
      { ...noChatFlags, model: Option.fromNullishOr(options.model) },
      ofWorld
    ),
    options
  )

const answer = (text: string): Turn => [
  { _tag: "Text", text },
  { _tag: "Usage", usage: { input: 1234, cachedInput: undefined, output: 56 } }
]

const text = (...said: ReadonlyArray<string>) => said.map((one) => ({ _tag: "Text" as const, text: one }))

interface StoppedCalls {
  readonly first: ReadonlyArray<TurnEvent>
  readonly second: TurnEvent
}

describe("a chat", () => {
  it.effect("shows the calls and the answer to what is typed", () =>
    Effect.gen(function* () {
      const { error, out, prompts, said } = yield* chatWith({
        lines: ["list my pages", "/quit"],
        turns: [
          [...callEvents("notion", "list_pages", { query: "roadmap" }), ...answer("You have **two** pages.")]
        ]
      })
      assert.deepEqual(prompts, ["You: "])
      assert.deepEqual(said, [text("list my pages")])
      assert.strictEqual(out, "You have **two** pages.")
      assert.include(error, 'notion: list_pages query="roadmap" … 0.4 s')
      assert.include(error, "1,234 tokens in, 56 out; in total 3,000 tokens in, 200 out")
      assert.include(error, "Using test:model.")
    })
  )

  it.effect("tells why a model is asked again once, as long as it is the same", () =>
    Effect.gen(function* () {
      const retry = (detail: string) => ({
        _tag: "Retrying" as const,
        error: new ChatModelError({ ...modelError, detail }),
        delay: Duration.seconds(1)
      })
      const { error } = yield* chatWith({
        lines: ["hi"],
        turns: [[retry("It is busy."), retry("It is busy."), retry("It is down."), ...answer("Hello.")]]
      })
      const told = error.split("\n").filter((line) => line.includes("Trying again"))
      assert.deepStrictEqual(told, [
        "test:model: It is busy. Trying again in 1.0 s.",
        "Trying again in 1.0 s.",
        "test:model: It is down. Trying again in 1.0 s."
      ])
    })
  )

  it.effect("styles the answer where colours are, and lets no escape through", () =>
    Effect.gen(function* () {
      const { out } = yield* chatWith({
        colors: true,
        lines: ["hi"],
        turns: [
          [
            { _tag: "Text", text: "**bo" },
            { _tag: "Text", text: "ld** \u001b]52;c;eA==\u0007 \u001b[2J" }
          ]
        ]
      })
      assert.strictEqual(out, "\u001b[1mbo\u001b[0m\u001b[1mld\u001b[0m ]52;c;eA== [2J")
    })
  )

  it.effect.each<[what: string, outcome: Parameters<typeof callEvents>[3], shown: string]>([
    ["fails", { _tag: "Failed", text: "no such page\nmore\u001b[2J" }, "failed after 0.4 s: no such page"],
    [
      "has no answer",
      { _tag: "Failed", text: "notion: it closed the connection.\nThe call", mayHaveRun: true },
      "failed after 0.4 s, and may have been carried out: notion: it closed the connection."
    ],
    ["is refused", { _tag: "Refused", reason: undefined }, "… refused"],
    ["needs an approval", { _tag: "NeedsApproval" }, "not called: it needs an approval"],
    ["is interrupted", { _tag: "Interrupted" }, "interrupted after 0.4 s. It may have been carried out."],
    ["is long", { _tag: "Done", text: "x", cutCharacters: 12345 }, "12,345 characters of the result left out"]
  ])("shows a call that %s in one line", ([, outcome, shown]) =>
    Effect.gen(function* () {
      const long = "x".repeat(5000)
      const { error } = yield* chatWith({
        lines: ["go"],
        turns: [callEvents("notion", "search", { query: `a\nb\u001b[2J${long}` }, outcome)]
      })
      const line = error.split("\n").find((one) => one.startsWith("notion: search"))
      assert.include(line, shown)
      assert.isBelow(line?.length ?? 0, 300)
      assert.notInclude(error, "\u001b")
    })
  )

  it.effect.each<
    [what: string, events: (calls: StoppedCalls) => ReadonlyArray<TurnEvent>, stopped: Array<string>]
  >([
    ["two calls", ({ first, second }) => [...first.slice(0, 2), second], ['search query="a"', "list_pages"]],
    [
      "the call that runs",
      ({ first, second }) => [...first.slice(0, 2), second, ...first.slice(2)],
      ["list_pages"]
    ],
    ["no call that has ended", ({ first }) => first, []],
    ["no call that was only written", ({ first }) => first.slice(0, 1), []]
  ])("tells that Ctrl-C has stopped %s, and that it may have been carried out", ([, events, stopped]) =>
    Effect.gen(function* () {
      const first = callEvents("notion", "search", { query: "a" })
      const other = callEvents("notion", "list_pages", {}).find((event) => event._tag === "CallStarted")
      if (other === undefined) return assert.fail("no start")
      const second = { ...other, call: { ...other.call, id: "2" } }
      const { error } = yield* chatWith({
        lines: ["go"],
        turns: [events({ first, second })],
        interrupts: "turn"
      })
      const line = /notion: (.*) … interrupted after 0\.4 s\. It may have been carried out\./g
      assert.deepStrictEqual(
        Array.from(error.matchAll(line), ([, call = ""]) => call),
        stopped
      )
      assert.match(error, /Cancelled\.$/)
    })
  )

  it.effect("tells an error of the model, and goes on", () =>
    Effect.gen(function* () {
      const { error, out, said } = yield* chatWith({
        lines: ["one", "two"],
        turns: [[{ _tag: "Text", text: "half" }, modelError], answer("whole")]
      })
      assert.include(error, "mcp-cli: test:model: it answered HTTP 429.")
      assert.strictEqual(out, "half\nwhole")
      assert.strictEqual(said.length, 2)
    })
  )

  it.effect("has several servers, and tells those that cannot be opened", () =>
    Effect.gen(function* () {
      const { error, opened } = yield* chatWith({
        names: ["notion", "nowhere", "linear"],
        lines: ["/servers"]
      })
      assert.deepEqual(
        opened()?.servers.map(({ name }) => name),
        ["notion", "linear"]
      )
      assert.include(error, 'has no server "nowhere"')
      assert.include(error, "Connected to linear: linear 1 (MCP 2026-07-28), 2 tools.")
      assert.include(error, "/help lists the commands.")
    })
  )

  it.effect("waits for no server before it opens another, and keeps their order", () =>
    Effect.gen(function* () {
      const isLinearOpen = yield* Latch.make()
      const { opened } = yield* chatWith({
        names: ["notion", "linear"],
        opening: (name) => (name === "notion" ? isLinearOpen.await : isLinearOpen.open),
        lines: ["/quit"]
      })
      assert.deepEqual(
        opened()?.servers.map(({ name }) => name),
        ["notion", "linear"]
      )
    })
  )

  it.effect("is a session of commands without a model, and says how to get one", () =>
    Effect.gen(function* () {
      const { error, out, prompts } = yield* chatWith({
        hasModel: false,
        lines: ["/call search query=a", "/undo"]
      })
      assert.deepEqual(prompts, ["notion> "])
      assert.include(error, "No model was found.\n  Start Ollama.\n")
      assert.include(error, "/undo needs a model.")
      assert.strictEqual(out, 'notion search {"query":"a"}')
    })
  )

  it.effect("says in three lines of 80 columns that nothing was found, and the rest on demand", () =>
    Effect.gen(function* () {
      const { error } = yield* chatWith({
        hasModel: false,
        isNoneFound: true,
        errorColumns: 80,
        lines: ["/model"]
      })
      const [before = "", after = ""] = error.split("Connected to")
      assert.deepEqual(before.split("\n"), [
        "No model was found, so this is a session of commands. To get one, start Ollama",
        "  or LM Studio here, name one with --model PROVIDER:NAME, or store a key:",
        "  mcp-cli models key openai (more: /model)",
        ""
      ])
      assert.include(
        after,
        "This session has no model.\nTo store the key of a provider, run: mcp-cli models key"
      )
      assert.include(after.replaceAll(/\s+/g, " "), "Ollama, LM Studio, llama.cpp and vLLM are found")
      assert.include(after, "OPENAI_API_KEY")
    })
  )

  it.effect("fails with a model that was named and is not there", () =>
    Effect.gen(function* () {
      const { exit } = yield* chatWith({ model: "nobody:x" })
      assert.strictEqual(Exit.isFailure(exit) ? exitCodeOf(exit.cause as Cause.Cause<never>) : 0, 2)
    })
  )

  it.effect.each<[line: string, said: ReadonlyArray<string> | undefined]>([
    ["/notion:sum page=Roadmap", ["sum of Roadmap"]],
    ["/notion:sum page=dialogue", ["user: sum of dialogue", "assistant: Gladly."]],
    [
      "see @notion:page://a please",
      ["see @notion:page://a please", "\n\nThe resource page://a of notion:\ntext of page://a"]
    ],
    ...[
      "what is @notion:page://a?",
      "Read (@notion:page://a), then @notion:page://a.",
      'see "@notion:page://a"...'
    ].map((line): [string, ReadonlyArray<string>] => [
      line,
      [line, "\n\nThe resource page://a of notion:\ntext of page://a"]
    ]),
    [
      "see @notion:page://b(1).",
      ["see @notion:page://b(1).", "\n\nThe resource page://b(1) of notion:\ntext of page://b(1)"]
    ],
    [
      "see @notion:page://notion/a.",
      [
        "see @notion:page://notion/a.",
        "\n\nThe resource page://notion/a. of notion:\ntext of page://notion/a."
      ]
    ],
    ["see @notion:", ["see @notion:"]],
    ["mail me@notion:x", ["mail me@notion:x"]],
    ["/etc/hosts: what is it?", ["/etc/hosts: what is it?"]],
    [" /tools is a command", ["/tools is a command"]],
    ["one\n/quit", ["one\n/quit"]],
    ["/tools", undefined],
    ["/toolz", undefined]
  ])("sends what %j says", ([line, expected]) =>
    Effect.gen(function* () {
      const { said } = yield* chatWith({ lines: [line], turns: [answer("ok")] })
      assert.deepEqual(
        said.map((parts) => parts.map((part) => (part._tag === "Text" ? part.text : part._tag))),
        expected === undefined ? [] : [expected]
      )
    })
  )

  it.effect.each<[line: string, sources: ReadonlyArray<ReadonlyArray<string> | undefined>]>([
    ["/linear:sum page=Roadmap", [["linear"]]],
    ["see @notion:page://a and @linear:page://b", [undefined, ["notion"], ["linear"]]],
    ["hello", [undefined]]
  ])("says which servers the parts of %j are from", ([line, sources]) =>
    Effect.gen(function* () {
      const { said } = yield* chatWith({ names: ["notion", "linear"], lines: [line], turns: [answer("ok")] })
      assert.deepEqual(
        said[0]?.map((part) => part.sources),
        sources
      )
    })
  )

  it.effect.each<[line: string, shown: RegExp]>([
    ["/help", /\/undo [^]*\/SERVER:PROMPT/],
    ["/servers", /notion +default +2/],
    ["/tools", /notion\nTOOL[^]*linear\nTOOL/],
    ["/tools linear:issues", /Does issues/],
    ["/tools issues", /Does issues/],
    ["/tools linear", /issues/],
    ["/call linear:search query=x", /linear search \{"query":"x"\}/],
    ["/call issues query=x", /linear issues/],
    [
      "/call search query=x",
      /notion and linear have a tool search\.\nWrite the name of its server before it: notion:search/
    ],
    ["/call nothing", /No server lists the tool nothing/],
    ["/read notion:page://b", /text of page:\/\/b/],
    ["/read page://linear/a", /text of page:\/\/linear\/a/],
    ["/prompt linear:sum page=x", /sum of x/],
    ["/model", /test:model/],
    ["/model other:one", /Using other:one/],
    ["/model nobody:x", /No model was found/],
    ["/allow", /Every call is asked about/],
    ["/allow linear:issues", /These run without a question:\n {2}linear:issues/],
    ["/allow linear:nothing", /No tool of this conversation fits linear:nothing/],
    ["/tokens", /3,000 tokens in, 200 out, in 0 messages\nThe model reads at most 8,192 tokens/],
    ["/undo", /nothing to undo/],
    ["/compact", /12 messages are 2 now/],
    ["/clear", /new conversation/],
    ["/status notion", /server +notion/],
    ["/status nowhere", /no server "nowhere"/],
    ["/toolz", /Did you mean \/tools\?[^]*put a space before it/]
  ])("understands %s", ([line, shown]) =>
    Effect.gen(function* () {
      const { error, out } = yield* chatWith({ names: ["notion", "linear"], lines: [line] })
      assert.match(`${out}\n${error}`, shown)
    })
  )

  it.effect("saves the conversation for its user only", () =>
    Effect.gen(function* () {
      const { error, files } = yield* chatWith({
        lines: ["what is ```this\u001b[2J", "/save talk.md", "/save", "/save nowhere/talk.md"],
        turns: [answer("ok")]
      })
      assert.deepEqual(files.get("talk.md"), {
        text: "# Conversation\n\n## You\n\nwhat is ```this[2J\n",
        mode: 0o600
      })
      assert.include(error, "Saved talk.md.")
      assert.include(error, "save needs the name of a file.")
      assert.include(error, "The folder of nowhere/talk.md does not exist.")
    })
  )

  it.effect("knows the home folder, which no shell puts in the place of ~", () =>
    Effect.gen(function* () {
      const { files } = yield* chatWith({ lines: ["/save ~/talk.md", "/save ~other.md"] })
      assert.deepEqual([...files.keys()], ["/home/me/talk.md", "~other.md"])
    }).pipe(
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnv({ env: { HOME: "/home/me" } })
      )
    )
  )
})

describe("a conversation that is kept", () => {
  const chatOf = (flags: Partial<ChatFlags>, options: ChatWorldOptions) =>
    inChatWorld(interactiveSession(["notion"], { ...noChatFlags, ...flags }, ofWorld), options)

  it.effect("goes on where it ended, unless it is not to be kept", () =>
    Effect.gen(function* () {
      const kept = new Map<string, WholeChat>()
      yield* chatOf({}, { kept, lines: ["first question"], turns: [answer("ok")] })
      const [id = ""] = kept.keys()
      assert.deepInclude(kept.get(id), { title: "first question", servers: ["notion"], model: "test:model" })

      yield* chatOf({ save: false }, { kept, lines: ["secret"], turns: [answer("ok")] })
      assert.deepEqual([...kept.keys()], [id])

      for (const flags of [{ continues: true }, { resume: Option.some(id) }]) {
        const { error, opened } = yield* chatOf(flags, { kept, lines: ["more"], turns: [answer("ok")] })
        assert.include(error, 'Going on with "first question".')
        assert.isNotEmpty(opened()?.messages)
        assert.deepEqual([...kept.keys()], [id])
      }
    })
  )

  it.effect("loses what /undo removes, and stays as it was when /clear starts another", () =>
    Effect.gen(function* () {
      const kept = new Map<string, WholeChat>()
      const titles = () => Array.from(kept.values(), ({ title }) => title)
      yield* chatOf(
        {},
        { kept, lines: ["one", "two", "/undo", "/clear", "three"], turns: Array(3).fill(answer("ok")) }
      )
      assert.deepEqual(titles(), ["one", "three"])
      assert.lengthOf([...kept.values()][0]?.messages ?? [], 1)

      const [id = ""] = kept.keys()
      yield* chatOf({ resume: Option.some(id) }, { kept, lines: ["/undo"] })
      assert.deepEqual(titles(), ["three"])
    })
  )

  it.effect.each<
    [what: string, flags: Partial<ChatFlags>, kept: Map<string, WholeChat> | undefined, message: RegExp]
  >([
    ["nothing is kept", { continues: true }, undefined, /set "history": true|No conversation is kept\./],
    ["nothing is kept yet", { continues: true }, new Map(), /No conversation is kept yet/],
    [
      "there is no such one",
      { resume: Option.some("x") },
      new Map([["a", { id: "a", savedAt: 0, title: "t", servers: ["s"], model: "m:n", messages: [] }]]),
      /named x\. These are kept:\na {2}1970/
    ]
  ])("does not go on if %s", ([, flags, kept, message]) =>
    Effect.gen(function* () {
      const { exit } = yield* chatOf(flags, kept === undefined ? {} : { kept })
      assert.strictEqual(Exit.isFailure(exit) ? exitCodeOf(exit.cause as Cause.Cause<never>) : 0, 2)
      assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", message)
    })
  )
})

describe("ask", () => {
  const ask = (options: ChatWorldOptions, names: readonly [string, ...ReadonlyArray<string>] = ["notion"]) =>
    inChatWorld(askOnce(names, "list my pages", noChatFlags), options)

  const preamble: Turn = [
    { _tag: "Text", text: "Let me look." },
    { _tag: "Usage", usage: { input: 10, cachedInput: 2, output: 5 } },
    ...callEvents("notion", "list_pages", {}),
    ...answer("Two\u001b[2J pages.")
  ]

  it.effect("prints the answer only, and tells the rest", () =>
    Effect.gen(function* () {
      const { error, exit, out, said } = yield* ask({ turns: [preamble], isInteractive: false })
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(out, "Two[2J pages.")
      assert.include(error, "Let me look.")
      assert.include(error, "notion: list_pages … 0.4 s")
      assert.deepEqual(said, [text("list my pages")])
    })
  )

  it.effect("has what is piped in as context", () =>
    Effect.gen(function* () {
      const { said } = yield* ask({ stdin: "a\nb\n", turns: [answer("ok")] })
      assert.deepEqual(said, [text("a\nb\n\nlist my pages")])
      assert.deepEqual((yield* ask({ stdin: "", turns: [answer("ok")] })).said, [text("list my pages")])
    })
  )

  it.effect("prints events as JSON Lines, which end with the answer", () =>
    Effect.gen(function* () {
      const { error, out } = yield* ask({ json: true, turns: [preamble] })
      const events = out.split("\n").map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
      assert.deepEqual(
        events.map((event) => event["type"]),
        ["text", "tokens", "call", "result", "text", "tokens", "end"]
      )
      assert.deepEqual(events.at(-1), {
        type: "end",
        model: "test:model",
        answer: "Two\u001b[2J pages.",
        tokens: { input: 1244, cachedInput: 2, output: 61 }
      })
      assert.notInclude(out, "\u001b")
      assert.strictEqual(error, "")
    })
  )

  const codeOf = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isFailure(exit) ? exitCodeOf(exit.cause as Cause.Cause<never>) : 0

  it.effect.each<[what: string, options: ChatWorldOptions, code: number, message: RegExp]>([
    [
      "a tool that nobody approved",
      {
        turns: [[...callEvents("notion", "search", {}, { _tag: "NeedsApproval" }), ...answer("I may not.")]]
      },
      3,
      /notion:search was not called/
    ],
    ["an error of the model", { turns: [[{ _tag: "Text", text: "ha" }, modelError]] }, 5, /HTTP 429/],
    ["no model", { hasModel: false }, 2, /No model was found/]
  ])("ends with its exit code after %s", ([, options, code, message]) =>
    Effect.gen(function* () {
      for (const json of [false, true]) {
        const { exit, out } = yield* ask({ ...options, json })
        assert.strictEqual(codeOf(exit), code)
        assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", message)
        // Half an answer is none.
        if (code === 5 && !json) assert.strictEqual(out, "")
      }
    })
  )

  it.effect("prints the calls that Ctrl-C has stopped as events", () =>
    Effect.gen(function* () {
      const turns = [callEvents("notion", "search", { query: "a" }).slice(0, 2)]
      const { out } = yield* ask({ json: true, turns, interrupts: "command" })
      const events = out.split("\n").map((line): unknown => JSON.parse(line))
      assert.deepInclude(events.at(-1), {
        type: "result",
        tool: "search",
        outcome: "interrupted",
        milliseconds: 400
      })
    })
  )

  it.effect("names no server that is not configured", () =>
    Effect.gen(function* () {
      assert.strictEqual(codeOf((yield* ask({}, ["nowhere"])).exit), 2)
      // `ask notion list my "pages"`: what was meant is one question.
      const { exit, said } = yield* ask({ turns: [answer("ok")] }, ["notion", "list", "my"])
      assert.strictEqual(codeOf(exit), 2)
      assert.deepEqual(said, [])
      const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.include(JSON.stringify(failure), "in quotation marks")
    })
  )

  it.effect("keeps the answer of a limit", () =>
    Effect.gen(function* () {
      const limit = { _tag: "Limit", limit: "length", text: "The answer is cut." } as const
      const { error, exit, out } = yield* ask({ turns: [[{ _tag: "Text", text: "cut sho" }, limit]] })
      assert.strictEqual(out, "cut sho")
      // A script learns that it is no whole answer, and the user once.
      assert.strictEqual(codeOf(exit), 5)
      assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /The answer is cut\./)
      assert.notInclude(error, "The answer is cut.")

      const json = yield* ask({ json: true, turns: [[{ _tag: "Text", text: "cut sho" }, limit]] })
      assert.strictEqual(codeOf(json.exit), 5)
      assert.match(json.out, /"type":"limit"[^]*"answer":"cut sho"/)

      // What the user can allow is the error, and the limit is told.
      const both = yield* ask({
        turns: [[...callEvents("notion", "search", {}, { _tag: "NeedsApproval" }), limit]]
      })
      assert.strictEqual(codeOf(both.exit), 3)
      assert.include(both.error, "The answer is cut.")
    })
  )

  it.effect("says what to do about a conversation that is too long, as a chat does with its commands", () =>
    Effect.gen(function* () {
      const full = new ChatModelError({ model: "m:n", failure: "context-full", detail: "it is too long." })
      const remediesOf = (exit: Exit.Exit<unknown, unknown>) => {
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        return error instanceof ChatModelError ? JSON.stringify(error.remedies) : ""
      }
      const asked = remediesOf((yield* ask({ turns: [[full]] })).exit)
      assert.include(asked, "Ask with less")
      assert.notInclude(asked, "/compact")
      assert.include((yield* chatWith({ lines: ["hello"], turns: [[full]] })).error, "Type /compact")
    })
  )
})
