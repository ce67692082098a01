import { Effect, Layer, Option } from "effect"
import { ChatHistory } from "../../../ports/ChatHistory.ts"
import { ChatModels, type ModelUnavailable } from "../../../ports/ChatModels.ts"
import { ServerQuestions, ServerRequests } from "../../../ports/ServerRequests.ts"
import { Chat, type ChatSession, type Message } from "../../chat/Chat.ts"
import { chatServer } from "../../chat/ChatServer.ts"
import { serverRequestHandlers } from "../../chat/ServerRequestHandlers.ts"
import { makeUserTime } from "../../chat/UserTime.ts"
import type { WholeChat } from "../../../ports/ChatHistory.ts"
import { isAtBaseUrl } from "../../../domain/chat/ModelProvider.ts"
import { withoutSecretShapes } from "../../../domain/SecretShape.ts"
import { printable } from "../../../domain/PrintableText.ts"
import { advice, command } from "../../../domain/Remedy.ts"
import { type ChatFlags, type ModelFlags, noModel } from "../ModelFlags.ts"
import { type OpenedServer, openServers } from "../OpenServers.ts"
import { tell, tellError } from "../Output.ts"
import { commandLine, remedyText } from "../RemedyText.ts"
import type { SessionChat } from "../SessionServers.ts"
import { configFileOfRun } from "../Settings.ts"
import { allowedPatterns, warnOfUnknownTools } from "./AllowedTools.ts"
import { withWayOut } from "./ContextFull.ts"
import { isKept, keeping, keptChat } from "./KeptChats.ts"
import { showTurn } from "./ShowTurn.ts"
import { tokensText } from "./TokenText.ts"

/** A model for a conversation, and who answers the requests of its servers. */
const prepared = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  { allow: given, allowReadOnly, baseUrl, model }: ModelFlags,
  kept?: WholeChat
) {
  const allow = yield* allowedPatterns(names, given)
  const chosen = yield* ChatModels.use((models) => models.choose(model, baseUrl))
  const chat = yield* Chat
  // Its first request waits for the servers anyway.
  yield* Effect.forkScoped(chosen.model.prepare ?? Effect.void)
  let opened: ChatSession | undefined
  const userTime = makeUserTime()
  const current = Effect.suspend(() => opened?.model ?? Effect.succeed(chosen.model))
  return {
    notice: chosen.notice,
    requests: yield* serverRequestHandlers(current, userTime, (text) =>
      (opened?.withoutSecrets ?? withoutSecretShapes)(text)
    ),
    open: Effect.fnUntraced(function* (servers: ReadonlyArray<OpenedServer>) {
      yield* warnOfUnknownTools(allow, servers)
      opened = yield* chat.open({
        servers: servers.map(({ account, entry, session, toolChanges, tools }) =>
          chatServer(entry, account, session, { tools, changes: toolChanges })
        ),
        model: chosen.model,
        allow,
        allowReadOnly,
        userTime,
        ...(kept === undefined ? {} : { messages: kept.messages })
      })
      return opened
    })
  }
})

/** Opens a conversation with servers, which are opened once its model is known. */
export const openConversation = Effect.fnUntraced(function* (
  names: Parameters<typeof openServers>[0],
  flags: ModelFlags
) {
  const { notice, open, requests } = yield* prepared(names, flags)
  const servers = yield* Effect.provideService(openServers(names), ServerRequests, requests)
  return { session: yield* open(servers), notice }
})

/** A conversation at a terminal. */
export interface Conversation extends SessionChat {
  /** Says something to the model, and shows its answer. */
  readonly say: (message: Message) => ReturnType<typeof say>
}

/** What a user does when the conversation is too long. */
const shorten = advice("Type /compact to replace the conversation by a summary, or /clear to start again.")

const say = Effect.fnUntraced(function* (
  session: SessionChat["session"],
  message: Message,
  save: Effect.Effect<void>
) {
  const { usage } = yield* showTurn(session, message).pipe(
    Effect.ensuring(save),
    Effect.catchTag("ChatModelError", (error) => Effect.fail(withWayOut(error, shorten)))
  )
  if (usage.input === undefined && usage.output === undefined) return
  const { price } = yield* session.model
  const total = tokensText(yield* session.usage, price)
  const ofTurn = tokensText(usage, price)
  yield* tell([{ style: 2, text: ofTurn === total ? ofTurn : `${ofTurn}; in total ${total}` }])
})

/** Chooses the model of a conversation at a terminal. Servers may ask its user, also where there is no model. */
export const prepareChat = <E, R>(
  names: ReadonlyArray<string>,
  flags: ChatFlags,
  layer: Layer.Layer<Chat | ChatModels | ServerQuestions, E, R>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(layer)
    return yield* Effect.provide(choice(names, flags), context)
  })

const choice = Effect.fnUntraced(function* (names: ReadonlyArray<string>, flags: ChatFlags) {
  const { elicit } = yield* ServerQuestions
  const withoutModel = { requests: { elicit }, open: () => Effect.succeed(undefined) }
  if (Option.contains(flags.model, noModel)) return withoutModel
  const kept = yield* keptChat(flags)
  const models = yield* ChatModels
  const history = yield* ChatHistory
  const configFile = yield* configFileOfRun
  const isNamed = Option.isSome(flags.model) || Option.isSome(flags.baseUrl)
  const found = yield* prepared(names, flags, kept).pipe(
    Effect.asSome,
    Effect.catchTag("ModelUnavailable", (error) =>
      isNamed ? Effect.fail(error) : Effect.as(tellWays(error), Option.none())
    )
  )
  if (Option.isNone(found)) return withoutModel
  if (isKept(history, flags)) yield* history.unlock
  const { notice, open, requests } = found.value
  return {
    requests,
    open: Effect.fnUntraced(function* (servers: ReadonlyArray<OpenedServer>) {
      const opened = yield* open(servers)
      yield* tell(notice)
      if (kept !== undefined) yield* tell(`Going on with "${printable(kept.title)}".`)
      const { save, session } = yield* keeping(opened, flags, kept, (error) =>
        tellError(error, configFile)
      ).pipe(Effect.provideService(ChatHistory, history))
      return {
        session,
        chooseModel: (name) =>
          models.choose(Option.some(name), isAtBaseUrl(name) ? flags.baseUrl : Option.none()),
        say: (message) => say(session, message, save)
      } satisfies Conversation
    })
  }
})

/** Says that there is no model. The first session of most users begins with this, so it is short: `/model` has the rest. */
const tellWays = Effect.fnUntraced(function* ({ isNoneFound, message, remedies }: ModelUnavailable) {
  const configFile = yield* configFileOfRun
  if (isNoneFound === true) {
    const storeKey = commandLine(command("models key", { operand: "openai" }), configFile)
    return yield* tell(
      "No model was found, so this is a session of commands. To get one, start Ollama or LM Studio here, name one with --model PROVIDER:NAME, or store a key:",
      `  ${storeKey} (more: /model)`
    )
  }
  yield* tell(
    message,
    ...remedies.map((remedy) => `  ${remedyText(remedy, configFile)}`),
    "Until then this is a session of commands."
  )
})
