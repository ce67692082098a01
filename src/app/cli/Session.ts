import { Effect, Option, type Stdio } from "effect"
import { isSafeLine } from "../../domain/PrintableText.ts"
import { LineEditor } from "../../ports/LineEditor.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { accountAt, jsonArguments, nameOf } from "./Arguments.ts"
import { callAssigned } from "./Call.ts"
import { printListing, promptListing, resourceListing, toolListing } from "./Listing.ts"
import { firstLine, printContent, printTable, tell, tellError } from "./Output.ts"
import { configFileOfRun } from "./Settings.ts"
import { shortened } from "./TextWidth.ts"
import { ToolFailed, UsageError } from "./UsageError.ts"
import { withSession } from "./WithSession.ts"

/** One line of a session: its words, and the server that it is for. */
interface Line {
  readonly session: OpenSession
  readonly server: string
  readonly text: string
  readonly operands: ReadonlyArray<string>
}

/** Splits a line into words; quotes hold a word together. */
export const words = (line: string): ReadonlyArray<string> =>
  Array.from(line.matchAll(/(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|[^\s"'])+/g), ([word]) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) =>
      double === undefined ? (single ?? "") : double.replace(/\\(.)/g, "$1")
    )
  )

const callTool = Effect.fnUntraced(function* ({ operands, server, session, text }: Line) {
  const [tool, ...assignments] = operands
  if (tool === undefined) return yield* new UsageError({ problem: "/call needs the name of a tool." })
  const json = /^\/call\s+\S+\s+(\{[\s\S]*)$/.exec(text)?.[1]
  const result =
    json === undefined
      ? yield* callAssigned(session, tool, assignments)
      : yield* session.call(tool, yield* jsonArguments(json))
  yield* printContent(result.content)
  if (result.isError) return yield* new ToolFailed({ server, tool })
})

const readResource = Effect.fnUntraced(function* ({ operands: [uri], session }: Line) {
  if (uri === undefined) return yield* new UsageError({ problem: "/read needs a URI." })
  yield* printContent(yield* session.read(uri))
})

type SessionCommandError = Effect.Error<ReturnType<typeof callTool>>

interface SessionCommand {
  readonly operands?: string
  readonly description: string
  /** Absent: the command ends the session. */
  readonly run?: (line: Line) => Effect.Effect<void, SessionCommandError, Stdio.Stdio>
}

const commands: ReadonlyMap<string, SessionCommand> = new Map<string, SessionCommand>([
  [
    "/tools",
    {
      description: "list the tools",
      run: ({ server, session }) => printListing(toolListing, session, server)
    }
  ],
  ["/call", { operands: "TOOL [key=value ... | JSON]", description: "call a tool", run: callTool }],
  [
    "/resources",
    {
      description: "list the resources",
      run: ({ server, session }) => printListing(resourceListing, session, server)
    }
  ],
  ["/read", { operands: "URI", description: "show a resource", run: readResource }],
  [
    "/prompts",
    {
      description: "list the prompts",
      run: ({ server, session }) => printListing(promptListing, session, server)
    }
  ],
  ["/help", { description: "show this list", run: () => printTable(help) }],
  ["/quit", { description: "end the session (Ctrl-D does too)" }]
])

const help: ReadonlyArray<ReadonlyArray<string>> = [
  ["COMMAND", "WHAT IT DOES"],
  ...Array.from(commands, ([name, { description, operands }]) => [
    operands === undefined ? name : `${name} ${operands}`,
    description
  ])
]

/**
 * The possible completions of a line: the commands, the tools after `/call`, the URIs after `/read`. The editor shows them as
 * they are, so a name that could rewrite the screen is left out.
 */
export const completions = (
  line: string,
  known: { readonly tools: ReadonlyArray<string>; readonly resources: ReadonlyArray<string> }
): ReadonlyArray<string> => {
  const lines = line.startsWith("/call ")
    ? known.tools.map((tool) => `/call ${tool} `)
    : line.startsWith("/read ")
      ? known.resources.map((uri) => `/read ${uri}`)
      : [...commands.keys()]
  return lines.filter((candidate) => candidate.startsWith(line) && isSafeLine(candidate))
}

/** Runs one line of a session; false if it ends the session. */
const runLine = Effect.fnUntraced(function* (session: OpenSession, server: string, text: string) {
  const [name = "", ...operands] = words(text)
  const command = commands.get(name)
  if (command === undefined) {
    return yield* new UsageError({ problem: `"${name}" is not a command. /help lists the commands.` })
  }
  if (command.run === undefined) return false
  yield* command.run({ session, server, text, operands })
  return true
})

/** An interactive session with a server: one command per line, until `/quit` or the end of the input. */
export const interactiveSession = (name: string) =>
  withSession(name, (session) =>
    Effect.gen(function* () {
      const editor = yield* LineEditor
      const configFile = yield* configFileOfRun
      const { server } = session
      const shown = nameOf(yield* accountAt(name))
      yield* tell(
        `Connected to ${firstLine(server.name)} ${firstLine(server.version)} (MCP ${firstLine(server.protocol)}).`
      )
      const tools = yield* session.tools
      yield* tell(
        tools.length === 0
          ? "It has no tools. /help lists the commands."
          : `${tools.length} tool${tools.length === 1 ? "" : "s"}: ${shortened(tools.map((tool) => firstLine(tool.name)).join(", "))}. /help lists the commands.`
      )
      const resources = yield* Effect.orElseSucceed(session.resources, () => [])
      const known = { tools: tools.map((tool) => tool.name), resources: resources.map(({ uri }) => uri) }
      const { isInteractive } = editor
      for (;;) {
        const line = yield* editor.read(`${shown}> `, (text) => completions(text, known))
        if (Option.isNone(line)) return
        const text = line.value.trim()
        if (text === "") continue
        const goesOn = yield* editor.cancellable(runLine(session, name, text)).pipe(
          Effect.flatMap((ended) =>
            Option.isSome(ended) ? Effect.succeed(ended.value) : Effect.as(tell("Cancelled."), true)
          ),
          // A user reads what went wrong and goes on. A script stops at the first error.
          Effect.catchIf(
            () => isInteractive,
            (error) => Effect.as(tellError(error, configFile), true)
          )
        )
        if (!goesOn) return
      }
    }).pipe(Effect.ensuring(LineEditor.use(({ end }) => end)))
  )
