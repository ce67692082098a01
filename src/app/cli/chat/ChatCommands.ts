import { Effect, FileSystem } from "effect"
import { escapedLine, safeLine } from "../../../domain/PrintableText.ts"
import { advice } from "../../../domain/Remedy.ts"
import type { ChatModelError } from "../../../ports/ChatModel.ts"
import type { ModelUnavailable } from "../../../ports/ChatModels.ts"
import { withProgress } from "../../../ports/ProgressDisplay.ts"
import type { ChatSession } from "../../chat/Chat.ts"
import { firstLine, print, printTable, tell } from "../Output.ts"
import type { SessionChat } from "../SessionCommands.ts"
import { UsageError } from "../UsageError.ts"
import { tokensText } from "./TokenText.ts"
import { transcript } from "./Transcript.ts"

type ChatCommand = (
  session: ChatSession,
  chooseModel: SessionChat["chooseModel"],
  operands: ReadonlyArray<string>
) => Effect.Effect<void, ModelUnavailable | ChatModelError | UsageError, FileSystem.FileSystem>

/** `/servers` */
export const listServers: ChatCommand = Effect.fnUntraced(function* (session) {
  const tools = yield* session.tools
  yield* printTable([
    ["SERVER", "ACCOUNT", "TOOLS", "ANSWERS AS"],
    ...session.servers.map(({ account, name, session: { server } }) => [
      name,
      account,
      String(tools.filter((tool) => tool.server === name).length),
      `${firstLine(server.name)} ${firstLine(server.version)} (MCP ${firstLine(server.protocol)})`
    ])
  ])
})

/** `/model [PROVIDER:NAME]` */
export const changeModel: ChatCommand = Effect.fnUntraced(function* (session, chooseModel, [name]) {
  if (name === undefined) return yield* print((yield* session.model).name)
  const { model, notice } = yield* chooseModel(name)
  yield* session.setModel(model)
  yield* tell(notice)
})

/** `/allow [SERVER:TOOL]` */
export const allowTool: ChatCommand = Effect.fnUntraced(function* (session, _, [pattern]) {
  if (pattern !== undefined && !(yield* session.allow(pattern))) {
    return yield* new UsageError({
      problem: `No tool of this conversation fits ${safeLine(pattern)}.`,
      remedies: [advice("Write SERVER:TOOL, with * for any part. /tools lists the tools.")]
    })
  }
  const allowed = (yield* session.tools).filter((tool) => tool.isAllowed)
  yield* allowed.length === 0
    ? tell("Every call is asked about. To let a tool run without a question: /allow SERVER:TOOL")
    : print(
        "These run without a question:",
        ...allowed.map(({ server, tool }) => `  ${server}:${escapedLine(tool.name)}`)
      )
})

/** `/tokens` */
export const showTokens: ChatCommand = Effect.fnUntraced(function* (session) {
  const { contextSize, price } = yield* session.model
  yield* print(
    `${tokensText(yield* session.usage, price)}, in ${(yield* session.messages).length} messages`,
    ...(contextSize === undefined
      ? []
      : [`The model reads at most ${contextSize.toLocaleString("en")} tokens at once.`])
  )
})

/** `/undo` */
export const undo: ChatCommand = Effect.fnUntraced(function* (session) {
  yield* tell(
    (yield* session.undo)
      ? "Your last message and its answer are forgotten. What its tools did is not undone."
      : "There is nothing to undo."
  )
})

/** `/clear` */
export const clear: ChatCommand = (session) =>
  Effect.andThen(session.clear, tell("A new conversation. The model has forgotten the last one."))

/** `/compact` */
export const compact: ChatCommand = Effect.fnUntraced(function* (session) {
  const { after, before } = yield* withProgress("Summarizing", () => session.compact)
  yield* tell(`${before} messages are ${after} now.`)
})

/** Why a conversation is not in a file. */
const notSaved = (file: string, reason: string): UsageError => {
  switch (reason) {
    case "AlreadyExists":
      return new UsageError({ problem: `${file} exists.`, remedies: [advice("Choose another name.")] })
    case "NotFound":
      return new UsageError({ problem: `The folder of ${file} does not exist.` })
    default:
      return new UsageError({ problem: `${file} cannot be written (${reason}).` })
  }
}

/** `/save FILE` */
export const save: ChatCommand = Effect.fnUntraced(function* (session, _, [file]) {
  if (file === undefined) return yield* new UsageError({ problem: "save needs the name of a file." })
  const files = yield* FileSystem.FileSystem
  const text = transcript(yield* session.messages, (yield* session.model).name)
  yield* files
    .writeFile(file, new TextEncoder().encode(text), { flag: "wx", mode: 0o600 })
    .pipe(Effect.mapError(({ reason }) => notSaved(safeLine(file), reason._tag)))
  yield* tell(`Saved ${file}.`)
})
