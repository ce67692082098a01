import { Context, type Duration, type Effect, type Scope, type Stream } from "effect"
import type { ChatMessage, MediaPart, TextPart, TokenUsage } from "../../domain/chat/ChatMessage.ts"
import type { ChatModelError, OpenChatModel } from "../../ports/ChatModel.ts"
import type { McpProgress, McpTool } from "../../ports/McpConnector.ts"
import type { OpenSession, SessionError } from "../session/ServerSession.ts"

/** A server that takes part in a conversation. */
export interface ChatServer {
  /** Its name in the configuration. */
  readonly name: string
  readonly account: string
  readonly session: OpenSession
  /** What the configuration says about its tools. */
  readonly rules: ToolRules
}

/** What the configuration says about the tools of a server. */
export interface ToolRules {
  /** True: what the server says about its tools is believed, so that `readOnlyHint` spares the question. */
  readonly isTrusted: boolean
  /** Names of tools, `*` for any part. They run without a question. */
  readonly allow: ReadonlyArray<string>
  /** Names of tools, `*` for any part. The model is not told about them. */
  readonly deny: ReadonlyArray<string>
}

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
  /** The tool, the server or the arguments failed; `text` is what the model is told. */
  | { readonly _tag: "Failed"; readonly text: string }
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
  | { readonly _tag: "CallStarted"; readonly call: ShownCall }
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
  | { readonly _tag: "Notice"; readonly text: string }
  /** One answer of the model has ended; a turn has several if tools are called. */
  | { readonly _tag: "Usage"; readonly usage: TokenUsage }
  /** The turn was ended by a limit: a whole sentence. */
  | { readonly _tag: "Limit"; readonly limit: TurnLimit; readonly text: string }

/** A conversation with a model that has the tools of servers. */
export interface ChatSession {
  readonly servers: ReadonlyArray<ChatServer>
  readonly tools: Effect.Effect<ReadonlyArray<ServerTool>>
  readonly model: Effect.Effect<OpenChatModel>
  readonly setModel: (model: OpenChatModel) => Effect.Effect<void>
  /**
   * One turn. It ends when the model needs no more tools. The conversation is valid for the next turn however the turn
   * ends: done, failed, or interrupted because the reader stopped.
   */
  readonly turn: (content: ReadonlyArray<TextPart | MediaPart>) => Stream.Stream<TurnEvent, ChatModelError>
  readonly messages: Effect.Effect<ReadonlyArray<ChatMessage>>
  /** What all requests used together. */
  readonly usage: Effect.Effect<TokenUsage>
  /** Removes the last turn; false if the conversation is empty. */
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
}

/** Opens conversations. */
export class Chat extends Context.Service<
  Chat,
  {
    readonly open: (options: ChatOptions) => Effect.Effect<ChatSession, SessionError, Scope.Scope>
  }
>()("mcp-cli-oauth/app/chat/Chat") {}
