import { Effect, type FileSystem, Option, type Stdio } from "effect"
import { nearName } from "../../domain/NearName.ts"
import { printable } from "../../domain/PrintableText.ts"
import { advice, type Remedy } from "../../domain/Remedy.ts"
import { namedArguments, valueTexts } from "../../domain/ToolArgument.ts"
import type { ChatModelError } from "../../ports/ChatModel.ts"
import { type ModelUnavailable, modelWays } from "../../ports/ChatModels.ts"
import { withProgress } from "../../ports/ProgressDisplay.ts"
import type { Message } from "../chat/Chat.ts"
import { askCommand } from "./Ask.ts"
import { jsonArguments } from "./Arguments.ts"
import { namesLeft } from "./ArgumentWords.ts"
import { callWritten } from "./Call.ts"
import { checkOutput, deliver, type Output } from "./ContentFiles.ts"
import { printListing, promptListing, resourceListing, toolListing } from "./Listing.ts"
import { print, printTable } from "./Output.ts"
import { getAssigned } from "./Prompt.ts"
import { listed } from "./RemedyText.ts"
import { promptMessage } from "./SessionMessage.ts"
import {
  prefixed,
  promptNames,
  resourceUris,
  serverOf,
  type SessionChat,
  type SessionContext,
  type SessionServer,
  toolNames
} from "./SessionServers.ts"
import { quotedWord, words } from "./SessionWords.ts"
import type { showStatus } from "./SessionStatus.ts"
import type { Json } from "./Settings.ts"
import { showTool } from "./ShowTool.ts"
import type * as ChatCommands from "./chat/ChatCommands.ts"
import { typedPath } from "./TypedPath.ts"
import { UsageError } from "./UsageError.ts"

/** One line of a session. */
interface Line extends SessionContext {
  readonly text: string
  readonly operands: ReadonlyArray<string>
  readonly output: Output
  readonly isChecked: boolean
}

const needs = (problem: string, ...remedies: ReadonlyArray<Remedy>) => new UsageError({ problem, remedies })

const callTool = Effect.fnUntraced(function* (line: Line) {
  const { isChecked, operands, output, servers, text } = line
  const [word, ...assignments] = operands
  if (word === undefined) return yield* needs("call needs the name of a tool.")
  const { rest: tool, server } = yield* serverOf(servers, word, "tool", toolNames)
  const json = /^\/?call\s+(?:--\S+\s+)*\S+\s+(?:--no-check\s+)?(\{[^]*\})/.exec(text)?.[1]
  const args = json === undefined ? assignments : yield* jsonArguments(json)
  yield* checkOutput(output)
  yield* callWritten(server.session, { server: server.name, tool, args, isChecked }, output, {
    known: server.tools
  })
})

const readResource = Effect.fnUntraced(function* ({ operands: [word], output, servers }: Line) {
  if (word === undefined) return yield* needs("read needs a URI.")
  const { rest: uri, server } = yield* serverOf(servers, word, "resource", resourceUris)
  yield* checkOutput(output)
  yield* deliver(yield* withProgress(uri, (onProgress) => server.session.read(uri, { onProgress })), output)
})

const promptOf = Effect.fnUntraced(function* ({ operands, servers }: Pick<Line, "operands" | "servers">) {
  const [word, ...assignments] = operands
  if (word === undefined) return yield* needs("prompt needs the name of a prompt.")
  const { rest, server } = yield* serverOf(servers, word, "prompt", promptNames)
  return { server: server.name, answer: yield* getAssigned(server.name, server.session, rest, assignments) }
})

const getPrompt = Effect.fnUntraced(function* (line: Line) {
  yield* checkOutput(line.output)
  yield* deliver((yield* promptOf(line)).answer, line.output)
})

/** Runs what prints a list, for the server that is named, or for all of them. */
const eachServer = Effect.fnUntraced(function* <E, R>(
  { operands: [name], servers }: Line,
  show: (server: SessionServer) => Effect.Effect<void, E, R>
) {
  const named = name === undefined ? servers : servers.filter((server) => server.name === name)
  if (named.length === 0) {
    return yield* needs(
      `This session has no server "${printable(name ?? "")}".`,
      advice(`It has ${listed(servers.map((server) => server.name))}.`)
    )
  }
  for (const server of named) {
    if (named.length > 1) yield* print([{ style: 1, text: server.name }])
    yield* show(server)
  }
})

