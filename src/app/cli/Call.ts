import { Duration, Effect, Option, Stdio, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { type McpCallOptions, McpError, type McpTool } from "../../ports/McpConnector.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { assignedArguments, jsonArguments, serverName, type ToolArguments } from "./Arguments.ts"
import { checkArguments, listedTool, seeTools, unlistedTool } from "./ArgumentCheck.ts"
import { checkOutput, deliver, type Output, outputFlags } from "./ContentFiles.ts"
import { withProgress } from "../../ports/ProgressDisplay.ts"
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

/** A call as a user writes it. */
export interface WrittenCall {
  readonly server: string
  readonly tool: string
  readonly args: ReadonlyArray<string> | ToolArguments
  /** False: what the schema of the tool does not allow is sent all the same. */
  readonly isChecked: boolean
}

const isAssigned = (args: WrittenCall["args"]): args is ReadonlyArray<string> => Array.isArray(args)

/** How a call is made. */
interface CallOptions extends McpCallOptions {
  /** The tools that the server had listed before. It is asked again if the call does not fit them. */
  readonly known?: ReadonlyArray<McpTool>
}

/**
 * Calls a tool, and prints or saves its answer. The types of `name=value` come from its schema, which the arguments are
 * checked against. If a tool that the server does not list fails, the error says what it lists.
 */
export const callWritten = Effect.fnUntraced(function* (
  session: OpenSession,
  { args, isChecked, server, tool }: WrittenCall,
  output: Output,
  { known, ...options }: CallOptions = {}
) {
  let others: ReadonlyArray<string> | undefined
  const ready = Effect.fnUntraced(function* (tools: ReadonlyArray<McpTool>) {
    const listed = isChecked
      ? yield* listedTool(server, tools, tool)
      : tools.find(({ name }) => name === tool)
    const written = isAssigned(args)
      ? assignedArguments(args, listed?.inputSchema ?? {})
      : { given: args, malformed: [] }
    return { written, listed }
  })
  const checked = Effect.fnUntraced(function* (tools: ReadonlyArray<McpTool>) {
    const { listed, written } = yield* ready(tools)
    others = listed === undefined && isChecked ? tools.map(({ name }) => name) : undefined
    if (isChecked && listed !== undefined) yield* checkArguments(server, listed, written)
    if (written.malformed.length > 0) return yield* new UsageError({ problem: written.malformed.join("\n") })
    return written.given
  })
  const isListNeeded = isChecked || (isAssigned(args) && args.length > 0)
  const fresh = isListNeeded ? Effect.flatMap(session.tools, checked) : checked([])
  const given =
    known?.some(({ name }) => name === tool) === true
      ? yield* Effect.catchTag(checked(known), "UsageError", () => fresh)
      : yield* fresh
  const hints = others === undefined ? [] : [unlistedTool(server, tool, others)]
  const result = yield* withProgress(tool, (onProgress) =>
    session.call(tool, given, { ...options, onProgress })
  ).pipe(
    Effect.mapError((error) =>
      error._tag === "McpError" && hints.length > 0
        ? new McpError({ ...error, remedies: [...hints, ...error.remedies] })
        : error
    )
  )
  yield* deliver(result, output)
  if (!result.isError) return
  return yield* new ToolFailed({
    server,
    tool,
    hints: hints.length === 0 ? [] : [...hints, seeTools(server)]
  })
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
    check: Flag.Boolean("check").pipe(
      Flag.withDescription("Check the arguments first (--no-check sends them as they are)"),
      Flag.withDefault(true)
    ),
    ...outputFlags,
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
  Effect.fn("cli.call")(function* ({ args, assignments, check, name, output, overwrite, timeout, tool }) {
    const options = { timeout: Option.getOrUndefined(Option.map(timeout, Duration.seconds)) }
    if (Option.isSome(args) && assignments.length > 0) {
      return yield* new UsageError({
        problem: "Give the arguments either as --args JSON or as key=value."
      })
    }
    const given = Option.isNone(args)
      ? assignments
      : yield* jsonArguments(args.value === "-" ? yield* standardInput : args.value)
    yield* checkOutput({ output, overwrite })
    yield* withSession(name, (session) =>
      Effect.gen(function* () {
        const written = { server: name, tool, args: given, isChecked: check }
        yield* callWritten(session, written, { output, overwrite }, options)
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
    },
    { command: "mcp-cli call paint draw --output cat.png", description: "Save a picture" }
  ])
)
