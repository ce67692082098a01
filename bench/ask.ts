import { type ChildProcess, spawn } from "node:child_process"
import { Effect } from "effect"
import { startWorld } from "../test/e2e/World.ts"
import { makePagesServer } from "../test/servers/PagesServer.ts"
import { modelServer } from "../test/servers/ModelServer.ts"
import { report, rounds } from "./Measure.ts"
import { timeline } from "./Timeline.ts"

// From the start of a process to the first token of an answer: `ask`, after the sign-in, beside the same request by the `fetch`
// of Node.

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

const measure = Effect.gen(function* () {
  const model = yield* modelServer()
  const world = yield* Effect.acquireRelease(
    Effect.promise(() => startWorld({ mcp: { make: makePagesServer } })),
    (opened) => Effect.promise(() => opened.close())
  )
  const env = { MCP_CLI_MODEL: "scripted", MCP_CLI_MODEL_BASE_URL: model.baseUrl }
  const ask = () => until(world.start(["ask", "demo", "hello", "--json"], { env }).child, /"type":"text"/)
  yield* Effect.promise(() => world.run(["auth", "login", "demo"]))
  yield* Effect.promise(ask)
  const request = model.requests.at(-1)
  const bare = `const answer = await fetch(${JSON.stringify(`${model.origin}${request?.path}`)}, {
    method: "POST", headers: { "content-type": "application/json" }, body: ${JSON.stringify(JSON.stringify(request?.body))}
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
