import { Effect, Layer, Option, type Scope, Stream } from "effect"
import * as ScriptedChatModel from "../../../src/adapters/scripted/ScriptedChatModel.ts"
import * as Chat from "../../../src/app/chat/Chat.ts"
import type { SessionError } from "../../../src/app/session/ServerSession.ts"
import { defaultToolRules, type ToolRules } from "../../../src/domain/chat/ToolRules.ts"
import type { ChatMessage } from "../../../src/domain/chat/ChatMessage.ts"
import type { McpSession, McpTool, McpToolResult } from "../../../src/ports/McpConnector.ts"
import { type ApprovalDecision, type ApprovalRequest, ToolApproval } from "../../../src/ports/ToolApproval.ts"
import { type PinMemory, ToolPins, type ToolPin } from "../../../src/ports/ToolPins.ts"

/** A tool without a description. */
export const toolNamed = (name: string, more: Partial<McpTool> = {}): McpTool => ({
  name,
  title: undefined,
  description: undefined,
  inputSchema: { type: "object" },
  ...more
})

/** A result with one text. */
export const textResult = (text: string, more: Partial<McpToolResult> = {}): McpToolResult => ({
  content: [{ _tag: "Text", text }],
  structured: Option.none(),
  isError: false,
  raw: {},
  ...more
})

type Call = (
  tool: string,
  args: Readonly<Record<string, unknown>>,
  options?: Parameters<McpSession<never>["call"]>[2]
) => Effect.Effect<McpToolResult, SessionError>

/** A server of a scripted conversation. */
export interface ScriptedServer {
  readonly name?: string
  readonly account?: string
  readonly tools?: ReadonlyArray<McpTool> | (() => ReadonlyArray<McpTool>)
  readonly call?: Call
  readonly instructions?: string
  readonly rules?: Partial<ToolRules>
  readonly changes?: () => number
}

/** A server whose calls are recorded. */
export const serverOf = (
  options: ScriptedServer = {}
): { readonly server: Chat.ChatServer; readonly calls: Array<readonly [string, unknown]> } => {
  const calls: Array<readonly [string, unknown]> = []
  const { call = (tool) => Effect.succeed(textResult(`result of ${tool}`)), name = "notion" } = options
  const tools = options.tools ?? [toolNamed("search")]
  return {
    calls,
    server: {
      name,
      account: options.account ?? "default",
      rules: { ...defaultToolRules, ...options.rules },
      session: {
        server: { name, version: "1", protocol: "2026-07-28" },
        instructions: Option.fromUndefinedOr(options.instructions),
        tools: Effect.sync(() => (typeof tools === "function" ? tools() : tools)),
        toolChanges: Effect.sync(() => options.changes?.() ?? 0),
        call: (tool, args, how) =>
          Effect.suspend(() => {
            calls.push([tool, args])
            return call(tool, args, how)
          }),
        resources: Effect.succeed([]),
        read: () => Effect.die("not used"),
        prompts: Effect.succeed([]),
        prompt: () => Effect.die("not used"),
        complete: () => Effect.succeed([]),
        ping: Effect.void
      }
    }
  }
}

/** Pins in memory. */
export const memoryPins = (): PinMemory & { readonly all: Map<string, ToolPin> } => {
  const all = new Map<string, ToolPin>()
  const prefix = (server: object) => `${JSON.stringify(server)} `
  return {
    all,
    recall: (server) =>
      Effect.sync(
        () =>
          new Map(
            [...all]
              .filter(([key]) => key.startsWith(prefix(server)))
              .map(([key, pin]) => [key.slice(prefix(server).length), pin])
          )
      ),
    remember: (server, pins) =>
      Effect.sync(() => pins.forEach((pin, name) => all.set(prefix(server) + name, pin)))
  }
}

/** How a scripted conversation is opened. */
export interface ChatWorldOptions extends Partial<Omit<Chat.ChatOptions, "servers" | "model">> {
  readonly servers?: ReadonlyArray<Chat.ChatServer>
  readonly answers: ScriptedChatModel.ScriptedChatOptions["answers"]
  readonly model?: Omit<ScriptedChatModel.ScriptedChatOptions, "answers">
  /** Absent: every call is allowed once. */
  readonly decide?: (request: ApprovalRequest) => ApprovalDecision | Effect.Effect<ApprovalDecision>
  readonly pins?: PinMemory
}

/** A conversation between a scripted model and scripted servers. */
export const openChat = (options: ChatWorldOptions) =>
  Effect.gen(function* () {
    const asked: Array<ApprovalRequest> = []
    const decide = options.decide ?? (() => ({ _tag: "Once" }) as const)
    const approval = Layer.succeed(ToolApproval, {
      ask: (request) =>
        Effect.suspend(() => {
          asked.push(request)
          const decision = decide(request)
          return Effect.isEffect(decision) ? decision : Effect.succeed(decision)
        })
    })
    const scripted = ScriptedChatModel.make({ answers: options.answers, ...options.model })
    const chat: Chat.ChatSession = yield* Chat.Chat.use(({ open }) =>
      open({
        servers: options.servers ?? [serverOf().server],
        model: scripted.model,
        allow: options.allow ?? [],
        allowReadOnly: options.allowReadOnly ?? false,
        ...(options.userTime === undefined ? {} : { userTime: options.userTime }),
        ...(options.messages === undefined ? {} : { messages: options.messages })
      })
    ).pipe(
      Effect.provide(
        Chat.layer.pipe(
          Layer.provide(approval),
          Layer.provide(Layer.succeed(ToolPins, options.pins ?? memoryPins()))
        )
      )
    ) as Effect.Effect<Chat.ChatSession, SessionError, Scope.Scope>
    const say = (text: string) => Stream.runCollect(chat.turn([{ _tag: "Text", text }]))
    return { chat, asked, requests: scripted.requests, say }
  })

/** The text of an answer, from its events. */
export const answerIn = (events: ReadonlyArray<Chat.TurnEvent>): string =>
  events.map((event) => (event._tag === "Text" ? event.text : "")).join("")

/** How the calls of a turn ended. */
export const outcomesIn = (events: ReadonlyArray<Chat.TurnEvent>): ReadonlyArray<Chat.CallOutcome> =>
  events.flatMap((event) => (event._tag === "CallEnded" ? [event.outcome] : []))

/** What the model was told of its calls last. */
export const toldIn = (messages: ReadonlyArray<ChatMessage>): ReadonlyArray<string> => {
  const last = messages.findLast((message) => message._tag === "Tool")
  return (
    last?.results.map(({ content }) =>
      content.map((part) => (part._tag === "Text" ? part.text : `<${part.mimeType}>`)).join("|")
    ) ?? []
  )
}
