import { Console, Effect } from "effect"
import { layer } from "../../../src/adapters/mcp/McpConnector.ts"
import { McpConnector } from "../../../src/ports/McpConnector.ts"

// A process that uses a stdio server as the CLI does, and ends by itself when nothing holds it any more.
const { args, showOutput }: { readonly args: Array<string>; readonly showOutput: boolean } = JSON.parse(
  process.argv[2] ?? "{}"
)
const [command = "", ...rest] = args

await Effect.runPromise(
  Effect.gen(function* () {
    const connector = yield* McpConnector
    const session = yield* connector.connectStdio({
      _tag: "Stdio",
      name: "local",
      command,
      args: rest,
      env: {},
      cwd: undefined
    })
    yield* Console.log(`${(yield* session.tools).length} tool`)
  }).pipe(Effect.scoped, Effect.provide(layer({ version: "1.0.0", showOutput })))
)
