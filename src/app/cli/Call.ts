import { Duration, Effect, Option, Stdio, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { McpCallOptions } from "../../ports/McpConnector.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { assignedArguments, jsonArguments, serverName, type ToolArguments } from "./Arguments.ts"
import { printContent, printJson } from "./Output.ts"
import { Json } from "./Settings.ts"
import { ToolFailed, UsageError } from "./UsageError.ts"
import { withSession } from "./WithSession.ts"

/** Everything on stdin. */
const standardInput = Effect.gen(function* () {
  const { stdin } = yield* Stdio.Stdio
  return yield* stdin.pipe(
    Stream.decodeText,
    Stream.mkString,
    Effect.mapError(() => new UsageError({ problem: "The arguments cannot be read from stdin." }))
  )
})

/** Calls a tool with `name=value` arguments, whose types come from the schema of the tool. */
export const callAssigned = Effect.fnUntraced(function* (
  session: OpenSession,
  tool: string,
  assignments: ReadonlyArray<string>,
  options: McpCallOptions = {}
) {
  if (assignments.length === 0) return yield* session.call(tool, {}, options)
  const known = (yield* session.tools).find(({ name }) => name === tool)
  return yield* session.call(tool, yield* assignedArguments(assignments, known?.inputSchema ?? {}), options)
})

/** `mcp-cli call NAME TOOL` */
export const call = Command.make(
  "call",
  {
    name: serverName,
    tool: Argument.String("TOOL").pipe(Argument.withDescription("A tool of the server")),
    assignments: Argument.String("key=value").pipe(
      Argument.withDescription("Arguments of the tool, with the types of its schema"),
      Argument.variadic()
    ),
    args: Flag.String("args").pipe(
      Flag.withMetavar("JSON"),
      Flag.withDescription("All arguments as one JSON object; - reads it from stdin"),
      Flag.optional
    ),
    timeout: Flag.Int("timeout").pipe(
      Flag.withMetavar("SECONDS"),
      Flag.withDescription("How long the tool may be silent (60); progress that it reports counts"),
      Flag.filter(
        (seconds) => seconds > 0 && seconds <= 86_400,
        () => "Expected between 1 and 86400 seconds"
      ),
      Flag.optional
    )
  },
  Effect.fn("cli.call")(function* ({ args, assignments, name, timeout, tool }) {
    const options = { timeout: Option.getOrUndefined(Option.map(timeout, Duration.seconds)) }
    if (Option.isSome(args) && assignments.length > 0) {
      return yield* new UsageError({
        problem: "Give the arguments either as --args JSON or as key=value."
      })
    }
    const json: Option.Option<ToolArguments> = Option.isNone(args)
      ? Option.none()
      : Option.some(yield* jsonArguments(args.value === "-" ? yield* standardInput : args.value))
    yield* withSession(name, (session) =>
      Effect.gen(function* () {
        const result = yield* Option.match(json, {
          onNone: () => callAssigned(session, tool, assignments, options),
          onSome: (object) => session.call(tool, object, options)
        })
        if (yield* Json) yield* printJson(result.raw)
        else yield* printContent(result.content)
        if (result.isError) return yield* new ToolFailed({ server: name, tool })
      })
    )
  })
).pipe(
  Command.withDescription("Call a tool of a server"),
  Command.withExamples([
    { command: "mcp-cli call notion search query=roadmap", description: "Arguments by name" },
    { command: `mcp-cli call notion search --args '{"query": "roadmap"}'`, description: "Arguments as JSON" },
    {
      command: "jq -n '{query: \"roadmap\"}' | mcp-cli call notion search --args -",
      description: "From a pipe"
    }
  ])
)
