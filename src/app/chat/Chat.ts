import {
  Context,
  type Duration,
  Effect,
  Layer,
  Option,
  type Redacted,
  Ref,
  type Scope,
  Semaphore,
  type Stream
} from "effect"
import type { Remedy } from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { fitsTool, type ToolRules } from "../../domain/chat/ToolRules.ts"
import type { ChatMessage, MediaPart, TextPart, TokenUsage } from "../../domain/chat/ChatMessage.ts"
import type { ChatModelError, OpenChatModel } from "../../ports/ChatModel.ts"
import type { McpProgress, McpTool } from "../../ports/McpConnector.ts"
import { ToolApproval } from "../../ports/ToolApproval.ts"
import { ToolPins } from "../../ports/ToolPins.ts"
import { Credentials } from "../credentials/Credentials.ts"
import type { OpenSession, SessionError } from "../session/ServerSession.ts"
import { asksForSummary, summarized } from "./Compaction.ts"
import { makePermissions } from "./Permissions.ts"
import { systemText } from "./SystemText.ts"
import { type ListedTool, makeToolList, type ToolList } from "./ToolList.ts"
import { runTurn } from "./Turn.ts"
import { turnEvents } from "./TurnEvents.ts"
import { makeUserTime, type UserTime } from "./UserTime.ts"
import { makeModelTools } from "./ModelTool.ts"
import { makeWithoutSecrets, type WithoutSecrets } from "./WithoutSecrets.ts"

/** The tools of a server. */
export interface ListedTools {
  readonly tools: ReadonlyArray<McpTool>
  /** How many changes of its tools the session had heard of before it listed them. */
  readonly changes: number
}

/** A server that takes part in a conversation. */
export interface ChatServer {
  /** Its name in the configuration. */
  readonly name: string
  readonly account: string
  /** Where it is: its URL, or its command line. What is remembered about its tools holds only there. */
  readonly place?: string
  /** Secrets of its entry. No model gets them. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted>
  /** Its entry, if it is signed in to. No model gets the tokens of the account. */
  readonly entry?: RemoteServer
  readonly session: OpenSession
  /** Its tools, if they were listed just now. */
  readonly listed?: ListedTools
  /** What the configuration says about its tools. */
  readonly rules: ToolRules
}

export type { ToolRules } from "../../domain/chat/ToolRules.ts"

/** A tool of a conversation. */
export interface ServerTool {
  /** The name that the model knows: `server__tool`, at most 64 characters of `[a-zA-Z0-9_-]`. */
  readonly name: string
  readonly server: string
  readonly tool: McpTool
  /** True: it runs without a question. */
  readonly isAllowed: boolean
}

/** A call, as it is shown. */
export interface ShownCall {
  readonly id: string
  /** The server and the tool; undefined: the model made the name up. */
  readonly tool: ServerTool | undefined
  /** The name as the model wrote it. */
  readonly name: string
  /** Undefined: the model wrote no JSON object. */
  readonly arguments: Readonly<Record<string, unknown>> | undefined
}

/** How a call ended. */
export type CallOutcome =
  | { readonly _tag: "Done"; readonly text: string; readonly cutCharacters: number }
  /**
   * The tool, the server or the arguments failed; `text` is what the model is told. `mayHaveRun`: there is no answer, and the
   * call may have been carried out.
   */
  | { readonly _tag: "Failed"; readonly text: string; readonly mayHaveRun?: true }
  | { readonly _tag: "Refused"; readonly reason: string | undefined }
  /** It needed an approval, and no user could be asked. */
  | { readonly _tag: "NeedsApproval" }
  /** It ran when the turn was interrupted: it may have been carried out. */
  | { readonly _tag: "Interrupted" }

/** Why a turn ended before the model was done. */
export type TurnLimit = "calls" | "same-call" | "length" | "empty-answer" | "content-filter"

