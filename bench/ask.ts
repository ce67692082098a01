import { type ChildProcess, spawn } from "node:child_process"
import { Effect, Layer, Stream } from "effect"
import { layer as connector } from "../src/adapters/mcp/McpConnector.ts"
import { Chat, chatServer, ServerSession, ToolApproval } from "../src/index.ts"
import { Testing } from "../src/testing.ts"
import { openAt } from "../test/adapters/model/Providers.ts"
import { startWorld } from "../test/e2e/World.ts"
import { makePagesServer } from "../test/servers/PagesServer.ts"
import { report, rounds } from "./Measure.ts"
import { type ModelProcess, startModel } from "./ModelProcess.ts"
import { timeline } from "./Timeline.ts"

// Up to the first token of an answer, beside the same request by the `fetch` of Node: from the start of a process, by `ask`
// after a sign-in; and within a process, in a conversation with a server that has 50 tools.

/** Milliseconds from now until the output of a process matches. */
const until = (child: ChildProcess, pattern: RegExp) =>
  new Promise<number>((done, fail) => {
    const started = performance.now()
    let output = ""
    let time: number | undefined
    child.stdout?.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      if (pattern.test(output)) time ??= performance.now() - started
    })
    child.once("close", () => (time === undefined ? fail(new Error(`it wrote: ${output}`)) : done(time)))
  })

/** A conversation in memory but for the model. */
const stack = ServerSession.layer.pipe(
  Layer.provide(connector({ version: "1" })),
  Layer.merge(
    Chat.layer.pipe(
      Layer.provide(Layer.succeed(ToolApproval, { ask: () => Effect.succeed({ _tag: "Once" }) }))
    )
  ),
  Layer.provideMerge(
    Testing.layer({
      signedIn: true,
      mcpServer: {
        tools: Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`tool_${at}`, () => ""]))
      }
    })
  )
)

/** Reads an answer to its end. Returns milliseconds until it had a text in it. */
const untilText = async (request: () => Promise<Response>) => {
  const began = performance.now()
  let time: number | undefined
  let text = ""
  for await (const chunk of (await request()).body ?? []) {
    text += Buffer.from(chunk).toString()
    if (/"content":"[^"]/.test(text)) time ??= performance.now() - began
  }
  return time ?? Infinity
}

const withinProcess = Effect.fn(function* (server: ModelProcess) {
  const sessions = yield* ServerSession.ServerSession
  const session = yield* sessions.open(Testing.server)
  const model = yield* openAt("chat_completions", server.origin, "scripted")
  const chat = yield* Chat.Chat.use(({ open }) =>
    open({
      servers: [chatServer(Testing.server, "default", session)],
      model,
      allow: [],
      allowReadOnly: false
    })
  )
  const turn = Effect.gen(function* () {
    const began = performance.now()
    let time: number | undefined
    yield* Stream.runForEach(chat.turn([{ _tag: "Text", text: "hello" }]), ({ _tag }) =>
      Effect.sync(() => {
        if (_tag === "Text") time ??= performance.now() - began
      })
    )
    yield* chat.clear
    return time ?? Infinity
  })
  yield* turn
  const request = yield* server.last
  const send = () =>
    fetch(`${server.origin}${request.path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request.body)
    })
  const ours: Array<number> = []
  const theirs: Array<number> = []
  for (let round = 0; round < 200; round++) {
    ours.push(yield* turn)
    theirs.push(yield* Effect.promise(() => untilText(send)))
  }
  // The first ones compile what they run.
  report(
    "a turn up to the first token, beside fetch, 50 tools, in microseconds",
    1.6,
    ours.slice(100).map((time) => time * 1000),
    theirs.slice(100).map((time) => time * 1000)
  )
})

const measure = Effect.gen(function* () {
  const model = yield* startModel
  yield* withinProcess(model).pipe(Effect.provide(stack))
  const world = yield* Effect.acquireRelease(
    Effect.promise(() => startWorld({ mcp: { make: makePagesServer } })),
    (opened) => Effect.promise(() => opened.close())
  )
  const env = { MCP_CLI_MODEL: "scripted", MCP_CLI_MODEL_BASE_URL: `${model.origin}/v1` }
  const ask = () => until(world.start(["ask", "demo", "hello", "--json"], { env }).child, /"type":"text"/)
  yield* Effect.promise(() => world.run(["auth", "login", "demo"]))
  yield* Effect.promise(ask)
  const request = yield* model.last
  const bare = `const answer = await fetch(${JSON.stringify(`${model.origin}${request.path}`)}, {
    method: "POST", headers: { "content-type": "application/json" }, body: ${JSON.stringify(JSON.stringify(request.body))}
  }); for await (const chunk of answer.body) process.stdout.write(chunk)`
  const byFetch = () => until(spawn(process.execPath, ["--input-type=module", "-e", bare]), /"content":"[^"]/)
  const ours: Array<number> = []
  const theirs: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    ours.push(yield* Effect.promise(ask))
    theirs.push(yield* Effect.promise(byFetch))
  }
  report("ask up to the first token, beside fetch", 1.6, ours, theirs)
  yield* Effect.promise(() => timeline(world, ["ask", "demo", "hello", "--json"], env))
})

await Effect.runPromise(Effect.scoped(measure))
