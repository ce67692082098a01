import { Effect, type FileSystem, Option, type Stdio } from "effect"
import { nearName } from "../../domain/NearName.ts"
import { printable } from "../../domain/PrintableText.ts"
import { advice } from "../../domain/Remedy.ts"
import { type ToolArgument, toolArguments } from "../../domain/ToolSchema.ts"
import type { McpPrompt, McpResource, McpTool } from "../../ports/McpConnector.ts"
import { withProgress } from "../../ports/ProgressDisplay.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { jsonArguments } from "./Arguments.ts"
import { callWritten } from "./Call.ts"
import { checkOutput, deliver, type Output } from "./ContentFiles.ts"
import { printListing, promptListing, resourceListing, toolListing } from "./Listing.ts"
import { printTable } from "./Output.ts"
import { getAssigned } from "./Prompt.ts"
import { quotedWord, words } from "./SessionWords.ts"
import type { showStatus } from "./SessionStatus.ts"
import type { Json } from "./Settings.ts"
import { showTool } from "./ShowTool.ts"
import { UsageError } from "./UsageError.ts"

/** A session, and what its server lists. */
export interface SessionContext {
  readonly session: OpenSession
  /** The name of the server in the configuration. */
  readonly server: string
  readonly tools: ReadonlyArray<McpTool>
  /** Empty if they cannot be listed. */
  readonly resources: Effect.Effect<ReadonlyArray<McpResource>>
  readonly prompts: Effect.Effect<ReadonlyArray<McpPrompt>>
}

/** One line of a session. */
interface Line extends SessionContext {
  readonly text: string
  readonly operands: ReadonlyArray<string>
  readonly output: Output
  readonly isChecked: boolean
}

const needs = (problem: string) => new UsageError({ problem })

const callTool = Effect.fnUntraced(function* (line: Line) {
  const { isChecked, operands, output, server, session, text, tools } = line
  const [tool, ...assignments] = operands
  if (tool === undefined) return yield* needs("call needs the name of a tool.")
  const json = /^\/?call\s+(?:--\S+\s+)*\S+\s+(?:--no-check\s+)?(\{[^]*\})/.exec(text)?.[1]
  const args = json === undefined ? assignments : yield* jsonArguments(json)
  yield* checkOutput(output)
  yield* callWritten(session, { server, tool, args, isChecked }, output, { known: tools })
})

const readResource = Effect.fnUntraced(function* ({ operands: [uri], output, session }: Line) {
  if (uri === undefined) return yield* needs("read needs a URI.")
  yield* checkOutput(output)
  yield* deliver(yield* withProgress(uri, (onProgress) => session.read(uri, { onProgress })), output)
})

const getPrompt = Effect.fnUntraced(function* ({ operands, output, server, session }: Line) {
  const [name, ...assignments] = operands
  if (name === undefined) return yield* needs("prompt needs the name of a prompt.")
  yield* checkOutput(output)
  yield* deliver(yield* getAssigned(server, session, name, assignments), output)
})

const listTools = Effect.fnUntraced(function* ({ operands: [name], server, session }: Line) {
  if (name === undefined) yield* printListing(toolListing, session, server)
  else yield* showTool(server, session, name)
})

type SessionCommandError = Effect.Error<
  ReturnType<typeof callTool | typeof getPrompt | typeof listTools | typeof showStatus>
>
type Needs =
  | Stdio.Stdio
  | FileSystem.FileSystem
  | Effect.Services<typeof Json>
  | Effect.Services<ReturnType<typeof showStatus>>

/** The words before the one that is completed, and what is typed of that one. */
interface Typed extends SessionContext {
  readonly operands: ReadonlyArray<string>
  readonly word: string
}

interface SessionCommand {
  readonly operands?: string
  readonly description: string
  readonly aliases?: ReadonlyArray<string>
  /** The words that can follow. One that ends with a space or an equals sign is complete. */
  readonly complete?: (typed: Typed) => Effect.Effect<ReadonlyArray<string>>
  /** Absent: the command ends the session. */
  readonly run?: (line: Line) => Effect.Effect<void, SessionCommandError, Needs>
}

