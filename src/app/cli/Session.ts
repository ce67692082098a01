import { Console, Effect, Option } from "effect"
import { LineEditor } from "../../ports/LineEditor.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { accountAt, jsonArguments, nameOf } from "./Arguments.ts"
import { callAssigned } from "./Call.ts"
import { contentText, firstLine, printTable, printTools } from "./Output.ts"
import { ToolFailed, UsageError } from "./UsageError.ts"
import { withSession } from "./WithSession.ts"

const help = [
  ["COMMAND", "WHAT IT DOES"],
  ["/tools", "list the tools"],
  ["/call TOOL [key=value ... | JSON]", "call one"],
  ["/resources", "list the resources"],
  ["/read URI", "show one"],
  ["/prompts", "list the prompts"],
  ["/help", "this list"],
  ["/quit", "end the session (Ctrl-D does too)"]
]
const commands = ["/tools", "/call", "/resources", "/read", "/prompts", "/help", "/quit"]

/** Splits a line into words; quotes hold a word together. */
export const words = (line: string): ReadonlyArray<string> =>
  Array.from(line.matchAll(/(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|[^\s"'])+/g), ([word]) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) =>
      double === undefined ? (single ?? "") : double.replace(/\\(.)/g, "$1")
    )
  )

/** What a line may become: the commands, the tools after `/call`, the URIs after `/read`. */
export const completions = (
  line: string,
  known: { readonly tools: ReadonlyArray<string>; readonly resources: ReadonlyArray<string> }
): ReadonlyArray<string> => {
  const lines = line.startsWith("/call ")
    ? known.tools.map((tool) => `/call ${tool} `)
    : line.startsWith("/read ")
      ? known.resources.map((uri) => `/read ${uri}`)
      : commands
  return lines.filter((candidate) => candidate.startsWith(line))
}

const listTools = (session: OpenSession) =>
  Effect.flatMap(session.tools, (listed) =>
    listed.length === 0 ? Console.error("No tools.") : printTools(listed)
  )

/** Carries out one line of a session. */
const runCommand = Effect.fnUntraced(function* (session: OpenSession, name: string, line: string) {
  const [command, ...rest] = words(line)
  switch (command) {
    case "/tools":
      return yield* listTools(session)
    case "/call": {
      const [tool, ...assignments] = rest
      if (tool === undefined) return yield* new UsageError({ problem: "/call wants the name of a tool" })
      const json = /^\/call\s+\S+\s+(\{[\s\S]*)$/.exec(line)?.[1]
      const result =
        json === undefined
          ? yield* callAssigned(session, tool, assignments)
          : yield* session.call(tool, yield* jsonArguments(json))
      yield* Console.log(contentText(result.content))
      if (result.isError) return yield* new ToolFailed({ server: name, tool })
      return
    }
    case "/resources": {
      const listed = yield* session.resources
      if (listed.length === 0) return yield* Console.error("No resources.")
      return yield* printTable([
        ["URI", "NAME"],
        ...listed.map(({ name, uri }) => [firstLine(uri), firstLine(name)])
      ])
    }
    case "/read": {
      const [uri] = rest
      if (uri === undefined) return yield* new UsageError({ problem: "/read wants a URI" })
      return yield* Console.log(contentText(yield* session.read(uri)))
    }
    case "/prompts": {
      const listed = yield* session.prompts
      if (listed.length === 0) return yield* Console.error("No prompts.")
      return yield* printTable([
        ["PROMPT", "DESCRIPTION"],
        ...listed.map(({ description, name }) => [firstLine(name), firstLine(description)])
      ])
    }
    case "/help":
      return yield* printTable(help)
    default:
      return yield* new UsageError({ problem: `"${command ?? ""}" is no command: /help lists them` })
  }
})

/** An interactive session with a server: one command a line, until `/quit` or the end of the input. */
export const interactiveSession = (name: string) =>
  withSession(name, (session) =>
    Effect.gen(function* () {
      const editor = yield* LineEditor
      const { server } = session
      const shown = nameOf(yield* accountAt(name))
      yield* Console.error(
        `Connected to ${firstLine(server.name)} ${firstLine(server.version)} (MCP ${firstLine(server.protocol)}).`
      )
      const tools = yield* session.tools
      yield* Console.error(
        tools.length === 0
          ? "It has no tools. /help lists the commands."
          : `${tools.length} tools: ${tools.map((tool) => firstLine(tool.name)).join(", ")}. /help lists the commands.`
      )
      const uris = yield* Effect.cached(
        Effect.map(session.resources, (listed) => listed.map(({ uri }) => uri)).pipe(
          Effect.orElseSucceed(() => [])
        )
      )
      const known = { tools: tools.map((tool) => tool.name), resources: yield* uris }
      const { isInteractive } = editor
      for (;;) {
        const line = yield* editor.read(`${shown}> `, (text) => completions(text, known))
        if (Option.isNone(line) || line.value.trim() === "/quit") return
        if (line.value.trim() === "") continue
        // A user reads what went wrong and goes on; a script is not to go on as if it had worked.
        yield* runCommand(session, name, line.value.trim()).pipe(
          Effect.catchIf(
            () => isInteractive,
            (error) => Console.error(`mcp-cli: ${error.message}`)
          )
        )
      }
    })
  )