const listTools = Effect.fnUntraced(function* (line: Line) {
  const { operands, servers } = line
  const [word] = operands
  if (word === undefined || servers.some(({ name }) => name === word))
    return yield* eachServer(line, ({ name, session }) => printListing(toolListing, session, name))
  const { rest, server } = yield* serverOf(servers, word, "tool", toolNames)
  yield* showTool(server.name, server.session, rest)
})

type SessionCommandError =
  | Effect.Error<ReturnType<typeof callTool | typeof getPrompt | typeof listTools | typeof showStatus>>
  | ModelUnavailable
  | ChatModelError
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
  /** Absent: the command ends the session. What it returns is said to the model. */
  readonly run?: (line: Line) => Effect.Effect<Message | void, SessionCommandError, Needs>
  /** As `run`, in a session with a model. A command that has only this one is not known to other sessions. */
  readonly chat?: (chat: SessionChat, line: Line) => Effect.Effect<Message | void, SessionCommandError, Needs>
}

const withoutQuotes = (word: string): string => word.replace(/["']/g, "")

const whole = (names: ReadonlyArray<string>) => names.map((name) => `${quotedWord(name)} `)

/** Names of all servers, with the server before each where that is needed. */
const ofServers = Effect.fnUntraced(function* (
  { servers, word }: Typed,
  names: (server: SessionServer) => Effect.Effect<ReadonlyArray<string>>
) {
  const isPrefixed = servers.length > 1 || prefixed(servers, word) !== undefined
  const all = yield* Effect.forEach(servers, (server) =>
    Effect.map(names(server), (found) => found.map((name) => (isPrefixed ? `${server.name}:${name}` : name)))
  )
  return all.flat()
})

const completeTool = (typed: Typed) => Effect.map(ofServers(typed, toolNames), whole)

const completeServer = ({ operands, servers }: Typed) =>
  Effect.succeed(operands.length > 0 ? [] : whole(servers.map(({ name }) => name)))

const completeCall = Effect.fnUntraced(function* (typed: Typed) {
  const { operands, servers, word } = typed
  if (word.startsWith("-")) return ["--no-check ", "--output ", "--overwrite "]
  const [name, ...given] = operands
  if (name === undefined) return yield* completeTool(typed)
  const found = yield* Effect.option(serverOf(servers, name, "tool", toolNames))
  const tool = Option.flatMapNullishOr(found, ({ rest, server }) =>
    server.tools.find((one) => one.name === rest)
  )
  const schema = Option.match(tool, { onNone: () => ({}), onSome: (one) => one.inputSchema })
  const all = namedArguments(schema)
  const argument = all.find((one) => word.startsWith(`${one.name}=`))
  if (argument === undefined)
    return namesLeft(
      all.map((one) => one.name),
      given,
      withoutQuotes(word)
    )
  return valueTexts(schema, argument).map((text) => `${argument.name}=${quotedWord(text)} `)
})

const completePrompt = Effect.fnUntraced(function* (typed: Typed) {
  const { operands, servers, word } = typed
  const [name, ...given] = operands
  if (name === undefined) return whole(yield* ofServers(typed, promptNames))
  const found = yield* Effect.option(serverOf(servers, name, "prompt", promptNames))
  if (Option.isNone(found)) return []
  const { rest, server } = found.value
  const listedPrompts = yield* server.prompts
  const names = listedPrompts.find((one) => one.name === rest)?.arguments.map((one) => one.name) ?? []
  const argument = names.find((one) => word.startsWith(`${one}=`))
  if (argument === undefined) return namesLeft(names, given, withoutQuotes(word))
  const others = given.map((one): [string, string] => {
    const equals = one.indexOf("=")
    return [one.slice(0, equals), one.slice(equals + 1)]
  })
  const values = yield* server.session
    .complete({
      of: { prompt: rest },
      argument,
      value: word.slice(argument.length + 1).replace(/^["']/, ""),
      given: Object.fromEntries(others)
    })
    .pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))
  return values.map((value) => `${argument}=${quotedWord(value)} `)
})

/** The commands that talk about the conversation, loaded when one of them is used. */
const inChat =
  <Name extends keyof typeof ChatCommands>(name: Name): NonNullable<SessionCommand["chat"]> =>
  (chat, { operands }) =>
    Effect.flatMap(
      Effect.promise(() => import("./chat/ChatCommands.ts")),
      (commandsOfChat) => commandsOfChat[name](chat.session, chat.chooseModel, operands)
    )

/** The commands of a session: what help, completion and the session itself know. */
const commands: ReadonlyMap<string, SessionCommand> = new Map<string, SessionCommand>([
  [
    "tools",
    {
      operands: "[TOOL]",
      description: "list the tools, or show one with its arguments",
      complete: (typed) => (typed.operands.length === 0 ? completeTool(typed) : Effect.succeed([])),
      run: listTools
    }
  ],
  [
    "call",
    {
      operands: "TOOL [key=value ... | JSON]",
      description: "call a tool (--no-check, --output FILE)",
      complete: completeCall,
      run: callTool
    }
  ],
  [
    "resources",
    {
      description: "list the resources",
      complete: completeServer,
      run: (line) => eachServer(line, ({ name, session }) => printListing(resourceListing, session, name))
    }
  ],
  [
    "read",
    {
      operands: "URI",
      description: "show a resource (--output FILE)",
      complete: (typed) =>
        typed.operands.length > 0 ? Effect.succeed([]) : Effect.map(ofServers(typed, resourceUris), whole),
      run: readResource
    }
  ],
  [
    "prompts",
    {
      description: "list the prompts",
      complete: completeServer,
      run: (line) => eachServer(line, ({ name, session }) => printListing(promptListing, session, name))
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
      complete: completeServer,
      run: (line) =>
        Effect.flatMap(
          Effect.promise(() => import("./SessionStatus.ts")),
          ({ showStatus }) => eachServer(line, ({ name, session }) => showStatus(name, session))
        )
    }
  ],
  ["servers", { description: "list the servers of this conversation", chat: inChat("listServers") }],
  [
    "model",
    {
      operands: "[PROVIDER:NAME]",
      description: "show the model, or go on with another",
      chat: inChat("changeModel")
    }
  ],
  [
    "allow",
    {
      operands: "[SERVER:TOOL]",
      description: "let a tool run without a question; * is any part",
      complete: (typed) =>
        typed.operands.length > 0
          ? Effect.succeed([])
          : Effect.map(ofServers({ ...typed, word: `${typed.servers[0].name}:` }, toolNames), whole),
      chat: inChat("allowTool")
    }
  ],
  ["tokens", { description: "show what the conversation has used", chat: inChat("showTokens") }],
  ["undo", { description: "forget your last message, and all that followed it", chat: inChat("undo") }],
  ["compact", { description: "replace the conversation by a summary", chat: inChat("compact") }],
  ["clear", { description: "start a new conversation", chat: inChat("clear") }],
  ["save", { operands: "FILE", description: "save the conversation as Markdown", chat: inChat("save") }],
  ["help", { aliases: ["?"], description: "show this list", run: ({ chat }) => printTable(helpOf(chat)) }],
  ["quit", { aliases: ["exit"], description: "end the session (Ctrl-D does too)" }]
])

/** The commands that a session knows. */
const commandsOf = (chat: SessionChat | undefined) =>
  Array.from(commands).filter(([, command]) => chat !== undefined || command.chat === undefined)

const helpOf = (chat: SessionChat | undefined): ReadonlyArray<ReadonlyArray<string>> => [
  ["COMMAND", "WHAT IT DOES"],
  ...commandsOf(chat).map(([name, { description, operands }]) => [
    operands === undefined ? `/${name}` : `/${name} ${operands}`,
    description
  ]),
  ...(chat === undefined
    ? []
    : [
        ["/SERVER:PROMPT [key=value ...]", "send the messages of a prompt to the model"],
        ["@SERVER:URI", "anywhere in a message: attach a resource"]
      ])
]

const commandNamed = (chat: SessionChat | undefined, word: string): SessionCommand | undefined => {
  const name = word.replace(/^\//, "")
  return commandsOf(chat).find(
    ([known, { aliases }]) => known === name || aliases?.includes(name) === true
  )?.[1]
}

const unknown = ({ chat, isInteractive, servers }: SessionContext, word: string, text: string) => {
  const name = word.replace(/^\//, "")
  if (chat === undefined && commands.has(name)) {
    const problem = name === "model" ? "This session has no model." : `${printable(word)} needs a model.`
    return needs(problem, ...modelWays)
  }
  const names = commandsOf(chat).flatMap(([known, { aliases = [] }]) => [known, ...aliases])
  const near = nearName(name, names)
  const suggestion = servers.some(({ tools }) => tools.some(({ name }) => name === word))
    ? `Did you mean /call ${printable(word)}?`
    : near === undefined
      ? "/help lists the commands."
      : `Did you mean /${near}?`
  return needs(
    `"${printable(word)}" is not a command.`,
    advice(suggestion),
    ...(chat === undefined ? [] : [advice("To send it to the model, put a space before it.")]),
    ...(isInteractive || /^[/-]/.test(text)
      ? []
      : [
          askCommand(
            servers.map((server) => server.name),
            text
          )
        ])
  )
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
      output = Option.some(yield* typedPath(file))
    } else if (!["--output", "-o"].includes(operands[at - 1] ?? "")) rest.push(word)
  }
  return { operands: rest, output: { output, overwrite }, isChecked }
})

/** Runs one line of a session; false if it ends the session. A message is what the line says to the model. */
export const runLine = Effect.fnUntraced(function* (
  context: SessionContext,
  text: string
): Effect.fn.Return<Message | boolean, SessionCommandError, Needs> {
  const [name = "", ...operands] = words(text)
  const { chat, servers } = context
  const command = commandNamed(chat, name)
  if (command === undefined) {
    const isPrompt = name.startsWith("/") && prefixed(servers, name.slice(1)) !== undefined
    if (!isPrompt) return yield* unknown(context, name, text)
    const line = { ...context, text, ...(yield* optionsIn([name.slice(1), ...operands])) }
    if (chat !== undefined) {
      const { answer, server } = yield* promptOf(line)
      return promptMessage(answer, server)
    }
    yield* getPrompt(line)
    return true
  }
  const line = { ...context, text, ...(yield* optionsIn(operands)) }
  if (chat !== undefined && command.chat !== undefined) return (yield* command.chat(chat, line)) ?? true
  if (command.run === undefined) return false
  return (yield* command.run(line)) ?? true
})

/** The word that is typed at the end of a line, and what is before it. */
const lastWord = /(?:[^\s"']|"(?:[^"\\]|\\.)*(?:"|$)|'[^']*(?:'|$))*$/

/** The first words of a line: commands, and prompts of servers. */
const firstWords = Effect.fnUntraced(function* (typed: Typed) {
  const { chat, servers, word } = typed
  const slash = word.startsWith("/") || word === "" ? "/" : ""
  const names = commandsOf(chat).map(
    ([one, { operands }]) => `${slash}${one}${operands === undefined ? "" : " "}`
  )
  if (
    slash === "" ||
    !servers.some(({ name }) => `/${name}:`.startsWith(word) || word.startsWith(`/${name}:`))
  )
    return names
  const found = yield* ofServers({ ...typed, word: `${servers[0].name}:` }, promptNames)
  return [...names, ...found.map((name) => `/${name} `)]
})

/** The words that the last one of a line can be completed to, and how it is typed so far. */
export const completions = Effect.fnUntraced(function* (context: SessionContext, line: string) {
  const word = lastWord.exec(line)?.[0] ?? ""
  const { chat, servers } = context
  const [name, ...operands] = words(line.slice(0, line.length - word.length))
  const typed = { ...context, operands: operands.filter((operand) => !operand.startsWith("--")), word }
  const isMessage = chat !== undefined && !line.startsWith("/")
  const found = yield* Effect.gen(function* () {
    if (chat !== undefined && word.startsWith("@")) {
      const uris = yield* ofServers({ ...typed, word: `${servers[0].name}:` }, resourceUris)
      return uris.map((uri) => `@${uri} `)
    }
    if (isMessage && line !== "") return []
    if (name === undefined) return yield* firstWords(typed)
    if (prefixed(servers, name.slice(1)) !== undefined)
      return yield* completePrompt({ ...typed, operands: [name.slice(1), ...typed.operands] })
    return yield* commandNamed(chat, name)?.complete?.(typed) ?? Effect.succeed([])
  })
  const start = withoutQuotes(word)
  return { word, found: found.filter((candidate) => withoutQuotes(candidate).startsWith(start)) }
})