const whole = (names: ReadonlyArray<string>) => names.map((name) => `${quotedWord(name)} `)

/** The name and the equals sign of each argument that is not given yet. */
const namesLeft = (names: ReadonlyArray<string>, given: ReadonlyArray<string>) =>
  names.filter((name) => !given.some((word) => word.startsWith(`${name}=`))).map((name) => `${name}=`)

const valuesOf = ({ choices, type }: ToolArgument): ReadonlyArray<unknown> =>
  choices ?? (type === "boolean" ? [true, false] : [])

const completeTool = ({ tools }: Typed) => whole(tools.map(({ name }) => name))

const completeCall = (typed: Typed): ReadonlyArray<string> => {
  const { operands, tools, word } = typed
  if (word.startsWith("-")) return ["--no-check ", "--output ", "--overwrite "]
  const [name, ...given] = operands
  if (name === undefined) return completeTool(typed)
  const listed = toolArguments(tools.find((tool) => tool.name === name)?.inputSchema ?? {})
  const argument = listed.find((one) => word.startsWith(`${one.name}=`))
  if (argument === undefined)
    return namesLeft(
      listed.map((one) => one.name),
      given
    )
  return valuesOf(argument).map((value) => {
    const text = typeof value === "string" ? value : JSON.stringify(value)
    return `${argument.name}=${quotedWord(text)} `
  })
}

const completePrompt = Effect.fnUntraced(function* ({ operands, prompts, session, word }: Typed) {
  const listed = yield* prompts
  const [name, ...given] = operands
  if (name === undefined) return whole(listed.map((one) => one.name))
  const names = listed.find((one) => one.name === name)?.arguments.map((one) => one.name) ?? []
  const argument = names.find((one) => word.startsWith(`${one}=`))
  if (argument === undefined) return namesLeft(names, given)
  const others = given.map((one): [string, string] => {
    const equals = one.indexOf("=")
    return [one.slice(0, equals), one.slice(equals + 1)]
  })
  const values = yield* session
    .complete({
      of: { prompt: name },
      argument,
      value: word.slice(argument.length + 1).replace(/^["']/, ""),
      given: Object.fromEntries(others)
    })
    .pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))
  return values.map((value) => `${argument}=${quotedWord(value)} `)
})

/** The commands of a session: what help, completion and the session itself know. */
const commands: ReadonlyMap<string, SessionCommand> = new Map<string, SessionCommand>([
  [
    "tools",
    {
      operands: "[TOOL]",
      description: "list the tools, or show one with its arguments",
      complete: (typed) => Effect.succeed(typed.operands.length === 0 ? completeTool(typed) : []),
      run: listTools
    }
  ],
  [
    "call",
    {
      operands: "TOOL [key=value ... | JSON]",
      description: "call a tool (--no-check, --output FILE)",
      complete: (typed) => Effect.succeed(completeCall(typed)),
      run: callTool
    }
  ],
  [
    "resources",
    {
      description: "list the resources",
      run: ({ server, session }) => printListing(resourceListing, session, server)
    }
  ],
  [
    "read",
    {
      operands: "URI",
      description: "show a resource (--output FILE)",
      complete: ({ operands, resources }) =>
        operands.length > 0
          ? Effect.succeed([])
          : Effect.map(resources, (all) => whole(all.map(({ uri }) => uri))),
      run: readResource
    }
  ],
  [
    "prompts",
    {
      description: "list the prompts",
      run: ({ server, session }) => printListing(promptListing, session, server)
    }
  ],
  [
    "prompt",
    {
      operands: "PROMPT [key=value ...]",
      description: "show the messages of a prompt",
      complete: completePrompt,
      run: getPrompt
    }
  ],
  [
    "status",
    {
      description: "show the server, and until when you are signed in",
      run: ({ server, session }) =>
        Effect.flatMap(
          Effect.promise(() => import("./SessionStatus.ts")),
          ({ showStatus }) => showStatus(server, session)
        )
    }
  ],
  ["help", { aliases: ["?"], description: "show this list", run: () => printTable(help) }],
  ["quit", { aliases: ["exit"], description: "end the session (Ctrl-D does too)" }]
])