/** What happens in a turn. */
export type TurnEvent =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Reasoning"; readonly text: string }
  | { readonly _tag: "CallWritten"; readonly name: string }
  /** The call runs. One that never does, because it is refused or wrong, has only an end. */
  | {
      readonly _tag: "CallStarted"
      readonly call: ShownCall
      /** How long it has run, without the time in which its server waited for the user. */
      readonly elapsed: Effect.Effect<Duration.Duration>
    }
  | { readonly _tag: "CallProgress"; readonly call: ShownCall; readonly progress: McpProgress }
  | {
      readonly _tag: "CallEnded"
      readonly call: ShownCall
      readonly outcome: CallOutcome
      readonly duration: Duration.Duration
    }
  /** The model is asked again after a failure, before it wrote anything. */
  | { readonly _tag: "Retrying"; readonly error: ChatModelError; readonly delay: Duration.Duration }
  /** What the user should know: the first use of tools that were pinned, a list of tools that changed. */
  | { readonly _tag: "Notice"; readonly text: string; readonly remedies?: ReadonlyArray<Remedy> }
  /** One answer of the model has ended; a turn has several if tools are called. */
  | { readonly _tag: "Usage"; readonly usage: TokenUsage }
  /** The turn was ended by a limit: a whole sentence. */
  | { readonly _tag: "Limit"; readonly limit: TurnLimit; readonly text: string }

/** What is said to the model. Parts that a user attaches name the servers that they are from. */
export type Message = ReadonlyArray<TextPart | MediaPart>

/** A conversation with a model that has the tools of servers. */
export interface ChatSession {
  readonly servers: ReadonlyArray<ChatServer>
  /** Leaves out of a text what no model may get. */
  readonly withoutSecrets: WithoutSecrets
  readonly tools: Effect.Effect<ReadonlyArray<ServerTool>>
  readonly model: Effect.Effect<OpenChatModel>
  readonly setModel: (model: OpenChatModel) => Effect.Effect<void>
  /**
   * One turn. It ends when the model needs no more tools. The conversation is valid for the next turn however the turn
   * ends: done, failed, or interrupted because the reader stopped.
   */
  readonly turn: (content: Message) => Stream.Stream<TurnEvent, ChatModelError>
  readonly messages: Effect.Effect<ReadonlyArray<ChatMessage>>
  /** What all requests used together. */
  readonly usage: Effect.Effect<TokenUsage>
  /** Removes the last turn; false if the conversation is empty, or only a summary. */
  readonly undo: Effect.Effect<boolean>
  readonly clear: Effect.Effect<void>
  /** Replaces the conversation by a summary that the model writes. Returns the number of messages before and after. */
  readonly compact: Effect.Effect<{ readonly before: number; readonly after: number }, ChatModelError>
  /** Lets a tool run without a question in this session: `server:tool`, `*` for any part; false if it matches no tool. */
  readonly allow: (pattern: string) => Effect.Effect<boolean>
}

/** How a conversation is opened. */
export interface ChatOptions {
  readonly servers: ReadonlyArray<ChatServer>
  readonly model: OpenChatModel
  /** `--allow`: `server:tool`, `*` for any part. */
  readonly allow: ReadonlyArray<string>
  /** `--allow-read-only`: tools that say that they only read run without a question. */
  readonly allowReadOnly: boolean
  /** A conversation that goes on. */
  readonly messages?: ReadonlyArray<ChatMessage>
  /** The time in which servers wait for the user. Absent: they ask nothing. */
  readonly userTime?: UserTime
}

/** Opens conversations. */
export class Chat extends Context.Service<
  Chat,
  {
    readonly open: (options: ChatOptions) => Effect.Effect<ChatSession, SessionError, Scope.Scope>
  }
>()("mcp-cli-oauth/app/chat/Chat") {}

const noUsage: TokenUsage = { input: undefined, cachedInput: undefined, output: undefined }

const sum = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined && other === undefined ? undefined : (one ?? 0) + (other ?? 0)

const added = (one: TokenUsage, other: TokenUsage): TokenUsage => ({
  input: sum(one.input, other.input),
  cachedInput: sum(one.cachedInput, other.cachedInput),
  output: sum(one.output, other.output)
})

/** The servers that parts of a message are from. */
const sourcesIn = (content: Message): ReadonlyArray<string> => content.flatMap(({ sources = [] }) => sources)

/** The servers whose results a conversation has. Results of older versions do not say where they are from. */
const sourcesOf = (list: ToolList, messages: ReadonlyArray<ChatMessage>): ReadonlyArray<string> =>
  messages.flatMap((message) => {
    if (message._tag === "User") return sourcesIn(message.content)
    if (message._tag === "Assistant") return []
    return message.results.flatMap(({ content, name }) =>
      content.every(({ sources }) => sources !== undefined)
        ? sourcesIn(content)
        : [list.serverOf(name) ?? "an earlier conversation"]
    )
  })

