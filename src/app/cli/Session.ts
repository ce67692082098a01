import { Effect, type Layer, Option } from "effect"
import { escapedLine, isSafeLine } from "../../domain/PrintableText.ts"
import type { ChatModels } from "../../ports/ChatModels.ts"
import { LineEditor } from "../../ports/LineEditor.ts"
import { type ServerQuestions, ServerRequests } from "../../ports/ServerRequests.ts"
import type { Chat, Message } from "../chat/Chat.ts"
import { accountAt, nameOf } from "./Arguments.ts"
import { askCommand } from "./Ask.ts"
import { type ChatFlags, conversationFlags, noModel } from "./ModelFlags.ts"
import { type OpenedServer, openServers } from "./OpenServers.ts"
import { firstLine, tell, tellError } from "./Output.ts"
import { completions, runLine } from "./SessionCommands.ts"
import { messageOf } from "./SessionMessage.ts"
import { inSession } from "./SessionRemedies.ts"
import type { SessionContext } from "./SessionServers.ts"
import { listed } from "./RemedyText.ts"
import { commandsIn } from "./SessionWords.ts"
import { configFileOfRun } from "./Settings.ts"
import { shortened } from "./TextWidth.ts"
import { UsageError } from "./UsageError.ts"

/** Completes a line. The editor shows names as they are, so one that could rewrite the screen is left out. */
const complete = (context: SessionContext) => (line: string) =>
  Effect.map(completions(context, line), ({ found, word }) => ({ word, found: found.filter(isSafeLine) }))

const countOf = (tools: OpenedServer["tools"]) =>
  tools.length === 0 ? "no tools" : `${tools.length} tool${tools.length === 1 ? "" : "s"}`

/** Says what a session is with. */
const greet = Effect.fnUntraced(function* (servers: ReadonlyArray<OpenedServer>) {
  const [only, ...others] = servers
  const answersAs = ({ session: { server } }: OpenedServer) =>
    `${firstLine(server.name)} ${firstLine(server.version)} (MCP ${firstLine(server.protocol)})`
  if (only === undefined || others.length > 0) {
    const lines = servers.map(
      (server) => `Connected to ${server.name}: ${answersAs(server)}, ${countOf(server.tools)}.`
    )
    return yield* tell(...lines, "/help lists the commands.")
  }
  const { tools } = only
  yield* tell(`Connected to ${answersAs(only)}.`)
  yield* tell(
    tools.length === 0
      ? "It has no tools. /help lists the commands."
      : `${countOf(tools)}: ${shortened(tools.map((tool) => escapedLine(tool.name)).join(", "))}. /help lists the commands.`
  )
})

/** A line that goes to the model. A path is no command. */
const isMessage = (line: string): boolean => !line.startsWith("/") || /^\/[^\s:]*\//.test(line)

/** The prompt of a session without a model: the server and its account. */
const promptOf = Effect.fnUntraced(function* (servers: ReadonlyArray<OpenedServer>) {
  const [only, ...others] = servers
  return only === undefined || others.length > 0 ? "mcp-cli> " : `${nameOf(yield* accountAt(only.name))}> `
})

/** Refuses flags about a conversation where no model takes part: a session that leaves them out is another one. */
const checkFlags = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  flags: ChatFlags,
  isInteractive: boolean
) {
  const given = conversationFlags(flags)
  if (given.length === 0) return
  const needs = `${listed(given)} ${given.length === 1 ? "needs" : "need"} a conversation`
  if (!isInteractive) {
    return yield* new UsageError({
      problem: `${needs}, which needs a terminal. Without one, stdin has the commands of a session.`,
      remedies: [askCommand(names, "your question")]
    })
  }
  if (Option.contains(flags.model, noModel))
    return yield* new UsageError({ problem: `${needs}, and --model ${noModel} is a session without one.` })
})

/**
 * An interactive session with servers, until `/quit` or the end of the input: a conversation with a model at a terminal where
 * one is available, and otherwise one command per line.
 *
 * @param chat what a conversation needs; built only at a terminal
 */
export const interactiveSession = <E, R>(
  names: readonly [string, ...ReadonlyArray<string>],
  flags: ChatFlags,
  chat: () => Layer.Layer<Chat | ChatModels | ServerQuestions, E, R>
) =>
  Effect.gen(function* () {
    const editor = yield* LineEditor
    const configFile = yield* configFileOfRun
    const { isInteractive } = editor
    yield* checkFlags(names, flags, isInteractive)
    const OpenChat = isInteractive ? yield* Effect.promise(() => import("./chat/OpenChat.ts")) : undefined
    const prepared = OpenChat === undefined ? undefined : yield* OpenChat.prepareChat(names, flags, chat())
    const servers = yield* Effect.provideService(openServers(names), ServerRequests, prepared?.requests ?? {})
    yield* greet(servers)
    const conversation = prepared === undefined ? undefined : yield* prepared.open(servers)
    const context: SessionContext = { servers, isInteractive, ...(conversation && { chat: conversation }) }
    const prompt = conversation === undefined ? yield* promptOf(servers) : "You: "
    const turn = Effect.fnUntraced(function* (message: Message) {
      if (conversation !== undefined) yield* conversation.say(message)
      return true
    })
    const run = Effect.fnUntraced(function* (text: string) {
      if (conversation !== undefined && isMessage(text))
        return yield* turn(yield* messageOf(context, text.trim()))
      const done = yield* runLine(context, text)
      return typeof done === "boolean" ? done : yield* turn(done)
    })
    // What is said to a model is kept as a conversation, or not at all.
    const isKept = conversation === undefined ? undefined : (line: string) => !isMessage(line)
    const known = servers.map(({ name }) => name)
    for (;;) {
      const line = yield* editor.read(prompt, complete(context), isKept)
      if (Option.isNone(line)) return
      const texts =
        conversation === undefined ? commandsIn(line.value) : line.value.trim() === "" ? [] : [line.value]
      for (const text of texts) {
        const goesOn = yield* editor.cancellable(run(text)).pipe(
          Effect.flatMap((ended) =>
            Option.isSome(ended) ? Effect.succeed(ended.value) : Effect.as(tell("Cancelled."), true)
          ),
          // A user reads what went wrong and goes on. A script stops at the first error.
          Effect.catchIf(
            () => isInteractive,
            (error) => Effect.as(tellError(inSession(error, known), configFile), true)
          )
        )
        if (!goesOn) return
      }
    }
  }).pipe(Effect.ensuring(LineEditor.use(({ end }) => end)), Effect.scoped)