const help: ReadonlyArray<ReadonlyArray<string>> = [
  ["COMMAND", "WHAT IT DOES"],
  ...Array.from(commands, ([name, { description, operands }]) => [
    operands === undefined ? `/${name}` : `/${name} ${operands}`,
    description
  ])
]

const commandNamed = (word: string): SessionCommand | undefined => {
  const name = word.replace(/^\//, "")
  return (
    commands.get(name) ??
    Array.from(commands.values()).find(({ aliases }) => aliases?.includes(name) === true)
  )
}

/** The names that a user may type. */
const allNames = Array.from(commands, ([name, { aliases = [] }]) => [name, ...aliases]).flat()

const unknown = (word: string, tools: ReadonlyArray<McpTool>) => {
  const near = nearName(word.replace(/^\//, ""), allNames)
  const suggestion = tools.some(({ name }) => name === word)
    ? `Did you mean /call ${printable(word)}?`
    : near === undefined
      ? "/help lists the commands."
      : `Did you mean /${near}?`
  return new UsageError({ problem: `"${printable(word)}" is not a command.`, remedies: [advice(suggestion)] })
}

/** The options in the operands of a command, and the other operands. */
const optionsIn = Effect.fnUntraced(function* (operands: ReadonlyArray<string>) {
  const rest: Array<string> = []
  let output = Option.none<string>()
  let overwrite = false
  let isChecked = true
  for (const [at, word] of operands.entries()) {
    if (word === "--no-check") isChecked = false
    else if (word === "--overwrite") overwrite = true
    else if (word === "--output" || word === "-o") {
      const file = operands[at + 1]
      if (file === undefined) return yield* needs("--output needs the name of a file.")
      output = Option.some(file)
    } else if (!["--output", "-o"].includes(operands[at - 1] ?? "")) rest.push(word)
  }
  return { operands: rest, output: { output, overwrite }, isChecked }
})

/** Runs one line of a session; false if it ends the session. */
export const runLine = Effect.fnUntraced(function* (context: SessionContext, text: string) {
  const [name = "", ...operands] = words(text)
  const command = commandNamed(name)
  if (command === undefined) return yield* unknown(name, context.tools)
  if (command.run === undefined) return false
  yield* command.run({ ...context, text, ...(yield* optionsIn(operands)) })
  return true
})

/** The word that is typed at the end of a line, and what is before it. */
const lastWord = /(?:[^\s"']|"(?:[^"\\]|\\.)*(?:"|$)|'[^']*(?:'|$))*$/

const withoutQuotes = (word: string): string => word.replace(/["']/g, "")

/** The words that the last one of a line can be completed to, and how it is typed so far. */
export const completions = Effect.fnUntraced(function* (context: SessionContext, line: string) {
  const word = lastWord.exec(line)?.[0] ?? ""
  const [name, ...operands] = words(line.slice(0, line.length - word.length))
  const slash = word.startsWith("/") || word === "" ? "/" : ""
  const found =
    name === undefined
      ? Array.from(
          commands,
          ([one, { operands: further }]) => `${slash}${one}${further === undefined ? "" : " "}`
        )
      : yield* (
          commandNamed(name)?.complete?.({
            ...context,
            operands: operands.filter((operand) => !operand.startsWith("--")),
            word
          }) ?? Effect.succeed([])
        )
  const typed = withoutQuotes(word)
  return { word, found: found.filter((candidate) => withoutQuotes(candidate).startsWith(typed)) }
})