/** What a user attaches of servers, without secrets. What the user wrote stays. */
const attached = (content: Message, withoutSecrets: WithoutSecrets): Message =>
  content.map((part) =>
    part._tag === "Media" || part.sources === undefined ? part : { ...part, text: withoutSecrets(part.text) }
  )

/** @see Chat */
export const layer: Layer.Layer<Chat, never, ToolApproval> = Layer.effect(
  Chat,
  Effect.gen(function* () {
    const approval = yield* ToolApproval
    const pins = yield* ToolPins
    const open = Effect.fn("Chat.open")(function* (
      options: ChatOptions
    ): Effect.fn.Return<ChatSession, SessionError> {
      const { allow, allowReadOnly, servers, userTime = makeUserTime() } = options
      const names = servers.map(({ name }) => name)
      const { list, notices } = yield* makeToolList(servers, pins)
      const permissions = yield* makePermissions({ list, approval, allow, allowReadOnly, servers: names })
      const messages = yield* Ref.make(options.messages ?? [])
      const model = yield* Ref.make(options.model)
      const credentials = yield* Effect.serviceOption(Credentials)
      const filterNow = makeWithoutSecrets({
        servers,
        lastRead: Option.getOrUndefined(credentials)?.lastRead,
        ofModel: () => Ref.getUnsafe(model).secrets ?? []
      })
      const withoutSecrets: WithoutSecrets = (text) => filterNow()(text)
      const usage = yield* Ref.make(noUsage)
      const untold = yield* Ref.make(notices)
      const sources = new Set(sourcesOf(list, options.messages ?? []))
      /** What a turn left out, or what was undone, is in the conversation no longer. */
      const readSources = Effect.map(Ref.get(messages), (all) => {
        sources.clear()
        for (const source of sourcesOf(list, all)) sources.add(source)
      })
      // The next turn starts when the one before has left the conversation valid.
      const alone = yield* Semaphore.make(1)

      const shown = (tool: ListedTool): ServerTool => ({
        name: tool.name,
        server: tool.server.name,
        tool: tool.tool,
        isAllowed: permissions.isAllowed(tool)
      })
      const tools = Effect.map(list.offered, (all) => all.map(shown))
      const use = (used: TokenUsage) => Ref.update(usage, (before) => added(before, used))
      const context = {
        system: systemText(servers, withoutSecrets),
        list,
        model,
        messages,
        use,
        permissions,
        shown,
        sources,
        toolsForModel: makeModelTools(filterNow),
        userTime,
        withoutSecrets
      }
      return {
        servers,
        withoutSecrets,
        tools,
        model: Ref.get(model),
        setModel: (next) => Ref.set(model, next),
        turn: (content) =>
          turnEvents((reader) =>
            Effect.gen(function* () {
              for (const notice of yield* Ref.getAndSet(untold, []))
                reader.emit({ _tag: "Notice", ...notice })
              for (const source of sourcesIn(content)) sources.add(source)
              yield* runTurn(context, attached(content, withoutSecrets), reader)
            }).pipe(Effect.ensuring(readSources), alone.withPermit)
          ),
        messages: Ref.get(messages),
        usage: Ref.get(usage),
        undo: Ref.modify(messages, (before): readonly [boolean, ReadonlyArray<ChatMessage>] => {
          const last = before.findLastIndex((message) => message._tag === "User" && !asksForSummary(message))
          return last === -1 ? [false, before] : [true, before.slice(0, last)]
        }).pipe(Effect.tap(readSources), alone.withPermit),
        clear: Effect.andThen(Ref.set(messages, []), readSources).pipe(alone.withPermit),
        compact: Effect.gen(function* () {
          const before = yield* Ref.get(messages)
          if (before.length === 0) return { before: 0, after: 0 }
          const after = yield* summarized(yield* Ref.get(model), before, [...sources], use)
          yield* Ref.set(messages, after)
          return { before: before.length, after: after.length }
        }).pipe(alone.withPermit),
        allow: (pattern) =>
          Effect.gen(function* () {
            const isOfTool = (yield* list.offered).some(({ server, tool }) =>
              fitsTool(pattern, { server: server.name, tool: tool.name }, names)
            )
            if (isOfTool) yield* permissions.allow(pattern)
            return isOfTool
          })
      }
    })
    return Chat.of({ open })
  })
)
